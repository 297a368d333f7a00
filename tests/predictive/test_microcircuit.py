"""Dendritic microcircuits: the paper's equations, self-prediction, and backpropagation's limit."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest

import neurojax as nj
from neurojax import learning
from neurojax.dendrites import ApicalNeuron
from neurojax.predictive import (
    DendriticBackprop,
    DendriticLearning,
    Microcircuit,
    MicrocircuitState,
    alignment,
    gradient_rates,
    local_updates,
    microcircuit,
    self_predicting,
)

pytestmark = pytest.mark.usefixtures("x64")

WIDTHS = (5, 7, 6, 3)


@pytest.fixture
def batch(getkey):
    return jr.uniform(getkey(), (20, WIDTHS[0])), jr.normal(getkey(), (20, WIDTHS[-1]))


def randomised(circuit, key):
    """All weights drawn anew: nothing about them is special."""
    leaves, structure = jax.tree.flatten(circuit)
    keys = jr.split(key, len(leaves))
    drawn = [jr.normal(k, x.shape) if x.ndim == 2 else x for k, x in zip(keys, leaves, strict=True)]
    return jax.tree.unflatten(structure, drawn)


def random_state(circuit, key):
    rest = circuit.initial_state()
    return jax.tree.map(lambda x: jr.normal(jr.fold_in(key, x.size), (20, *x.shape)), rest)


def by_the_paper(c, state, x, target):
    """The paper's equations for two hidden layers, with its constants, in NumPy."""
    phi = lambda u: np.logaddexp(0, u)  # noqa: E731
    W, B, P, L = (
        [np.asarray(w) for w in each]
        for each in (c.forward, c.feedback, c.to_interneurons, c.from_interneurons)
    )
    u, i = ([np.asarray(each) for each in part] for part in state)
    v_B = [np.asarray(x) @ W[0].T, phi(u[0]) @ W[1].T, phi(u[1]) @ W[2].T]
    v_A = [phi(u[k + 1]) @ B[k].T + phi(i[k]) @ L[k].T for k in (0, 1)]
    v_I = [phi(u[k]) @ P[k].T for k in (0, 1)]
    du = [-0.1 * u[k] + 1.0 * (v_B[k] - u[k]) + 0.8 * (v_A[k] - u[k]) for k in (0, 1)]
    du.append(-0.1 * u[2] + 1.0 * (v_B[2] - u[2]) + 0.8 * (np.asarray(target) - u[2]))
    di = [-0.1 * i[k] + 1.0 * (v_I[k] - i[k]) + 0.8 * (u[k + 1] - i[k]) for k in (0, 1)]
    beyond = [phi(u[k]) - phi(v_B[k] / 1.9) for k in (0, 1)] + [phi(u[2]) - phi(v_B[2] / 1.1)]
    below = [np.asarray(x), phi(u[0]), phi(u[1])]
    inside = [phi(i[k]) - phi(v_I[k] / 1.1) for k in (0, 1)]
    mean = lambda post, pre: np.einsum("sp,sq->pq", post, pre) / 20  # noqa: E731
    updates = (
        [mean(post, pre) for post, pre in zip(beyond, below, strict=True)],
        [mean(inside[k], phi(u[k])) for k in (0, 1)],
        [mean(0 - v_A[k], phi(i[k])) for k in (0, 1)],
    )
    return (du, di), updates


def close(given, due, **tolerance):
    for a, b in zip(jax.tree.leaves(given), jax.tree.leaves(due), strict=True):
        np.testing.assert_allclose(a, b, **tolerance)


def test_flow_and_rules_are_the_paper_s(getkey, batch):
    circuit = randomised(microcircuit(WIDTHS, getkey()), getkey())
    state, (x, target) = random_state(circuit, getkey()), batch
    flow, updates = by_the_paper(circuit, state, x, target)
    rate = circuit.vector_field(0.0, state, {"input": x, "target": target})
    close(rate, flow, rtol=1e-10, atol=1e-12)
    close(local_updates(circuit, state, x), updates, rtol=1e-10, atol=1e-12)


def test_untaught_a_self_predicting_circuit_keeps_its_apical_dendrites_at_rest(getkey, batch):
    """From rest it comes to the feed-forward state; with other lateral weights it does not."""
    x, target = batch
    circuit = microcircuit(WIDTHS, getkey())

    def settled(circuit, **drive):
        rest = jax.tree.map(lambda v: jnp.zeros((20, *v.shape)), circuit.initial_state())
        drive = {"input": x, **drive}
        sol = nj.simulate(circuit, drive, t1=100.0, dt=0.5, state=rest, record=())
        return sol.final.state

    def apical(circuit, state):
        return max(float(jnp.abs(v).max()) for v in circuit.dendrites(state, x).apical)

    end = settled(circuit)
    close(end, circuit.feedforward(x), atol=1e-9)
    assert apical(circuit, end) < 1e-9
    assert apical(circuit, settled(circuit, target=target)) > 1e-2
    other = randomised(circuit, getkey())
    assert apical(other, settled(other)) > 1e-2


def test_one_sample_settles_as_in_a_batch(getkey, batch):
    x, target = batch
    circuit = microcircuit(WIDTHS, getkey())

    def end(x, target):
        drive = {"input": x, "target": target}
        return nj.simulate(circuit, drive, t1=5.0, dt=0.5, state=circuit.feedforward(x)).final.state

    close(jax.tree.map(lambda u: u[3], end(x, target)), end(x[3], target[3]), rtol=1e-12)


def logistic_loss(forward, x, target):
    """Mean divergence of logistic outputs with potentials v from taught ones, written out: its
    slope in v is −φ′(v) (target − v)."""
    v = x @ forward[0].T / 1.9
    v = jax.nn.sigmoid(v) @ forward[1].T / 1.9
    v = jax.nn.sigmoid(v) @ forward[2].T / 1.1
    p = jax.nn.sigmoid(v)
    each = jax.nn.softplus(target) - jax.nn.softplus(v) - p * (target - v)
    return each.sum() / x.shape[0]


def test_backprop_is_the_gradient_of_the_divergence(getkey, batch):
    circuit = microcircuit(WIDTHS, getkey(), gain=jax.nn.sigmoid)
    gradient, metrics = DendriticBackprop()(circuit, batch)
    close(gradient.forward, jax.grad(logistic_loss)(circuit.forward, *batch), rtol=1e-10)
    assert not any(jnp.any(each) for each in gradient.feedback + gradient.to_interneurons)
    v = circuit.feedforward(batch[0]).pyramidal[-1]
    np.testing.assert_allclose(metrics["error"], np.mean((np.asarray(batch[1]) - v) ** 2))


def relative(a, b):
    return max(
        float(jnp.linalg.norm(p - q) / jnp.linalg.norm(q)) for p, q in zip(a, b, strict=True)
    )


def test_weak_nudging_is_backpropagation_to_first_order(getkey, batch):
    """With symmetric feedback the local updates differ from the gradient by O(g_target), and the
    interneurons keep up with the layer above."""
    first = microcircuit(WIDTHS, getkey(), symmetric=True, gain=jax.nn.sigmoid)
    gradient = jax.grad(logistic_loss)(first.forward, *batch)
    moved = eqx.tree_at(lambda c: c.forward, first, gradient)
    due = self_predicting(moved).to_interneurons
    off, behind = [], []
    for g_target in (1e-2, 1e-3, 1e-4):
        circuit = eqx.tree_at(lambda c: c.g_target, first, jnp.asarray(g_target))
        update, _ = DendriticLearning(t1=60.0)(circuit, batch)
        off.append(relative(update.forward, gradient))
        behind.append(relative(update.to_interneurons, due))
        cosines = alignment(update, moved)
        assert float(cosines.min()) > 1 - g_target
    for each in (off, behind):
        assert each[0] < 0.05
        np.testing.assert_allclose(np.divide(each[:-1], each[1:]), 10, rtol=0.05)


def test_the_apical_potential_is_the_error_from_above(getkey, batch):
    """To first order `(1 − λ) Bᵀ φ′ δ` with δ the somatic errors of the layer above, whatever the
    feedback."""
    x, target = batch
    circuit = microcircuit(WIDTHS, getkey(), g_target=1e-5)
    start = circuit.feedforward(x)
    drive = {"input": x, "target": target}
    state = nj.simulate(circuit, drive, t1=60.0, dt=0.5, state=start, record=()).final.state
    apical = circuit.dendrites(state, x).apical
    left = 1 - 0.8 / (0.1 + 1.0 + 0.8)
    onto = {1: 1e-5 / 1.1 * (target - start.pyramidal[2]), 0: 0.8 / 1.9 * apical[1]}
    for k, error in onto.items():
        slope = jax.nn.sigmoid(start.pyramidal[k + 1])  # softplus's
        due = left * (slope * error) @ circuit.feedback[k].T
        np.testing.assert_allclose(apical[k], due, atol=1e-3 * float(jnp.abs(due).max()))


def test_lateral_synapses_learn_to_foresee(getkey):
    """From random weights, untaught, the two lateral rules bring the apical dendrites to rest."""
    with jax.enable_x64(False):
        data = jr.normal(getkey(), (200, WIDTHS[0]))
        circuit = randomised(microcircuit(WIDTHS, getkey(), gain=jnp.tanh), getkey())

        def settled(model, x):
            start = model.feedforward(x)
            drive = {"input": x}
            return nj.simulate(model, drive, t1=20.0, dt=0.5, state=start, record=()).final.state

        def lateral(model, x, key):
            asked = local_updates(model, settled(model, x), x)
            nothing = jax.tree.map(jnp.zeros_like, eqx.filter(model, eqx.is_inexact_array))
            which = lambda m: (m.to_interneurons, m.from_interneurons)  # noqa: E731
            apical = model.dendrites(settled(model, x), x).apical
            size = jnp.mean(jnp.concatenate(apical, axis=1) ** 2) ** 0.5
            down = jax.tree.map(jnp.negative, (asked.to_interneurons, asked.from_interneurons))
            return eqx.tree_at(which, nothing, down), {"apical": size}

        sgd = optax.sgd(0.3)
        how = {"optimizer": sgd, "epochs": 300, "batch_size": 20, "key": getkey()}
        fit = learning.fit(circuit, data, lateral, **how)
    sizes = [record["train/apical"] for record in fit.history]
    assert sizes[-1] < 0.05 * sizes[0]


@pytest.mark.parametrize("symmetric", [True, False])
def test_exclusive_or_is_learned(getkey, symmetric):
    with jax.enable_x64(False):
        x = jnp.array([[-1.0, -1, 1], [-1, 1, 1], [1, -1, 1], [1, 1, 1]])
        target = jnp.array([[-1.0], [1], [1], [-1]])
        circuit = microcircuit((3, 10, 1), getkey(), symmetric=symmetric, gain=jnp.tanh)
        how = {"optimizer": optax.sgd(0.1), "epochs": 2000, "batch_size": 4, "key": getkey()}
        fit = learning.fit(circuit, (x, target), DendriticLearning(), **how)
        output = fit.model.feedforward(x).pyramidal[-1]
    assert fit.history[-1]["train/error"] < 0.02 < 0.5 < fit.history[0]["train/error"]
    np.testing.assert_array_equal(jnp.sign(output), target)
    close(fit.model.feedback, circuit.feedback)


def test_gradient_rates_by_hand():
    """One hidden layer with the paper's constants."""
    circuit = microcircuit((2, 3, 1), jr.key(0))
    taught, copied = 0.8 / (0.1 + 1 + 0.8), 0.8 / (0.1 + 1 + 0.8)
    rates = gradient_rates(circuit)
    output, hidden = 1 / 1.1, 1 / 1.9
    np.testing.assert_allclose(rates.forward[1], output / taught)
    error = taught * (1 - copied) / output * (0.8 / 1.9)
    np.testing.assert_allclose(rates.forward[0], hidden / error)
    np.testing.assert_allclose(rates.to_interneurons[0], output / taught / copied)


def test_what_is_refused(getkey):
    circuit = microcircuit(WIDTHS, getkey())
    fields = dataclasses.fields(circuit)
    parts: dict[str, Any] = {field.name: getattr(circuit, field.name) for field in fields}
    for name in ("forward", "feedback", "to_interneurons", "from_interneurons"):
        wrong: dict[str, Any] = {name: (*parts[name][:-1], jnp.zeros((9, 9)))}
        with pytest.raises(ValueError, match=rf"Microcircuit: {name} must have shapes"):
            Microcircuit(**parts | wrong)
    refused: list[tuple[dict[str, Any], str]] = [
        ({"forward": ()}, "forward needs"),
        ({"g_target": 0.0}, "g_target must be positive, got 0"),
        ({"interneuron": ApicalNeuron()}, r"interneuron must have g_apical 0, got 0\.8"),
        ({"pyramidal": ApicalNeuron(gain=jnp.tanh)}, "one gain"),
        ({"pyramidal": ApicalNeuron((2,))}, r"shape \(\)"),
    ]
    for wrong, message in refused:
        with pytest.raises(ValueError, match=message):
            Microcircuit(**parts | wrong)
    with pytest.raises(ValueError, match="widths must be"):
        microcircuit((3,), getkey())
    with pytest.raises(ValueError, match="lateral_rate must not be negative, got -1"):
        DendriticLearning(lateral_rate=-1.0)


@pytest.mark.parametrize(
    ("drive", "message"),
    [
        ({"target": np.zeros(3)}, "'input'"),
        ({"input": np.zeros(5), "teacher": np.zeros(3)}, "'input' and perhaps 'target'"),
        ({"input": np.zeros(4)}, r"drive\['input'\] has shape \(4,\), for 5"),
        ({"input": np.zeros(5), "target": np.zeros(5)}, r"drive\['target'\] has shape"),
        (1.0, "must be a dict"),
    ],
)
def test_drives_that_are_refused(drive, message):
    with pytest.raises(ValueError, match=message):
        nj.simulate(microcircuit(WIDTHS, jr.key(0)), drive, t1=1.0, dt=0.5)


def test_the_state_is_that_of_its_docstring(getkey):
    state = microcircuit(WIDTHS, getkey()).initial_state()
    assert isinstance(state, MicrocircuitState)
    assert [u.shape for u in state.pyramidal] == [(7,), (6,), (3,)]
    assert [u.shape for u in state.interneuron] == [(6,), (3,)]
