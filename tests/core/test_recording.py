"""What is kept of a run: samples, names, functions, reductions, and gradients through them."""

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import neurojax as nj

DT = 0.1
CELLS = nj.LIF(shape=(3,), refractory=2.0)
CURRENTS = np.array([0.8, 1.5, 4.0])


def run(record, every=1, t1=30.0, drive=CURRENTS, **how):
    return nj.simulate(CELLS, drive, t1=t1, dt=DT, record=record, every=every, **how)


@pytest.fixture(scope="module")
def whole():
    return run(["v", "spikes", "raster"])


@pytest.mark.parametrize("every", [1, 7, 50, 300, 1000])
def test_every_keeps_the_samples_of_every_nth_step(whole, every):
    """300 steps in 7s leave a remainder of 6; one block of more than all steps is all of them."""
    sol = run(["v", "spikes", "raster"], every=every)
    kept = np.arange(0, 300, every)

    np.testing.assert_allclose(sol.ts, DT * kept, rtol=1e-6)
    np.testing.assert_allclose(sol["v"], whole["v"][kept], rtol=1e-6)
    # Spikes stay those of every step; the raster counts those from a sample to the next.
    np.testing.assert_array_equal(sol.spikes.raster(), whole.spikes.raster())  # pyright: ignore[reportAttributeAccessIssue]
    sums = np.add.reduceat(np.asarray(whole["raster"]), kept, axis=0)
    np.testing.assert_array_equal(sol["raster"], sums)
    np.testing.assert_array_equal(sol.final.state.v, whole.final.state.v)


def test_names_of_the_state_and_of_its_parts():
    class Nested(nj.System):
        def initial_state(self, key=None):
            return {"cell": nj.LIF().initial_state(), "x": jnp.array(2.0)}

        def vector_field(self, t, state, drive):
            return {"cell": state["cell"]._replace(v=jnp.array(1.0), frozen=None), "x": -state["x"]}

        def output(self, state):
            return state["x"] * 2

    sol = nj.simulate(Nested(), t1=1.0, dt=DT, record=["cell.v", "x", "output", "cell"])

    np.testing.assert_allclose(sol["cell.v"], sol.ts, atol=1e-6)
    np.testing.assert_array_equal(sol["cell"].v, sol["cell.v"])
    np.testing.assert_allclose(sol["x"], 2 * np.exp(-sol.ts), rtol=1e-5)
    np.testing.assert_array_equal(sol["output"], 2 * sol["x"])
    with pytest.raises(ValueError, match=r"no 'cell\.u': Nested can record cell, x, output"):
        nj.simulate(Nested(), t1=1.0, dt=DT, record=["cell.u"])


def test_the_default_is_the_systems_own():
    assert set(run(None).recordings) == {"v"}
    assert run(None).spikes.counts().shape == (3,)


def test_own_names_and_functions():
    sol = run({"potential": "v", "twice": lambda t, state: 2 * state.v + t, "fired": "spikes"})

    expected = 2 * sol["potential"] + sol.ts[:, None]
    np.testing.assert_allclose(sol["twice"], expected, rtol=1e-6)
    assert sol.spikes.counts().sum() > 0
    assert set(sol.recordings) == {"potential", "twice"}


@pytest.mark.parametrize("every", [1, 7])
def test_reductions_are_those_of_the_traces(whole, every):
    record = {
        "count": nj.SpikeCount(),
        "area": nj.Integral(lambda t, state: state.v),
        "parts": nj.Integral(lambda t, state: {"t": t, "first": state.v[0] ** 2}),
    }
    sol = run(record, every=every)

    np.testing.assert_array_equal(sol["count"], whole.spikes.counts())
    ends = np.concatenate([whole["v"][1:], whole.final.state.v[None]])  # the states at step ends
    np.testing.assert_allclose(sol["area"], DT * ends.sum(0), rtol=1e-5)
    np.testing.assert_allclose(sol["parts"]["first"], DT * (ends[:, 0] ** 2).sum(), rtol=1e-5)
    np.testing.assert_allclose(sol["parts"]["t"], DT * np.sum(whole.ts), rtol=1e-5)


class Leak(nj.System):
    """tau dx/dt = drive − x from 0, with tau = 10 ms: x = drive (1 − exp(−t/10))."""

    def initial_state(self, key=None):
        return jnp.array(0.0)

    def vector_field(self, t, state, drive):
        return (drive - state) / 10


@pytest.mark.usefixtures("x64")
def test_gradients_through_samples_and_integrals_are_the_closed_form():
    def samples(current):
        return nj.simulate(Leak(), current, t1=5.0, dt=DT, every=7)["output"]

    def area(current):
        record = {"area": nj.Integral(lambda t, x: x)}
        return nj.simulate(Leak(), current, t1=5.0, dt=DT, record=record)["area"]

    t = DT * np.arange(0, 50, 7)
    np.testing.assert_allclose(jax.jacobian(samples)(0.9), 1 - np.exp(-t / 10), rtol=1e-12)
    ends = 1 - np.exp(-DT * np.arange(1, 51) / 10)
    np.testing.assert_allclose(jax.grad(area)(0.9), DT * ends.sum(), rtol=1e-12)


@pytest.mark.usefixtures("x64")
def test_count_and_raster_have_the_same_gradient():
    """Through the surrogate: more current, more spikes."""
    cell = nj.LIF(refractory=1.0)

    def count(current):
        return nj.simulate(cell, current, t1=20.0, dt=DT, record={"n": nj.SpikeCount()})["n"]

    def raster(current):
        return nj.simulate(cell, current, t1=20.0, dt=DT, record=["raster"], every=7)[
            "raster"
        ].sum()

    assert count(1.5) == raster(1.5) > 0
    slope = jax.grad(count)(1.5)
    assert slope > 0
    np.testing.assert_allclose(jax.grad(raster)(1.5), slope, rtol=1e-10)


def test_a_system_that_jumps_but_does_not_spike_has_its_traces():
    sol = nj.simulate(
        nj.HodgkinHuxley(), 0.0, t1=1.0, dt=0.05, solver=diffrax.Tsit5(), record=["v"]
    )
    assert sol["v"].shape == (20,)
    np.testing.assert_allclose(sol["v"], -65, atol=0.1)  # rest


@pytest.mark.parametrize("record", [["w"], ["v", "sodium"], {"x": "v.w"}])
def test_an_unknown_name_lists_what_there_is(record):
    with pytest.raises(ValueError, match=r"LIF can record v, frozen, output, spikes, raster"):
        run(record)


def test_spikes_of_a_system_without_any():
    with pytest.raises(ValueError, match=r"no 'spikes': Leak can record output"):
        nj.simulate(Leak(), t1=1.0, dt=DT, record=["spikes"])


def test_what_cannot_be_recorded():
    with pytest.raises(TypeError, match=r"record\['x'\] must be a name, a function .* got 3"):
        run({"x": 3})
    with pytest.raises(TypeError, match=r"list of names or a dict, got the string 'v'"):
        run("v")


@pytest.mark.parametrize("what", ["raster", nj.SpikeCount()])
def test_what_is_made_step_by_step_needs_a_clock(what):
    with pytest.raises(ValueError, match=r"record: 'x' is made step by step: give dt"):
        nj.simulate(nj.LIF(), 1.2, t1=1.0, record={"x": what})


def test_every_must_be_a_step_or_more():
    with pytest.raises(ValueError, match=r"every must be a positive number of steps, got 0"):
        run(["v"], every=0)
