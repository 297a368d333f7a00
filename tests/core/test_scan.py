"""Loops over steps: equal with and without blocks, and small in memory under a gradient."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend.core import jaxprs_in_params

import neurojax as nj
from neurojax.core import _scan


@pytest.fixture(params=[2**30, 0], ids=["no blocks", "blocks"])
def limit(request, monkeypatch):
    """Above how many bytes of stacked states blocks of steps are rematerialised too."""
    jax.clear_caches()
    monkeypatch.setattr(_scan, "STACKED_STATES_LIMIT", request.param)
    yield request.param
    jax.clear_caches()


def logistic(carry, _):
    """x → r x (1 − x): chaotic, so that any difference would show."""
    x, n = carry
    return (3.9 * x * (1 - x), n + 1), (x, n)


@pytest.mark.parametrize("length", [0, 1, 2, 3, 7, 100, 101, 110, 120])
def test_it_repeats_and_stacks(limit, length):
    start = (jnp.array([0.2, 0.7]), jnp.array(0))
    carry, (xs, ns) = jax.jit(lambda c: _scan.scan(logistic, c, None, length))(start)

    x, path = start[0], []
    for _ in range(length):
        path.append(x)
        x = logistic((x, 0), None)[0][0]
    np.testing.assert_allclose(carry[0], x, rtol=2e-2 if length > 50 else 1e-5)
    assert xs.shape == (length, 2) and carry[1] == length
    np.testing.assert_array_equal(ns, np.arange(length))
    if length:
        np.testing.assert_allclose(xs[:8], np.stack(path[:8]), rtol=1e-5)


def gradient(cells, drive, steps):
    def loss(drive):
        record = {"loss": nj.Integral(lambda t, s: jnp.sum(s.v**2))}
        sol = nj.simulate(cells, drive, t1=steps * 0.025, dt=0.025, record=record)
        return sol["loss"] / steps

    return jax.jit(jax.value_and_grad(loss))(drive)


@pytest.mark.usefixtures("x64")
def test_gradients_are_equal_with_and_without_blocks(monkeypatch):
    """105 steps are ten blocks of 10 and five on their own."""
    cells, drive = nj.HodgkinHuxley(shape=(2,)), nj.Series(np.full((105, 2), 12.0))
    found = []
    for limit in (2**40, 0):
        jax.clear_caches()
        monkeypatch.setattr(_scan, "STACKED_STATES_LIMIT", limit)
        found.append(gradient(cells, drive, 105))
    jax.clear_caches()

    (value, slope), (other, other_slope) = found
    assert np.all(np.abs(slope.values) > 0)
    np.testing.assert_allclose(value, other, rtol=1e-13)
    np.testing.assert_allclose(slope.values, other_slope.values, rtol=1e-9)


def temporary_bytes(cells, steps):
    def loss(drive):
        record = {"loss": nj.Integral(lambda t, s: jnp.sum(s.v**2))}
        sol = nj.simulate(cells, drive, t1=steps * 0.025, dt=0.025, record=record)
        return sol["loss"]

    drive = jnp.full(cells.shape, 10.0)
    return jax.jit(jax.grad(loss)).lower(drive).compile().memory_analysis().temp_size_in_bytes  # pyright: ignore[reportOptionalMemberAccess]


def test_memory_of_a_gradient_is_a_state_for_each_step(limit):
    """Without blocks it grows by the 17 bytes of a neuron's state for each step (v, gates, above;
    one step's own needs do not count); with blocks far less, by the square root."""
    n, steps = 1000, 400
    cells = nj.HodgkinHuxley(shape=(n,))
    short, long = temporary_bytes(cells, steps), temporary_bytes(cells, 4 * steps)

    state = n * 17
    growth = (long - short) / (3 * steps)
    if limit:
        # A step's intermediates are some 40 arrays of n floats: stored, they would be 160 bytes.
        assert 0.9 * state < growth < 1.5 * state
    else:
        # 400 steps hold 20 + 20 states, 1,600 hold 40 + 40.
        assert growth < 0.15 * state
        assert long < 2.5 * short
        assert long < 150 * state


def test_the_limit_is_kept_by_itself():
    """A long run of many neurons does not hold its states: 4,000 steps would be 68 MB."""
    assert temporary_bytes(nj.HodgkinHuxley(shape=(1000,)), 4000) < 20e6


def test_a_long_drive_that_an_outer_jit_closes_over():
    current = np.linspace(0.0, 1.0, 5000, dtype=np.float32)
    neuron, series = nj.LIF(), nj.Series(current)
    mean = jax.jit(lambda: jnp.mean(nj.simulate(neuron, series, t1=500.0, dt=0.1)["v"]))()
    np.testing.assert_allclose(
        mean, np.mean(nj.simulate(neuron, series, t1=500.0, dt=0.1)["v"]), rtol=1e-6
    )


def test_many_samples_that_an_outer_jit_reduces():
    def mean(current):
        return jnp.mean(nj.simulate(nj.LIF(), current, t1=14000.0, dt=0.1, record=["v"])["v"])

    expected = 0.5 * (1 - 10 / 14000)  # of 0.5 (1 − exp(−t/10))
    np.testing.assert_allclose(jax.jit(mean)(0.5), expected, rtol=1e-4)


def body_that_decays(carry, row):
    return carry | {"x": 0.9 * carry["x"] + jnp.arange(5.0), "n": carry["n"] + 1}, carry["x"]


def body_that_forgets(carry, row):
    return carry | {"x": jnp.sin(carry["x"]), "unread": jnp.full(5, 2.0)}, carry["unread"]


def body_that_chooses(carry, row):
    row = jax.lax.dynamic_index_in_dim(jnp.ones((300, 5)), carry["n"], 0, keepdims=False)
    x = jnp.where(carry["flag"], carry["x"] * row, carry["unread"])
    return carry | {"x": x, "n": carry["n"] + 1}, carry["x"] * 0


def body_that_is_driven(carry, row):
    return carry | {"x": 0.9 * carry["x"] + row**2}, jnp.sum(row)


BODIES = [body_that_decays, body_that_forgets, body_that_chooses, body_that_is_driven]


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize(
    ("known", "length"), [("x", 1), ("x", 7), ("unread", 7), ("rows", 1), ("rows", 7)]
)
def test_a_loop_with_constant_and_unread_arguments(body, known, length):
    """XLA aborts the process where a native loop has an argument without a use; here by every
    transformation, within a program and as one."""

    def total(scan):
        def of(value):
            carry = {"x": jnp.zeros(5), "unread": jnp.zeros(5), "n": jnp.array(0)}
            carry |= {"flag": jnp.array(True)}
            rows = jnp.ones((length, 5))
            if known == "rows":
                rows = rows * value[None]
            else:
                carry[known] = value
            carry, out = scan(body, carry, rows, length)
            return carry["x"].sum() + out.sum()

        return of

    ours = total(_scan.scan)
    theirs = total(lambda f, carry, rows, n: jax.lax.scan(f, carry, rows, length=n))
    value = jnp.linspace(0.1, 1.0, 5)
    for of in (
        lambda f: f,
        jax.grad,
        jax.hessian,
        lambda f: lambda x: jax.jvp(f, (x,), (x,)),
        lambda f: lambda x: jax.vmap(jax.grad(f))(jnp.stack([x, 2 * x])),
    ):
        expected = of(theirs)(value)
        for found in (of(ours)(value), jax.jit(of(ours))(value), of(jax.jit(ours))(value)):
            jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), found, expected)


def test_a_loop_with_empty_arguments():
    """What is done with nothing goes, and with it the only use of `scale`."""
    nothing, scale = jnp.zeros((0, 2)), jnp.array(3.0)

    def body(y, _):
        return y * 0.5 + (nothing * scale).sum(), y

    end, _ = jax.jit(lambda y: _scan.scan(body, y, None, 4))(jnp.ones(2))
    np.testing.assert_array_equal(end, 0.0625)


def test_gradients_of_what_a_large_array_shares(x64):
    """Their sums over 5,000 elements are a library's from jaxlib 0.11 on; both ways."""
    y = jnp.linspace(0.5, 1.5, 5000)

    def total(rate):
        return _scan.scan(lambda y, _: (y - 0.1 * rate * y, None), y, None, 3)[0].sum()

    slope = -0.3 * (1 - 0.1 * 2.0) ** 2 * y.sum()
    for derivative in (jax.grad, jax.jacfwd):
        np.testing.assert_allclose(jax.jit(derivative(total))(jnp.array(2.0)), slope, rtol=1e-12)


@pytest.mark.parametrize("neurons", [2**12, 2**15, 2**17])
def test_gradients_of_what_many_neurons_share(neurons):
    """Of a threshold they all have, and a reset: sums over all of them in each step."""
    drive = 1.5 + jnp.outer(jnp.linspace(0.0, 1.0, 20), jnp.linspace(-1.0, 1.0, 8))

    def mean(neuron, drive):
        record = {"spikes": "raster"}
        run = nj.simulate(neuron, nj.Series(drive), t1=20.0, dt=1.0, record=record)
        return jnp.mean(run["spikes"] * jnp.arange(20.0)[:, None])

    few, many = (jax.jit(jax.grad(mean))(nj.LIF((n,), tau_m=5.0), jnp.tile(drive, (1, n // 8)))
                 for n in (8, neurons))  # fmt: skip
    for name in ("v_threshold", "v_reset", "tau_m"):
        expected = getattr(few, name)
        assert expected != 0
        np.testing.assert_allclose(getattr(many, name), expected, rtol=1e-4)


def test_gradients_of_what_all_samples_share():
    """Mapped over samples the sums are larger than of one."""
    neuron = nj.LIF((100,), tau_m=5.0)
    drive = jnp.broadcast_to(jnp.linspace(1.1, 2.0, 400)[:, None], (400, 100))

    def mean(neuron, current):
        record = {"spikes": "raster"}
        run = nj.simulate(neuron, current, t1=20.0, dt=1.0, record=record)["spikes"]
        return jnp.mean(run * jnp.arange(20.0)[:, None])

    def over_samples(neuron):
        return jnp.mean(jax.vmap(mean, (None, 0))(neuron, drive))

    all_at_once = jax.jit(jax.grad(over_samples))(neuron).v_threshold
    slope = jax.jit(jax.grad(mean))
    np.testing.assert_allclose(
        all_at_once, np.mean([slope(neuron, x).v_threshold for x in drive]), rtol=1e-4
    )


@pytest.mark.parametrize(("batch", "neurons"), [(64, 512), (None, 2**16), (None, 2**18)])
def test_spikes_of_many_neurons_and_their_gradient(batch, neurons):
    """Mapped over samples or not: a sample of them is as it is alone."""
    drive = 1.5 + jnp.outer(jnp.linspace(0.0, 1.0, 20), jnp.linspace(-1.0, 1.0, neurons))

    def spikes(neuron, drive):
        record = {"spikes": "raster"}
        return nj.simulate(neuron, drive, t1=20.0, dt=1.0, record=record)["spikes"]

    def loss(neuron, drive):
        return jnp.sum(spikes(neuron, drive) * jnp.arange(20.0)[:, None])

    few = slice(None, None, neurons // 8)
    few_neurons, many_neurons = (nj.LIF((n,), tau_m=5.0) for n in (8, neurons))
    due = jax.jit(jax.value_and_grad(loss, argnums=1))(few_neurons, drive[:, few])
    gradient = jax.value_and_grad(loss, argnums=1)
    if batch is None:
        slope = jax.jit(gradient)(many_neurons, drive)[1]
    else:
        several = jnp.linspace(0.5, 1.0, batch)[:, None, None] * drive[None]
        slope = jax.jit(jax.vmap(gradient, (None, 0)))(many_neurons, several)[1][-1]
    assert float(due[0]) > 100
    np.testing.assert_allclose(slope[:, few], due[1], rtol=1e-5, atol=1e-6)


def test_what_is_dear_is_not_computed_again():
    """A gradient through steps with a product keeps all their states."""
    weights = jnp.asarray(np.random.default_rng(0).normal(size=(64, 64)) / 8, jnp.float32)
    start, steps = jnp.ones((256, 64)), 400
    assert start.nbytes * steps > _scan.STACKED_STATES_LIMIT

    def products(cheap):
        def body(y, _):
            return jnp.tanh(y @ weights) if not cheap else jnp.tanh(y), None

        def loss(y):
            return _scan.scan(body, y, None, steps)[0].sum()

        compiled = jax.jit(jax.grad(loss)).lower(start).compile()
        return compiled.memory_analysis().temp_size_in_bytes  # pyright: ignore[reportOptionalMemberAccess]

    assert products(cheap=True) < 0.3 * start.nbytes * steps
    assert products(cheap=False) > 0.9 * start.nbytes * steps


def test_small_steps_are_unrolled_but_on_a_cpu(monkeypatch):
    """Eight in a pass of the loop, and two of 50 are left; the results are the same."""

    def total(y):
        return _scan.scan(lambda y, x: (jnp.sin(y + x), y), y, jnp.arange(50.0), 50)[1].sum()

    def passes(program):
        return [e.params["length"] // e.params["unroll"] for e in all_scans(program.jaxpr)]

    y = jnp.arange(3.0)
    here = jax.value_and_grad(total)(y)
    assert passes(jax.make_jaxpr(total)(y)) == [50]
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    jax.clear_caches()
    assert passes(jax.make_jaxpr(total)(y)) == [6]
    jax.tree.map(np.testing.assert_allclose, jax.value_and_grad(total)(y), here)
    jax.clear_caches()


def all_scans(jaxpr):
    for equation in jaxpr.eqns:
        if equation.primitive.name == "scan":
            yield equation
        for within in jaxprs_in_params(equation.params):
            yield from all_scans(within)
