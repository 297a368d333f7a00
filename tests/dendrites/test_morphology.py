"""Somata, roots and sections."""

import numpy as np
import pytest

from neurojax.dendrites._discretise import discretise
from neurojax.dendrites._morphology import Morphology

SOMA, AXON, BASAL, APICAL = 1, 2, 3, 4


def morphology(*rows):
    """Of rows (type, x, y, z, radius, parent's number or -1), numbered from 1."""
    table = np.array(rows, float)
    parents = table[:, 5].astype(int)
    return Morphology(
        ids=np.arange(1, len(rows) + 1),
        types=table[:, 0].astype(int),
        xyz=table[:, 1:4],
        radii=table[:, 4],
        parents=np.where(parents < 0, -1, parents - 1),
    )


NEURITE = [(BASAL, 0, 8, 0, 1), (BASAL, 0, 18, 0, 1)]  # 10 µm long, of radius 1 µm


def with_neurite(*soma, at=1):
    """A soma and a neurite that is joined to its point `at`."""
    n = len(soma)
    return morphology(*soma, (*NEURITE[0], at), (*NEURITE[1], n + 1))


ONE = [(SOMA, 0, 0, 0, 5, -1)]
THREE = [*ONE, (SOMA, 0, -5, 0, 5, 1), (SOMA, 0, 5.002, 0, 5, 1)]
ANGLES = np.arange(12) * np.pi / 6
CLOSED = [
    (SOMA, 5 * np.cos(a), 5 * np.sin(a), 0, 0.1, k or -1) for k, a in enumerate(ANGLES.tolist())
]


@pytest.mark.parametrize("soma", [ONE, THREE, CLOSED], ids=["one point", "three", "outline"])
@pytest.mark.parametrize("at", [1, -1])
def test_a_soma_that_is_a_sphere(soma, at):
    m = with_neurite(*soma, at=at % (len(soma) + 1))
    assert m.sections.sphere and m.sections.names == ("soma", "basal")
    c = discretise(m, compartments=3)
    assert len(c) == 4  # a sphere is not divided
    np.testing.assert_allclose(c.area, [4 * np.pi * 25, *[2 * np.pi * 10 / 3] * 3])
    np.testing.assert_allclose(c.xyz[0], 0, atol=1e-12)
    assert c.near[0] == c.far[0] == 0
    np.testing.assert_array_equal(c.of_point, [*[0] * len(soma), 1, 3])
    np.testing.assert_allclose(c.distance, [0, 5 / 3, 5, 25 / 3])


def test_a_lone_point_is_a_sphere():
    c = discretise(morphology((BASAL, 1, 2, 3, 2, -1)))
    np.testing.assert_allclose(c.area, [16 * np.pi])
    assert c.nodes == 1 and c.ends.shape == (0, 2)


def test_somata_that_are_frusta():
    line = [(SOMA, 0, y, 0, 2, k or -1) for k, y in enumerate([0, 3, 6, 9])]
    m = with_neurite(*line, at=4)
    assert not m.sections.sphere and m.sections.names == ("soma", "basal")
    c = discretise(m)
    np.testing.assert_allclose(c.area, [2 * np.pi * 2 * 9, 2 * np.pi * 10])
    np.testing.assert_allclose(c.distance, [4.5, 14])
    # Three points in a row are not NeuroMorpho's three.
    assert not with_neurite(*line[:3], at=3).sections.sphere


def test_an_interrupted_soma():
    """Soma, neurite, soma: each frustum is of its far point's type."""
    m = morphology(
        (SOMA, 0, 0, 0, 1, -1),
        (SOMA, 2, 0, 0, 1, 1),
        (BASAL, 5, 0, 0, 1, 2),
        (BASAL, 6, 0, 0, 1, 3),
        (SOMA, 8, 0, 0, 1, 4),
        (SOMA, 11, 0, 0, 1, 5),
    )
    assert m.sections.names == ("soma", "basal", "soma")
    np.testing.assert_allclose(discretise(m).length, [2, 1, 5])


def test_a_soma_with_neurites_at_both_ends():
    m = morphology(
        (SOMA, 0, 0, 0, 1, -1),
        (SOMA, 1, 0, 0, 1, 1),
        (BASAL, 2, 0, 0, 1, 2),
        (BASAL, 4, 0, 0, 1, 3),
        (AXON, -1, 0, 0, 1, 1),
        (AXON, -4, 0, 0, 1, 5),
    )
    c = discretise(m)
    assert c.region == ("soma", "basal", "axon")
    np.testing.assert_allclose(c.length, [1, 2, 3])
    assert c.nodes == 3 and {frozenset(e) for e in c.ends.tolist()} == {
        frozenset((0, 1)),
        frozenset((0, 2)),
    }


def test_a_neurite_of_one_point_begins_in_the_soma_with_its_own_radius():
    c = discretise(morphology((SOMA, 0, 0, 0, 5, -1), (BASAL, 8, 0, 0, 1, 1)))
    np.testing.assert_allclose(c.area[1], 2 * np.pi * 8)


def test_the_soma_may_stand_anywhere_in_the_tree():
    m = morphology((BASAL, 0, 9, 0, 1, -1), (BASAL, 0, 5, 0, 1, 1), (SOMA, 0, 0, 0, 4, 2),
                   (AXON, 0, -5, 0, 1, 3), (AXON, 0, -7, 0, 1, 4))  # fmt: skip
    c = discretise(m)
    assert dict(zip(c.region, c.length.tolist(), strict=True)) == {
        "soma": 8,
        "basal": 4,
        "axon": 2,
    }
    assert c.region[0] == "soma" and set(map(tuple, c.ends.tolist())) == {(0, 1), (0, 2)}


def test_further_roots_are_joined_to_the_nearest_point_of_the_soma():
    m = morphology(
        (BASAL, 0, 20, 0, 1, -1),
        (BASAL, 0, 30, 0, 1, 1),
        (SOMA, 0, 0, 0, 5, -1),
        (SOMA, 0, 9, 0, 5, 3),
        (AXON, 0, -9, 0, 1, 3),
        (AXON, 0, -12, 0, 1, 5),
        (APICAL, 0, -13, 0, 1, -1),  # nearer to the axon than to the soma
    )
    np.testing.assert_array_equal(m.parents, [3, 0, -1, 2, 2, 4, 2])
    assert sorted(m.sections.names) == ["apical", "axon", "basal", "soma"]


def test_without_a_soma_further_roots_are_joined_to_the_first_tree():
    m = morphology((BASAL, 0, 0, 0, 1, -1), (BASAL, 0, 10, 0, 1, 1), (AXON, 0, 11, 0, 1, -1))
    np.testing.assert_array_equal(m.parents, [-1, 0, 1])
    assert len(m.sections) == 2


def test_sections_end_at_tips_branch_points_and_changes_of_type():
    m = morphology((SOMA, 0, 0, 0, 5, -1), (APICAL, 0, 5, 0, 2, 1), (APICAL, 0, 15, 0, 2, 2),
                   (9, 0, 25, 0, 1, 3), (9, 5, 30, 0, 1, 4), (9, -5, 30, 0, 1, 4))  # fmt: skip
    s = m.sections
    assert s.names == ("soma", "apical", "custom_9", "custom_9", "custom_9")
    np.testing.assert_array_equal(s.before, [-1, 0, 1, 2, 2])
    np.testing.assert_array_equal(s.begin, [0, 0, 2, 3, 3])
    np.testing.assert_array_equal(s.end, [0, 2, 3, 4, 5])


def test_points_in_one_place_make_no_section():
    m = morphology((SOMA, 0, 0, 0, 5, -1), (BASAL, 0, 5, 0, 1, 1), (BASAL, 0, 15, 0, 1, 2),
                   (BASAL, 0, 15, 0, 1, 3), (BASAL, 0, 25, 0, 1, 4), (BASAL, 9, 15, 0, 1, 4),
                   (BASAL, 0, 15, 0, 1, 3), (BASAL, 5, 15, 0, 2, 7))  # fmt: skip
    c = discretise(m)
    np.testing.assert_allclose(np.sort(c.length), [5, 9, 10, 10, 10])
    # All are joined at point 3; point 4, a fork there, lies in the section that ends there.
    assert c.nodes == len(c) + 1
    assert c.of_point[3] == c.of_point[2] == 1
    with pytest.raises(ValueError, match="2 points are all at one place"):
        morphology((BASAL, 0, 0, 0, 1, -1), (BASAL, 0, 0, 0, 1, 1)).sections  # noqa: B018


def test_a_section_begins_at_a_point_that_repeats_the_junction():
    """So the step from a thick trunk to a thin branch is no membrane, and no cone."""
    m = morphology(
        (SOMA, 0, 0, 0, 9, -1),
        (APICAL, 0, 9, 0, 4, 1),
        (APICAL, 0, 19, 0, 4, 2),
        (APICAL, 0, 19, 0, 1, 3),
        (APICAL, 0, 29, 0, 1, 4),
        (APICAL, 5, 19, 0, 1, 3),
    )
    c = discretise(m)
    thin = c.of_point[4]
    np.testing.assert_allclose(c.area[thin], 2 * np.pi * 10)


POINT = dict(ids=np.array([1, 2]), types=np.array([3, 3]), xyz=np.eye(3)[:2],
             radii=np.ones(2), parents=np.array([-1, 0]))  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"ids": np.array([4, 4])}, "ids must differ, got 4 at 1"),
        ({"radii": np.array([1.0, 0.0])}, r"radii must be positive and finite, got 0\.0 at 1"),
        ({"radii": np.array([np.nan, 1.0])}, "radii must be positive and finite, got nan at 0"),
        ({"xyz": np.full((2, 3), np.inf)}, "xyz must be finite"),
        ({"parents": np.array([-1, 2])}, "parents must be from -1 to 1, got 2 at 1"),
        ({"parents": np.array([1, 0])}, "parents make point 1 its own ancestor"),
        ({k: v[:0] for k, v in POINT.items()}, "at least one point"),
    ],
)
def test_faults(changed, said):
    with pytest.raises(ValueError, match=said):
        Morphology(**(POINT | changed))
