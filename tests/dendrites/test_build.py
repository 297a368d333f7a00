"""Morphologies without a file."""

import numpy as np
import pytest

from neurojax.dendrites._build import Branch, build_morphology, random_morphology
from neurojax.dendrites._discretise import discretise
from neurojax.dendrites._morphology import Morphology
from neurojax.dendrites._swc import read_swc, write_swc


def same(a: Morphology, b: Morphology):
    for name in ("ids", "types", "xyz", "radii", "parents"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


NEURON = [
    Branch(None, 100, (2, 1), "apical"),
    Branch(0, 40, 0.5, "custom_5"),
    Branch(0, 60, 0.5, "custom_5"),
    Branch(None, 50, 0.7),
    Branch(None, 200.0, 0.3, "axon"),
]


def test_by_hand():
    m = build_morphology(8, NEURON)
    c = discretise(m)
    branches = [1, 2, 3, 4, 5]
    of_branch = c.of_point[[2 * k for k in branches]]  # the ends of branches
    assert [c.region[k] for k in of_branch] == ["apical", "custom_5", "custom_5", "basal", "axon"]
    np.testing.assert_allclose(c.length[of_branch], [100, 40, 60, 50, 200])
    cone = np.pi * 3 * np.hypot(100, 1)
    cylinders = 2 * np.pi * np.array([40 * 0.5, 60 * 0.5, 50 * 0.7, 200 * 0.3])
    np.testing.assert_allclose(c.area[0], 4 * np.pi * 64)
    np.testing.assert_allclose(c.area[of_branch], [cone, *cylinders])
    np.testing.assert_allclose(c.distance[of_branch], [50, 120, 130, 25, 100])
    assert c.nodes == len(c) + 1  # a junction where the first branch forks


def test_a_branch_and_its_only_child_of_the_same_region_are_one_section():
    m = build_morphology(5, [Branch(None, 10, 1), Branch(0, 20, 1), Branch(1, 5, 1, "axon")])
    assert m.sections.names == ("soma", "basal", "axon")
    np.testing.assert_allclose(discretise(m).length, [10, 30, 5])


def test_a_soma_alone():
    np.testing.assert_allclose(discretise(build_morphology(10, [])).area, [400 * np.pi])


def test_the_first_branch_points_up_and_branches_begin_on_the_soma():
    m = build_morphology(8, NEURON)
    np.testing.assert_allclose(m.xyz[1:3], [[0, 8, 0], [0, 108, 0]], atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(m.xyz[[1, 7, 9]], axis=1), 8)
    np.testing.assert_array_equal(m.xyz[:, 2], 0)


def test_forks_go_on_forwards():
    m = build_morphology(8, [Branch(None, 100, 2), Branch(0, 100, 1), Branch(0, 100, 1)])
    half = np.sqrt(0.5) * 100
    np.testing.assert_allclose(m.xyz[[4, 6]], [[half, 108 + half, 0], [-half, 108 + half, 0]])


def crossings(m: Morphology) -> int:
    """Of the straight lines of branches in the plane, but for those that meet at an end."""
    a, b = m.xyz[1::2, :2], m.xyz[2::2, :2]

    def side(p, q, r):  # of r: left or right of the line through p and q
        (px, py), (qx, qy), (rx, ry) = (np.moveaxis(x, -1, 0) for x in (p, q, r))
        return np.sign((qx - px) * (ry - py) - (qy - py) * (rx - px))

    rows, columns = (x[:, None] for x in (a, b)), (x[None] for x in (a, b))
    (a1, b1), (a2, b2) = rows, columns
    apart = (side(a1, b1, a2) * side(a1, b1, b2) < 0) & (side(a2, b2, a1) * side(a2, b2, b1) < 0)
    meet = np.stack([(x == y).all(-1) for x in (a1, b1) for y in (a2, b2)]).any(axis=0)
    return int((apart & ~meet).sum())


@pytest.mark.parametrize("tips", [1, 2, 7, 60])
def test_a_random_tree(tips):
    m = random_morphology(np.random.default_rng(3), tips)
    same(m, random_morphology(np.random.default_rng(3), tips))
    begins, ends = np.arange(1, len(m), 2), np.arange(2, len(m), 2)
    children = {int(end): [int(c) + 1 for c in begins if m.parents[c] == end] for end in ends}
    assert sum(not c for c in children.values()) == tips
    for end, above in children.items():
        assert len(above) in (0, 2)
        if above:  # Rall's rule
            np.testing.assert_allclose(m.radii[end] ** 1.5, (m.radii[above] ** 1.5).sum())
            np.testing.assert_array_equal(m.types[above], m.types[end])
        else:
            assert m.radii[end] == 0.3
    lengths = np.linalg.norm(m.xyz[ends] - m.xyz[begins], axis=1)
    assert lengths.min() >= 20 and lengths.max() <= 120
    assert crossings(m) == 0
    assert m.names[1] == "apical" and m.sections.sphere
    c = discretise(m, max_length=20)
    assert len(c.ends) == c.nodes - 1
    np.testing.assert_allclose(
        c.area.sum(), 400 * np.pi + 2 * np.pi * (m.radii[ends] * lengths).sum()
    )


def test_seeds_differ():
    a, b = (random_morphology(np.random.default_rng(seed), 20) for seed in (0, 1))
    assert (a.parents != b.parents).any()


@pytest.mark.parametrize(
    "m", [build_morphology(8, NEURON), random_morphology(np.random.default_rng(0), 30)]
)
def test_saved_and_read_back_equal(m, tmp_path):
    write_swc(m, tmp_path / "built.swc")
    same(read_swc(tmp_path / "built.swc"), m)


@pytest.mark.parametrize(
    ("branch", "said"),
    [
        (Branch(None, 0, 1), r"branches\[1\]\.length must be positive and finite .*, got 0"),
        (Branch(None, 10, (1, -1.0)), r"branches\[1\]\.radius must be .*, got -1\.0"),
        (Branch(1, 10, 1), r"branches\[1\]\.parent must be None or from 0 to 0, got 1"),
        (Branch(-1, 10, 1), r"branches\[1\]\.parent must be None or from 0 to 0, got -1"),
        (
            Branch(0, 10, 1, "tuft"),
            r"branches\[1\]\.region must be one of undefined, axon,.*'tuft'",
        ),
        (Branch(0, 10, 1, "soma"), r"branches\[1\]\.region must be .*'soma'"),
        (Branch(0, 10, 1, "custom_3"), r"branches\[1\]\.region must be .*'custom_3'"),
    ],
)
def test_faults(branch, said):
    with pytest.raises(ValueError, match=said):
        build_morphology(5, [Branch(None, 10, 1), branch])


def test_faults_of_sizes():
    with pytest.raises(ValueError, match=r"soma_radius must be positive and finite .*, got 0"):
        build_morphology(0, [])
    with pytest.raises(ValueError, match="tips must be at least 1, got 0"):
        random_morphology(np.random.default_rng(0), 0)
    with pytest.raises(ValueError, match=r"branches\[0\]\.parent must be None, got 0"):
        build_morphology(5, [Branch(0, 10, 1)])
