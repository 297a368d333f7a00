"""Brunel's network against its mean field, and Vogels & Abbott's against its published activity."""

import jax.random as jr
import numpy as np
import pytest

import neurojax as nj
from models import vogels_abbott
from models.brunel import Brunel, J


def test_mean_field():
    """That of NEST's example is 32.03 Hz; without recurrence and noise a neuron that is driven to
    40 mV takes 20 ln 2 ms from rest to its threshold of 20 mV."""
    assert Brunel(v_reset=0.0).mean_field_rate() == pytest.approx(32.03, abs=0.01)
    alone = Brunel(excitatory=0, inhibitory=0, v_reset=0.0)
    assert alone.mean_field_rate() == pytest.approx(1e3 / (2 + 20 * np.log(2)), rel=0.01)


@pytest.mark.parametrize("v_reset", [0.0, 10.0])
def test_rate_is_near_that_of_the_mean_field(v_reset):
    """At full size the asynchronous state fires 0.4 % to 3 % off it; half a second is averaged."""
    model = Brunel(v_reset=v_reset)
    outside = nj.Poisson(key=jr.key(0), rate=model.external_rate, weight=J, shape=(12_500,))
    network = model.network(0.1)
    sol = nj.simulate(
        network, t1=600.0, dt=0.1, incoming={"cells": outside}, record=["spikes"], every=100
    )
    rate = sol.spikes["cells"].raster()[1000:].mean() / 1e-4
    assert rate == pytest.approx(model.mean_field_rate(), rel=0.05)


def test_cuba_keeps_itself_active():
    """At 5 to 6 Hz, as Brian2 and NEST have it (shares of neurons and weights of Brette et al.)."""
    network = vogels_abbott.cuba()
    state = vogels_abbott.at_random(network, jr.key(0))
    sol = nj.simulate(network, t1=1000.0, dt=0.1, state=state, record=["spikes"], every=100)
    assert 4.8 < sol.spikes["cells"].raster()[2000:].mean() / 1e-4 < 6.2
