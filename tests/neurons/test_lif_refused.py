"""Parameters, drives and states that make no leaky integrate-and-fire neuron are refused."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import neurojax as nj
from neurojax.neurons import LIFState


@pytest.mark.parametrize("tau_m", [0.0, -10.0, np.array([10.0, -1.0]), np.nan])
def test_a_time_constant_that_is_not_positive(tau_m):
    with pytest.raises(ValueError, match=r"LIF: tau_m must be positive, got .*(0|-1|nan)"):
        nj.LIF(tau_m=tau_m)


def test_a_negative_refractory_time():
    with pytest.raises(ValueError, match=r"LIF: refractory must not be negative, got -5"):
        nj.LIF(refractory=-5.0)


@pytest.mark.parametrize("name", ["v_rest", "v_threshold", "v_reset", "resistance"])
def test_a_parameter_that_is_nan(name):
    cell = eqx.tree_at(lambda c: getattr(c, name), nj.LIF(), jnp.array([1.0, jnp.nan]))
    with pytest.raises(ValueError, match=rf"system\.{name} holds NaN, got \[\s*1\.\s+nan\]"):
        nj.simulate(cell, 1.2, t1=1.0, dt=0.1)


def test_parameters_of_different_shapes():
    with pytest.raises(ValueError, match=r"LIF: v_rest has shape \(2,\), the population \(3,\)"):
        nj.LIF(tau_m=np.full(3, 10.0), v_rest=np.zeros(2))
    with pytest.raises(ValueError, match=r"LIF: tau_m has shape \(3,\), the population \(4,\)"):
        nj.LIF(shape=(4,), tau_m=np.full(3, 10.0))


def test_a_drive_that_is_nan():
    with pytest.raises(ValueError, match=r"drive holds NaN, got nan"):
        nj.simulate(nj.LIF(), float("nan"), t1=1.0, dt=0.1)
    series = nj.Series(np.array([1.0, np.nan, 1.0]), dt=1.0)
    with pytest.raises(ValueError, match=r"drive\.values holds NaN"):
        nj.simulate(nj.LIF(), series, t1=1.0, dt=0.1)


def test_a_drive_of_another_shape():
    with pytest.raises(ValueError, match=r"drive of shape \(3,\) fits LIF neither"):
        nj.simulate(nj.LIF(shape=(2,)), np.ones(3), t1=1.0, dt=0.1)
    with pytest.raises(ValueError, match=r"drive does not fit LIF"):
        nj.simulate(nj.LIF(shape=(2,)), nj.Constant(np.ones(3)), t1=1.0, dt=0.1)
    with pytest.raises(ValueError, match=r"drive does not fit LIF: .*shape \(2,\).*\(\)"):
        nj.simulate(nj.LIF(), nj.Constant(np.ones(2)), t1=1.0, dt=0.1)
    with pytest.raises(ValueError, match=r"drive does not fit LIF"):
        nj.simulate(nj.LIF(), np.ones(2), t1=1.0)


def test_a_state_of_another_system():
    with pytest.raises(ValueError, match=r"state is not one of LIF"):
        nj.simulate(nj.LIF(), 1.0, t1=1.0, dt=0.1, state=nj.HodgkinHuxley().initial_state())


def test_a_state_of_another_shape_or_dtype():
    wide = nj.LIF(shape=(3,)).initial_state()
    with pytest.raises(ValueError, match=r"state\.v .*float32\[3\].*float32\[2\]"):
        nj.simulate(nj.LIF(shape=(2,)), 1.0, t1=1.0, dt=0.1, state=wide)
    whole = LIFState(jnp.array(0, jnp.int32), None)
    with pytest.raises(ValueError, match=r"state\.v .*int32\[\].*float32\[\]"):
        nj.simulate(nj.LIF(), 1.0, t1=1.0, state=whole)


def test_inside_jit_a_nan_shows_as_failure():
    run = jax.jit(lambda tau: nj.simulate(nj.LIF(tau_m=tau), 1.2, t1=1.0, dt=0.1).failure)

    assert run(10.0) == 0
    assert run(jnp.nan) == 1
