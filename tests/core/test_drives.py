"""Each drive's value in each step, read off by a system that adds it up."""

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import neurojax as nj

DT = 0.1


class Sum(nj.System):
    """dx/dt = drive: with Euler, x after a step less x before, over dt, is what the drive was."""

    def initial_state(self, key=None):
        return jnp.zeros(())

    def vector_field(self, t, state, drive):
        return jnp.asarray(drive, state.dtype)

    @property
    def default_solver(self):
        return diffrax.Euler()


def felt(drive, t1=10.0, dt=DT, key=None):
    """The drive's value in each step."""
    sol = nj.simulate(Sum(), drive, t1=t1, dt=dt, record=["output"], key=key)
    return np.diff([*np.asarray(sol["output"]), float(sol.final.state)]) / dt


def grid(n=100):
    return DT * np.arange(n)


VALUES = np.sin(np.arange(100) / 7)


@pytest.mark.parametrize(
    ("drive", "expected"),
    [
        (0.7, 0.7 + 0 * grid()),
        (2, 2 + 0 * grid()),
        (nj.Constant(0.7), 0.7 + 0 * grid()),
        (nj.Ramp(1.0, 3.0, 2.0, 7.0), np.interp(grid(), [2, 7], [1, 3])),
        (
            nj.Sine(amplitude=2.0, frequency=50.0, phase=0.3, offset=1.0),
            1 + 2 * np.sin(2 * np.pi * 50 * grid() / 1000 + 0.3),
        ),
        (nj.Series(VALUES), VALUES),
        (VALUES, VALUES),  # an array along the grid
        (jnp.asarray(VALUES), VALUES),
        (nj.Series(np.array([1.0, 2.0, 4.0]), dt=2.5), np.repeat([1, 2, 4, 4], 25)),
        (lambda t: 3 * t, 3 * grid()),
        (
            diffrax.LinearInterpolation(jnp.array([0.0, 4.0, 10.0]), jnp.array([0.0, 8.0, 2.0])),
            np.interp(grid(), [0, 4, 10], [0, 8, 2]),
        ),
        (nj.Step(2.0, 1.0, 4.0) * nj.Ramp(0.0, 1.0, 0.0, 10.0) + 5, None),
        (2 * nj.Step(1.0, 5.0) + nj.Series(VALUES), 2.0 * (grid() > 4.95) + VALUES),
        (nj.Constant(1.0) + (lambda t: t), 1 + grid()),
    ],
)
@pytest.mark.usefixtures("x64")
def test_each_drive_step_by_step(drive, expected):
    drive = jax.tree.map(lambda x: x.astype("float64") if hasattr(x, "astype") else x, drive)
    if expected is None:
        expected = 5 + 2 * grid() / 10 * ((grid() > 0.95) & (grid() < 3.95))
    np.testing.assert_allclose(felt(drive), expected, atol=1e-9)


@pytest.mark.parametrize("dt", [0.1, 0.025, 0.3])
@pytest.mark.parametrize("precision", ["x64", "x32"])
def test_a_step_begins_and_ends_exactly_on_the_grid(dt, precision):
    """n·dt is rounded, the edges are not: each edge of the grid must be hit all the same."""
    with jax.enable_x64(precision == "x64"):
        for first, last in [(3, 7), (17, 41), (29, 83)]:
            drive = nj.Step(1.0, start=first * dt, stop=last * dt)
            on = felt(drive, t1=100 * dt, dt=dt)
            np.testing.assert_array_equal(np.nonzero(on > 0.5)[0], np.arange(first, last))


@pytest.mark.usefixtures("x64")
def test_a_smooth_drive_is_seen_within_the_step():
    """Not held: by Dopri5 the integral of a sine is exact to the solver's order."""
    drive = nj.Sine(amplitude=1.0, frequency=100.0)
    sol = nj.simulate(Sum(), drive, t1=8.0, dt=0.5, solver=diffrax.Dopri5(), record=[])

    w = 2 * np.pi * 0.1
    assert abs(sol.final.state - (1 - np.cos(8 * w)) / w) < 1e-8


def test_a_series_is_held_within_the_step():
    sol = nj.simulate(Sum(), nj.Series(VALUES), t1=10.0, dt=DT, solver=diffrax.Dopri5(), record=[])
    np.testing.assert_allclose(sol.final.state, VALUES.sum() * DT, rtol=1e-5)


def test_a_series_by_events_needs_its_own_dt():
    with pytest.raises(ValueError, match=r"Series without its own dt lives on the clock's grid"):
        nj.simulate(Sum(), nj.Series(VALUES), t1=1.0)
    sol = nj.simulate(Sum(), nj.Series(np.array([1.0, 3.0]), dt=0.5), t1=1.0)
    np.testing.assert_allclose(sol.final.state, 2.0, rtol=1e-2)


def test_a_value_for_each_neuron():
    cells = nj.LIF(shape=(3,))
    own = np.array([0.5, 2.0, 3.0])
    constant = nj.simulate(cells, own, t1=5.0, dt=DT)["v"]
    series = nj.simulate(cells, np.tile(own, (50, 1)), t1=5.0, dt=DT)["v"]
    step = nj.simulate(cells, nj.Step(own), t1=5.0, dt=DT)["v"]

    np.testing.assert_array_equal(constant, series)
    np.testing.assert_array_equal(constant, step)
    # in proportion to the current, but for rounding
    np.testing.assert_allclose(constant[1], constant[1, :1] / 0.5 * own, rtol=1e-6)


def test_a_drive_with_parts():
    class TwoInputs(Sum):
        def vector_field(self, t, state, drive):
            return drive["a"] - drive["b"][0] * drive["b"][1]

    drive = {"a": nj.Series(VALUES), "b": (2.0, lambda t: t)}
    sol = nj.simulate(TwoInputs(), drive, t1=10.0, dt=DT, record=["output"])
    steps = np.diff([*np.asarray(sol["output"]), float(sol.final.state)]) / DT
    np.testing.assert_allclose(steps, VALUES - 2 * grid(), atol=2e-3)


def test_gradient_through_a_drive():
    """x(10) = ∫ drive: its derivative to a series is dt each, to a step's amplitude its length."""

    def end(drive):
        return nj.simulate(Sum(), drive, t1=10.0, dt=DT, record=[]).final.state

    slopes = jax.grad(lambda values: end(nj.Series(values)))(jnp.asarray(VALUES, jnp.float32))
    np.testing.assert_allclose(slopes, DT, rtol=1e-6)
    assert abs(jax.grad(lambda a: end(nj.Step(a, 2.0, 5.0)))(1.0) - 3) < 1e-5


def test_an_array_that_could_be_either_is_refused():
    cells = nj.LIF(shape=(10,))
    with pytest.raises(
        ValueError, match=r"shape \(10,\) could be constant or a series over the 10"
    ):
        nj.simulate(cells, np.ones(10), t1=1.0, dt=DT)
    each = nj.simulate(cells, nj.Constant(np.arange(10.0)), t1=1.0, dt=DT)["v"]
    over = nj.simulate(cells, nj.Series(np.arange(10.0)), t1=1.0, dt=DT)["v"]
    assert np.all(np.diff(each[1]) > 0) and np.all(np.diff(over[2]) == 0)


def test_a_series_that_is_too_short_is_refused():
    with pytest.raises(ValueError, match=r"Series of 99 samples is too short .* at step 100"):
        nj.simulate(Sum(), nj.Series(VALUES[:99]), t1=10.0, dt=DT)
    half = nj.simulate(Sum(), nj.Series(VALUES[:50]), t1=5.0, dt=DT)
    with pytest.raises(ValueError, match=r"Series of 50 samples is too short .* at step 100"):
        nj.simulate(Sum(), nj.Series(VALUES[:50]), t1=10.0, dt=DT, state=half.final)
    with pytest.raises(ValueError, match=r"Series of 50 samples is too short"):
        nj.simulate(Sum(), 2 * nj.Series(VALUES[:50]), t1=10.0, dt=DT)


def test_a_ramp_that_ends_before_it_starts_is_refused():
    with pytest.raises(ValueError, match=r"Ramp: stop - start must be positive, got -5"):
        nj.Ramp(0.0, 1.0, 10.0, 5.0)
