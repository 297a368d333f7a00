"""The straight pieces of compartments: nothing is lost, and they hang together."""

import numpy as np

from neurojax.dendrites import Branch, build_morphology, discretise, random_morphology


def test_pieces_make_up_their_compartments():
    c = discretise(random_morphology(np.random.default_rng(1), tips=5), max_length=7.0)
    length = np.bincount(c.frusta.compartment, c.frusta.length)
    area = np.bincount(c.frusta.compartment, c.frusta.area)
    np.testing.assert_allclose(length, c.length, rtol=1e-12)
    np.testing.assert_allclose(area, c.area, rtol=1e-12)
    # Two of a section that follow one another meet.
    follows = np.diff(c.section[c.frusta.compartment]) == 0
    ends, begins = c.frusta.xyz[:-1, 1], c.frusta.xyz[1:, 0]
    np.testing.assert_allclose(ends[follows], begins[follows], atol=1e-9)


def test_a_taper_is_cut_where_compartments_end():
    c = discretise(build_morphology(5.0, [Branch(None, 40.0, (2.0, 1.0))]), max_length=20.0)
    dendrite = c.frusta.compartment > 0
    assert c.sphere
    np.testing.assert_allclose(c.frusta.xyz[dendrite, 0, 1], [5, 15, 25, 35], atol=1e-12)
    np.testing.assert_allclose(c.frusta.xyz[dendrite, 1, 1], [15, 25, 35, 45], atol=1e-12)
    np.testing.assert_allclose(
        c.frusta.radii[dendrite], [[2, 1.75], [1.75, 1.5], [1.5, 1.25], [1.25, 1]]
    )
    np.testing.assert_array_equal(c.frusta.compartment[dendrite], [1, 1, 2, 2])
