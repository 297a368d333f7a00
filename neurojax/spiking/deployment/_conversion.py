"""Spiking networks from conventional ones that are trained already."""

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from ...core import InState, refuse_nan
from ...metrics import CONNECTIONS, weights_of
from ...neurons import IF, Integrator
from ..network import Shape, SpikingNetwork
from ._connections import bias_of, is_equinox, then_affine, with_parameters
from ._conventional import chained, has_weights, modules_of, nature_of, on_all

OWNER = "from_ann"


def from_ann(
    model: Any,
    data: Float[Array | np.ndarray, "samples *shape"],
    *,
    percentile: float | int = 99.9,
    state: eqx.nn.State | None = None,
) -> SpikingNetwork:
    """A trained ReLU network as a spiking one, whose firing rates are its activations.

    Run it with `dt=1.0`, on inputs as constant currents (`direct_code`) or on spikes of which they
    are the rates (`rate_code`). Each ReLU becomes `IF` neurons with a soft reset, which spike at
    most once a step: weights and biases are scaled so that the `percentile` of the layer's
    activations on `data`, λ, is one spike a step. The rate times λ is the activation, but for an
    error that falls as 1 / steps, and for activations above λ. Neurons start at half their
    threshold, so that spike counts are rounded, not cut off. A node `"readout"` behind the last
    Linear or Conv adds up: what it gives, divided by the steps so far, is what the model gives. A
    model that ends in a ReLU gives spikes.

    - `model`: an Equinox or nnx `Sequential`, an `eqx.nn.MLP` or a list of layers, in inference
      mode, of Linear, Conv, ReLU and what is linear (average pooling, flattening). Batch
      normalisation is folded into the Linear or Conv that it follows.
    - `state`: of an Equinox model with batch normalisation.

    Raises `ValueError` naming the layer that has no counterpart, as max pooling has none.
    Source: Diehl et al. 2015, IJCNN, for scaling by activations; Rueckauer et al. 2017, Front.
    Neurosci. 11, 682, sec. 2.2, for biases, batch normalisation, the percentile and the soft reset;
    Bu et al. 2022, AAAI, for where the potential starts.
    """
    if not 0 < percentile <= 100:
        raise ValueError(f"{OWNER}: percentile must be above 0 and at most 100, got {percentile}.")
    refuse_nan(data, "data")
    x = jnp.asarray(data)
    if x.ndim < 2 or len(x) == 0:
        raise ValueError(f"{OWNER}: data must be [samples, *shape], got shape {x.shape}.")
    layers = _folded(modules_of(model, _sample(x), state, OWNER))
    nodes: dict[str, Any] = {}
    incoming, last = 1.0, None  # λ of the neurons before, and the weights since them
    for name, module in layers.items():
        kind = _kind(name, module, _sample(x))
        x = on_all(module, x)
        if kind == "connection":
            nodes[name] = _scaled(module, incoming, 1.0)
            incoming, last = 1.0, name
        elif kind == "linear":
            nodes[name] = module
        elif kind == "relu":
            if last is None:
                raise ValueError(f"{OWNER}: layer {name} follows no Linear or Conv of its own.")
            incoming = _scale(name, x, percentile)
            nodes[last] = _scaled(nodes[last], 1.0, incoming)
            nodes[f"{name.partition('.')[0]}.IF"] = IF(v_start=0.5, soft_reset=True)
            last = None
    if not any(isinstance(module, CONNECTIONS) for module in nodes.values()):
        raise ValueError(f"{OWNER}: the model has no Linear or Conv.")
    if last is not None:
        nodes["readout"] = Integrator()
    return chained(nodes)


def _sample(x: Array) -> Shape:
    return Shape(x.shape[1:], x.dtype)


def _kind(name: str, module: Any, sample: Shape) -> str:
    """What becomes of a layer."""
    if isinstance(module, CONNECTIONS):
        return "connection"
    if has_weights(module):
        raise ValueError(
            f"{OWNER}: layer {name} has weights and is neither Linear nor Conv: it has no "
            "counterpart."
        )
    nature = nature_of(module, sample)
    if nature != "nonlinear":
        return nature
    max_pool = "maxpool" in name.lower().replace("_", "")
    hint = "; take average pooling in its place" if max_pool else ""
    raise ValueError(
        f"{OWNER}: layer {name} is neither ReLU nor linear: it has no counterpart in rates{hint}."
    )


def _scale(name: str, activations: Array, percentile: float | int) -> float:
    """λ of a layer of neurons."""
    found = float(np.percentile(np.asarray(activations), percentile))
    if found <= 0:
        raise ValueError(
            f"{OWNER}: the {percentile} percentile of the activations of layer {name} on data is 0."
        )
    return found


def _folded(layers: Mapping[str, Any]) -> dict[str, Any]:
    """The layers without batch normalisation, which is in the weights that it follows."""
    folded: dict[str, Any] = {}
    before = ""
    for name, module in layers.items():
        equinox = isinstance(module, InState)
        if not equinox and not isinstance(module, nnx.BatchNorm):
            folded[name] = module
            before = name
            continue
        layer = folded.get(before)
        fits = isinstance(layer, CONNECTIONS) and is_equinox(layer) == equinox
        if not fits or getattr(module, "axis", -1) != -1:
            raise ValueError(
                f"{OWNER}: layer {name} must directly follow a Linear or Conv of its library and "
                "normalise its channels, to be folded into it."
            )
        zeros = jnp.zeros_like(bias_of(layer))
        shift, gain = jax.jvp(module, (zeros,), (zeros + 1,))
        folded[before] = then_affine(layer, gain, shift)
    return folded


def _scaled(layer: Any, incoming: float, outgoing: float) -> Any:
    """The layer for inputs and outputs that are so many times smaller."""
    return with_parameters(
        layer, weights_of(layer) * (incoming / outgoing), bias_of(layer) / outgoing
    )
