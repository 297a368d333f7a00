"""What holds for every integrate-and-fire neuron."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import neurojax as nj
from neurojax import neurons

# The drive that makes it spike within 20 ms, and a weight that moves it.
CASES: dict[type, tuple[float, float]] = {
    nj.LIF: (3.0, 0.3),
    neurons.CurrentLIF: (3.0, 0.3),
    neurons.AlphaLIF: (3.0, 0.3),
    neurons.AdaptiveLIF: (3.0, 0.3),
    neurons.ConductanceLIF: (1.0, 0.01),
    neurons.QuadraticIF: (60.0, 5.0),
    neurons.ExponentialIF: (30.0, 5.0),
    neurons.Izhikevich: (30.0, 5.0),
    neurons.GLIF: (0.6, 5.0),
    nj.AdEx: (3.0, 5.0),
}
# They say how long a neuron is held, in whole steps; that has no derivative on a clock.
WITHOUT = {"refractory"}


@pytest.mark.parametrize("neuron", list(CASES))
def test_gradients_and_dtypes(neuron):
    """In single precision, through spikes, resets, arrivals and refractory periods: every parameter
    has a finite derivative, and one that is not zero."""
    drive, weight = CASES[neuron]
    cells = neuron((2,), refractory=1.0)
    arrivals = nj.Arrivals(np.array([0.5, 3.0, 5.0, 8.0]), weight * np.array([[1, 1], [-1, 1]] * 2))

    @eqx.filter_jit
    @eqx.filter_value_and_grad(has_aux=True)
    def loss(cells, drive, arrivals):
        sol = nj.simulate(
            cells, drive, t1=20.0, dt=0.1, incoming=arrivals, record=["v", "raster"], every=10
        )
        return jnp.mean(sol["v"]) + sol["raster"].sum(), sol

    (_, sol), grads = loss(cells, jnp.full(2, drive), arrivals)
    assert np.all(np.asarray(sol["raster"]).sum(axis=0) >= 2)
    for name, slope in vars(grads).items():
        if eqx.is_array(slope):
            assert np.all(np.isfinite(slope)), name
            assert np.any(np.asarray(slope) != 0) or name in WITHOUT, name
    floats = eqx.filter(sol.final.state, eqx.is_inexact_array)
    assert {x.dtype for x in jax.tree.leaves(floats)} == {jnp.dtype("float32")}


@pytest.mark.parametrize("neuron", [*CASES, neurons.PoissonNeuron])
@pytest.mark.usefixtures("x64")
def test_double_precision_and_shape(neuron):
    """Nothing is computed: the dtypes and shapes of what a run would give."""
    cells = neuron((2, 3))

    def run(drive):
        return nj.simulate(cells, drive, t1=1.0, dt=0.1, key=jr.key(0)).final.state

    for leaf in jax.tree.leaves(jax.eval_shape(run, jnp.ones((2, 3)))):
        assert leaf.shape[-2:] == (2, 3)
        assert leaf.dtype in (jnp.float64, jnp.int32)


POSITIVE = [
    (neurons.CurrentLIF, "tau_m"),
    (neurons.CurrentLIF, "tau_syn"),
    (neurons.AlphaLIF, "tau_syn"),
    (neurons.AdaptiveLIF, "tau_m"),
    (neurons.AdaptiveLIF, "tau_theta"),
    (neurons.ConductanceLIF, "C_m"),
    (neurons.ConductanceLIF, "g_leak"),
    (neurons.ConductanceLIF, "tau_exc"),
    (neurons.ConductanceLIF, "tau_inh"),
    (neurons.QuadraticIF, "tau_m"),
    (neurons.QuadraticIF, "curvature"),
    (neurons.ExponentialIF, "tau_m"),
    (neurons.ExponentialIF, "delta_T"),
    (nj.AdEx, "C_m"),
    (nj.AdEx, "g_leak"),
    (nj.AdEx, "delta_T"),
    (nj.AdEx, "tau_w"),
    (neurons.GLIF, "C_m"),
    (neurons.GLIF, "g_leak"),
]


@pytest.mark.parametrize(("neuron", "name"), POSITIVE)
@pytest.mark.parametrize("value", [0.0, -1.0, np.nan])
def test_a_parameter_that_must_be_positive(neuron, name, value):
    with pytest.raises(ValueError, match=rf"{neuron.__name__}: {name} must be positive, got "):
        neuron(**{name: value})


@pytest.mark.parametrize("name", ["asc_decay", "threshold_decay", "voltage_decay"])
def test_a_decay_that_must_not_be_negative(name):
    with pytest.raises(ValueError, match=rf"GLIF: {name} must not be negative, got "):
        wrong: dict[str, Any] = {name: np.full(2, -0.1)}
        neurons.GLIF(**wrong)


@pytest.mark.parametrize("neuron", [*CASES, neurons.PoissonNeuron])
def test_what_all_refuse(neuron):
    wrong: dict[str, Any] = {"refractory": -1.0}
    with pytest.raises(ValueError, match=rf"{neuron.__name__}: refractory must not be negative"):
        neuron(**wrong)
    with pytest.raises(
        ValueError, match=rf"{neuron.__name__}: refractory has shape \(2,\), the pop"
    ):
        neuron((3,), refractory=np.ones(2))
    with pytest.raises(ValueError, match=rf"drive does not fit {neuron.__name__}"):
        nj.simulate(neuron((2,)), nj.core.Constant(np.ones(3)), t1=1.0, dt=0.1, key=jr.key(0))
