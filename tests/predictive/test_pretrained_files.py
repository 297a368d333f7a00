"""A pretrained network from a file, and what is wrong with one."""

from pathlib import Path

import equinox as eqx
import flax.linen as nn
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from flax import nnx

import neurojax as nj
from neurojax.predictive import from_backprop, predict


def network(seed: int, width: int = 8) -> eqx.nn.MLP:
    return eqx.nn.MLP(5, 3, width, 1, key=jr.key(seed))


def x() -> jax.Array:
    return jr.normal(jr.key(1), (6, 5))


def with_norm(key) -> eqx.nn.Sequential:
    norm = eqx.nn.BatchNorm(5, "batch", mode="batch", inference=True)
    return eqx.nn.Sequential([norm, eqx.nn.Linear(5, 3, key=key)])


@pytest.mark.parametrize("write", [eqx.tree_serialise_leaves, nj.save])
def test_an_equinox_model(tmp_path: Path, write):
    file = tmp_path / "model.eqx"
    write(str(file), network(0))
    hierarchy = from_backprop(file, like=network(1))
    np.testing.assert_allclose(predict(hierarchy, x()), jax.vmap(network(0))(x()), atol=1e-6)


@pytest.mark.parametrize("write", [eqx.tree_serialise_leaves, nj.save])
def test_an_equinox_model_and_its_state(tmp_path: Path, write):
    file = tmp_path / "model.eqx"
    model, state = eqx.nn.make_with_state(with_norm)(jr.key(0))
    index = model.layers[0].batch_state_index
    state = state.set(index, (jnp.arange(5.0), jnp.full(5, 4.0, jnp.float32)))
    write(str(file), (model, state))
    like, fresh = eqx.nn.make_with_state(with_norm)(jr.key(1))
    # Equinox raises a float to the count of batches, an integer that a file makes strong.
    with jax.numpy_dtype_promotion("standard"):
        hierarchy = from_backprop(file, like=like, state=fresh, in_shape=(5,))
        due = jax.vmap(model, in_axes=(0, None))(x(), state)[0]
        np.testing.assert_allclose(predict(hierarchy, x()), due, atol=1e-5)


def test_an_nnx_model(tmp_path: Path):
    make = lambda seed: nnx.Sequential(nnx.Linear(5, 3, rngs=nnx.Rngs(seed)))  # noqa: E731
    nj.save(tmp_path / "model", nnx.state(make(0)))
    hierarchy = from_backprop(tmp_path / "model", like=make(1))
    np.testing.assert_allclose(predict(hierarchy, x()), make(0)(x()), atol=1e-6)


def test_a_linen_model(tmp_path: Path):
    model = nn.Sequential([nn.Dense(3)])
    variables, others = (model.init(jr.key(seed), x()) for seed in (0, 1))
    nj.save(tmp_path / "model", variables)
    hierarchy = from_backprop(tmp_path / "model", like=model, variables=others)
    due = np.asarray(model.apply(variables, x()))
    np.testing.assert_allclose(predict(hierarchy, x()), due, atol=1e-6)


def test_a_file_of_another_model_is_named_with_the_leaf(tmp_path: Path):
    eqx.tree_serialise_leaves(str(tmp_path / "a.eqx"), network(0))
    message = r"a\.eqx is a file of another .* \.layers\[0\]\.weight is float32\[8, 5\] there"
    with pytest.raises(ValueError, match=message):
        from_backprop(tmp_path / "a.eqx", like=network(1, width=9))
    nj.save(tmp_path / "b", network(0))
    with pytest.raises(ValueError, match=r"b is a checkpoint of another model: \.layers\[0\].weig"):
        from_backprop(tmp_path / "b", like=network(1, width=9))
    deeper = eqx.nn.MLP(5, 3, 8, 2, key=jr.key(0))
    with pytest.raises(
        ValueError, match=r"a\.eqx is a file of another .* \.layers\[1\]\.weight is"
    ):
        from_backprop(tmp_path / "a.eqx", like=deeper)
    linear = eqx.nn.Sequential([eqx.nn.Linear(5, 8, key=jr.key(0))])
    with pytest.raises(ValueError, match=r"goes on after \.layers\[0\]\.bias"):
        from_backprop(tmp_path / "a.eqx", like=linear)


def test_a_file_that_is_no_model(tmp_path: Path):
    with pytest.raises(ValueError, match=f"no file at {tmp_path / 'none'}"):
        from_backprop(tmp_path / "none", like=network(0))
    whole = tmp_path / "whole.eqx"
    eqx.tree_serialise_leaves(str(whole), network(0))
    cut = tmp_path / "cut.eqx"
    cut.write_bytes(whole.read_bytes()[:400])
    with pytest.raises(
        ValueError, match=r"cut\.eqx is a file of another model, or a truncated one"
    ):
        from_backprop(cut, like=network(0))
    (tmp_path / "text").write_text("no archive")
    with pytest.raises(ValueError, match="text is no checkpoint"):
        from_backprop(tmp_path / "text", like=network(0))


def test_like_and_a_file_go_together(tmp_path: Path):
    with pytest.raises(ValueError, match="a file needs like, a model of the same structure"):
        from_backprop(tmp_path / "model.eqx")
    with pytest.raises(ValueError, match="like goes with a path of a file, got a MLP"):
        from_backprop(network(0), like=network(1))
