"""Diagnostics, against the same numbers by hand."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from neurojax.predictive import (
    BackpropRule,
    Categorical,
    Dense,
    Hierarchy,
    PredictiveCoding,
    chain,
    diagnose,
    mlp,
    predict,
    residual_mlp,
    target_alignment,
)

SAMPLES = 12


def setting():
    hierarchy = mlp((4, 8, 6, 3), jr.key(0), activation=jnp.tanh, output=Categorical())
    y = jax.nn.one_hot(jr.randint(jr.key(2), (SAMPLES,), 0, 3), 3)
    return hierarchy, jr.normal(jr.key(1), (SAMPLES, 4)), y


def test_they_equal_a_hand_computation():
    hierarchy, x, y = setting()
    found = diagnose(hierarchy, x, y, steps=40, step_size=0.1)
    layers = [edge.module for edge in hierarchy.edges]

    def energies(layers, z) -> list:
        costs = []
        for n, layer in enumerate(layers):
            mu = (z[n] if n == 0 else jnp.tanh(z[n])) @ layer.weight.T
            mu = mu + jnp.broadcast_to(layer.bias, mu.shape)
            last = n == len(layers) - 1
            cost = -y * jax.nn.log_softmax(mu) if last else 0.5 * (z[n + 1] - mu) ** 2
            costs.append(jnp.sum(cost) / SAMPLES)
        return costs

    forward = hierarchy.feedforward({"input": x})
    hidden = [forward["h1"], forward["h2"]]
    now = jax.jit(lambda hidden: jnp.stack(energies(layers, (x, *hidden, y))))
    trace = [now(hidden)]
    total = lambda layers, z: sum(energies(layers, z)) * SAMPLES  # noqa: E731
    slope = jax.jit(jax.grad(lambda hidden: total(layers, (x, *hidden, y))))
    for _ in range(40):
        hidden = [z - 0.1 * s for z, s in zip(hidden, slope(hidden), strict=True)]
        trace.append(now(hidden))
    trace = np.array(trace)
    np.testing.assert_allclose(found.energy_trace, trace, rtol=1e-3, atol=1e-7)
    np.testing.assert_allclose(found.energy_before, trace[0], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(found.energy_after, trace[-1], rtol=1e-3)
    fall = 100 * (1 - trace[-1].sum() / trace[0].sum())
    np.testing.assert_allclose(found.relaxation, fall, rtol=1e-4)
    rest = np.concatenate(slope(hidden), axis=1)
    np.testing.assert_allclose(found.residual, np.sqrt((rest**2).mean(axis=1)), rtol=1e-3)

    local = jax.grad(lambda layers: sum(energies(layers, (x, *hidden, y))))(layers)
    backprop = jax.grad(lambda layers: energies(layers, (*replayed(layers, x), y))[-1])(layers)
    for given, a, b in zip(found.cosine, local, backprop, strict=True):
        p, q = (np.concatenate([np.ravel(g.weight), np.ravel(g.bias)]) for g in (a, b))
        np.testing.assert_allclose(given, p @ q / np.linalg.norm(p) / np.linalg.norm(q), rtol=1e-4)


def replayed(layers, x) -> list:
    """Activities below the output, feed-forward."""
    z = [x]
    for n, layer in enumerate(layers[:-1]):
        mu = (z[n] if n == 0 else jnp.tanh(z[n])) @ layer.weight.T
        z.append(mu + jnp.broadcast_to(layer.bias, mu.shape))
    return z


def test_what_must_hold_of_any():
    hierarchy, x, y = setting()
    found = diagnose(hierarchy, x, y, steps=40)
    np.testing.assert_array_equal(found.energy_before[:-1], 0.0)
    assert (found.energy_after > 0).all()
    assert (np.diff(found.energy_trace.sum(axis=1)) < 0).all()
    assert 0 < float(found.relaxation) < 100
    assert (np.abs(found.cosine) <= 1 + 1e-6).all()
    assert (found.cosine > 0).all() and (found.cosine < 0.9999).all()


def test_they_are_means_over_samples():
    hierarchy, x, y = setting()
    once, thrice = (
        diagnose(hierarchy, x, y),
        diagnose(hierarchy, jnp.tile(x, (3, 1)), jnp.tile(y, (3, 1))),
    )
    assert once.names == thrice.names == ("h1", "h2", "output")
    for name in ("energy_trace", "relaxation", "imbalance", "cosine", "dead"):
        a, b = getattr(once, name), getattr(thrice, name)
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_where_nothing_is_wrong_nothing_relaxes():
    fresh = mlp((4, 8, 3), jr.key(0))
    hierarchy = Hierarchy(fresh.nodes, jax.tree.map(jnp.zeros_like, fresh.edges))
    x = jnp.ones((5, 4))
    found = diagnose(hierarchy, x, predict(hierarchy, x))
    assert float(found.relaxation) == 0.0
    np.testing.assert_array_equal(found.cosine, 0.0)


def test_dead_units_are_those_nothing_above_feels():
    """Of 4 rectifiers two are below zero for all samples, one for some, one's weights are zero."""
    first = Dense(jnp.eye(4), jnp.array([-9.0, -9.0, 0.0, 9.0]))
    second = Dense(jnp.array([[1.0, 1.0, 1.0, 0.0]]), None, jax.nn.relu)
    hierarchy = chain([first, second], 4)
    x = jr.normal(jr.key(0), (20, 4))
    found = diagnose(hierarchy, x, predict(hierarchy, x), steps=1)
    assert found.nodes == ("h1",)
    np.testing.assert_array_equal(found.dead, [0.75])


def test_a_stack_is_told_layer_by_layer_and_drawn():
    hierarchy = residual_mlp(4, 6, 3, 5, jr.key(0))
    found = diagnose(hierarchy, jr.normal(jr.key(1), (8, 4)), jr.normal(jr.key(2), (8, 3)), steps=9)
    layers = tuple(f"h0 to h[{n}]" for n in range(5))
    assert found.edges == ("input to h0", *layers, "h to output")
    assert found.cosine.shape == (7,) and found.energy_trace.shape == (10, 7)
    after = np.asarray(found.energy_after)
    np.testing.assert_allclose(found.imbalance, after.max() / after.min(), rtol=1e-6)
    figure = found.plot()
    assert [ax.get_xlabel() for ax in figure.axes] == [
        "inference step",
        "cosine to backprop's update",
        "dead units (%)",
    ]
    assert len(figure.axes[0].lines) == 8  # seven energies and their total


def test_predictive_coding_moves_predictions_straighter_to_their_targets():
    """Prospective configuration: Song et al. 2024, fig. 3 (deep linear networks)."""
    hierarchy = mlp((6, *[6] * 8, 6), jr.key(0), activation=lambda x: x)
    x, y = jr.normal(jr.key(1), (12, 6)), jr.normal(jr.key(2), (12, 6))
    settle = PredictiveCoding(steps=400, step_size=0.2)
    how = {"learning_rate": 1e-3}
    local = target_alignment(hierarchy, x, y, settle, **how)
    backprop = target_alignment(hierarchy, x, y, BackpropRule(), **how)
    assert float(jnp.mean(1 - local)) < 0.2 * float(jnp.mean(1 - backprop))
    # By hand, of one sample.
    gradient, _ = BackpropRule()(hierarchy, (x[:1], y[:1]))
    moved = jax.tree.map(lambda w, g: w - 1e-3 * g, hierarchy, gradient)
    before, after = (np.asarray(predict(h, x[:1]))[0] for h in (hierarchy, moved))
    change, due = after - before, np.asarray(y)[0] - before
    cosine = change @ due / np.linalg.norm(change) / np.linalg.norm(due)
    np.testing.assert_allclose(backprop[0], cosine, atol=1e-3)
