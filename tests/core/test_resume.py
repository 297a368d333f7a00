"""A run that stopped, was saved and loaded goes on bitwise as if it had not stopped."""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import neurojax as nj

DT = 0.1
CURRENTS = np.array([0.9, 1.3, 3.0], np.float32)


class Noisy(nj.System):
    """A walk with noise, and a coin thrown at each step's end."""

    def initial_state(self, key=None):
        return {"x": jnp.zeros(3), "heads": jnp.zeros(3, jnp.int32)}

    def vector_field(self, t, state, drive):
        return {"x": drive - state["x"] / 5, "heads": None}

    def diffusion(self, t, state, drive):
        return {"x": jnp.ones_like(state["x"]), "heads": None}

    def jump(self, clock, state, incoming, key):
        thrown = jax.random.bernoulli(key, 0.5, (3,))  # pyright: ignore[reportArgumentType]
        return state | {"heads": state["heads"] + thrown.astype("int32")}, None


LIF = nj.LIF(shape=(3,), refractory=2.0)
SQUID = nj.HodgkinHuxley(shape=(3,))
CASES = {
    "lif": (LIF, CURRENTS, None, None),
    "lif under a series": (LIF, nj.Series(2 + np.sin(np.arange(200.0))), None, None),
    "lif under Poisson spikes": (
        LIF,
        nj.Poisson(jax.random.key(1), rate=900.0, weight=20.0, shape=(3,)),
        None,
        None,
    ),
    "squid": (SQUID, 8 * CURRENTS, None, None),
    "squid by Tsit5": (SQUID, 8 * CURRENTS, diffrax.Tsit5(), None),  # keeps its last stage
    "squid by Kvaerno3": (SQUID, 8 * CURRENTS, diffrax.Kvaerno3(), None),
    "noise": (Noisy(), 0.1, None, jax.random.key(5)),
}


def saved_and_loaded(state, path):
    """Through a file, into a state made of nothing but zeros."""
    nj.save(path, state)
    blank = jax.tree.map(
        lambda x: (
            jnp.zeros_like(x)
            if eqx.is_array(x) and not jnp.issubdtype(x.dtype, jax.dtypes.prng_key)
            else x
        ),
        state,
    )
    return nj.load(path, blank)


def equal(a, b):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        if jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
            x, y = jax.random.key_data(x), jax.random.key_data(y)
        assert x.dtype == y.dtype
        np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("case", CASES)
def test_on_a_clock(case, tmp_path):
    system, drive, solver, key = CASES[case]
    record = ["heads", "x"] if case == "noise" else ["v", "spikes"]
    how = {"dt": DT, "solver": solver, "record": record}

    whole = nj.simulate(system, drive, t1=20.0, key=key, **how)
    first = nj.simulate(system, drive, t1=7.3, key=key, **how)
    stopped = saved_and_loaded(first.final, tmp_path / "run")
    rest = nj.simulate(system, drive, t1=20.0, state=stopped, **how)

    assert int(stopped.step) == 73
    equal(rest.final, whole.final)
    assert np.array_equal(np.concatenate([first.ts, rest.ts]), whole.ts)
    for name in whole.recordings:
        both = np.concatenate([first[name], rest[name]])
        np.testing.assert_array_equal(both, whole[name])
        assert np.any(both[0] != both[-1])
    if "spikes" in record:
        both = np.concatenate([first.spikes.times, rest.spikes.times])
        np.testing.assert_array_equal(both, whole.spikes.times)
        assert len(first.spikes.times) and len(rest.spikes.times)


def test_stopping_again_and_again():
    """Around spikes (4.0 ms is the first) and in refractory time: counters survive each stop."""
    whole = nj.simulate(LIF, CURRENTS, t1=12.0, dt=DT)
    state, times = None, []
    for step in (1, 40, 41, 42, 60, 61, 100, 120):
        part = nj.simulate(LIF, CURRENTS, t1=step * DT, dt=DT, state=state)
        state = part.final
        times.extend(part.spikes.times)
    equal(state, whole.final)
    np.testing.assert_array_equal(times, whole.spikes.times)
    assert len(times) == 2


@pytest.mark.parametrize("stop", [7.0, 13.0, 15.5])
@pytest.mark.usefixtures("x64")
def test_by_events(stop, tmp_path):
    """With the step size started anew at the stop, equal to the solver's tolerance.

    At 15.5 neuron 1 (14.7 ms) is refractory, at 13 none is.
    """
    cells = nj.LIF(shape=(3,), refractory=2.0)
    drive = np.array([0.9, 1.3, 1.6])
    whole = nj.simulate(cells, drive, t1=30.0, max_spikes=10)
    first = nj.simulate(cells, drive, t1=stop, max_spikes=10)
    stopped = saved_and_loaded(first.final, tmp_path / "run")
    rest = nj.simulate(cells, drive, t1=30.0, max_spikes=10, state=stopped)

    assert whole.spikes.counts().tolist() == [0, 1, 2]
    for i in range(3):
        both = np.concatenate([first.spikes.of(i), rest.spikes.of(i)])
        np.testing.assert_allclose(both, whole.spikes.of(i), atol=1e-7)
    np.testing.assert_allclose(rest.final.state.v, whole.final.state.v, atol=1e-8)


@pytest.mark.usefixtures("x64")
def test_by_events_stopped_between_two_spikes_with_fixed_steps():
    """Where steps are the same, so are all bits: stops fall on the controller's own steps."""
    cells = nj.LIF(shape=(3,), refractory=2.0)
    how = {"controller": diffrax.StepTo(jnp.linspace(0.0, 8.0, 17)), "ts": [0.0]}
    whole = nj.simulate(cells, 0.9, t1=8.0, **how)
    how = {"controller": diffrax.StepTo(jnp.linspace(0.0, 4.0, 9)), "ts": [0.0]}
    first = nj.simulate(cells, 0.9, t1=4.0, **how)
    how = {"controller": diffrax.StepTo(jnp.linspace(4.0, 8.0, 9)), "ts": [4.0]}
    rest = nj.simulate(cells, 0.9, t1=8.0, state=first.final, **how)

    equal(rest.final.state, whole.final.state)


def test_another_key_may_be_given_on_going_on():
    first = nj.simulate(Noisy(), t1=1.0, dt=DT, key=jax.random.key(5))
    same = nj.simulate(Noisy(), t1=2.0, dt=DT, state=first.final)
    other = nj.simulate(Noisy(), t1=2.0, dt=DT, state=first.final, key=jax.random.key(6))

    assert np.all(same.final.state["x"] != other.final.state["x"])


def test_a_model_and_where_it_stands_go_in_one_file(tmp_path):
    sol = nj.simulate(LIF, CURRENTS, t1=7.3, dt=DT)
    nj.save(tmp_path / "both", (LIF, sol.final), {"note": "day 1"})
    model, state = nj.load(tmp_path / "both", (nj.LIF(shape=(3,), refractory=0.5), sol.final))

    assert model.refractory == 2
    equal(state, sol.final)
    assert nj.core.metadata_of(tmp_path / "both") == {"note": "day 1"}


def test_the_end_must_lie_after_where_it_stands():
    first = nj.simulate(LIF, CURRENTS, t1=2.0, dt=DT)
    for t1 in (1.0, 2.0):
        with pytest.raises(ValueError, match=rf"t1 must be after the start, 2 ms, got {t1:g} ms"):
            nj.simulate(LIF, CURRENTS, t1=t1, dt=DT, state=first.final)
