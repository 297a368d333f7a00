"""Conductances that decay, rise and decay, and the receptors that have them."""

import math
from typing import ClassVar, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import Affine, as_parameter, non_negative, positive
from ._synapse import Synapse

ALPHA_SPLIT = 0.01  # its square is the error; its inverse multiplies rounding


@final
class Exponential(Synapse):
    """`g = w exp(−t/tau)`; tau in ms, E_rev in mV."""

    stages: ClassVar[int] = 1

    tau: Array = eqx.field(converter=as_parameter, default=2.0)
    E_rev: Array = eqx.field(converter=as_parameter, default=0.0)

    def __check_init__(self) -> None:
        positive("Exponential", tau=self.tau)

    def opening(self, weight: Float[Array, "*shape"]) -> Float[Array, "1 *shape"]:
        return weight[None]

    def rate(self, stages: Float[Array, "1 *shape"]) -> Float[Array, "1 *shape"]:
        return -stages / self.tau

    def conductance(self, stages: Float[Array, "1 *shape"]) -> Float[Array, "*shape"]:
        return stages[0]


@final
class Alpha(Synapse):
    """`g = w (t/tau) exp(1 − t/tau)`, which peaks at w after tau; tau in ms, E_rev in mV.

    Taken as the difference of exponentials of rates `(1 ∓ 0.01) / tau`, which steps of any length
    leave exact: off by 1e-4 of w at the most.

    Source: Rall 1967, J. Neurophysiol. 30, 1138–1168.
    """

    stages: ClassVar[int] = 2

    tau: Array = eqx.field(converter=as_parameter, default=2.0)
    E_rev: Array = eqx.field(converter=as_parameter, default=0.0)

    def __check_init__(self) -> None:
        positive("Alpha", tau=self.tau)

    def opening(self, weight: Float[Array, "*shape"]) -> Float[Array, "2 *shape"]:
        scaled = weight * (math.e / (2 * ALPHA_SPLIT))
        return jnp.stack([scaled, scaled])

    def rate(self, stages: Float[Array, "2 *shape"]) -> Float[Array, "2 *shape"]:
        fast, slow = stages
        return -jnp.stack([(1 + ALPHA_SPLIT) * fast, (1 - ALPHA_SPLIT) * slow]) / self.tau

    def conductance(self, stages: Float[Array, "2 *shape"]) -> Float[Array, "*shape"]:
        return stages[1] - stages[0]


class Biexponential(Synapse):
    """`g = w (exp(−t/tau_decay) − exp(−t/tau_rise))`, scaled so that it peaks at w.

    tau_rise < tau_decay in ms, E_rev in mV; exact under any of our solvers. Source: Roth &
    van Rossum 2009, Modeling synapses, in Computational Modeling Methods for Neuroscientists,
    eqs. 6.4–6.6; NEURON's Exp2Syn.
    """

    stages: ClassVar[int] = 2

    tau_rise: Array = eqx.field(converter=as_parameter, default=0.5)
    tau_decay: Array = eqx.field(converter=as_parameter, default=2.0)
    E_rev: Array = eqx.field(converter=as_parameter, default=0.0)

    def __check_init__(self) -> None:
        positive(
            type(self).__name__,
            tau_rise=self.tau_rise,
            **{"tau_decay - tau_rise": self.tau_decay - self.tau_rise},
        )

    def opening(self, weight: Float[Array, "*shape"]) -> Float[Array, "2 *shape"]:
        """The peak is at `ln(d/r) r d / (d − r)` for time constants r of rise, d of decay."""
        ratio = self.tau_decay / self.tau_rise
        peak = ratio ** (1 / (1 - ratio)) - ratio ** (ratio / (1 - ratio))
        return jnp.stack([weight / peak, weight / peak])

    def rate(self, stages: Float[Array, "2 *shape"]) -> Float[Array, "2 *shape"]:
        rising, decaying = stages
        return jnp.stack([-rising / self.tau_rise, -decaying / self.tau_decay])

    def conductance(self, stages: Float[Array, "2 *shape"]) -> Float[Array, "*shape"]:
        return stages[1] - stages[0]


@final
class AMPA(Biexponential):
    """Fast excitation: `Biexponential` that rises in 0.2 and decays in 1.7 ms, as measured by
    Häusser & Roth 1997, J. Neurosci. 17, 7606–7625, and used by Hay & Segev 2015, Cereb. Cortex
    25, 3561–3572."""

    tau_rise: Array = eqx.field(converter=as_parameter, default=0.2)
    tau_decay: Array = eqx.field(converter=as_parameter, default=1.7)


@final
class NMDA(Biexponential):
    """Slow excitation that magnesium blocks unless the membrane is depolarised:

    `g (v − E_rev) / (1 + (magnesium / 3.57) exp(−0.062 v))`, with g as of `Biexponential`; its
    weight is the peak without magnesium. magnesium in mM.

    Source: Jahr & Stevens 1990, J. Neurosci. 10, 3178–3182, eq. 4a, for the block; Hay & Segev
    2015, Cereb. Cortex 25, 3561–3572, for the time constants.
    """

    tau_rise: Array = eqx.field(converter=as_parameter, default=0.29)
    tau_decay: Array = eqx.field(converter=as_parameter, default=43.0)
    magnesium: Array = eqx.field(converter=as_parameter, default=1.0)

    def __check_init__(self) -> None:
        non_negative("NMDA", magnesium=self.magnesium)

    def unblocked(self, v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """The share of the conductance that magnesium leaves open at v (mV)."""
        return 1 / (1 + self.magnesium / 3.57 * jnp.exp(-0.062 * v))

    def current(self, stages: Float[Array, "2 *shape"], v: Float[Array, "*shape"]) -> Affine:
        """By value and slope at v: eight times nearer in a dendritic spike than by the value."""
        g = self.conductance(stages)
        value, slope = jax.jvp(
            lambda v: g * self.unblocked(v) * (v - self.E_rev), (v,), (jnp.ones_like(v),)
        )
        return Affine(slope, slope * v - value)


@final
class GABA_A(Biexponential):
    """Fast inhibition, chloride: `Biexponential` with the time constants of Hay & Segev 2015,
    Cereb. Cortex 25, 3561–3572."""

    tau_rise: Array = eqx.field(converter=as_parameter, default=1.0)
    tau_decay: Array = eqx.field(converter=as_parameter, default=10.0)
    E_rev: Array = eqx.field(converter=as_parameter, default=-80.0)


@final
class GABA_B(Biexponential):
    """Slow inhibition, potassium: `Biexponential` that rises in 45 and decays in 175 ms.

    The cooperative binding of G proteins, which lets a burst do more than its spikes, is left out.
    Source: Otis, De Koninck & Mody 1993, J. Physiol. 463, 391–407, for the time constants; Destexhe
    & Sejnowski 1995, PNAS 92, 9515–9519, for the cooperativity.
    """

    tau_rise: Array = eqx.field(converter=as_parameter, default=45.0)
    tau_decay: Array = eqx.field(converter=as_parameter, default=175.0)
    E_rev: Array = eqx.field(converter=as_parameter, default=-95.0)
