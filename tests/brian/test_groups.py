"""Groups: their variables with units, by index, slice and condition; subgroups; connect rules."""

import numpy as np
import pytest

from neurojax import brian as b
from neurojax.brian import Hz, ms, mV, nA


@pytest.fixture
def group():
    """Ten neurons with variables of several dimensions."""
    b.start_scope()
    return b.NeuronGroup(
        10,
        "dv/dt = -v/tau : volt\ntau : second\nI : amp\nx : 1\ndouble = 2*v : volt\nk : 1 (shared)",
        threshold="v > 10*mV",
        reset="v = 0*mV",
    )


def test_variables_are_set_and_read_with_units(group):
    group.v = 3 * mV
    group.tau[:5] = 10 * ms
    group.tau[5:] = "(i + 1)*ms"
    group.I[2] = 0.5 * nA
    group.x = np.arange(10.0)
    group.x["i >= 8"] = -1  # pyright: ignore[reportArgumentType, reportCallIssue]
    group.k = 7

    np.testing.assert_allclose(group.v / mV, np.full(10, 3.0))
    np.testing.assert_allclose(group.tau[4:7] / ms, [10, 6, 7])
    assert str(group.I[2]) == "0.5 nA"
    np.testing.assert_allclose(group.x[:], [*range(8), -1, -1])
    np.testing.assert_allclose(group.double[3] / mV, 6)
    np.testing.assert_allclose(group.v_[0], 3e-3)
    assert repr(group.v).startswith(f"<{group.name}.v: array([0.003, 0.003,")
    group.v += 1 * mV
    group.v *= 2
    np.testing.assert_allclose(np.mean(group.v) / mV, 8)
    np.testing.assert_allclose((group.v - 1 * mV) / mV, np.full(10, 7.0))
    np.testing.assert_allclose((5 * mV - group.v) / mV, np.full(10, -3.0))
    group.v[1:3] -= 2 * mV
    np.testing.assert_allclose(group.v[:4] / mV, [8, 6, 6, 8])
    group.x = group.k
    np.testing.assert_allclose(np.asarray(group.x), np.full(10, 7.0))
    assert np.all(2 * mV < group.v)
    group.v_ = 2e-3
    np.testing.assert_allclose(group.v / mV, np.full(10, 2.0))


def test_drawn_values_are_numpys(group):
    b.seed(3)
    group.v = "rand()*10*mV"
    group.x[:4] = "randn()"

    np.random.seed(3)
    np.testing.assert_allclose(group.v / mV, 10 * np.random.rand(10))
    np.testing.assert_allclose(group.x[:4], np.random.randn(4))


def test_subgroups_are_views(group):
    part = group[4:8]
    part.x = "i"
    part[1:3].v = 5 * mV

    assert len(part) == 4
    np.testing.assert_allclose(group.x[:], [0, 0, 0, 0, 0, 1, 2, 3, 0, 0])
    np.testing.assert_allclose(group.v / mV, [0, 0, 0, 0, 0, 5, 5, 0, 0, 0])
    with pytest.raises(IndexError, match="no subgroup"):
        group[4:2]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda g: setattr(g, "v", 3), b.DimensionMismatchError, r"v must be set .* volt"),
        (lambda g: setattr(g, "v", 3 * nA), b.DimensionMismatchError, r"unit volt"),
        (lambda g: setattr(g, "v", "3*nA"), b.DimensionMismatchError, r"voltage"),
        (lambda g: setattr(g, "w", 3), AttributeError, r"no variable 'w'; it has v"),
        (lambda g: g.w, AttributeError, r"no variable 'w'"),
        (lambda g: setattr(g, "double", 3 * mV), TypeError, r"subexpression"),
        (lambda g: setattr(g, "x", np.nan), ValueError, r"NaN"),
        (lambda g: setattr(g, "x", np.zeros(3)), ValueError, r"x: .*broadcast"),
        (lambda g: setattr(g, "x", "nothing*2"), KeyError, r"'nothing' is not known"),
        (lambda g: b.NeuronGroup(0, "v : 1"), ValueError, r"N must be"),
        (lambda g: b.NeuronGroup(1, "dv/dt = -v : 1", method="best"), None, ""),
        (lambda g: b.SpikeGeneratorGroup(2, [0, 2], [1, 2] * ms), ValueError, r"from 0 to 1"),
        (lambda g: b.SpikeGeneratorGroup(2, [0], [1, 2] * ms), ValueError, r"as many"),
        (lambda g: b.SpikeMonitor(b.NeuronGroup(1, "v : 1")), TypeError, r"that spikes"),
        (lambda g: b.PoissonInput(g, "v", 2, 3 * Hz, 1), b.DimensionMismatchError, r"unit volt"),
        (lambda g: b.run(3), b.DimensionMismatchError, r"duration must be a time"),
    ],
)
def test_mistakes_are_named(group, change, error, message):
    if error is None:
        change(group)
        return
    with pytest.raises(error, match=message):
        change(group)


def pairs(**rule):
    """The pairs that a connect rule makes of 4 and 5 neurons."""
    before = b.NeuronGroup(4, "x : 1", threshold="x > 1")
    after = b.NeuronGroup(5, "y : 1")
    before.x = "i * 0.5"
    synapses = b.Synapses(before, after, "w : 1", on_pre="y += w")
    limit = 0.9  # noqa: F841
    synapses.connect(**rule)
    return sorted(zip(synapses.i[:].tolist(), synapses.j[:].tolist(), strict=True))


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({}, [(i, j) for i in range(4) for j in range(5)]),
        ({"condition": "i == j"}, [(i, i) for i in range(4)]),
        ({"condition": "x_pre > limit and j < 2"}, [(i, j) for i in (2, 3) for j in (0, 1)]),
        ({"i": 1, "j": [0, 4]}, [(1, 0), (1, 4)]),
        ({"i": [0, 3], "j": [2, 2]}, [(0, 2), (3, 2)]),
        ({"j": "i"}, [(i, i) for i in range(4)]),
        ({"j": "i", "n": 2}, [(i, i) for i in range(4) for _ in range(2)]),
        ({"i": "j", "skip_if_invalid": True}, [(i, i) for i in range(4)]),
        ({"j": "k for k in range(i, i + 2)"}, [(i, i + d) for i in range(4) for d in (0, 1)]),
        (
            {"j": "k for k in range(i - 1, i + 2) if k != i", "skip_if_invalid": True},
            [(0, 1), (1, 0), (1, 2), (2, 1), (2, 3), (3, 2), (3, 4)],
        ),
        ({"p": 0}, []),
        ({"condition": "i == 0", "p": "int(j > 2)"}, [(0, 3), (0, 4)]),
    ],
)
def test_connect_rules(rule, expected):
    assert pairs(**rule) == expected


def test_samples_have_their_size():
    found = np.array(pairs(j="k for k in sample(N_post, size=3)"))

    assert len({tuple(pair) for pair in found}) == 12
    np.testing.assert_array_equal(np.bincount(found[:, 0]), [3, 3, 3, 3])


@pytest.mark.parametrize(
    ("rule", "error", "message"),
    [
        ({"i": 4, "j": 0}, IndexError, "i must be from 0 to 3"),
        ({"i": [0, 1, 2], "j": [0, 1]}, TypeError, "as many"),
        ({"j": "i + 3"}, IndexError, "outside of 0 to 4"),
        ({"condition": "i", "p": 1}, TypeError, "no condition"),
        ({"condition": "i == j", "i": 2}, ValueError, "not both"),
    ],
)
def test_connect_mistakes_are_named(rule, error, message):
    with pytest.raises(error, match=message):
        pairs(**rule)
