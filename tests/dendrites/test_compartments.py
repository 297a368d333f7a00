"""Areas, resistances and the graph of compartments, against closed forms and integrals."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad

from neurojax.dendrites._compartments import Compartments
from neurojax.dendrites._discretise import discretise
from neurojax.dendrites._morphology import Morphology

# quad's own relative tolerance, on pieces over which the integrand is smooth.
EPSREL = 1e-10
RTOL = 1e-8


def cable(x, radii, types=3):
    """A straight cable without a soma: radii (µm) at places x (µm)."""
    n = len(x)
    return Morphology(
        ids=np.arange(1, n + 1),
        types=np.full(n, types),
        xyz=np.stack([np.array(x, float), np.zeros(n), np.zeros(n)], axis=1),
        radii=np.array(radii, float),
        parents=np.arange(n) - 1,
    )


def integral(f, x, low, high):
    """∫ f(x) dx, taken between the points at which the radius has corners."""
    cuts = [low, *(p for p in x if low < p < high), high]
    return sum(quad(f, a, b, epsabs=0, epsrel=EPSREL)[0] for a, b in pairwise(cuts))


X, RADII = [0.0, 3.0, 4.5, 20.0, 26.0], [2.0, 0.5, 1.0, 1.0, 0.2]


@pytest.mark.parametrize("count", [1, 2, 5, 16])
def test_areas_and_resistances_are_the_integrals_over_the_outline(count):
    c = discretise(cable(X, RADII), compartments=count)

    def radius(x):
        return np.interp(x, X, RADII)

    def surface(x):
        slope = (radius(x + 1e-7) - radius(x - 1e-7)) / 2e-7
        return 2 * np.pi * radius(x) * np.sqrt(1 + slope**2)

    def resistance(x):
        return 1 / (np.pi * radius(x) ** 2)

    bounds = np.linspace(0, 26, 2 * count + 1)
    halves = list(pairwise(bounds))
    np.testing.assert_allclose(
        c.near, [integral(resistance, X, *h) for h in halves[::2]], rtol=RTOL
    )
    np.testing.assert_allclose(
        c.far, [integral(resistance, X, *h) for h in halves[1::2]], rtol=RTOL
    )
    whole = list(pairwise(bounds[::2]))
    # The slope by differences is known to 1e-8, as is the place of its corners to 1e-7 of 1 µm.
    np.testing.assert_allclose(c.area, [integral(surface, X, *w) for w in whole], rtol=1e-6)
    np.testing.assert_allclose(c.length, 26 / count)
    np.testing.assert_allclose(c.radius * 2 * np.pi * c.length, c.area)
    np.testing.assert_allclose(c.distance, bounds[1::2])
    np.testing.assert_allclose(c.xyz[:, 0], bounds[1::2])


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_a_frustum_has_its_closed_forms(count):
    c = discretise(cable([0, 12], [3, 0.5]), compartments=count)
    np.testing.assert_allclose(c.area.sum(), np.pi * 3.5 * np.hypot(12, 2.5), rtol=1e-12)
    np.testing.assert_allclose((c.near + c.far).sum(), 12 / (np.pi * 3 * 0.5), rtol=1e-12)


def test_a_step_in_radius_is_a_ring():
    c = discretise(cable([0, 10, 10, 20], [2, 2, 1, 1]), compartments=4)
    np.testing.assert_allclose(c.area, np.pi * np.array([20, 20 + 3, 10, 10]), rtol=1e-12)


@pytest.mark.parametrize("count", [2, 5])
def test_neighbours_in_a_uniform_cable_have_its_resistance(count):
    c = discretise(cable([0, 30, 60], [1.5, 1.5, 1.5]), compartments=count)
    np.testing.assert_array_equal(c.ends, [(k, k + 1) for k in range(count - 1)])
    np.testing.assert_array_equal(c.sides, c.ends)
    expected = 60 / count / (np.pi * 1.5**2)
    np.testing.assert_allclose(c.weights.sum(axis=1), expected, rtol=1e-12)


def forked():
    """A sphere of radius 5, a stem of 10 µm, and two branches of 20 and 30 µm, one of them bent."""
    return Morphology(
        ids=np.array([1, 2, 3, 4, 5, 6, 7]),
        types=np.array([1, 4, 4, 4, 3, 3, 3]),
        xyz=np.array(
            [[0, 0, 0], [0, 5, 0], [0, 15, 0], [0, 35, 0], [10, 15, 0], [10, 35, 0], [10, 35, 0]],
            float,
        ),
        radii=np.array([5, 2, 2, 1, 1, 1, 1], float),
        parents=np.array([-1, 0, 1, 2, 2, 4, 5]),
    )


def neighbours(c: Compartments):
    found = {node: set() for node in range(c.nodes)}
    for a, b in c.ends.tolist():
        found[a].add(b)
        found[b].add(a)
    return found


def test_the_graph_of_a_fork():
    c = discretise(forked(), compartments={"apical": 2})
    assert c.region == ("soma", "apical", "apical", "apical", "apical", "basal")
    # A junction, node 6, between the stem and the two branches; the sphere needs none.
    assert c.nodes == 7
    assert neighbours(c)[6] == {2, 3, 5}
    assert neighbours(c)[0] == {1} and neighbours(c)[4] == {3}
    for (a, b), (of_a, of_b), (w_a, w_b) in zip(c.ends, c.sides, c.weights, strict=True):
        if 6 in (a, b):
            assert of_a == of_b and w_a == 0
            assert w_b == (c.far if of_b == 2 else c.near)[of_b]
    np.testing.assert_allclose(c.distance, [0, 2.5, 7.5, 15, 25, 25])
    np.testing.assert_array_equal(c.of_point, [0, 1, 2, 4, 5, 5, 5])


def test_compartments_of_points_lie_where_the_points_do():
    c = discretise(cable(X, RADII), compartments=5)
    np.testing.assert_array_equal(c.of_point, [0, 0, 0, 3, 4])  # of 5.2 µm each


@pytest.mark.parametrize("count", [1, 3, 8])
def test_a_tree_of_any_count_has_the_same_area_and_is_a_tree(count):
    c = discretise(forked(), compartments=count)
    assert len(c) == 1 + 3 * count
    np.testing.assert_allclose(c.area.sum(), discretise(forked()).area.sum(), rtol=1e-12)
    assert len(c.ends) == c.nodes - 1
    seen, pending = {0}, [0]
    while pending:
        new = neighbours(c)[pending.pop()] - seen
        seen |= new
        pending += new
    assert len(seen) == c.nodes


@pytest.mark.parametrize("count", [1, 3, 8])
def test_the_resistance_between_two_tips_is_that_of_the_way(count):
    c = discretise(forked(), compartments=count)
    conductance = np.zeros((c.nodes, c.nodes))
    for (a, b), w in zip(c.ends, c.weights.sum(axis=1), strict=True):
        conductance[[a, b], [a, b]] += 1 / w
        conductance[[a, b], [b, a]] -= 1 / w
    last = [int(np.flatnonzero(c.section == k)[-1]) for k in (2, 3)]
    current = np.zeros(c.nodes)
    current[last] = 1, -1
    v = np.zeros(c.nodes)
    v[1:] = np.linalg.solve(conductance[1:, 1:], current[1:])

    # From the fork to the middles of the last compartments: radius 2 to 1 within 20 µm, and 2 to 1
    # within 10 µm with a cylinder behind.
    x, y = 20 * (1 - 0.5 / count), 30 * (1 - 0.5 / count)
    expected = x / (np.pi * 2 * (2 - x / 20)) + 10 / (np.pi * 2) + (y - 10) / np.pi
    # Conductances span two orders of magnitude.
    np.testing.assert_allclose(v[last[0]] - v[last[1]], expected, rtol=1e-10)


def test_max_length():
    c = discretise(forked(), max_length=10)
    assert np.bincount(c.section).tolist() == [1, 1, 2, 3]
    assert np.bincount(discretise(forked(), max_length=9.99).section).tolist() == [1, 2, 3, 4]
    assert len(discretise(forked(), max_length=1e9)) == 4
    assert len(discretise(cable([0, 3 * 0.1], [1, 1]), max_length=0.1)) == 3  # 3.0000000000000004


def test_d_lambda():
    """λ of a cylinder of diameter 2 µm at 100 Hz, 100 Ω·cm, 1 µF/cm²: 1e5 √(2 / (4π 1e4)) µm."""
    length_constant = 1e5 * np.sqrt(2 / (4 * np.pi * 1e4))
    for share, count in [(0.09, 1), (0.12, 3), (0.3, 3), (0.32, 5)]:
        m = cable([0, share * length_constant], [1, 1])
        assert len(discretise(m, d_lambda=0.1)) == count
    # Four times the resistivity or the capacitance: half the length constant.
    m = cable([0, 0.16 * length_constant], [1, 1])
    assert len(discretise(m, d_lambda=0.1)) == 3
    assert len(discretise(m, d_lambda=0.1, R_a=400.0)) == 5
    assert len(discretise(m, d_lambda=0.1, C_m=4.0)) == 5
    assert len(discretise(m, d_lambda=0.2)) == 1


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (dict(compartments=0), "compartments must be at least 1, got 0"),
        (dict(compartments={"apical": -1}), "at least 1, got -1 for 'apical'"),
        (dict(compartments={"axon": 2}), "no region 'axon', the cell has apical, basal, soma"),
        (dict(max_length=-1.0), r"max_length must be positive and finite, got -1\.0"),
        (dict(max_length=float("nan")), "max_length must be positive and finite, got nan"),
        (dict(d_lambda=0), "d_lambda must be positive and finite, got 0"),
        (dict(d_lambda=0.1, R_a=0.0), r"R_a must be positive and finite, got 0\.0"),
        (dict(d_lambda=0.1, C_m=-1.0), r"C_m must be positive and finite, got -1\.0"),
        (dict(compartments=2, max_length=3.0), "give one of compartments, max_length and d_lambda"),
    ],
)
def test_what_cannot_be_discretised(asked, said):
    with pytest.raises(ValueError, match=said):
        discretise(forked(), **asked)


def test_selection():
    c = discretise(forked(), compartments=2)
    np.testing.assert_array_equal(np.flatnonzero(c.select("apical")), [1, 2, 3, 4])
    np.testing.assert_array_equal(np.flatnonzero(c.select(distance=(7.5, 25.0))), [2, 3, 5])
    np.testing.assert_array_equal(
        np.flatnonzero(c.select("apical", distance=(10, np.inf), where=lambda c: c.xyz[:, 1] > 25)),
        [4],
    )
    assert c.select().all()
    with pytest.raises(ValueError, match="region: there is no region 'axon', the cell has apical,"):
        c.select("axon")
    with pytest.raises(ValueError, match=r"low <= high, got \(3, 2\)"):
        c.select(distance=(3, 2))
    with pytest.raises(
        ValueError, match=r"a boolean for each of the 7 compartments, got bool \(2,"
    ):
        c.select(where=lambda c: np.ones(2, bool))
