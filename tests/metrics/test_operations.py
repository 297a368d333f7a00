"""Operations against loops that do each of them, and against examples counted by hand."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurojax.metrics import (
    Connection,
    Operations,
    convolution,
    dense_connection,
    footprint,
    membrane_updates,
    per_sample,
    sparsity,
    synaptic_operations,
)


def sparse(seed, *shape, density=0.6):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=shape) * (rng.random(shape) < density)).astype(np.float32)


def test_neurobench_s_example():
    """Its documentation counts 4 of 9; the bias of a layer is nowhere in a count."""
    weight = np.array([[1.3, 0, -3.2], [0, 1.2, -5.1], [-1.1, 2.7, 0]])
    found = synaptic_operations(dense_connection(weight), np.array([0, 1.3, -1]))
    assert int(found.effective) == 4
    assert found.dense == 9


def test_changes_above_a_threshold():
    """By hand: two units and fan-outs 3 and 1. Both say what they are (3 + 1), then nothing changes
    by more than 0.1, then the first (3), then both (3 + 1)."""
    signals = np.array([[1.0, 2.0], [1.05, 2.05], [0.6, 2.0], [0.9, 1.7]])
    sent = np.zeros(2)
    messages = []
    for signal in signals:
        change = np.where(abs(signal - sent) > 0.1, signal - sent, 0)
        sent = sent + change
        messages.append(change)
    weight = np.array([[1.0, 1.0], [1.0, 0.0], [1.0, 0.0]])
    found = synaptic_operations(dense_connection(weight), np.stack(messages)[None])
    np.testing.assert_array_equal(found.effective, [[4, 0, 3, 4]])
    assert per_sample(found, samples=1) == Operations(macs=11.0, dense=4 * 6.0)


@pytest.mark.parametrize("front", [(), (3,), (3, 4)])
def test_dense(front):
    weight, inputs = sparse(0, 5, 7), sparse(1, *front, 7)
    found = synaptic_operations(dense_connection(weight), inputs)
    expected = np.zeros(front, int)
    for where in np.ndindex(front):
        for out, i in np.ndindex(weight.shape):
            if weight[out, i] != 0 and inputs[*where, i] != 0:
                expected[where] += 1
    np.testing.assert_array_equal(found.effective, expected)
    assert found.dense == weight.size


CONVOLUTIONS = [
    # kernel, image, stride, padding, padding of each axis
    ((4, 2, 3), (2, 8), 1, 0, [(0, 0)]),
    ((4, 2, 3), (2, 8), 3, 1, [(1, 1)]),
    ((3, 2, 3, 3), (2, 6, 5), 1, "VALID", [(0, 0), (0, 0)]),
    ((3, 2, 3, 3), (2, 6, 5), 1, "SAME", [(1, 1), (1, 1)]),
    ((3, 2, 4, 3), (2, 7, 6), (2, 3), "SAME", [(1, 2), (0, 0)]),
    ((3, 1, 2, 5), (1, 7, 6), (2, 1), [(0, 3), (2, 1)], [(0, 3), (2, 1)]),
    ((2, 1, 2, 2, 3), (1, 3, 4, 5), 2, 1, [(1, 1), (1, 1), (1, 1)]),
]


def taps(kernel, image, stride, pads):
    """Each use of a weight: its place in the kernel, what it reads and what it writes."""
    size = kernel[2:]
    strides = (stride,) * len(size) if isinstance(stride, int) else stride
    outputs = [
        (n + sum(pad) - k) // s + 1
        for n, k, s, pad in zip(image[1:], size, strides, pads, strict=True)
    ]
    for out, channel in itertools.product(range(kernel[0]), range(kernel[1])):
        for to, k in itertools.product(np.ndindex(*outputs), np.ndindex(*size)):
            at = [o * s + i - p[0] for o, s, i, p in zip(to, strides, k, pads, strict=True)]
            if all(0 <= a < n for a, n in zip(at, image[1:], strict=True)):
                yield (out, channel, *k), (channel, *at), (out, *to)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize(("kernel", "image", "stride", "padding", "pads"), CONVOLUTIONS)
def test_convolution(kernel, image, stride, padding, pads, transposed):
    weight = sparse(0, *kernel)
    uses = [
        (w, write if transposed else read) for w, read, write in taps(kernel, image, stride, pads)
    ]
    connection = convolution(weight, image, stride=stride, padding=padding, transposed=transposed)
    inputs = sparse(1, 3, 2, *connection.fan_out.shape)
    found = synaptic_operations(connection, inputs)
    expected = [
        [sum(weight[w] != 0 and x[at] != 0 for w, at in uses) for x in sample] for sample in inputs
    ]
    np.testing.assert_array_equal(found.effective, expected)
    assert found.dense == len(uses)


@pytest.mark.parametrize(("stride", "padding"), [(1, "SAME"), (2, "SAME"), (2, [(1, 0), (2, 2)])])
def test_convolution_is_jax_s(stride, padding):
    """A convolution of ones and zeros counts by itself, and so does its transpose."""
    kernel, image = sparse(0, 4, 3, 3, 5), sparse(1, 2, 3, 9, 8)

    def count(x):
        ones = jnp.asarray(kernel != 0, float)
        return jax.lax.conv_general_dilated(x, ones, (stride, stride), padding)

    output, pull = jax.vjp(count, jnp.asarray(image != 0, float))
    there = convolution(kernel, (3, 9, 8), stride=stride, padding=padding)
    np.testing.assert_array_equal(
        synaptic_operations(there, image).effective, output.sum(axis=(1, 2, 3))
    )
    back = convolution(kernel, (3, 9, 8), stride=stride, padding=padding, transposed=True)
    errors = sparse(2, *output.shape)
    np.testing.assert_array_equal(
        synaptic_operations(back, errors).effective,
        pull(jnp.asarray(errors != 0, float))[0].sum(axis=(1, 2, 3)),
    )


def test_inside_jit_vmap_and_scan():
    weight, inputs = jnp.asarray(sparse(0, 5, 7)), jnp.asarray(sparse(1, 3, 4, 7))
    eager = synaptic_operations(dense_connection(weight), inputs)

    @jax.jit
    def jitted(weight, inputs):
        return synaptic_operations(dense_connection(weight), inputs)

    def step(_, sent):
        return None, synaptic_operations(dense_connection(weight), sent)

    _, scanned = jax.lax.scan(step, None, jnp.swapaxes(inputs, 0, 1))
    mapped = jax.vmap(jitted, (None, 0))(weight, inputs)
    for found in (jitted(weight, inputs), mapped, jax.tree.map(jnp.transpose, scanned)):
        assert eqx.tree_equal(found, eager)
    assert per_sample(scanned, samples=3) == per_sample(eager, samples=3)

    kernel = jnp.asarray(sparse(0, 2, 1, 3, 3))
    fan_out = jax.jit(lambda k: convolution(k, (1, 6, 6)).fan_out)(kernel)
    np.testing.assert_array_equal(fan_out, convolution(kernel, (1, 6, 6)).fan_out)


@pytest.mark.parametrize(
    ("sent", "ternary"),
    [
        (np.array([0.0, 1.0, -1.0]), True),
        (np.array([0.0, 0.0, 0.0]), True),
        (np.array([0.0, 2.0, 0.0]), False),
        (np.array([0.0, 1.0, 0.3]), False),
        (np.array([0.0, 1.0 + 1e-15, 0.0]), False),  # which is 1 in single precision
        (np.array([False, True, True]), True),
        (np.array([0, 255, 1], np.uint8), False),
        (np.array([0, 1, 1], np.uint8), True),
        (np.array([0, -1, 1], np.int8), True),
        (np.array([-128, -1, 1], np.int8), False),
        (jnp.array([0.0, 1.0, -1.0]), True),
        (jnp.array([False, True, True]), True),
        (jnp.array([0.0, 0.5, 0.5], jnp.bfloat16), False),
    ],
)
def test_accumulates_or_multiplies(sent, ternary):
    connection = dense_connection(np.ones((4, 3)))
    found = per_sample(synaptic_operations(connection, sent), samples=1)
    count = 4.0 * np.count_nonzero(sent)
    assert found == Operations(
        macs=0.0 if ternary else count, acs=count if ternary else 0.0, dense=12.0
    )


def test_what_doubles_hold_is_seen():
    """1e-60 is zero in single precision, and yet a weight and a message."""
    tiny = np.full((1, 1), 1e-60)
    assert int(synaptic_operations(dense_connection(tiny), tiny[0]).effective) == 1


def test_one_graded_message_makes_a_layer_multiply():
    """However the data are cut into batches."""
    sent = np.zeros((6, 5, 3))
    sent[:, :, 0] = 1
    sent[4, 2, 1] = 0.5
    connection = dense_connection(np.ones((4, 3)))
    whole = per_sample(synaptic_operations(connection, sent), samples=6)
    assert whole == Operations(macs=4 * 31 / 6, dense=5 * 12.0)
    batches = [synaptic_operations(connection, part) for part in np.split(sent, 3)]
    assert per_sample(batches, samples=6) == whole


def test_large_counts_are_exact():
    """A step of one sample beyond 2²⁴, where single precision ends; all samples beyond 2³¹."""
    connection = Connection(np.array([2**30, 2**24, 1]), dense=2**30 + 2**24 + 1)
    sent = np.ones((200, 3), bool)
    found = synaptic_operations(connection, sent)
    assert found.effective.dtype == jnp.int32
    assert set(np.asarray(found.effective).tolist()) == {2**30 + 2**24 + 1}
    assert per_sample(found, samples=200).acs == 2**30 + 2**24 + 1
    odd = synaptic_operations(connection, np.eye(3, dtype=bool))
    assert per_sample(odd, samples=1).acs == 2**30 + 2**24 + 1


def test_a_step_too_large_to_count_is_refused():
    with pytest.raises(ValueError, match=r"0 to 2147483647 operations .* got 2147483648"):
        Connection(np.array([2**31 - 1, 1]), dense=2**31)
    with jax.enable_x64(True):
        large = Connection(np.array([2**31 - 1, 1]), dense=2**31)
        assert int(synaptic_operations(large, np.ones(2)).effective) == 2**31


def test_membrane_updates():
    """By hand: 3 neurons at the first step, then 1, 0 and 3 that changed; where all rests, 3."""
    v = np.array([[0, 0, 0], [1, 0, 0], [1, 2, 0], [1, 2, 0], [3, 3, 3]], np.float32)
    traces = np.stack([v, np.zeros_like(v)])
    before, after = traces[:, :-1], traces[:, 1:]
    np.testing.assert_array_equal(membrane_updates(before, after), [[3, 1, 0, 3], [3, 0, 0, 0]])
    jitted = jax.jit(membrane_updates)(before[..., None], after[..., None])
    np.testing.assert_array_equal(jitted.sum(axis=1), [7, 3])
    counts = synaptic_operations(dense_connection(np.ones((1, 3))), before)
    assert per_sample(counts, samples=2, updates=jitted).updates == 5.0


def test_operations_add_up():
    total = Operations(1.0, 2.0, 3.0, 4.0) + Operations(macs=10.0) + Operations(updates=0.5)
    assert total == Operations(11.0, 2.0, 3.0, 4.5)


def test_sparsity():
    layers = [np.array([[0.0, 1.0], [0.0, 0.0]]), jnp.array([True, False])]
    assert sparsity(layers) == pytest.approx(4 / 6)
    assert np.isnan(sparsity([]))


def test_footprint():
    """Two float32 arrays, one of bytes; names and functions take none."""
    model = {"linear": eqx.nn.Linear(3, 2, key=jax.random.key(0)), "mask": np.ones(5, np.int8)}
    assert footprint([model, "name", jax.nn.relu]) == 4 * (6 + 2) + 5


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: synaptic_operations(dense_connection(np.ones((2, 3))), np.ones((5, 2))),
            r"inputs must be \[\.\.\., 3\], got shape \(5, 2\)",
        ),
        (
            lambda: synaptic_operations(convolution(np.ones((1, 2, 3, 3)), (2, 6, 5)), np.ones(5)),
            r"inputs must be \[\.\.\., 2, 6, 5\], got shape \(5,\)",
        ),
        (lambda: convolution(np.ones((1, 2, 3, 3)), (2, 6)), r"2 axes of size .* got \(2, 6\)"),
        (lambda: convolution(np.ones((1, 2)), (2,)), r"kernel of shape \(1, 2\)"),
        (lambda: convolution(np.ones((1, 2, 3)), (3, 6)), r"takes 2 channels, image \(3, 6\)"),
        (lambda: convolution(np.ones((1, 1, 3)), (1, 6), stride=0), "stride must be positive.*0"),
        (
            lambda: convolution(np.ones((1, 1, 3)), (1, 6), stride=(1, 1)),
            r"one or 1 numbers, got \(1, 1\)",
        ),
        (lambda: convolution(np.ones((1, 1, 3)), (1, 6), padding=-1), "not be negative.*got -1"),
        (
            lambda: convolution(np.ones((1, 1, 3)), (1, 6), padding=[(1, 1), (1, 1)]),
            "one number or 1 pairs",
        ),
        (lambda: convolution(np.ones((1, 1, 3)), (1, 6), padding="full"), "got 'full'"),
        (lambda: convolution(np.ones((1, 1, 9)), (1, 6), padding=1), "smaller than the kernel's 9"),
        (
            lambda: membrane_updates(np.ones((2, 3, 4)), np.ones((2, 2, 4))),
            r"one shape .*got \(2, 3, 4\) and \(2, 2, 4\)",
        ),
        (lambda: Connection(np.array([2, 3]), dense=4), "at most dense, 4, got a sum of 5"),
        (lambda: Connection(np.array([2, -1]), dense=4), "must not be negative"),
        (
            lambda: per_sample(
                synaptic_operations(dense_connection(np.ones((2, 3))), np.ones((5, 3))), samples=3
            ),
            r"must divide the 5 counts \(samples × steps\), got 3",
        ),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_fan_outs_are_integers():
    with pytest.raises(TypeError, match="fan_out must be integers, got float64"):
        Connection(np.ones(3), dense=3)
