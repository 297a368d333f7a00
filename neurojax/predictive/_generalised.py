"""Dynamical predictive coding: motion inferred with the state, in generalised coordinates."""

import math
from collections.abc import Callable
from typing import Any, final

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ..core import Drive, System, as_parameter, is_known, positive

Map = Callable[[Float[Array, " states"]], Float[Array, " units"]]


@final
class GeneralisedFilter(System):
    """Infer a moving state from what is observed of it: `dμ̃/dt = D μ̃ − κ ∂F/∂μ̃`, with
    `F = ½ ε̃_yᵀ (S(σ_y) ⊗ Π_y) ε̃_y + ½ ε̃_xᵀ (S(σ_x) ⊗ Π_x) ε̃_x`,
    `ε̃_y = ỹ − g̃(μ̃)` and `ε̃_x = D μ̃ − f̃(μ̃)`.

    μ̃ holds the estimate of the state and of its derivatives, `orders` in all; D μ̃ is each one's
    next, zero after the last. The model is `y = g(x) + z`, `dx/dt = f(x) + w`; f̃ and g̃ are f and
    g at the estimate and, for the derivatives, their linearisations there. The noises z and w are
    smooth: their autocorrelation is Gaussian with standard deviation σ (`temporal_precision`).

    - `motion`, `observation`: f [states] → [states] per ms, and g [states] → [outputs].
    - `motion_precision`, `observation_precision`: Π, the inverse variances of w and z: a scalar,
      one for each unit, or a matrix [units, units].
    - `motion_smoothness`, `observation_smoothness`: σ (ms), not used with one order.
    - `learning_rate`: κ (per ms). Too low a rate cannot hold the motion D μ̃, and the flow diverges.

    The state is [*batch, orders, states], zero at the start; give a `state` for a batch. The drive
    is ỹ, what is observed and its derivatives, [*batch, orders, outputs]: of samples,
    `TaylorEmbedding`. The output is the estimate, [*batch, states]. With one order it is gradient
    descent, as of a hierarchy; with many it is stiff, and on a clock solved implicitly.

    Raises `ValueError` for orders or states below one, shapes that do not fit, and precisions,
    smoothnesses and rates that are not positive.
    Source: Friston 2008, Hierarchical models in the brain, PLoS Comput. Biol. 4(11); Friston et al.
    2010, Generalised filtering, Math. Probl. Eng. 2010, 621670; Buckley et al. 2017, The free
    energy principle for action and perception: a mathematical review, J. Math. Psychol. 81.
    """

    motion: Map
    observation: Map
    states: int = eqx.field(static=True)
    orders: int = eqx.field(static=True)
    motion_precision: Array = eqx.field(converter=as_parameter, default=1.0)
    observation_precision: Array = eqx.field(converter=as_parameter, default=1.0)
    motion_smoothness: Array = eqx.field(converter=as_parameter, default=1.0)
    observation_smoothness: Array = eqx.field(converter=as_parameter, default=1.0)
    learning_rate: Array = eqx.field(converter=as_parameter, default=1.0)

    def __check_init__(self) -> None:
        name = "GeneralisedFilter"
        _at_least_one(name, states=self.states, orders=self.orders)
        for rate in ("motion_smoothness", "observation_smoothness", "learning_rate"):
            _positive_scalar(name, rate, getattr(self, rate))
        moved = self._shape_of("motion")
        if moved != (self.states,):
            raise ValueError(f"{name}: motion must give shape {(self.states,)}, gives {moved}.")
        seen = self._shape_of("observation")
        if len(seen) != 1:
            raise ValueError(f"{name}: observation must give one axis of outputs, gives {seen}.")
        _check_precision("motion_precision", self.motion_precision, self.states)
        _check_precision("observation_precision", self.observation_precision, seen[0])

    def initial_state(self, key: PRNGKeyArray | None = None) -> Float[Array, "orders states"]:
        """Zero."""
        return jnp.zeros((self.orders, self.states), self.learning_rate.dtype)

    def output(self, state: Float[Array, "*batch orders states"]) -> Float[Array, "*batch states"]:
        """The estimate of the state itself."""
        return state[..., 0, :]

    def free_energy(
        self, state: Float[Array, "*batch orders states"], drive: Float[Array, "..."]
    ) -> Float[Array, ""]:
        """F of the estimates under the data ỹ [*batch, orders, outputs], summed over the batch."""
        due = (self.orders, *self._shape_of("observation"))
        if jnp.shape(drive)[-2:] != due:
            raise ValueError(
                f"drive: the data and their derivatives must have shape {due}, or batches of it, "
                f"got {jnp.shape(drive)}."
            )
        return jnp.sum(jnp.vectorize(self._of_one, signature="(n,s),(n,o)->()")(state, drive))

    def vector_field(
        self, t: Any, state: Float[Array, "*batch orders states"], drive: Any
    ) -> Float[Array, "*batch orders states"]:
        slope = jax.grad(self.free_energy)(state, jnp.asarray(drive))
        return _next_orders(state) - self.learning_rate * slope

    @property
    def default_solver(self) -> diffrax.AbstractSolver:
        return diffrax.Kvaerno3()

    def _of_one(self, x: Float[Array, "orders states"], y: Float[Array, "orders outputs"]) -> Array:
        seen = y - _generalised(self.observation, x)
        moved = _next_orders(x) - _generalised(self.motion, x)
        return _cost(seen, self.observation_precision, self.observation_smoothness) + _cost(
            moved, self.motion_precision, self.motion_smoothness
        )

    def _shape_of(self, which: str) -> tuple[int, ...]:
        """Of what the motion or the observation gives."""
        state = jax.ShapeDtypeStruct((self.states,), self.learning_rate.dtype)
        try:
            return eqx.filter_eval_shape(getattr(self, which), state).shape
        except Exception as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise ValueError(
                f"GeneralisedFilter: {which} does not take states of shape {state.shape}: {reason}"
            ) from error


def temporal_precision(
    smoothness: float | Float[Array, ""], orders: int
) -> Float[Array, "orders orders"]:
    """S(σ), the precision of a unit noise and its derivatives, `orders` in all, whose
    autocorrelation is `ρ(τ) = exp(−τ² / 2σ²)`; `smoothness` is σ (ms).

    The inverse of `Cov(z⁽ⁱ⁾, z⁽ʲ⁾) = (−1)ⁱ ρ⁽ⁱ⁺ʲ⁾(0)`, with `ρ⁽²ᵏ⁾(0) = (−1)ᵏ (2k − 1)!! / σ²ᵏ` and
    zero where i + j is odd.
    Raises `ValueError` for a smoothness that is not positive or fewer orders than one.
    Source: Friston 2008, PLoS Comput. Biol. 4(11), the temporal precision S(γ), there with
    roughness γ = 2/σ².
    """
    sigma = as_parameter(smoothness)
    _positive_scalar("temporal_precision", "smoothness", sigma)
    _at_least_one("temporal_precision", orders=orders)
    covariance = np.zeros((orders, orders))
    for i in range(orders):
        for j in range(i % 2, orders, 2):
            k = (i + j) // 2
            covariance[i, j] = (-1) ** (i + k) * math.prod(range(1, 2 * k, 2))
    scale = jnp.power(sigma, jnp.arange(orders, dtype=sigma.dtype))
    return jnp.outer(scale, scale) * jnp.asarray(np.linalg.inv(covariance), sigma.dtype)


@final
class TaylorEmbedding(Drive):
    """Samples and their derivatives over time, [*batch, orders, outputs]: those of the polynomial
    through the `orders` samples that are nearest. `samples` [samples, *batch, outputs] are `dt` ms
    apart, the first at time 0.

    So it looks up to `orders`/2 samples ahead. Noise between samples is amplified by `dt**-i` in
    order i: it must be smooth over several. Before the first and after the last sample the values
    there are held.
    Raises `ValueError` for orders below one, fewer samples than orders, or a dt that is not
    positive.
    Source: Friston, Trujillo-Barreto & Daunizeau 2008, DEM: a variational treatment of dynamic
    systems, NeuroImage 41(3), 849–885.
    """

    samples: Float[Array, "samples *batch outputs"] = eqx.field(converter=as_parameter)
    dt: float | int = eqx.field(static=True)
    orders: int = eqx.field(static=True)

    def __check_init__(self) -> None:
        _at_least_one("TaylorEmbedding", orders=self.orders)
        positive("TaylorEmbedding", dt=self.dt)
        if self.samples.ndim < 2 or self.samples.shape[0] < self.orders:
            raise ValueError(
                f"TaylorEmbedding: samples must have shape [samples, outputs], with at least as "
                f"many samples as the {self.orders} orders, got {self.samples.shape}."
            )

    def at(self, t: Any) -> Float[Array, "..."]:
        n, last, dtype = self.orders, self.samples.shape[0] - 1, self.samples.dtype
        place = jnp.clip(jnp.asarray(t, dtype) / self.dt, 0, last)
        # The window around t; the slack is for rounding in t = k·dt.
        first = jnp.clip(jnp.floor(place - n / 2 + 1 + 1e-3), 0, last + 1 - n).astype(jnp.int32)
        window = jax.lax.dynamic_slice_in_dim(self.samples, first, n)
        # The derivatives at its middle, and then, by Taylor's series, at t.
        offsets = np.arange(n) - (n - 1) / 2
        factorials = np.array([math.factorial(i) for i in range(n)])
        at_middle = np.linalg.inv(np.vander(offsets, increasing=True) / factorials)
        away = place - first.astype(dtype) - (n - 1) / 2
        ahead = np.arange(n)[None, :] - np.arange(n)[:, None]
        series = jnp.cumprod(jnp.concatenate([jnp.ones(1, dtype), jnp.full(n - 1, away)]))
        series = jnp.where(ahead < 0, 0, (series / factorials.astype(dtype))[np.maximum(ahead, 0)])
        scale = jnp.asarray(float(self.dt) ** -np.arange(n)[:, None], dtype)
        weights = scale * (series @ jnp.asarray(at_middle, dtype))
        return jnp.moveaxis(jnp.tensordot(weights, window, 1), 0, -2)


def _next_orders(x: Float[Array, "*batch orders units"]) -> Float[Array, "*batch orders units"]:
    """D x̃: of each order the next, after the last zero."""
    return jnp.concatenate([x[..., 1:, :], jnp.zeros_like(x[..., :1, :])], axis=-2)


def _generalised(h: Map, x: Float[Array, "orders states"]) -> Float[Array, "orders units"]:
    """h at the state, and its linearisation there along each derivative."""
    value, along = jax.linearize(h, x[0])
    return jnp.concatenate([value[None], jax.vmap(along)(x[1:])])


def _cost(error: Float[Array, "orders units"], precision: Array, smoothness: Array) -> Array:
    orders, units = error.shape
    among_units = _as_matrix(precision, units)
    return 0.5 * jnp.sum(error * (temporal_precision(smoothness, orders) @ error @ among_units))


def _as_matrix(precision: Array, units: int) -> Float[Array, "units units"]:
    return precision if precision.ndim == 2 else jnp.diag(jnp.broadcast_to(precision, units))


def _at_least_one(owner: str, **counts: int) -> None:
    for name, count in counts.items():
        if count < 1:
            raise ValueError(f"{owner}: {name} must be at least 1, got {count}.")


def _positive_scalar(owner: str, name: str, value: Array) -> None:
    if value.shape:
        raise ValueError(f"{owner}: {name} must be a scalar, has shape {value.shape}.")
    positive(owner, **{name: value})


def _check_precision(name: str, precision: Array, units: int) -> None:
    if precision.shape not in ((), (units,), (units, units)):
        raise ValueError(
            f"GeneralisedFilter: {name} must be a scalar, {(units,)} or {(units, units)}, has "
            f"shape {precision.shape}."
        )
    if not is_known(precision):
        return
    matrix = np.asarray(_as_matrix(precision, units))
    if not np.allclose(matrix, matrix.T) or np.linalg.eigvalsh(matrix)[0] <= 0:
        raise ValueError(
            f"GeneralisedFilter: {name} must be positive, a matrix symmetric positive definite, "
            f"got {precision}."
        )
