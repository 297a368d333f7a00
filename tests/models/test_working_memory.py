"""Recurrent networks with adaptive thresholds and without: steps as written in numpy."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from models import working_memory as models

WIDTHS, DT, ANSWER = (6, 10, 2), 5.0, 4


def by_hand(model, x, delta_theta):
    """Potentials of the readout, spikes and thresholds over time, of spikes [time, inputs]."""
    w = {
        name: np.asarray(model.network.nodes[name].module.weight, float)
        for name in ("forward", "recurrent", "outward")
    }
    decay, slow = np.exp(-DT / 20), np.exp(-DT / 1000)
    v, theta, z, y = np.zeros(10), np.zeros(10), np.zeros(10), np.zeros(2)
    found = []
    for step in x:
        v = decay * v + w["forward"] @ step + w["recurrent"] @ z
        theta = slow * theta
        z = (v > 1 + theta).astype(float)
        v, theta = v - z, theta + delta_theta * z
        y = decay * y + w["outward"] @ z
        found.append((y, z, theta))
    return [np.stack(each) for each in zip(*found, strict=True)]


@pytest.mark.parametrize(("build", "delta_theta"), [(models.adaptive, 0.05), (models.leaky, 0.0)])
def test_steps_are_those_of_the_paper(build, delta_theta):
    model = build(WIDTHS, DT, ANSWER, jr.key(0))
    x = np.random.default_rng(0).random((3, 40, 6)) < 0.3
    record = ["units", *["units.theta"] * (delta_theta > 0)]
    done = model.respond(jnp.asarray(x), record)
    y, z, theta = by_hand(model, x[1], delta_theta)
    assert 20 < z.sum() < 300
    np.testing.assert_array_equal(done.recorded["units"][:, 1], z)
    np.testing.assert_allclose(done.output[:, 1], y, rtol=1e-4, atol=1e-5)
    if delta_theta:
        np.testing.assert_allclose(done.recorded["units.theta"][:, 1], theta, rtol=1e-4, atol=1e-6)
    logits = model.logits(jnp.asarray(x))
    assert logits.shape == (3, 2)
    np.testing.assert_allclose(logits[1], y[-ANSWER:].mean(0), rtol=1e-4, atol=1e-5)


def test_twins_have_the_same_weights():
    twins = (build(WIDTHS, DT, ANSWER, jr.key(1)) for build in (models.adaptive, models.leaky))
    nodes = [twin.network.nodes for twin in twins]
    for name in ("forward", "recurrent", "outward"):
        a, b = (jax.tree.leaves(n[name].module) for n in nodes)
        np.testing.assert_array_equal(a, b)


def test_only_thresholds_remember():
    """After half a second of silence the first cue is still seen in the answer to the second, by
    adaptive units without recurrence, and not by leaky ones."""
    x = np.zeros((2, 140, 6), np.float32)
    x[0, :20] = 1.0  # the second trial has no first cue
    x[:, -20:] = 1.0
    apart = {}
    for build in (models.adaptive, models.leaky):
        model = build(WIDTHS, DT, ANSWER, jr.key(2))
        model = _without_recurrence(model)
        spikes = np.asarray(model.respond(jnp.asarray(x), ["units"]).recorded["units"])
        assert spikes[:20, 0].sum() > 0
        apart[build] = np.abs(spikes[-20:, 0] - spikes[-20:, 1]).sum()
    assert apart[models.adaptive] > 0
    assert apart[models.leaky] == 0


def _without_recurrence(model):
    import equinox as eqx

    return eqx.tree_at(
        lambda m: m.network.nodes["recurrent"].module.weight, model, replace_fn=jnp.zeros_like
    )
