"""Runs that end by a condition."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import neurojax as nj


class Leak(nj.System):
    """x = exp(−t/10) from 1, and a counter of steps that only jumps."""

    def initial_state(self, key=None):
        return {"x": jnp.array(1.0), "n": jnp.array(0, jnp.int32)}

    def vector_field(self, t, state, drive):
        return {"x": -state["x"] / 10, "n": None}

    def jump(self, clock, state, incoming, key):
        return state | {"n": state["n"] + 1}, None


def below_half(t, state, rate):
    return state["x"] < 0.5


def test_it_stops_after_the_first_step_at_whose_end_it_holds():
    """exp(−t/10) < 1/2 from t = 10 ln 2 = 6.931 on: at the end of step 69, at 7.0 ms."""
    sol = nj.simulate(Leak(), t1=100.0, dt=0.1, until=below_half)

    assert sol.steps == sol.final.step == 70 and sol.final.state["n"] == 70
    assert abs(sol.final.t - 7.0) < 1e-5
    np.testing.assert_allclose(sol.final.state["x"], np.exp(-0.7), rtol=1e-5)
    assert sol.ts.size == 0 and not sol.recordings


def test_t1_is_the_most():
    sol = nj.simulate(Leak(), t1=5.0, dt=0.1, until=below_half)
    assert sol.steps == 50


def test_it_sees_time_and_rate():
    """The rate is the change over the step: from t − dt to t, divided by dt."""
    after = nj.simulate(Leak(), t1=9.0, dt=0.1, until=lambda t, state, rate: t > 2.35)
    assert after.steps == 24

    slow = nj.simulate(
        Leak(), t1=50.0, dt=0.1, until=lambda t, state, rate: jnp.abs(rate["x"]) < 0.05
    )
    ends = np.exp(-0.01 * np.arange(600))
    first = np.argmax(np.abs(np.diff(ends)) / 0.1 < 0.05) + 1
    assert slow.steps == first


def test_going_on_from_there():
    stopped = nj.simulate(Leak(), t1=100.0, dt=0.1, until=below_half)
    on = nj.simulate(Leak(), t1=20.0, dt=0.1, state=stopped.final, record=["x"])
    whole = nj.simulate(Leak(), t1=20.0, dt=0.1, record=["x"])

    np.testing.assert_array_equal(on["x"], whole["x"][70:])
    again = nj.simulate(Leak(), t1=100.0, dt=0.1, until=below_half, state=stopped.final)
    assert again.steps == 1  # at least one step is taken


def test_each_of_a_batch_stops_on_its_own():
    def run(x):
        start = {"x": x, "n": jnp.array(0, jnp.int32)}
        return nj.simulate(Leak(), t1=100.0, dt=0.1, until=below_half, state=start).steps

    steps = jax.vmap(run)(jnp.array([0.4, 1.0, 2.0]))
    np.testing.assert_array_equal(steps, [1, 70, 139])


def test_it_needs_a_clock():
    with pytest.raises(ValueError, match="until is checked at the end of each clock step: give dt"):
        nj.simulate(Leak(), t1=1.0, until=below_half)
