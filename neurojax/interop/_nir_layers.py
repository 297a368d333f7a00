"""Layers without a state of NIR and ours, both ways."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ._nir_modules import Flatten, Scale, Threshold, summed
from ._nir_neurons import Notes, surrogate_from_notes, surrogate_to_notes

CONVOLUTIONS = {1: eqx.nn.Conv1d, 2: eqx.nn.Conv2d}


def passes_on(module: Any) -> bool:
    """Whether it gives what it takes, or the sum of that: an edge of NIR does the same."""
    held = isinstance(module, eqx.nn.Dropout) and module.inference
    return module is summed or held or isinstance(module, eqx.nn.Identity)


def layer_to_nir(
    nir: Any, name: str, module: Any, taken: tuple[int, ...]
) -> tuple[Any, Notes] | None:
    """The node of a layer that takes samples of this shape, and the notes to go with it; None for
    a module that is no layer of NIR's."""
    match module:
        case eqx.nn.Linear():
            return _linear(nir, name, module), {}
        case eqx.nn.Conv() if module.num_spatial_dims in CONVOLUTIONS:
            notes = {} if module.use_bias else {"bias": False}
            return _convolution(nir, name, module, taken), notes
        case eqx.nn.AvgPool2d():
            return _pool(nir.AvgPool2d, name, module), {}
        case eqx.nn.Pool() if module.operation is jax.lax.add and module.num_spatial_dims == 2:
            return _pool(nir.SumPool2d, name, module), {}
        case Flatten():
            axes = range(len(taken))
            return _flatten(nir, taken, axes[module.start], axes[module.end]), {}
        case Scale():
            return nir.Scale(scale=_full(module.scale, taken)), {}
        case Threshold():
            notes = surrogate_to_notes(name, "Threshold", module.surrogate)
            return nir.Threshold(threshold=_full(module.threshold, taken)), notes
    if _function(module) is jnp.ravel:
        return _flatten(nir, taken, 0, len(taken) - 1), {}
    return None


def layer_from_nir(name: str, node: Any, notes: Notes) -> Any:
    """The module of a node that has no state; None for another."""
    match type(node).__name__:
        case "Linear" | "Affine":
            return _as_linear(name, node)
        case "Conv1d" | "Conv2d":
            return _as_convolution(node, bool(notes.get("bias", True)))
        case "AvgPool2d":
            return eqx.nn.AvgPool2d(**_window(node))
        case "SumPool2d":
            return eqx.nn.Pool(0.0, jax.lax.add, 2, **_window(node))
        case "Flatten":
            return Flatten(int(node.start_dim), int(node.end_dim))
        case "Scale":
            return Scale(_floats(node.scale))
        case "Threshold":
            return Threshold(_floats(node.threshold), surrogate_from_notes(name, notes))
    return None


def _linear(nir: Any, name: str, module: eqx.nn.Linear) -> Any:
    if "scalar" in (module.in_features, module.out_features):
        raise ValueError(f'to_nir: node {name!r}, Linear: NIR has no "scalar" features.')
    weight = np.asarray(module.weight)
    if module.bias is None:
        return nir.Linear(weight=weight)
    return nir.Affine(weight=weight, bias=np.asarray(module.bias))


def _as_linear(name: str, node: Any) -> eqx.nn.Linear:
    weight = _floats(node.weight)
    if weight.ndim != 2:
        raise ValueError(
            f"from_nir: node {name!r}, {type(node).__name__}: weight must be [out, in], got shape "
            f"{weight.shape}."
        )
    biased = type(node).__name__ == "Affine"
    out, into = weight.shape
    made = eqx.nn.Linear(into, out, use_bias=biased, key=jax.random.key(0))
    if not biased:
        return eqx.tree_at(lambda m: m.weight, made, weight)
    bias = jnp.broadcast_to(_floats(node.bias), (out,))
    return eqx.tree_at(lambda m: (m.weight, m.bias), made, (weight, bias))


def _convolution(nir: Any, name: str, module: Any, taken: tuple[int, ...]) -> Any:
    dimensions = module.num_spatial_dims
    kind = f"Conv{dimensions}d"
    if module.padding_mode != "ZEROS":
        raise ValueError(
            f"to_nir: node {name!r}, {kind}: NIR pads with zeros, got padding_mode "
            f"{module.padding_mode!r}."
        )
    if isinstance(module.padding, str):
        padding: Any = module.padding.lower()
        if padding not in ("same", "valid") or (padding == "same" and set(module.stride) != {1}):
            raise ValueError(
                f"to_nir: node {name!r}, {kind}: padding must be a number, 'VALID', or 'SAME' with "
                f"a stride of 1, got {module.padding!r} with {module.stride}."
            )
    else:
        padding = _even(name, kind, module.padding)
    weight = np.asarray(module.weight)
    bias = np.zeros(len(weight), weight.dtype)
    if module.bias is not None:
        bias = np.asarray(module.bias).reshape(-1)
    given = [module.stride, padding, module.dilation]
    if dimensions == 1:
        given = [x if isinstance(x, str) else x[0] for x in given]
    make, size = (nir.Conv1d, taken[1]) if dimensions == 1 else (nir.Conv2d, taken[1:])
    stride, padding, dilation = given
    return make(size, weight, stride, padding, dilation, module.groups, bias)


def _as_convolution(node: Any, biased: bool) -> Any:
    weight = _floats(node.weight)
    out, into, *kernel = weight.shape
    padding = node.padding.decode() if isinstance(node.padding, bytes) else node.padding
    dimensions, groups = len(kernel), int(node.groups)
    made = CONVOLUTIONS[dimensions](
        into * groups,
        out,
        tuple(kernel),
        stride=_integers(node.stride, dimensions),
        padding=padding.upper() if isinstance(padding, str) else _integers(padding, dimensions),
        dilation=_integers(node.dilation, dimensions),
        groups=groups,
        use_bias=biased,
        key=jax.random.key(0),
    )
    if not biased:
        return eqx.tree_at(lambda m: m.weight, made, weight)
    bias = jnp.broadcast_to(_floats(node.bias), (out,)).reshape(out, *(1 for _ in kernel))
    return eqx.tree_at(lambda m: (m.weight, m.bias), made, (weight, bias))


def _pool(make: Callable[..., Any], name: str, module: eqx.nn.Pool) -> Any:
    if module.use_ceil:
        raise ValueError(f"to_nir: node {name!r}, {make.__name__}: NIR has no use_ceil.")
    padding = _even(name, make.__name__, module.padding)
    return make(*(np.array(x) for x in (module.kernel_size, module.stride, padding)))


def _window(node: Any) -> dict[str, Any]:
    return {
        name: _integers(getattr(node, name), 2) for name in ("kernel_size", "stride", "padding")
    }


def _flatten(nir: Any, taken: tuple[int, ...], start: int, end: int) -> Any:
    last = -1 if end == len(taken) - 1 else end
    return nir.Flatten({"input": np.array(taken)}, start_dim=start, end_dim=last)


def _function(module: Any) -> Any:
    """The function of a Lambda, or the module itself."""
    return module.fn if isinstance(module, eqx.nn.Lambda) else module


def _even(name: str, kind: str, padding: Any) -> tuple[int, ...]:
    """Padding that is the same on both sides."""
    if any(before != after for before, after in padding):
        raise ValueError(
            f"to_nir: node {name!r}, {kind}: padding must be the same on both sides, got {padding}."
        )
    return tuple(before for before, _ in padding)


def _integers(x: Any, count: int) -> tuple[int, ...]:
    return tuple(int(i) for i in np.broadcast_to(np.asarray(x), (count,)))


def _full(x: Any, shape: tuple[int, ...]) -> np.ndarray:
    return np.broadcast_to(np.asarray(x), shape).copy()


def _floats(x: Any) -> jax.Array:
    return jnp.asarray(np.asarray(x), jnp.result_type(float))
