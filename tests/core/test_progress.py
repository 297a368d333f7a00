"""A bar when asked for, in both ways through time; not a trace of one otherwise."""

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import neurojax as nj


def clocked(progress, current=1.2):
    return nj.simulate(nj.LIF(), current, t1=20.0, dt=0.1, progress=progress)


def by_events(progress, current=1.2):
    return nj.simulate(nj.LIF(), current, t1=20.0, max_spikes=2, progress=progress)


@pytest.mark.parametrize("run", [clocked, by_events])
def test_a_bar_to_the_end(run, capfd):
    jax.block_until_ready(run(True))
    jax.effects_barrier()

    shown = capfd.readouterr().err
    assert "100.00%" in shown and "|" in shown


@pytest.mark.parametrize("run", [clocked, by_events])
def test_a_bar_under_jit(run, capfd):
    outer = jax.jit(lambda current: run(True, current).final.state.v)
    jax.block_until_ready(outer(1.2))
    jax.effects_barrier()

    assert "100.00%" in capfd.readouterr().err


def test_it_advances_within_the_run(capfd):
    jax.block_until_ready(clocked(True))
    jax.effects_barrier()

    shown = {
        float(x.split("%")[0].split()[-1]) for x in capfd.readouterr().err.split("\r") if "%" in x
    }
    assert len(shown) > 2 and 0 < sorted(shown)[1] < 100


def test_no_bar_unless_asked(capfd):
    jax.block_until_ready(clocked(False))
    jax.block_until_ready(by_events(False))
    assert capfd.readouterr().err == ""


def test_off_it_costs_nothing():
    """Not one call to the host is in the program."""

    def lowered(progress):
        return jax.jit(lambda i: clocked(progress, i).final.state.v).lower(1.2).as_text()

    assert "callback" not in lowered(False)
    assert "callback" in lowered(True)


def test_diffraxs_meters_are_taken(capfd):
    """A line whenever a quarter more is done (or a step later: 0.25 is no sum of its steps)."""
    jax.block_until_ready(clocked(diffrax.TextProgressMeter(minimum_increase=0.25)))
    jax.effects_barrier()

    done = [float(line.rstrip("%")) for line in capfd.readouterr().out.split()]
    assert done[0] == 0 and done[-1] == 100
    np.testing.assert_allclose(done, [0, 25, 50, 75, 100], atol=1.6)


def test_the_outcome_is_the_same():
    assert jnp.array_equal(clocked(True)["v"], clocked(False)["v"])
