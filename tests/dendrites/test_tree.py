"""The operator and the solver of a tree, against dense matrices."""

import jax
import jax.numpy as jnp
import lineax as lx
import numpy as np
import pytest

from neurojax.dendrites import Tree, TreeOperator, TreeSolver
from neurojax.dendrites._contraction import rounds_of


def random_tree(seed: int, compartments: int) -> Tree:
    """A third of the compartments hang from junctions, by threes and more."""
    rng = np.random.default_rng(seed)
    ends, nodes = [], compartments
    for k in range(1, compartments):
        to = int(rng.integers(k))
        if rng.random() < 0.3 and k + 1 < compartments:
            ends += [(nodes, to), (nodes, k)]
            nodes += 1
        else:
            ends.append((to, k))
    return Tree(compartments, nodes, np.array(ends, int).reshape(-1, 2))


def dense(tree: Tree, diagonal: np.ndarray, axial: np.ndarray) -> np.ndarray:
    """The matrix of compartments and junctions, junctions eliminated (Schur complement)."""
    whole = np.zeros((tree.nodes, tree.nodes))
    for (a, b), g in zip(tree.ends, axial, strict=True):
        whole[[a, b], [a, b]] += g
        whole[[a, b], [b, a]] -= g
    n = tree.compartments
    inner, outer = whole[:n, :n] + np.diag(diagonal), whole[:n, n:]
    return inner - outer @ np.linalg.solve(whole[n:, n:], outer.T)


def values(tree: Tree, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    n = tree.compartments
    return rng.uniform(0.1, 1, n), rng.uniform(1, 100, len(tree.ends)), rng.normal(0, 1, n)


METHODS = ("elimination", "contraction")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("seed", "compartments"), [(0, 1), (1, 2), (2, 7), (3, 60)])
def test_it_is_the_dense_matrix_and_solves_it(seed, compartments, method, x64):
    tree = random_tree(seed, compartments)
    diagonal, axial, source = values(tree, seed)
    operator = TreeOperator(jnp.asarray(diagonal), jnp.asarray(axial), tree)
    matrix = dense(tree, diagonal, axial)
    np.testing.assert_allclose(operator.as_matrix(), matrix, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(operator.mv(jnp.asarray(source)), matrix @ source, atol=1e-11)
    found = lx.linear_solve(operator, jnp.asarray(source), TreeSolver(method)).value
    np.testing.assert_allclose(found, np.linalg.solve(matrix, source), rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("method", METHODS)
def test_single_precision_loses_nothing_where_axial_conductances_are_large(method):
    """A potential of −65 mV that all compartments share, and axial conductances of 10⁵ times the
    rest: with subtractions the error would be 1e-7 · 10⁵."""
    tree = random_tree(4, 60)
    diagonal, axial, _ = values(tree, 4)
    diagonal, axial = diagonal.astype(np.float32), (1000 * axial).astype(np.float32)
    operator = TreeOperator(jnp.asarray(diagonal), jnp.asarray(axial), tree)
    found = TreeSolver(method).compute(operator, jnp.asarray(-65 * diagonal), {})[0]
    np.testing.assert_allclose(found, -65.0, rtol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_populations_and_batches_are_solved_one_by_one(method, x64):
    tree = random_tree(5, 20)
    each = [values(tree, seed) for seed in range(3)]
    alone = np.stack([np.linalg.solve(dense(tree, d, g), b) for d, g, b in each])

    def solved(diagonal, axial, source):
        return TreeSolver(method).compute(TreeOperator(diagonal, axial, tree), source, {})[0]

    diagonal, axial, source = (jnp.stack(x) for x in zip(*each, strict=True))
    np.testing.assert_allclose(jax.vmap(solved)(diagonal, axial, source), alone, rtol=1e-11)
    last = solved(diagonal.T, axial.T, source.T)
    np.testing.assert_allclose(last.T, alone, rtol=1e-11)
    shared = jax.vmap(solved, in_axes=(None, None, 0))(diagonal[0], axial[0], source)
    matrix = dense(tree, *each[0][:2])
    np.testing.assert_allclose(shared, np.linalg.solve(matrix, source.T).T, rtol=1e-11)


@pytest.mark.parametrize("method", METHODS)
def test_derivatives_are_those_of_the_dense_matrix(method, x64):
    """Forward and reverse, to second order, of what depends on all of diagonal, axial, source."""
    tree = random_tree(6, 12)

    def solved(diagonal, axial, source):
        return TreeSolver(method).compute(TreeOperator(diagonal, axial, tree), source, {})[0]

    def densely(diagonal, axial, source):
        operator = TreeOperator(diagonal, axial, tree)
        return jnp.linalg.solve(operator.as_matrix(), source)

    given = tuple(map(jnp.asarray, values(tree, 6)))
    direction = tuple(jnp.cos(jnp.arange(float(len(x)))) * x for x in given)
    moved = [jax.jvp(f, given, direction)[1] for f in (solved, densely)]
    np.testing.assert_allclose(*moved, rtol=1e-9)
    ours = jax.grad(lambda *x: (solved(*x) ** 3).sum(), (0, 1, 2))
    theirs = jax.grad(lambda *x: (densely(*x) ** 3).sum(), (0, 1, 2))
    for a, b in zip(ours(*given), theirs(*given), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
    second = [jax.jvp(f, given, direction)[1] for f in (ours, theirs)]
    for a, b in zip(*second, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-10)


def test_contraction_takes_few_rounds():
    """A chain of 1,000 nodes, and a bush: about log₂ of their number."""
    chain = Tree(1000, 1000, np.stack([np.arange(999), np.arange(1, 1000)], 1))
    assert len(rounds_of(chain)) <= 11
    assert len(rounds_of(random_tree(7, 1000))) <= 14


def test_what_is_no_tree_is_refused():
    with pytest.raises(ValueError, match="2 hang together"):
        Tree(3, 3, np.array([[0, 1], [0, 1]]))
    with pytest.raises(ValueError, match="3 edges between 3 nodes"):
        Tree(3, 3, np.array([[0, 1], [1, 2], [2, 0]]))
    with pytest.raises(ValueError, match="method must be one of elimination, contraction"):
        TreeSolver("hines")
    with pytest.raises(TypeError, match="got DiagonalLinearOperator"):
        TreeSolver().init(lx.DiagonalLinearOperator(jnp.ones(3)), {})
