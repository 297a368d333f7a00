"""The leaky integrate-and-fire neuron against Brian2, in double precision."""

import diffrax
import numpy as np
import pytest

import neurojax as nj

pytestmark = pytest.mark.usefixtures("x64")

SOLVERS = {"exact": nj.ExponentialEuler(), "euler": diffrax.Euler()}
DT = 0.1  # ms


def both(oracle, method, current, tau, refractory):
    """Brian2's and our 100 ms of neurons with these parameters, each [neurons]."""
    parameters = {"current": current, "tau": tau, "refractory": refractory}
    brian2 = oracle("brian2_lif", method=method, dt=DT, t1=100.0, **parameters)
    sol = nj.simulate(
        nj.LIF(current.shape, tau_m=tau, refractory=refractory),
        current,
        t1=100.0,
        dt=DT,
        solver=SOLVERS[method],
        record=("v", "spikes"),
    )
    return brian2, sol


def spike_steps(sol):
    """(step, neuron) of each spike, in order."""
    steps = np.rint(np.asarray(sol.spikes.times) / DT).astype(int)
    return sorted(zip(steps.tolist(), np.asarray(sol.spikes.indices).tolist(), strict=True))


def assert_same_run(brian2, sol):
    expected = zip(brian2["spike_steps"].tolist(), brian2["spike_neurons"].tolist(), strict=True)
    assert spike_steps(sol) == sorted(expected)
    np.testing.assert_allclose(sol["v"], brian2["v"], rtol=0, atol=1e-9)
    np.testing.assert_allclose(sol.final.state.v, brian2["v_end"], rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("method", "times", "v_end"),
    [
        ("exact", [17.9, 40.8, 63.7, 86.6], 0.6819473719),
        ("euler", [17.8, 40.6, 63.4, 86.2], 0.7044603946),
    ],
)
def test_one_neuron(method, times, v_end, oracle):
    brian2, sol = both(oracle, method, np.array([1.2]), np.array([10.0]), np.array([5.0]))

    assert_same_run(brian2, sol)
    np.testing.assert_allclose(sol.spikes.times, times, rtol=0, atol=1e-9)
    np.testing.assert_allclose(sol.final.state.v, v_end, rtol=0, atol=1e-10)


@pytest.mark.parametrize("method", ["exact", "euler"])
def test_a_mixed_population(method, oracle):
    rng = np.random.default_rng(0)
    current = rng.uniform(0.8, 3.0, 50)
    tau = rng.uniform(5.0, 30.0, 50)
    # None, whole steps that have no exact double (0.3 / 0.1 < 3), and any fraction of a step.
    refractory = np.where(np.arange(50) % 2, np.arange(50) * DT, rng.uniform(0.0, 8.0, 50))

    brian2, sol = both(oracle, method, current, tau, refractory)

    assert len(brian2["spike_steps"]) > 200
    assert_same_run(brian2, sol)
