"""The graded neuron between two dendrites: its closed form, and what it refuses."""

import jax.numpy as jnp
import numpy as np
import pytest

import neurojax as nj
from neurojax.core import Affine
from neurojax.dendrites import ApicalNeuron

pytestmark = pytest.mark.usefixtures("x64")


def test_it_relaxes_exponentially_to_the_mean_of_its_inputs():
    """C du/dt = −(g_l + g_B + g_A + g) u + g_B v_B + g_A v_A + i, solved by hand."""
    neuron = ApicalNeuron((2,), C_m=2.0)
    basal, apical = jnp.array([1.0, -2.0]), jnp.array([0.5, 0.0])
    drive = {"basal": basal, "apical": apical, "soma": Affine(0.8, 0.3)}
    sol = nj.simulate(neuron, drive, t1=4.0, dt=0.5)
    total = 0.1 + 1.0 + 0.8 + 0.8
    end = (1.0 * np.asarray(basal) + 0.8 * np.asarray(apical) + 0.3) / total
    due = end * (1 - np.exp(-sol.ts[:, None] * total / 2.0))
    np.testing.assert_allclose(sol["u"], due, rtol=1e-12)
    np.testing.assert_allclose(neuron.steady_state(drive), end, rtol=1e-12)


def test_sites_that_are_left_out_are_at_rest():
    neuron = ApicalNeuron()
    np.testing.assert_allclose(neuron.steady_state({"basal": 1.0}), neuron.attenuation)
    np.testing.assert_allclose(neuron.attenuation, 1 / 1.9)
    np.testing.assert_allclose(neuron.steady_state(0.19), 0.1)  # a bare drive is a current
    state = neuron.initial_state()._replace(u=jnp.array(0.7))
    np.testing.assert_allclose(neuron.output(state), np.log1p(np.exp(0.7)))


@pytest.mark.parametrize(
    "wrong",
    [{"C_m": 0.0}, {"g_leak": -0.1}, {"g_basal": 0.0}, {"g_apical": -1.0}, {"g_leak": np.ones(3)}],
)
def test_parameters_that_are_refused(wrong):
    with pytest.raises(ValueError, match=f"ApicalNeuron: {next(iter(wrong))}"):
        ApicalNeuron((2,), **wrong)


def test_a_site_that_is_not_there():
    with pytest.raises(ValueError, match="no site 'tuft'"):
        nj.simulate(ApicalNeuron(), {"tuft": 1.0}, t1=1.0, dt=0.5)
