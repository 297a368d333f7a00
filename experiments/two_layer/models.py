"""What may predict a cell's rate from the numbers of synapses on its branches, and its fit."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, PRNGKeyArray

from neurojax.learning import by_backprop, fit

LEARNING_RATE, BATCH = 0.03, 64


class Data(NamedTuple):
    """Placements, and the rate (Hz) that each gave."""

    synapses: Any
    """[placement, branch] float32."""
    rate: Any
    """[placement] float32."""


class Sigmoid(eqx.Module):
    """`4 width (σ((n − middle) / width) − σ(−middle / width))` of n synapses: none do nothing, and
    one more does most, 1, in the middle."""

    middle: Float[Array, ""]
    log_width: Float[Array, ""]

    def __call__(self, n: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        width = jnp.exp(self.log_width)
        share, least = (
            jax.nn.sigmoid((n - self.middle) / width),
            jax.nn.sigmoid(-self.middle / width),
        )
        return 4 * width * (share - least)


class RateModel(eqx.Module):
    """`rate = scale · g(Σ weightᵢ s(nᵢ) + bias)`, `g(u) = softness · ln(1 + exp(u / softness))`.

    weights: one for each branch, or a scalar, with which only the sum counts. s is the subunit, or
    with None the number itself. scale (Hz) is not trained.
    """

    weights: Float[Array, "*branch"]
    bias: Float[Array, ""]
    log_softness: Float[Array, ""]
    subunit: Sigmoid | None
    scale: Float[Array, ""]

    def __call__(self, n: Float[Array, " branch"]) -> Float[Array, ""]:
        each = n if self.subunit is None else self.subunit(n)
        softness = jnp.exp(self.log_softness)
        drive = (self.weights * each).sum() + self.bias
        return self.scale * softness * jax.nn.softplus(drive / softness)


def initial(kind: str, branches: int, scale: float, draw: np.random.Generator) -> RateModel:
    """ "two-layer", "linear" or "total", its branches all alike at first."""
    middle, width = draw.uniform(2.0, 10.0), draw.uniform(1.0, 3.0)
    subunit = Sigmoid(_scalar(middle), _scalar(np.log(width))) if kind == "two-layer" else None
    return RateModel(
        weights=jnp.full(() if kind == "total" else (branches,), 0.05, jnp.float32),
        bias=_scalar(0.0),
        log_softness=_scalar(np.log(0.3)),
        subunit=subunit,
        scale=_scalar(scale),
    )


def _scalar(value: float) -> Float[Array, ""]:
    return jnp.asarray(value, jnp.float32)


def trained(
    kind: str, data: Data, epochs: int, draw: np.random.Generator, key: PRNGKeyArray
) -> RateModel:
    """Fitted by least squares, with Adam, whose steps shrink to nothing by a cosine."""
    model = initial(kind, data.synapses.shape[1], float(np.std(data.rate)), draw)
    fixed = jax.tree.map(lambda _: True, model)
    batch = min(BATCH, len(data.rate))
    return fit(
        model,
        jax.tree.map(jnp.asarray, data),
        GRADIENT,
        optimizer=adam(epochs * (len(data.rate) // batch)),
        epochs=epochs,
        batch_size=batch,
        key=key,
        trainable=eqx.tree_at(lambda m: m.scale, fixed, False),
    ).model


@cache
def adam(steps: int) -> optax.GradientTransformation:
    """One object for all fits of a kind, which so share one compiled epoch."""
    return optax.adam(optax.cosine_decay_schedule(LEARNING_RATE, steps))


def loss(model: RateModel, batch: Data, key: PRNGKeyArray) -> tuple[Array, dict[str, Array]]:
    """Mean square error, in variances of the rates that were learnt from."""
    error = (jax.vmap(model)(batch.synapses) - batch.rate) / model.scale
    return (error**2).mean(), {}


GRADIENT = by_backprop(loss)
