"""Potentials outside a cell beside LFPykit's: straight cables, at electrodes near and far."""

import numpy as np

from neurojax.dendrites import discretise, extracellular_matrix, random_morphology


def test_transfer_matrices_are_lfpykit_s(oracle):
    rng = np.random.default_rng(3)
    c = discretise(random_morphology(rng, tips=12), max_length=25.0)
    electrodes = rng.uniform(-300, 300, (40, 3))
    near = c.xyz[rng.integers(len(c), size=20)] + rng.normal(0, 0.5, (20, 3))  # on it and inside
    electrodes = np.concatenate([electrodes, near])

    # Halves of compartments, cylinders of one radius: each half carries half of the current.
    halves = c.frusta.xyz.reshape(-1, 2, 2, 3)
    xyz = np.stack([halves[:, 0, 0], halves[:, 1, 1]], axis=1)
    theirs = oracle("lfpykit_line_sources", xyz=xyz, diameter=2 * c.radius, electrodes=electrodes,
                    sigma=0.25)  # fmt: skip

    ours = extracellular_matrix(c, electrodes, sigma=0.25)
    # Theirs is one logarithm of a ratio, ours a difference of two: 5e-14 apart.
    np.testing.assert_allclose(ours[:, 1:], theirs["lines"][:, 1:], rtol=1e-12)
    np.testing.assert_allclose(ours[:, 0], theirs["points"][:, 0], rtol=1e-12)
