"""Synapses that learn their delays."""

from functools import partial
from typing import Any, NamedTuple, cast, final

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import optax
from jaxtyping import Array, Float, Int, PRNGKeyArray, PyTree

from ...core import Clock, as_parameter, non_negative, positive
from ..network import OverTime


@final
class LearnableDelays(OverTime):
    """A linear layer in which each synapse has a weight and a delay (in steps), both learned.

    A synapse gives `weight · Σₙ k[n] x[t − n]`, n = 0 … `max_delay`, with a kernel
    `k[n] ∝ exp(−(n − delay)² / 2 sigma²)` of sum 1. In training `sigma`, which is not learned, goes
    down from about half of max_delay to 0.5 (`sigma_schedule`, or `with_sigma`); `rounded` then
    makes the delays whole, and sigma 0: one step of the kernel is left. A delay outside of
    0 … max_delay counts as the bound, and its gradient only leads back.

    Shapes: [in_features] to [out_features]; weight and delays [out_features, in_features], drawn
    uniformly, up to 1/√in_features and from 0 to max_delay. Its state is the last inputs,
    [max_delay, in_features], oldest first. It costs as much as max_delay + 1 linear layers. Weight
    decay, if any, is to leave out delays and sigma.

    Raises `ValueError` for sizes that are not positive, a negative sigma, and inputs of another
    shape.
    Source: Hammouamri, Khalfaoui-Hassani & Masquelier 2024, ICLR, section 3.
    """

    weight: Float[Array, "out in"]
    delays: Float[Array, "out in"]
    sigma: Float[Array, ""]
    max_delay: int = eqx.field(static=True)

    def __init__(
        self,
        in_features: int,
        out_features: int,
        max_delay: int,
        sigma: float | Float[Array, ""],
        *,
        key: PRNGKeyArray,
    ) -> None:
        positive(
            "LearnableDelays",
            in_features=in_features,
            out_features=out_features,
            max_delay=max_delay,
        )
        non_negative("LearnableDelays", sigma=sigma)
        of_weight, of_delay = jr.split(key)
        shape, limit = (out_features, in_features), in_features**-0.5
        self.weight = jr.uniform(of_weight, shape, minval=-limit, maxval=limit)
        self.delays = jr.uniform(of_delay, shape, maxval=float(max_delay))
        self.sigma = as_parameter(sigma)
        self.max_delay = max_delay

    def initial_state(self, key: PRNGKeyArray | None = None) -> Float[Array, "longest in"]:
        return jnp.zeros((self.max_delay, self.weight.shape[1]))

    def bounded(self) -> Float[Array, "out in"]:
        """The delays as they count, from 0 to max_delay."""
        return cast(Array, _within(self.delays, float(self.max_delay)))

    def kernel(self) -> Float[Array, "lags in out"]:
        """The weight of an input that came n = 0, 1, ... steps ago."""
        delays = self.bounded()
        shape = (self.max_delay + 1, *delays.shape)
        ago = jax.lax.broadcasted_iota(delays.dtype, shape, 0)
        sigma = jax.lax.stop_gradient(self.sigma)
        distance = (ago - delays[None]) / jnp.where(sigma > 0, sigma, 1)
        spread = jax.nn.softmax(-0.5 * distance**2, axis=0)
        nearest = (ago == jnp.round(delays)[None]).astype(spread.dtype)
        return jnp.swapaxes(self.weight[None] * jnp.where(sigma > 0, spread, nearest), 1, 2)

    def over_time(
        self,
        state: Float[Array, "samples longest in"],
        x: Float[Array, "time samples *in"],
        key: PRNGKeyArray | None,
    ) -> tuple[Float[Array, "samples longest in"], Float[Array, "time samples out"]]:
        if x.shape[2:] != self.weight.shape[1:]:
            raise ValueError(
                f"LearnableDelays: it takes {self.weight.shape[1:]}, got {x.shape[2:]}."
            )
        values = jnp.concatenate([state, jnp.swapaxes(x, 0, 1)], 1)
        # Samples, time, features; a convolution of deep learning turns no kernel around.
        out = jax.lax.conv_general_dilated(
            values, self.kernel()[::-1], (1,), "VALID", dimension_numbers=("NWC", "WIO", "NWC")
        )
        return values[:, len(x) :], jnp.swapaxes(out, 0, 1)

    def jump(
        self,
        clock: Clock,
        state: Float[Array, "longest in"],
        incoming: Float[Array, " in"],
        key: PRNGKeyArray | None,
    ) -> tuple[Float[Array, "longest in"], Float[Array, " out"]]:
        values = jnp.concatenate([state, incoming[None]])
        return values[1:], jnp.tensordot(values[::-1], self.kernel(), 2)


def with_sigma(model: Any, sigma: float | Float[Array, ""]) -> Any:
    """The model with this spread of the kernels of all its `LearnableDelays`, in steps."""
    non_negative("with_sigma", sigma=sigma)
    return _mapped(lambda m: eqx.tree_at(lambda m: m.sigma, m, as_parameter(sigma)), model)


def rounded(model: Any) -> Any:
    """The model with whole delays, each synapse with one; they have no gradient then."""

    def of(delays: LearnableDelays) -> LearnableDelays:
        return eqx.tree_at(lambda m: m.delays, delays, jnp.round(delays.bounded()))

    return with_sigma(_mapped(of, model), 0.0)


class SigmaScheduleState(NamedTuple):
    """The updates made."""

    count: Int[Array, ""]


def sigma_schedule(schedule: optax.Schedule) -> optax.GradientTransformation:
    """The sigma of all `LearnableDelays` of a model follows an optax schedule of the updates made.

    The last of an `optax.chain`; what else is updated passes through. Raises `ValueError` where
    sigma is not among what is trained.
    """

    def init(params: PyTree) -> SigmaScheduleState:
        return SigmaScheduleState(jnp.zeros((), jnp.int32))

    def update(
        updates: PyTree, state: Any, params: PyTree = None
    ) -> tuple[PyTree, SigmaScheduleState]:
        count = state.count + 1
        sigma = schedule(count)

        def of(update: LearnableDelays, now: LearnableDelays) -> LearnableDelays:
            if update.sigma is None:
                raise ValueError("sigma_schedule: sigma must be among what is trained.")
            change = jnp.asarray(sigma, now.sigma.dtype) - now.sigma
            return eqx.tree_at(lambda m: m.sigma, update, change)

        return _mapped(of, updates, params), SigmaScheduleState(count)

    return optax.GradientTransformation(init, update)


def _mapped(function: Any, *models: Any) -> Any:
    """The first model with each LearnableDelays in it replaced."""

    def is_leaf(x: Any) -> bool:
        return isinstance(x, LearnableDelays)

    def of(x: Any, *others: Any) -> Any:
        return function(x, *others) if is_leaf(x) else x

    return jax.tree.map(of, *models, is_leaf=is_leaf)


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def _within(x: Array, top: float) -> Array:
    """From 0 to top; where it was not, gradients that would lead further away are dropped."""
    return jnp.clip(x, 0, top)


def _within_forward(x: Array, top: float) -> tuple[Array, Array]:
    return _within(x, top), x


def _within_backward(top: float, x: Array, slope: Array) -> tuple[Array]:
    # Descent goes against the slope.
    away = ((x < 0) & (slope > 0)) | ((x > top) & (slope < 0))
    return (jnp.where(away, 0, slope),)


_within.defvjp(_within_forward, _within_backward)
