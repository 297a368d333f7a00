"""The abstract classes: what a subclass owes, and what it gets for it."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import neurojax as nj
from neurojax.core import Clock


class Bowl(nj.EnergySystem):
    """E = Σ k (x − drive)² / 2 over two leaves, of which one may be held."""

    stiffness: float = 0.5
    hold: bool = eqx.field(static=True, default=False)

    def initial_state(self, key=None):
        return {"a": jnp.array([1.0, -1.0]), "b": jnp.array(3.0)}

    def energy(self, state, clamps):
        return self.stiffness / 2 * sum(jnp.sum((x - clamps) ** 2) for x in state.values())

    def free(self, state, clamps):
        return {"a": True, "b": not self.hold}


@pytest.mark.usefixtures("x64")
def test_an_energy_system_flows_down_its_gradient():
    """From x it relaxes as exp(−k t); the energy as exp(−2 k t)."""
    bowl = Bowl()
    sol = nj.simulate(bowl, 0.25, t1=4.0, dt=0.5, record=["a", "b"])
    fall = np.exp(-0.5 * np.asarray(sol.ts))

    np.testing.assert_allclose(sol["b"], 0.25 + 2.75 * fall, rtol=1e-12)
    np.testing.assert_allclose(sol["a"][:, 1], 0.25 - 1.25 * fall, rtol=1e-12)
    ratio = bowl.energy(sol.final.state, 0.25) / bowl.energy(bowl.initial_state(), 0.25)
    assert abs(ratio - np.exp(-4.0)) < 1e-12


def test_what_is_not_free_stays():
    sol = nj.simulate(Bowl(hold=True), 0.25, t1=4.0, dt=0.5, record=["b"])
    np.testing.assert_array_equal(sol["b"], np.full(8, 3.0))
    assert abs(sol.final.state["a"][0] - 0.25) < 0.2


@pytest.mark.parametrize("base", [nj.System, nj.SpikingSystem, nj.EnergySystem, nj.Drive])
def test_abstract_classes_make_no_instances(base):
    with pytest.raises(TypeError, match="abstract"):
        base()


def test_a_system_that_owes_something_makes_none():
    class Unfinished(nj.SpikingSystem):
        def initial_state(self, key=None):
            return jnp.zeros(())

        def vector_field(self, t, state, drive):
            return -state

    with pytest.raises(TypeError, match=r"spike_condition|reset"):
        Unfinished()  # pyright: ignore[reportAbstractUsage]


def test_a_spiking_system_in_ten_lines():
    """A clock that spikes whenever its phase passes 1: after 2 ms, 16 steps of 1/16."""

    class Pacemaker(nj.SpikingSystem):
        refractory: jax.Array = eqx.field(default_factory=lambda: jnp.array(0.0))
        surrogate: object = eqx.field(static=True, default=nj.core.superspike)

        def initial_state(self, key=None):
            return jnp.zeros(2)

        def vector_field(self, t, state, drive):
            return jnp.full_like(state, 0.5)

        def spike_condition(self, state):
            return state - 1

        def reset(self, state, spikes):
            return nj.core.where_spiked(spikes, jnp.zeros(()), state)

    clocked = nj.simulate(Pacemaker(), t1=7.0, dt=0.125)
    exact = nj.simulate(Pacemaker(), t1=7.0, max_spikes=8)

    # On the clock 1 is reached after 16 steps and passed after 17: stamped with its start.
    np.testing.assert_array_equal(clocked.spikes.of(0), 0.125 * np.array([16, 33, 50]))
    np.testing.assert_allclose(exact.spikes.of(1), [2.0, 4.0, 6.0], atol=1e-4)


def test_time_is_a_counter_times_dt():
    """Ten million steps of 0.1 ms are 1,000,000 ms, not a sum of rounded steps."""
    clock = Clock(jnp.array(10_000_000), 0.1)
    assert clock.t == np.float32(1e6)


@pytest.mark.parametrize(
    ("duration", "steps"),
    [(0.0, 0), (0.1, 1), (0.3, 3), (0.7, 7), (0.35, 3), (0.09, 0), (5.0, 50)],
)
def test_durations_in_whole_steps(duration, steps):
    """Rounded down, but for a thousandth of a step: 0.3 / 0.1 is 2.9999 in binary."""
    assert Clock(jnp.array(0), 0.1).steps(jnp.array(duration)) == steps
