"""Low-rank adapters: nothing changes at first, only they learn, and they can be merged."""

import equinox as eqx
import flax.linen as nn
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest
from flax import nnx

from neurojax.predictive import (
    Categorical,
    Hierarchy,
    finetune,
    from_backprop,
    layer_map,
    merge_adapters,
    mlp,
    predict,
    residual_mlp,
    to_backprop,
    with_adapters,
)

ADAM = optax.adam(1e-2)


class Gated(eqx.Module):
    """Linear layers within a module."""

    wide: eqx.nn.Linear
    gate: eqx.nn.Linear

    def __call__(self, x, key=None):
        return self.wide(x) * jax.nn.sigmoid(self.gate(x))


def eqx_model() -> Hierarchy:
    keys = jr.split(jr.key(0), 3)
    gated = Gated(eqx.nn.Linear(5, 8, key=keys[0]), eqx.nn.Linear(5, 8, key=keys[1]))
    layers = [gated, eqx.nn.Lambda(jnp.tanh), eqx.nn.Linear(8, 3, key=keys[2])]
    return from_backprop(eqx.nn.Sequential(layers), in_shape=(5,))


def nnx_model() -> Hierarchy:
    rngs = nnx.Rngs(0)
    inner = nnx.Sequential(nnx.Linear(5, 8, rngs=rngs), nnx.tanh)
    model = nnx.Sequential(nnx.LayerNorm(5, rngs=rngs), inner, nnx.Linear(8, 3, rngs=rngs))
    return from_backprop(model, parts=lambda m: m.layers, in_shape=(5,))


class LinenBlock(nn.Module):
    @nn.compact
    def __call__(self, x):
        return x + nn.Dense(5)(nn.tanh(nn.Dense(8)(x)))


def linen_model() -> Hierarchy:
    model = nn.Sequential([LinenBlock(), nn.Dense(3)])
    return from_backprop(model, variables=model.init(jr.key(0), x()), in_shape=(5,))


MODELS = {
    "dense": lambda: mlp((5, 8, 3), jr.key(0), output=Categorical()),
    "stack of layers": lambda: residual_mlp(5, 8, 3, 4, jr.key(0), output=Categorical()),
    "eqx": eqx_model,
    "nnx": nnx_model,
    "linen": linen_model,
}
MATRICES = {"dense": 2, "stack of layers": 3, "eqx": 3, "nnx": 2, "linen": 3}
every_model = pytest.mark.parametrize("name", MODELS)


def x() -> jax.Array:
    return jr.normal(jr.key(1), (12, 5))


def y() -> jax.Array:
    return jax.nn.one_hot(jnp.arange(12) % 3, 3)


def arrays(tree) -> dict[str, np.ndarray]:
    found = jax.tree_util.tree_leaves_with_path(eqx.filter(tree, eqx.is_inexact_array))
    return {jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in found}


@every_model
def test_only_adapters_learn_and_they_have_the_rank(name: str):
    start = MODELS[name]()
    adapted = with_adapters(start, 2, jr.key(2))
    np.testing.assert_array_equal(predict(adapted, x()), predict(start, x()))
    how = {"optimizer": ADAM, "epochs": 2, "batch_size": 6, "key": jr.key(3)}
    trained = finetune(adapted, (x(), y()), **how).model
    before, after = arrays(adapted), arrays(trained)
    changed = {place for place in before if not np.array_equal(before[place], after[place])}
    assert changed == {place for place in before if ".adapters" in place}
    assert len(changed) == 2 * MATRICES[name]
    merged = merge_adapters(trained)
    np.testing.assert_allclose(predict(merged, x()), predict(trained, x()), atol=1e-5)
    assert jax.tree.structure(merged) == jax.tree.structure(start)
    ranks = [
        np.linalg.matrix_rank(w - arrays(start)[place], tol=1e-6)
        for place, w in arrays(merged).items()
        if w.ndim > 1 and not np.array_equal(w, arrays(start)[place])
    ]
    assert len(ranks) == MATRICES[name] and all(np.all(rank <= 2) for rank in ranks)


def test_alpha_scales_what_they_add():
    start = mlp((5, 8, 3), jr.key(0))
    full = with_adapters(start, 2, jr.key(2))
    up = lambda h: [a.up for edge in h.edges for a in edge.module.adapters]  # noqa: E731
    ones = lambda h: eqx.tree_at(up, h, replace_fn=jnp.ones_like)  # noqa: E731
    weight = lambda h: merge_adapters(h).edges[0].module.weight  # noqa: E731
    half = ones(with_adapters(start, 2, jr.key(2), alpha=1.0))
    added = [weight(h) - start.edges[0].module.weight for h in (ones(full), half)]
    np.testing.assert_allclose(added[1], added[0] / 2, atol=1e-6)


def test_export_merges_them():
    model = eqx.nn.MLP(5, 3, 8, 1, key=jr.key(0))
    how = {"optimizer": ADAM, "epochs": 2, "batch_size": 6, "key": jr.key(3)}
    adapted = with_adapters(from_backprop(model), 1, jr.key(2))
    trained = finetune(adapted, (x(), y()), **how).model
    np.testing.assert_allclose(
        jax.vmap(to_backprop(trained))(x()), predict(trained, x()), atol=1e-5
    )
    assert np.abs(predict(trained, x()) - predict(adapted, x())).max() > 1e-3


def test_a_hierarchy_without_adapters_is_merged_as_it_is():
    start = mlp((5, 3), jr.key(0))
    assert merge_adapters(start) is start


def test_the_map_shows_what_learns():
    text = layer_map(with_adapters(mlp((5, 8, 3), jr.key(0)), 2, jr.key(2)))
    assert "Dense (adapted)" in text and text.endswith(f"{2 * (5 + 8) + 2 * (8 + 3)} weights learn")


def test_what_cannot_be_adapted():
    with pytest.raises(ValueError, match="rank must be at least 1, got 0"):
        with_adapters(mlp((5, 3), jr.key(0)), 0, jr.key(1))
    conv = eqx.nn.Sequential([eqx.nn.Conv1d(1, 1, 1, key=jr.key(0))])
    with pytest.raises(ValueError, match="has no Dense or Linear layer to adapt"):
        with_adapters(from_backprop(conv, in_shape=(1, 4)), 1, jr.key(1))
