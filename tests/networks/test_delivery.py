"""What arrives at neurons, and its derivatives: every backend against scipy's sparse product."""

import itertools

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from neurojax.networks import Edges, Targets, deliver
from neurojax.networks._delivery_plain import COMPACT_LEAST

BACKENDS = ["reference", "bits", "compact", "dense", "auto"]


def edges_of(rows, n_post):
    """From a list of targets for each neuron."""
    starts = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    return Edges(starts, np.array(list(itertools.chain(*rows)), np.int32), n_post)


def random_edges(n_pre, n_post, p, seed=0):
    matrix = np.random.default_rng(seed).random((n_pre, n_post)) < p
    return edges_of([np.flatnonzero(row) for row in matrix], n_post)


def uneven_edges(n_pre, n_post, seed=0):
    """A few neurons make most synapses, and some none; one goes twice to the same neuron."""
    rng = np.random.default_rng(seed)
    degree = np.minimum(rng.pareto(0.7, n_pre).astype(int), n_post)
    rows = [np.sort(rng.choice(n_post, d, replace=False)) for d in degree]
    rows[0] = np.array([1, 1, 3])
    return edges_of(rows, n_post)


CASES = {
    "sparse": random_edges(70, 50, 0.1),
    "even": edges_of([np.arange(i % 7, i % 7 + 5) for i in range(64)], 12),
    "uneven": uneven_edges(101, 90),
    "half of all": random_edges(33, 50, 0.5),
    "all to all": random_edges(40, 31, 1.0),
    "one neuron": edges_of([[0]], 1),
    "one to one": edges_of([[i] for i in range(65)], 65),
    "empty rows": edges_of([[], [], [2], [], [0, 1, 2], []], 4),
    "twice the same": edges_of([[0, 0, 0], [0, 0, 1], [1, 1, 1]], 2),
}


def example(case, dtype: type = np.float64, seed=1):
    """Targets, the weights laid out, the matrix of weights, spikes of a tenth, and a cotangent."""
    edges, rng = CASES[case], np.random.default_rng(seed)
    targets = Targets.of(edges)
    weights = rng.normal(size=edges.n_synapses).astype(dtype)
    matrix = np.zeros((edges.n_pre, edges.n_post))
    np.add.at(matrix, (edges.pre, edges.post), weights)
    spikes = (rng.random(edges.n_pre) < 0.1).astype(dtype)
    spikes[-1] = 1
    g = rng.normal(size=edges.n_post).astype(dtype)
    laid = targets.laid_out(jnp.asarray(weights))
    return targets, laid, matrix, jnp.asarray(spikes), jnp.asarray(g)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("case", CASES)
def test_it_is_a_sparse_product_whoever_spikes(case, backend, x64):
    targets, weights, matrix, spikes, _ = example(case)
    edges = CASES[case]
    ones = edges.to_scipy().toarray().astype(float)
    graded = jnp.asarray(np.random.default_rng(2).normal(size=edges.n_pre))
    f = jax.jit(lambda s, w: deliver(s, w, targets, backend=backend))

    for s in (spikes, jnp.zeros_like(spikes), jnp.ones_like(spikes), graded, spikes * graded):
        np.testing.assert_allclose(f(s, weights), s @ matrix, rtol=1e-13, atol=1e-13)
        # One weight for all synapses
        np.testing.assert_allclose(f(s, jnp.array(0.3)), 0.3 * s @ ones, rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(
        deliver(spikes, 2.0, targets, backend=backend), 2 * spikes @ ones, rtol=1e-13
    )


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("case", CASES)
def test_gradients_are_those_of_the_sum(case, backend, x64):
    targets, weights, matrix, spikes, g = example(case)
    edges = CASES[case]

    def loss(s, w):
        return deliver(s, w, targets, backend=backend) @ g

    of_spikes, of_weights = jax.jit(jax.grad(loss, (0, 1)))(spikes, weights)
    np.testing.assert_allclose(of_spikes, matrix @ g, rtol=1e-12, atol=1e-13)
    each = np.outer(spikes, g)[edges.pre, edges.post]
    np.testing.assert_allclose(targets.in_order(of_weights), each, rtol=1e-13)
    # Nothing goes to empty slots.
    np.testing.assert_array_equal(targets.laid_out(targets.in_order(of_weights)), of_weights)
    of_one = jax.grad(loss, 1)(spikes, jnp.array(0.5))
    np.testing.assert_allclose(of_one, each.sum(), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("case", ["uneven", "half of all"])
def test_derivatives_of_any_order_in_either_mode(case, backend, x64):
    targets, weights, _, spikes, _ = example(case)

    def f(s, w):
        return jnp.sin(deliver(jnp.asarray(s), jnp.asarray(w), targets, backend=backend))

    check_grads(f, (spikes, weights), order=2)

    # The gradient of a gradient, where what is not 0 reaches empty slots
    def again(backend):
        def inner(s, w):
            return jnp.sum(jnp.cos(jax.grad(lambda w: f(s, w)[:5].sum())(w))) + jnp.sum(f(s, w))

        def f(s, w):
            return jnp.sin(deliver(s, w, targets, backend=backend))

        return jax.jit(jax.grad(inner, (0, 1)))(spikes, weights)

    for a, b in zip(again(backend), again("reference"), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("case", ["sparse", "uneven", "half of all", "all to all"])
def test_only_those_felt_have_a_derivative(case, backend, x64):
    targets, weights, matrix, spikes, g = example(case)
    felt = jnp.asarray(np.random.default_rng(3).random(targets.n_pre) < 0.3)

    def f(s, w):
        return deliver(s, w, targets, felt=felt, backend=backend)

    np.testing.assert_allclose(f(spikes, weights), spikes @ matrix, rtol=1e-13, atol=1e-13)
    of_spikes, of_weights = jax.grad(lambda s, w: f(s, w) @ g, (0, 1))(spikes, weights)
    np.testing.assert_allclose(of_spikes, np.where(felt, matrix @ g, 0), rtol=1e-12, atol=1e-13)
    every = jax.grad(lambda w: deliver(spikes, w, targets, backend=backend) @ g)(weights)
    np.testing.assert_allclose(of_weights, every, rtol=1e-13)
    ds = jnp.asarray(np.random.default_rng(4).normal(size=targets.n_pre))
    moved = jax.jvp(lambda s: f(s, weights), (spikes,), (ds,))[1]
    np.testing.assert_allclose(moved, np.where(felt, ds, 0) @ matrix, rtol=1e-12, atol=1e-13)


def batch_of(targets, size, axis):
    rng = np.random.default_rng(5)
    spikes = (rng.random((size, targets.n_pre)) < 0.15).astype(float)
    return jnp.moveaxis(jnp.asarray(spikes), 0, axis)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("case", ["uneven", "half of all"])
def test_a_batch_is_one_sample_after_another(case, backend, x64):
    axis = 1
    targets, weights, _, _, g = example(case)
    spikes = batch_of(targets, 6, axis)
    felt = spikes > 0

    def f(s, w, felt):
        return deliver(s, w, targets, felt=felt, backend=backend)

    @jax.jit
    def both(s, w, felt):
        out, pull = jax.vjp(lambda s, w: f(s, w, felt), s, w)
        return out, *pull(g)

    each = [
        both(s, weights, h)
        for s, h in zip(jnp.moveaxis(spikes, axis, 0), jnp.moveaxis(felt, axis, 0), strict=True)
    ]
    expected = [jnp.stack(x) for x in zip(*each, strict=True)]
    batched = jax.jit(jax.vmap(both, (axis, None, axis)))(spikes, weights, felt)
    for a, b in zip(batched, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)
    # The gradient of the sum over the batch, of vmap and of leading axes
    many = jnp.moveaxis(spikes, axis, 0)
    for run in (jax.vmap(f, (0, None, 0)), f):
        out, pull = jax.vjp(lambda s, w, run=run: run(s, w, many > 0), many, weights)
        np.testing.assert_allclose(out, expected[0], rtol=1e-12, atol=1e-13)
        of_spikes, of_weights = pull(jnp.broadcast_to(g, out.shape))
        np.testing.assert_allclose(of_spikes, expected[1], rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(of_weights, expected[2].sum(0), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("backend", BACKENDS)
def test_batches_of_batches_of_weights_and_of_felt_alone(backend, x64):
    targets, weights, matrix, spikes, g = example("uneven")
    s = batch_of(targets, 6, 0).reshape(2, 3, -1)

    def f(s, w):
        return deliver(s, w, targets, backend=backend)

    expected = s @ matrix
    for run in (f, jax.vmap(f, (0, None)), jax.vmap(jax.vmap(f, (0, None)), (0, None))):
        np.testing.assert_allclose(run(s, weights), expected, rtol=1e-12, atol=1e-13)
    several = jnp.stack([weights, 2 * weights])
    np.testing.assert_allclose(
        jax.vmap(f)(s, several),
        expected * np.array([1.0, 2.0])[:, None, None],
        rtol=1e-12,
        atol=1e-13,
    )
    of_weights = jax.grad(lambda w: jnp.sum(jax.vmap(f, (None, 0))(spikes, w) @ g))(several)
    one = jax.grad(lambda w: f(spikes, w) @ g)(weights)
    np.testing.assert_allclose(of_weights, jnp.stack([one, one]), rtol=1e-12)

    felt = batch_of(targets, 2, 0) > 0
    slopes = jax.vmap(
        lambda felt: jax.grad(
            lambda s: deliver(s, weights, targets, felt=felt, backend=backend) @ g
        )(spikes)
    )(felt)
    np.testing.assert_allclose(slopes, np.where(felt, matrix @ g, 0), rtol=1e-12, atol=1e-13)


def test_in_single_precision_too():
    for case, backend in itertools.product(["uneven", "half of all"], BACKENDS):
        targets, weights, matrix, spikes, g = example(case, np.float32)
        out, pull = jax.vjp(
            lambda s, t=targets, w=weights, b=backend: deliver(s, w, t, backend=b), spikes
        )
        assert out.dtype == jnp.float32
        np.testing.assert_allclose(out, spikes @ matrix, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(pull(g)[0], matrix @ g, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("backend", ["bits", "compact", "dense", "auto"])
def test_a_run_and_its_gradient_are_those_of_the_reference(backend, x64):
    targets, weights, _, _, _ = example("uneven")
    drive = jnp.asarray(np.random.default_rng(6).random((30, targets.n_pre)))

    def run(backend):
        def loss(w):
            def step(x, row):
                s = (row > 0.9).astype(x.dtype) * jnp.tanh(1 + x[0])
                return 0.9 * x + 0.1 * deliver(s, w, targets, backend=backend), None

            return jnp.sum(jax.lax.scan(step, jnp.zeros(targets.n_post), drive)[0] ** 2)

        return jax.jit(jax.value_and_grad(loss))(weights)

    for a, b in zip(run(backend), run("reference"), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("batch", [(), (3,)])
def test_more_spikes_than_compact_has_room_for_all_arrive(batch, x64):
    edges = random_edges(500, 40, 0.05)
    targets = Targets.of(edges)
    weights = targets.laid_out(jnp.ones(edges.n_synapses))
    matrix = edges.to_scipy().toarray().astype(float)
    f = jax.jit(lambda s: deliver(s, weights, targets, backend="compact"))
    order = np.random.default_rng(7).permutation(500)
    room = max(int(np.prod(batch, dtype=int)) * targets.shape[0] // 32, COMPACT_LEAST)
    for spiking in (1, room - 1, room, room + 1, 500):
        s = np.zeros((*batch, 500))
        s[..., order[:spiking]] = 1
        s = jnp.asarray(s)
        np.testing.assert_allclose(f(s), s @ matrix, rtol=1e-13)
        g = jnp.ones((*batch, 40))
        of_weights = jax.vjp(lambda w, s=s: deliver(s, w, targets, backend="compact"), weights)[1](
            g
        )[0]
        each = np.sum(np.asarray(s).reshape(-1, 500), axis=0)[edges.pre]
        np.testing.assert_allclose(targets.in_order(of_weights), each, rtol=1e-13)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("case", ["sparse", "half of all"])
@pytest.mark.parametrize("platforms", [["cuda"], ["tpu"], ["cpu", "cuda", "tpu"]], ids="+".join)
def test_it_is_exported_for_other_platforms(case, backend, platforms):
    targets, weights, _, spikes, g = example(case, np.float32)

    def f(s, w):
        out, pull = jax.vjp(lambda s, w: deliver(s, w, targets, felt=s > 0, backend=backend), s, w)
        return out, *pull(g)

    program = jax.export.export(jax.jit(f), platforms=platforms)(spikes, weights)
    text = program.mlir_module()
    assert "callback" not in text
    if platforms == ["cuda"] and backend == "auto" and case == "sparse":
        assert "stablehlo.scatter" in text and "stablehlo.case" in text
    if "cpu" in platforms:
        again = jax.export.deserialize(program.serialize(vjp_order=0)).call(spikes, weights)
        for a, b in zip(again, f(spikes, weights), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("case", ["uneven", "half of all", "one neuron"])
@pytest.mark.parametrize("shared", [False, True])
def test_it_compiles_where_all_is_known_beforehand(case, shared, x64):
    """Of arguments that become constants XLA can make wrong native code, or none."""
    targets, weights, _, spikes, g = example(case)
    w = jnp.array(0.3) if shared else weights

    def all_of(backend):
        def f(s, w):
            return deliver(s, w, targets, felt=s > 0, backend=backend)

        def run():
            slopes = jax.grad(lambda s, w: f(s, w) @ g, (0, 1))(spikes, w)
            return f(spikes, w), *slopes, f(jnp.zeros_like(spikes), w)

        return jax.jit(run)()

    for a, b in zip(all_of("bits"), all_of("reference"), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)


def test_on_a_cpu_a_step_copies_nothing_of_size():
    targets, weights, _, _, _ = example("sparse", np.float32)

    def run(spikes, w):
        def step(x, s):
            return 0.9 * x + deliver(s, w, targets), None

        return jax.lax.scan(step, jnp.zeros(targets.n_post), spikes)[0]

    spikes = jnp.zeros((100, targets.n_pre))
    text = jax.jit(run).lower(spikes, weights).compile().as_text() or ""
    copies = [line for line in text.splitlines() if " copy(" in line]
    assert not [line for line in copies if f",{targets.shape[1]}]" in line.split(" copy(")[0]]
    assert "scatter" not in text


def test_widest_rows_and_large_batches_compile():
    """XLA would divide operations on large arrays among threads, which is no native code."""
    rng = np.random.default_rng(8)
    for n_pre, n_post, degree, batch in (
        (3, 4095, 4095, 2),
        (5, 40000, 9000, 1),
        (3000, 3000, 2, 90),
    ):
        rows = [np.sort(rng.choice(n_post, degree, replace=False)) for _ in range(n_pre)]
        edges = edges_of(rows, n_post)
        targets = Targets.of(edges)
        weights = targets.laid_out(jnp.asarray(rng.normal(size=edges.n_synapses), jnp.float32))
        spikes = jnp.asarray(rng.random((batch, n_pre)) < 0.5, jnp.float32)
        g = jnp.asarray(rng.normal(size=(batch, n_post)), jnp.float32)

        def both(s, w, backend, t=targets, g=g):
            out, pull = jax.vjp(lambda s, w: deliver(s, w, t, felt=s > 0, backend=backend), s, w)
            return out, *pull(g)

        f = jax.jit(both, static_argnums=2)
        for a, b in zip(f(spikes, weights, "bits"), f(spikes, weights, "compact"), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3)


def test_nobody_to_send_or_to_receive():
    none = Targets.of(edges_of([[], []], 3))
    for backend in BACKENDS:
        spikes = jnp.ones((4, 2))
        weights = none.laid_out(jnp.zeros(0))
        out, pull = jax.vjp(lambda s, w, b=backend: deliver(s, w, none, backend=b), spikes, weights)
        np.testing.assert_array_equal(out, np.zeros((4, 3)))
        np.testing.assert_array_equal(pull(jnp.ones((4, 3)))[0], np.zeros((4, 2)))
        empty = Targets.of(edges_of([], 3))
        np.testing.assert_array_equal(
            deliver(jnp.zeros(0), 1.0, empty, backend=backend), np.zeros(3)
        )


def test_more_rows_than_int32_counts_are_refused_by_compact():
    targets, weights, _, _, _ = example("sparse", np.float32)
    many = jax.ShapeDtypeStruct((2**31 // targets.shape[0] + 1, targets.n_pre), jnp.float32)
    with pytest.raises(ValueError, match=r"at most 2\*\*31 - 1 rows times samples"):
        jax.jit(lambda s: deliver(s, weights, targets, backend="compact")).lower(many)


def test_what_does_not_fit_is_refused(x64):
    targets, weights, _, spikes, _ = example("sparse")
    for refused, error, message in (
        (lambda: deliver(spikes[1:], weights, targets), ValueError, "spikes must be of 70 neurons"),
        (lambda: deliver(spikes, weights[1:], targets), ValueError, "weights must be one number"),
        (lambda: deliver(spikes, targets.in_order(weights), targets), ValueError, "laid_out"),
        (
            lambda: deliver(spikes, weights.astype(jnp.float32), targets),
            TypeError,
            "dtype of the spikes, float64, got float32",
        ),
        (lambda: deliver(spikes, weights, targets, backend="best"), ValueError, "'best'"),
        (
            lambda: deliver(spikes, weights, targets, felt=jnp.ones((2, 70), bool)),
            ValueError,
            "felt must be",
        ),
    ):
        with pytest.raises(error, match=message):
            refused()
