"""The integrator against a sum."""

import numpy as np

import neurojax as nj
from neurojax import neurons


def test_it_adds_up():
    """With steps of 0.5 ms each input counts by half."""
    drive = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    run = nj.simulate(neurons.Integrator((3,)), nj.Series(drive), t1=10.0, dt=0.5, record=["v"])
    after = [*run["v"][1:], run.final.state.v]
    np.testing.assert_allclose(after, 0.5 * np.cumsum(drive, axis=0), rtol=1e-5, atol=1e-6)
