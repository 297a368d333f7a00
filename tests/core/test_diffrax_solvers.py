"""Every ODE solver of diffrax runs on the clock, at the order that it has."""

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import neurojax as nj

ON_THE_SQUID = [
    diffrax.Euler,
    diffrax.Heun,
    diffrax.Midpoint,
    diffrax.Ralston,
    diffrax.Bosh3,
    diffrax.Tsit5,
    diffrax.Dopri5,
    diffrax.Dopri8,
    diffrax.ImplicitEuler,
    diffrax.Kvaerno3,
    diffrax.Kvaerno4,
    diffrax.Kvaerno5,
    diffrax.KenCarp3,
    diffrax.KenCarp4,
    diffrax.KenCarp5,
    diffrax.Sil3,
    nj.ExponentialEuler,
    nj.SemiImplicitEuler,
]


class Oscillator(nj.System):
    """x″ = −x, as position and velocity. From (1, 0): x = cos t."""

    def initial_state(self, key=None):
        return jnp.array([1.0, 0.0])

    def vector_field(self, t, state, drive):
        return jnp.stack([state[1], -state[0]])


@pytest.fixture(scope="module")
def truth():
    """The squid at 1 ms under 20 µA/cm², by diffeqsolve and Dopri8 at 1e-11."""
    with jax.enable_x64(True):
        term, y0 = nj.as_term(nj.HodgkinHuxley())
        sol = diffrax.diffeqsolve(
            term,
            diffrax.Dopri8(),
            0.0,
            1.0,
            None,
            y0,
            args=20.0,
            stepsize_controller=diffrax.PIDController(rtol=1e-11, atol=1e-11),
        )
        return float(sol.ys.v[-1])  # pyright: ignore[reportOptionalMemberAccess]


@pytest.mark.parametrize("solver", ON_THE_SQUID)
@pytest.mark.usefixtures("x64")
def test_on_the_squid_each_is_as_good_as_its_order(solver, truth):
    """In mV, on the upstroke of a spike (150 mV/ms): a wrong stage would cost an order or more."""
    sol = nj.simulate(
        nj.HodgkinHuxley(), 20.0, t1=1.0, dt=0.02, solver=solver(), record=["v"], every=10
    )

    order = solver().order(diffrax.ODETerm(lambda t, y, args: y))
    bound = {1: 2, 2: 3e-2, 3: 1e-3, 4: 1e-4, 5: 1e-7, 8: 1e-9}[order]
    assert sol.failure == 0
    assert abs(sol.final.state.v - truth) < bound


@pytest.mark.parametrize(
    ("solver", "order"),
    [
        (diffrax.ReversibleHeun, 2),
        (diffrax.LeapfrogMidpoint, 2),
        (diffrax.Euler, 1),
        (diffrax.Midpoint, 2),
        (diffrax.Bosh3, 3),
        (diffrax.Dopri5, 5),
        (diffrax.ImplicitEuler, 1),
        (diffrax.KenCarp4, 4),
        (diffrax.Sil3, 2),
    ],
)
@pytest.mark.usefixtures("x64")
def test_the_order_on_an_oscillator(solver, order):
    """The error after 2 ms falls by 2^order when dt is halved."""
    errors = []
    for dt in (0.1, 0.05):
        sol = nj.simulate(Oscillator(), t1=2.0, dt=dt, solver=solver(), record=[])
        errors.append(np.linalg.norm(sol.final.state - np.array([np.cos(2), -np.sin(2)])))
    found = np.log2(errors[0] / errors[1])
    # Implicit stages are solved to 1e-6, which shows where the error itself is of that size.
    assert abs(found - order) < 0.3 or errors[1] < 2e-6


@pytest.mark.usefixtures("x64")
def test_a_solver_that_looks_back_one_step_goes_on_where_it_stopped():
    whole = nj.simulate(Oscillator(), t1=2.0, dt=0.1, solver=diffrax.LeapfrogMidpoint(), record=[])
    half = nj.simulate(Oscillator(), t1=1.0, dt=0.1, solver=diffrax.LeapfrogMidpoint(), record=[])
    rest = nj.simulate(
        Oscillator(), t1=2.0, dt=0.1, solver=diffrax.LeapfrogMidpoint(), record=[], state=half.final
    )
    np.testing.assert_array_equal(rest.final.state, whole.final.state)


def test_an_implicit_solver_runs_in_single_precision():
    sol = nj.simulate(nj.HodgkinHuxley(), 20.0, t1=1.0, dt=0.05, solver=diffrax.Kvaerno5())
    exact = nj.simulate(nj.HodgkinHuxley(), 20.0, t1=1.0, dt=0.05, solver=diffrax.Dopri8())

    assert sol["v"].dtype == jnp.float32
    np.testing.assert_allclose(sol["v"], exact["v"], atol=2e-2)


def test_an_implicit_step_that_does_not_converge_is_told():
    class Cubic(nj.System):
        """An implicit step of 1 from 1: x + x³ = 1, not solved to 1e-12 in a single iteration."""

        def initial_state(self, key=None):
            return jnp.array(1.0)

        def vector_field(self, t, state, drive):
            return -(state**3)

    finder = diffrax.VeryChord(rtol=1e-12, atol=1e-12)
    solver = diffrax.ImplicitEuler(root_finder=finder)
    with pytest.raises(RuntimeError, match="implicit step did not converge"):
        nj.simulate(Cubic(), t1=100.0, dt=50.0, solver=solver)


def test_the_one_of_the_same_name_is_refused():
    with pytest.raises(TypeError, match=r"diffrax\.SemiImplicitEuler is for split .* neurojax's"):
        nj.simulate(nj.HodgkinHuxley(), t1=1.0, dt=0.1, solver=diffrax.SemiImplicitEuler())


@pytest.mark.parametrize("solver", [diffrax.Euler, "Euler", 0.1])
@pytest.mark.usefixtures("untyped")
def test_what_is_no_solver_is_refused(solver):
    with pytest.raises(TypeError, match="solver must be a diffrax solver, got"):
        nj.simulate(nj.HodgkinHuxley(), t1=1.0, dt=0.1, solver=solver)
