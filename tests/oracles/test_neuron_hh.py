"""The squid membrane against NEURON's `hh`, tables off, in double precision."""

import math

import numpy as np
import pytest

import neurojax as nj

pytestmark = pytest.mark.usefixtures("x64")


def squid(amplitudes, watched, *, dt, t1, solver=None, every=1):
    """The run of neuron_hh.py: a step of `amplitudes` (nA) into a cylinder of 20 um by 20 um."""
    per_area = amplitudes * 1e5 / (math.pi * 20 * 20)  # uA/cm2
    return nj.simulate(
        nj.HodgkinHuxley(amplitudes.shape),
        nj.Step(per_area, 5.0, 95.0),
        t1=t1,
        dt=dt,
        solver=solver,
        record={"v": lambda t, state: state.v[watched], "spikes": "spikes"},
        every=every,
    )


def test_staggered_steps_are_neurons(oracle):
    amplitudes = np.linspace(0.06, 0.2, 1000)
    watched = np.linspace(0, 999, 10).astype(int)
    neuron = oracle("neuron_hh", amplitudes=amplitudes, watched=watched, dt=0.025, t1=100.0)

    sol = squid(amplitudes, watched, dt=0.025, t1=100.0, solver=nj.SemiImplicitEuler())

    assert neuron["counts"].sum() == 5956
    np.testing.assert_array_equal(sol.spikes.counts(), neuron["counts"])
    # Rounding only, multiplied on the upstrokes. NEURON samples the end of the last step as well;
    # ours is in sol.final.
    np.testing.assert_allclose(sol["v"].T, neuron["v"][:, :-1], rtol=0, atol=1e-8)
    np.testing.assert_allclose(sol.final.state.v[watched], neuron["v"][:, -1], rtol=0, atol=1e-8)


@pytest.mark.parametrize("solver", [nj.ExponentialEuler(), nj.SemiImplicitEuler()])
def test_steps_converge_to_neurons_variable_step_solution(solver, oracle):
    amplitudes = np.linspace(0.06, 0.2, 10)
    everyone = np.arange(10)
    neuron = oracle("neuron_hh", amplitudes=amplitudes, watched=everyone, dt=0.0, t1=20.0)

    def error(substeps):
        dt = 0.025 / substeps
        sol = squid(amplitudes, everyone, dt=dt, t1=20.0, solver=solver, every=substeps)
        return np.abs(sol["v"].T - neuron["v"][:, :-1]).mean()

    errors = np.array([error(substeps) for substeps in (2, 4, 8)])

    # First order: half the step, half the error.
    np.testing.assert_allclose(errors[:-1] / errors[1:], 2, atol=0.1)
