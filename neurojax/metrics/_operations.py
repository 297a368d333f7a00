"""Operations that a network really performs, by NeuroBench's rules: inputs and weights that are not
zero, layer by layer, step by step."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int, PyTree, Shaped

from ..core import is_known

# NumPy's arrays are looked at as they are: no double is rounded to zero or to one on the way.
AnyArray = Array | np.ndarray
Padding = int | str | Sequence[tuple[int, int]]


def _integers(x: Shaped[AnyArray, "..."]) -> Int[Array, "..."]:
    if not jnp.issubdtype(x.dtype, jnp.integer):
        raise TypeError(f"Connection: fan_out must be integers, got {x.dtype}.")
    return jnp.asarray(x, dtype=jnp.result_type(int))


@final
class SynapticOperations(eqx.Module):
    """What the inputs of a connection cost, one number for each of its samples and steps.

    - `effective` [...]: pairs of a nonzero input and a nonzero weight.
    - `ternary` [...]: whether the input holds −1, 0 and 1 only, so that nothing is multiplied.
    - `dense`: all pairs of an input and a weight, zeros too, of one sample in one step.

    Those of several batches are joined by `per_sample`.
    """

    effective: Int[Array, "..."]
    ternary: Bool[Array, "..."]
    dense: int = eqx.field(static=True)


@final
class Connection(eqx.Module):
    """A layer's weights as its inputs meet them: all that counting needs.

    - `fan_out`: how many nonzero weights each input meets, of the input's shape.
    - `dense`: how many weights all inputs meet together, zeros too.

    Make one by `dense_connection` or `convolution`, or from the fan-outs of a sparse matrix.
    Raises `ValueError` for fan-outs that are negative or more than `dense`, and where one step of
    one sample could overflow the default integer (2³¹ − 1 without x64).
    """

    fan_out: Int[Array, "..."] = eqx.field(converter=_integers)
    dense: int = eqx.field(static=True)

    def __check_init__(self) -> None:
        most = jnp.iinfo(self.fan_out.dtype).max
        if not 0 <= self.dense <= most:
            raise ValueError(
                f"Connection: dense must be from 0 to {most} operations in a step, which "
                f"{self.fan_out.dtype} can count, got {self.dense}."
            )
        if is_known(self.fan_out):
            nonzero = _total(self.fan_out)
            if nonzero > self.dense or np.any(np.asarray(self.fan_out) < 0):
                raise ValueError(
                    f"Connection: fan_out must not be negative and add up to at most dense, "
                    f"{self.dense}, got a sum of {nonzero}."
                )


def synaptic_operations(
    connection: Connection, inputs: Shaped[AnyArray, "..."]
) -> SynapticOperations:
    """The operations of a connection whose weights `inputs` [..., *input] reach, with any axes
    (samples, time) in front.

    Inputs are what is sent in a step: spikes, graded messages, activities. Pure: in or out of jit,
    vmap and scan. Raises `ValueError` for inputs of another shape.
    """
    shape = connection.fan_out.shape
    front = inputs.shape[: inputs.ndim - len(shape)]
    if inputs.shape != (*front, *shape):
        raise ValueError(
            f"synaptic_operations: inputs must be [..., {', '.join(map(str, shape))}], "
            f"got shape {inputs.shape}."
        )
    inputs = inputs.reshape(*front, -1)
    nonzero = inputs.astype(bool)
    ternary = (~nonzero | (abs(inputs) == inputs.dtype.type(1))).all(axis=-1)
    counted = jnp.asarray(nonzero).astype(connection.fan_out.dtype)
    return SynapticOperations(
        effective=counted @ connection.fan_out.reshape(-1),
        ternary=jnp.asarray(ternary),
        dense=connection.dense,
    )


def dense_connection(weight: Shaped[AnyArray, "out in"]) -> Connection:
    """The connection of a dense layer, whose inputs are [..., in]."""
    return Connection(weight.astype(bool).sum(axis=0), weight.size)


def convolution(
    kernel: Shaped[AnyArray, "out in *size"],
    image: tuple[int, ...],
    *,
    stride: int | Sequence[int] = 1,
    padding: Padding = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
    transposed: bool = False,
) -> Connection:
    """The connection of a convolution with `kernel` [out, in, *size] over images of shape `image`,
    (channels, *size), of any number of axes.

    A tap counts where it falls in the image; taps in the padding are no operations, as NeuroBench
    has it. `padding` is the zeros at each side of each axis, pairs (before, after) for each axis,
    "SAME", "SAME_LOWER" or "VALID". With `groups` the kernel is [out, in / groups, *size]: each
    group of outputs has its own channels. `transposed` sends what has the shape of the output back
    through the kernel, as feedback and gradients are sent: then the inputs are
    [..., out, *output size].

    Raises `ValueError` for a kernel and an image that do not fit.
    """
    axes = kernel.ndim - 2
    if axes < 1 or len(image) != axes + 1:
        raise ValueError(
            f"convolution: image must be (channels, *size) with {axes} axes of size for a kernel "
            f"of shape {kernel.shape}, got {image}."
        )
    if groups < 1 or kernel.shape[0] % groups:
        raise ValueError(
            f"convolution: groups must divide the {kernel.shape[0]} outputs, got {groups}."
        )
    channels = groups * kernel.shape[1]
    if image[0] != channels:
        raise ValueError(
            f"convolution: kernel of shape {kernel.shape} takes {channels} channels, "
            f"image {image} has {image[0]}."
        )
    strides, dilations = _of_axes("stride", stride, axes), _of_axes("dilation", dilation, axes)
    spans = tuple(d * (k - 1) + 1 for k, d in zip(kernel.shape[2:], dilations, strict=True))
    pads = _pads(padding, image[1:], spans, strides)
    grouped = kernel.astype(bool).reshape(groups, -1, *kernel.shape[1:])
    fan_out = grouped.sum(axis=2 if transposed else 1).reshape(-1, *kernel.shape[2:])
    # Taps of one axis are independent of those of the others: one axis after the other.
    pairs = kernel.shape[0] * kernel.shape[1]
    for sizes in zip(image[1:], kernel.shape[2:], strides, dilations, pads, strict=True):
        taps = _taps(*sizes)
        met = taps.sum(axis=0) if transposed else taps.sum(axis=2).T
        fan_out = jnp.tensordot(_integers(fan_out), _integers(met), axes=([1], [0]))
        pairs *= int(taps.sum())
    return Connection(fan_out, pairs)


def membrane_updates(
    before: Shaped[AnyArray, "samples time *neurons"], after: Shaped[AnyArray, "..."]
) -> Int[Array, "samples time"]:
    """Updates of membranes, from their potentials before and after each step: all in the first
    step, then those that changed. Pure: in or out of jit.

    Raises `ValueError` for shapes that differ or have no time.
    """
    if before.shape != after.shape or before.ndim < 2:
        raise ValueError(
            "membrane_updates: before and after must be of one shape [samples, time, ...], "
            f"got {before.shape} and {after.shape}."
        )
    changed = (before != after).reshape(*before.shape[:2], -1)
    counts = jnp.asarray(changed).astype(jnp.result_type(int)).sum(axis=2)
    return counts.at[:, :1].set(changed.shape[2])


@dataclass(frozen=True)
class Operations:
    """Operations for one sample, in the mean: multiply-accumulates, accumulates, what a network
    without a zero would need, and updates of membranes. They add up."""

    macs: float = 0.0
    acs: float = 0.0
    dense: float = 0.0
    updates: float = 0.0

    def __add__(self, other: "Operations") -> "Operations":
        return Operations(
            self.macs + other.macs,
            self.acs + other.acs,
            self.dense + other.dense,
            self.updates + other.updates,
        )


def per_sample(
    counts: SynapticOperations | Sequence[SynapticOperations],
    *,
    samples: int,
    updates: Shaped[AnyArray, "..."] | None = None,
) -> Operations:
    """The operations of one connection for one of `samples` samples: the sum over all steps of all
    samples, divided by their number. A list holds the batches of a data set.

    Accumulates if every input ever sent is −1, 0 or 1, else multiply-accumulates: a layer of graded
    messages needs its multiplier, though a step may hold none. (NeuroBench decides anew in each
    step of each batch.) `updates` are the `membrane_updates` of the layer. Not in jit: counts are
    summed in 64 bits, where they neither round nor overflow.

    Raises `ValueError` for counts that are not as many for each sample.
    """
    batches = [counts] if isinstance(counts, SynapticOperations) else list(counts)
    steps = sum(batch.effective.size for batch in batches)
    if samples < 1 or steps % samples:
        raise ValueError(
            f"per_sample: samples must divide the {steps} counts (samples × steps), got {samples}."
        )
    effective = sum(_total(batch.effective) for batch in batches) / samples
    ternary = all(bool(np.all(batch.ternary)) for batch in batches)
    return Operations(
        macs=0.0 if ternary else effective,
        acs=effective if ternary else 0.0,
        dense=sum(batch.dense * batch.effective.size for batch in batches) / samples,
        updates=0.0 if updates is None else _total(updates) / samples,
    )


def sparsity(arrays: Iterable[Shaped[AnyArray, "..."]]) -> float:
    """The share of zeros: of what all layers send in all steps and samples, or of their weights.
    NaN where there is nothing. Not in jit."""
    counts = [(np.count_nonzero(np.asarray(x)), x.size) for x in arrays]
    nonzero, size = map(sum, zip(*counts, strict=True)) if counts else (0, 0)
    return 1 - nonzero / size if size else float("nan")


def footprint(model: PyTree) -> int:
    """Bytes of all arrays of a model: its parameters, biases too, and what else it holds."""
    return sum(leaf.nbytes for leaf in jax.tree.leaves(model) if eqx.is_array(leaf))


def _total(counts: Shaped[AnyArray, "..."]) -> int:
    return int(np.sum(np.asarray(counts), dtype=np.int64))


def _of_axes(name: str, value: int | Sequence[int], axes: int) -> tuple[int, ...]:
    values = (value,) * axes if isinstance(value, int) else tuple(value)
    if len(values) != axes or min(values) < 1:
        raise ValueError(
            f"convolution: {name} must be positive, one or {axes} numbers, got {value}."
        )
    return values


def _pads(
    padding: Padding, image: tuple[int, ...], spans: tuple[int, ...], strides: tuple[int, ...]
) -> list[tuple[int, int]]:
    if isinstance(padding, str):
        if padding not in ("SAME", "SAME_LOWER", "VALID"):
            raise ValueError(
                f'convolution: padding must be "SAME", "SAME_LOWER" or "VALID", got {padding!r}.'
            )
        return [(a, b) for a, b in jax.lax.padtype_to_pads(image, spans, strides, padding)]
    pads = [(padding, padding)] * len(image) if isinstance(padding, int) else list(padding)
    if len(pads) != len(image) or min(min(pair) for pair in pads) < 0:
        raise ValueError(
            f"convolution: padding must not be negative, one number or {len(image)} pairs, "
            f"got {padding}."
        )
    return pads


def _taps(
    image: int, kernel: int, stride: int, dilation: int, pad: tuple[int, int]
) -> Bool[np.ndarray, "image kernel output"]:
    """Which place of the image each tap of the kernel meets for each output, along one axis."""
    span = dilation * (kernel - 1) + 1
    outputs = (image + sum(pad) - span) // stride + 1
    if outputs < 1:
        raise ValueError(
            f"convolution: image of size {image}, padded by {pad}, is smaller than the kernel's "
            f"{span}."
        )
    place = np.arange(outputs) * stride + dilation * np.arange(kernel)[:, None] - pad[0]
    return np.arange(image)[:, None, None] == place
