"""What simulate is not to be given: each refused with the argument and the value."""

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import neurojax as nj

CELL = nj.LIF()


@pytest.mark.parametrize("t1", [0.0, -5.0, float("nan"), float("inf")])
def test_an_end_that_is_not_after_the_start(t1):
    with pytest.raises(ValueError, match=rf"t1 must be after the start, 0 ms, got {t1:g} ms"):
        nj.simulate(CELL, 1.2, t1=t1, dt=0.1)
    with pytest.raises(ValueError, match=rf"t1 must be after the start, 0 ms, got {t1:g} ms"):
        nj.simulate(CELL, 1.2, t1=t1)


@pytest.mark.parametrize("dt", [0.0, -0.1, float("nan"), float("inf")])
def test_a_step_that_is_not_positive(dt):
    with pytest.raises(ValueError, match=f"dt must be a positive number of ms, got {dt}"):
        nj.simulate(CELL, 1.2, t1=10.0, dt=dt)


def test_a_step_that_does_not_divide_the_span_tells_the_nearest_that_does():
    with pytest.raises(ValueError, match=r"dt=0\.3 ms does not divide.*are 9\.9 and 10\.2 ms"):
        nj.simulate(CELL, 1.2, t1=10.0, dt=0.3)
    with pytest.raises(ValueError, match=r"are 0 and 20 ms"):
        nj.simulate(CELL, 1.2, t1=10.0, dt=20.0)


@pytest.mark.parametrize(("t1", "dt", "steps"), [(0.3, 0.1, 3), (1.0, 1 / 3, 3), (7.0, 0.7, 10)])
def test_rounding_is_no_remainder(t1, dt, steps):
    assert nj.simulate(CELL, 1.2, t1=t1, dt=dt).steps == steps


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"controller": diffrax.PIDController(rtol=1e-3, atol=1e-6)}, "controller is for runs by"),
        ({"ts": [0.5]}, "ts is for runs by events"),
    ],
)
def test_what_is_for_events_on_a_clock(how, message):
    with pytest.raises(ValueError, match=message):
        nj.simulate(CELL, 1.2, t1=1.0, dt=0.1, **how)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"every": 2}, r"every=2 counts clock steps: give dt"),
        ({"ts": [0.5, 0.2]}, r"ts must increase from 0.* to 1.* ms"),
        ({"ts": [0.5, 1.5]}, r"ts must increase from 0.* to 1.* ms"),
        ({"ts": [-0.5, 0.5]}, r"ts must increase from 0.* to 1.* ms"),
        ({"ts": [0.5, np.nan]}, r"ts must increase"),
        ({"max_spikes": 0}, r"max_spikes must be at least 1, got 0"),
    ],
)
def test_what_is_wrong_by_events(how, message):
    with pytest.raises(ValueError, match=message):
        nj.simulate(CELL, 1.2, t1=1.0, **how)


@pytest.mark.usefixtures("untyped")
def test_what_is_no_system():
    with pytest.raises(TypeError, match=r"system must be a neurojax System, got 3"):
        nj.simulate(3, 1.2, t1=1.0, dt=0.1)  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match=r"system must be a neurojax System, got .*LIF"):
        nj.simulate(nj.LIF, 1.2, t1=1.0, dt=0.1)  # pyright: ignore[reportArgumentType]


def test_a_state_without_a_part():
    with pytest.raises(ValueError, match=r"state is not one of LIF: expected"):
        nj.simulate(CELL, 1.2, t1=1.0, dt=0.1, state=(jnp.array(0.0),))
    other = nj.simulate(nj.HodgkinHuxley(), 1.2, t1=0.1, dt=0.1).final
    with pytest.raises(ValueError, match=r"state is not one of LIF: expected"):
        nj.simulate(CELL, 1.2, t1=1.0, dt=0.1, state=other)


def test_a_drive_that_is_no_number():
    with pytest.raises((TypeError, ValueError)):
        nj.simulate(CELL, "strong", t1=1.0, dt=0.1)


def test_a_run_that_diverges_is_told():
    class Explosion(nj.System):
        """dx/dt = x² from 1 is infinite at t = 1."""

        def initial_state(self, key=None):
            return jnp.array(1.0)

        def vector_field(self, t, state, drive):
            return state**2

    with pytest.raises(RuntimeError, match="no longer finite"):
        nj.simulate(Explosion(), t1=5.0, dt=0.1, solver=diffrax.Heun())
    failed = jax.jit(
        lambda x: nj.simulate(Explosion(), t1=5.0, dt=0.1, solver=diffrax.Heun(), state=x).failure
    )
    assert failed(jnp.array(1.0)) == 1 and failed(jnp.array(0.01)) == 0
    # Steps by events grow ever smaller: the solver gives up, or meets infinity.
    with pytest.raises(RuntimeError, match=r"no longer finite|the solver failed"):
        nj.simulate(Explosion(), t1=5.0)


def test_more_spikes_than_there_is_room_for_are_told():
    """1.5 at 10 ms: a spike every 10 ln 3 = 11 ms."""
    with pytest.raises(RuntimeError, match="max_spikes was reached before t1"):
        nj.simulate(CELL, 1.5, t1=60.0, max_spikes=4)
    assert nj.simulate(CELL, 1.5, t1=60.0, max_spikes=5).spikes.counts() == 5

    codes = jax.jit(lambda i: nj.simulate(CELL, i, t1=60.0, max_spikes=4).failure)
    assert codes(1.5) == 2 and codes(1.2) == 0
