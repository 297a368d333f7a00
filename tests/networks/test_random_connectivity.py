"""The random rules against the distributions that define them."""

import tracemalloc
from collections import Counter
from itertools import combinations, combinations_with_replacement, product
from math import factorial, prod

import numpy as np
import pytest
from scipy import stats

from neurojax.networks import (
    Edges,
    FixedInDegree,
    FixedNumber,
    FixedOutDegree,
    FixedProbability,
)

RARE = 1e-6  # about five standard deviations: what a fair draw stays above


def made(rule, n_pre=300, n_post=400, seed=0, within=False) -> Edges:
    edges = rule.edges(n_pre, n_post, np.random.default_rng(seed), within=within)
    assert edges.starts.dtype == np.int64 and edges.post.dtype == np.int32
    assert (edges.n_pre, edges.n_post) == (n_pre, n_post)
    assert edges.starts[0] == 0 and edges.starts[-1] == edges.n_synapses
    assert edges.n_synapses == 0 or (edges.post.min() >= 0 and edges.post.max() < n_post)
    pair = edges.pre.astype(np.int64) * n_post + edges.post
    assert (np.diff(pair) >= 0).all()  # ascending within rows
    return edges


def has_repeats(edges: Edges) -> bool:
    return bool((edges.to_scipy().toarray() > 1).any())


def assert_law(seen: Counter, law: dict) -> None:
    """That what was seen comes from the law, by chi squared over all its outcomes."""
    assert seen.keys() <= law.keys()
    draws = sum(seen.values())
    assert sum(law.values()) == pytest.approx(1)
    counts = [seen[outcome] for outcome in law]
    expected = [draws * p for p in law.values()]
    assert min(expected) >= 5
    assert stats.chisquare(counts, expected).pvalue > RARE


def many(rule, n_pre, n_post, draws, within=False) -> Counter:
    """How often each network was drawn, by its pairs."""
    rng = np.random.default_rng(1)
    seen = Counter()
    for _ in range(draws):
        edges = rule.edges(n_pre, n_post, rng, within=within)
        seen[tuple(zip(edges.pre.tolist(), edges.post.tolist(), strict=True))] += 1
    return seen


def multisets(n: int, k: int) -> dict:
    """The law of k draws from n with replacement, when their order does not count."""
    return {
        chosen: factorial(k) / prod(factorial(c) for c in Counter(chosen).values()) / n**k
        for chosen in combinations_with_replacement(range(n), k)
    }


def subsets(n: int, k: int) -> dict:
    """That of k different ones."""
    all_of_them = list(combinations(range(n), k))
    return dict.fromkeys(all_of_them, 1 / len(all_of_them))


# --- every network of a small size as often as it should be


@pytest.mark.parametrize("p", [0.3, 0.7])
def test_each_small_network_with_its_probability(p):
    pairs = list(product(range(2), range(3)))
    law = {
        chosen: p ** len(chosen) * (1 - p) ** (6 - len(chosen))
        for size in range(7)
        for chosen in combinations(pairs, size)
    }
    assert_law(many(FixedProbability(p), 2, 3, 10_000), law)


def test_each_small_network_without_self_connections():
    pairs = [(i, j) for i, j in product(range(3), range(3)) if i != j]
    law = {
        chosen: 0.4 ** len(chosen) * 0.6 ** (6 - len(chosen))
        for size in range(7)
        for chosen in combinations(pairs, size)
    }
    rule = FixedProbability(0.4, self_connections=False)
    assert_law(many(rule, 3, 3, 10_000, within=True), law)


@pytest.mark.parametrize("multiple", [True, False])
@pytest.mark.parametrize("k", [2, 3])  # with 3 of 4, those left out are drawn
def test_each_choice_of_partners_is_as_likely(k, multiple):
    """Of two neurons at a time, since they draw independently."""
    one = multisets(4, k) if multiple else subsets(4, k)
    law = {(a, b): one[a] * one[b] for a in one for b in one}
    sent = made(FixedOutDegree(k, multiple=multiple), 50_000, 4)
    assert_law(two_by_two(sent.post.reshape(-1, k)), law)
    received = made(FixedInDegree(k, multiple=multiple), 4, 50_000)
    by_post = np.argsort(received.post, kind="stable")
    assert_law(two_by_two(received.pre[by_post].reshape(-1, k)), law)


def two_by_two(partners: np.ndarray) -> Counter:
    rows = [tuple(row) for row in partners.tolist()]
    return Counter(zip(rows[::2], rows[1::2], strict=True))


@pytest.mark.parametrize(("n", "multiple"), [(2, True), (3, True), (2, False), (4, False)])
def test_each_choice_of_pairs_is_as_likely(n, multiple):
    pairs = list(product(range(2), range(3)))
    one = multisets(6, n) if multiple else subsets(6, n)
    law = {tuple(pairs[place] for place in chosen): p for chosen, p in one.items()}
    assert_law(many(FixedNumber(n, multiple=multiple), 2, 3, 5000), law)


# --- large networks: the moments of the theory


@pytest.mark.parametrize("p", [1e-3, 0.1, 0.7])
@pytest.mark.parametrize("without_self", [False, True])
def test_degrees_of_a_fixed_probability_are_binomial(p, without_self):
    n = 2000
    edges = made(FixedProbability(p, not without_self), n, n, within=True)
    trials = n - without_self
    for degree in (edges.out_degree, edges.in_degree):
        assert_binomial(degree, trials, p)
    total = n * trials
    assert abs(edges.n_synapses - total * p) < 5 * np.sqrt(total * p * (1 - p))
    assert not has_repeats(edges)
    at_self = np.count_nonzero(edges.pre == edges.post)
    if without_self:
        assert at_self == 0
    else:
        assert abs(at_self - n * p) < 5 * np.sqrt(n * p * (1 - p))


def assert_binomial(degree: np.ndarray, trials: int, p: float) -> None:
    """Mean and variance are within five standard deviations of theirs."""
    n, variance = len(degree), trials * p * (1 - p)
    assert abs(degree.mean() - trials * p) < 5 * np.sqrt(variance / n)
    kurtosis = 3 + (1 - 6 * p * (1 - p)) / variance
    assert abs(degree.var() - variance) < 5 * variance * np.sqrt((kurtosis - 1) / n)


@pytest.mark.parametrize("multiple", [True, False])
@pytest.mark.parametrize("k", [1, 50, 900, 999])
def test_fixed_degrees_within_a_population(k, multiple):
    n = 1000
    into = made(FixedInDegree(k, multiple, self_connections=False), n, n, within=True)
    out_of = made(FixedOutDegree(k, multiple, self_connections=False), n, n, within=True)
    assert (into.in_degree == k).all()
    assert (out_of.out_degree == k).all()
    for edges, free in ((into, into.out_degree), (out_of, out_of.in_degree)):
        assert not (edges.pre == edges.post).any()
        assert has_repeats(edges) == (multiple and k > 1)
        trials, p = (n * k, 1 / n) if multiple else (n - 1, k / (n - 1))
        if k < n - 1 or multiple:
            assert_binomial(free, trials, p)
        else:
            assert (free == n - 1).all()


def test_self_connections_are_as_frequent_as_others():
    for rule in (FixedInDegree(100), FixedOutDegree(100, multiple=False)):
        at_self = np.count_nonzero((e := made(rule, 1000, 1000, within=True)).pre == e.post)
        assert abs(at_self - 100) < 5 * np.sqrt(100)


@pytest.mark.parametrize("multiple", [True, False])
def test_a_fixed_number(multiple):
    n, number = 1000, 200_000
    edges = made(FixedNumber(number, multiple, self_connections=False), n, n, within=True)
    assert edges.n_synapses == number
    assert not (edges.pre == edges.post).any()
    assert has_repeats(edges) == multiple
    thinned = 1.0 if multiple else 1 - number / (n * (n - 1))  # of a finite number of pairs
    for degree in (edges.out_degree, edges.in_degree):
        variance = number / n * thinned
        assert abs(degree.var() - variance) < 5 * variance * np.sqrt(2 / n)


def test_blocks_of_rows_join():
    """Three of them; each third of the rows has its share."""
    edges = made(FixedProbability(0.5), 2400, 2600)
    expected = 800 * 2600 * 0.5
    thirds = edges.out_degree.reshape(3, 800).sum(1)
    assert (abs(thirds - expected) < 5 * np.sqrt(expected / 2)).all()
    assert not has_repeats(edges)


# --- ends of the ranges


def test_none_and_all():
    assert made(FixedProbability(0)).n_synapses == 0
    assert made(FixedInDegree(0)).n_synapses == 0
    assert made(FixedOutDegree(0, multiple=False)).n_synapses == 0
    assert made(FixedNumber(0)).n_synapses == 0
    alone = FixedProbability(1, self_connections=False)
    assert made(alone, 1, 1, within=True).n_synapses == 0
    assert made(FixedInDegree(0, self_connections=False), 1, 1, within=True).n_synapses == 0
    everything = np.ones((30, 40))
    for rule in (
        FixedProbability(1),
        FixedInDegree(30, multiple=False),
        FixedOutDegree(40, multiple=False),
        FixedNumber(1200, multiple=False),
    ):
        np.testing.assert_array_equal(made(rule, 30, 40).to_scipy().toarray(), everything)


def test_a_probability_too_small_for_any_synapse():
    assert made(FixedProbability(1e-300), 10**6, 10**6).n_synapses == 0


RULES = [
    FixedProbability(0.1),
    FixedInDegree(7),
    FixedOutDegree(7, multiple=False),
    FixedNumber(900),
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: type(rule).__name__)
def test_a_seed_gives_one_network(rule):
    first, again, other = (made(rule, seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.starts, again.starts)
    np.testing.assert_array_equal(first.post, again.post)
    assert not np.array_equal(first.post, other.post)


@pytest.mark.parametrize(
    "rule",
    [
        FixedProbability(1e-5),
        FixedInDegree(2),
        FixedInDegree(2, multiple=False),
        FixedOutDegree(2, multiple=False),
        FixedNumber(400_000),
        FixedNumber(400_000, multiple=False),
    ],
    ids=str,
)
def test_memory_goes_with_the_synapses(rule):
    """200,000 × 200,000 pairs would be 40 GB of booleans; there are 400,000 synapses."""
    tracemalloc.start()
    edges = rule.edges(200_000, 200_000, np.random.default_rng(0))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    n = edges.n_synapses
    assert abs(n - 400_000) < 5 * np.sqrt(400_000)
    assert peak < 64 * (n + 200_000)


# --- what is refused


@pytest.mark.parametrize("p", [-0.1, 1.5, float("nan")])
def test_no_probability(p):
    with pytest.raises(ValueError, match=rf"FixedProbability: p must be from 0 to 1, got {p}"):
        FixedProbability(p)


@pytest.mark.parametrize("kind", [FixedInDegree, FixedOutDegree, FixedNumber])
def test_no_number(kind):
    name = "n" if kind is FixedNumber else "k"
    with pytest.raises(ValueError, match=rf"{kind.__name__}: {name} must not be negative, got -1"):
        kind(-1)
    with pytest.raises(
        TypeError, match=f"{kind.__name__}: {name} must be a whole number, got True"
    ):
        kind(True)


def test_more_than_there_are():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"FixedInDegree: k must be at most 5, .* got 6"):
        FixedInDegree(6, multiple=False).edges(5, 9, rng)
    with pytest.raises(ValueError, match=r"FixedOutDegree: k must be at most 8, .* got 9"):
        FixedOutDegree(9, multiple=False, self_connections=False).edges(9, 9, rng, within=True)
    with pytest.raises(ValueError, match=r"FixedNumber: n must be at most 45, .* got 46"):
        FixedNumber(46, multiple=False).edges(5, 9, rng)
    with pytest.raises(ValueError, match=r"FixedInDegree: k must be at most 0, .* got 1"):
        FixedInDegree(1, self_connections=False).edges(1, 1, rng, within=True)


def test_wrong_sizes():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"n_pre must be from 1 to 2\*\*31 - 1, got 0"):
        FixedProbability(0.1).edges(0, 3, rng)
    with pytest.raises(ValueError, match=r"n_post must not be negative, got -3"):
        FixedProbability(0.1).edges(3, -3, rng)
    with pytest.raises(ValueError, match=r"n_post must be from 1 to 2\*\*31 - 1, got 2147483648"):
        FixedProbability(0.1).edges(3, 2**31, rng)
    with pytest.raises(ValueError, match=r"within one population n_pre is n_post, got \(3, 4\)"):
        FixedProbability(0.1).edges(3, 4, rng, within=True)
