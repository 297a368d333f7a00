"""What arrives at neurons when others spike."""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ._delivery_rules import BACKENDS, deliver as deliver_batch, one
from ._delivery_targets import Targets


def deliver(
    spikes: Float[Array, "*batch n_pre"],
    weights: Array | float,
    targets: Targets,
    *,
    felt: Bool[Array, "*felt_batch n_pre"] | None = None,
    backend: str = "auto",
) -> Float[Array, "*batch n_post"]:
    """What arrives at each neuron: `out[j] = Σ spikes[i] · weight` over the synapses i → j.

    `weights`, in any unit, is one for all synapses, or one for each as `targets.laid_out` gives
    them; what is in empty slots does not matter. It has the dtype of the spikes.

    Spikes are 0 or 1, or graded. The work is that of the synapses of those that are not 0, whatever
    the backend finds fastest; `backend` forces one:

    - "reference": over all synapses;
    - "bits": a loop over the spikes, made for CPUs;
    - "compact": one scatter for a limited number of spikes, over all synapses if there are more;
      made for GPUs;
    - "dense": a product with the matrix of weights, which is made anew in each call unless the
      rows of `targets` are its own (from a density of 0.2).

    Derivatives, forward, reverse and higher ones, are those of the sum. That of the weights takes
    the work of the spikes; that of the spikes is a sum over all synapses, or over those of neurons
    that are `felt` alone: the derivative of the others is 0, as it should be where the surrogate's
    vanishes. Leading axes, and those of `vmap` over spikes, are one batch; of several weights each
    is delivered in turn.

    Raises `ValueError` where shapes or the backend's name do not fit, `TypeError` for weights of
    another dtype.
    """
    w = _as_weights(weights, spikes, targets)
    if backend not in BACKENDS:
        raise ValueError(f"deliver: backend must be one of {', '.join(BACKENDS)}, got {backend!r}.")
    if spikes.shape[-1] != targets.n_pre:
        raise ValueError(
            f"deliver: spikes must be of {targets.n_pre} neurons, got the shape {spikes.shape}."
        )
    shape = (*spikes.shape[:-1], targets.n_post)
    if not spikes.size or not targets.index.size:
        return jnp.zeros(shape, spikes.dtype)
    out = deliver_batch(
        spikes.reshape(-1, targets.n_pre),
        w if w.ndim else one(1, w.dtype),
        one(True, bool) if felt is None else _as_felt(felt, spikes),
        targets.index,
        targets.starts,
        layout=targets.layout,
        backend=backend,
    ).reshape(shape)
    return out if w.ndim else w * out


def _as_weights(weights: Array | float, spikes: Array, targets: Targets) -> Array:
    w = jnp.asarray(weights, spikes.dtype if isinstance(weights, float | int) else None)
    if w.dtype != spikes.dtype:
        raise TypeError(
            f"deliver: weights must have the dtype of the spikes, {spikes.dtype}, got {w.dtype}."
        )
    if w.ndim and w.shape != targets.shape:
        raise ValueError(
            f"deliver: weights must be one number, or rows of shape {targets.shape} as "
            f"targets.laid_out makes them of one per synapse, got the shape {w.shape}."
        )
    return w


def _as_felt(felt: Array, spikes: Array) -> Array:
    if felt.shape not in (spikes.shape, spikes.shape[-1:]):
        raise ValueError(
            f"deliver: felt must be of the shape of the spikes, {spikes.shape}, or of the neurons, "
            f"{spikes.shape[-1:]}, got {felt.shape}."
        )
    return jnp.broadcast_to(felt, spikes.shape).reshape(-1, spikes.shape[-1])
