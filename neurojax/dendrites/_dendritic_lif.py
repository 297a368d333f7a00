"""Leaky integrate-and-fire with branches."""

from typing import Any, NamedTuple, final

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from ..core import as_parameter, non_negative, positive, where_spiked
from ..neurons import IntegrateAndFire
from ._by_site import DENDRITE, by_site
from ._sites import SOMA


class DendriticLIFState(NamedTuple):
    """Potential (mV) of the soma and of the branches, the conductance (µS) of the branches'
    synapses, steps of refractoriness left."""

    v: Float[Array, "*shape"]
    v_dendrite: Float[Array, "branch *shape"]
    g_syn: Float[Array, "branch *shape"]
    frozen: Int[Array, "*shape"] | None


OF_BRANCHES = {"stacked": True}  # for `common_shape`: an axis of branches comes first


@final
class DendriticLIF(IntegrateAndFire):
    """Leaky integrate-and-fire whose inputs arrive on `branches` branches of the dendrite:

    `C_m dv/dt = −g_leak (v − E_leak) + Σ_b g_c (v_b − v) + I`,
    `C_d dv_b/dt = −g_d (v_b − E_leak) − g_c (v_b − v) − g_syn B(v_b) (v_b − E_syn) + I_b`,
    `tau_syn dg_syn/dt = −g_syn`, with `B(v) = 1 / (1 + Mg/3.57 exp(−0.062 v))`.

    A spike when `v > v_threshold`, then `v = v_reset`, held for `refractory` ms; the branches go
    on. With magnesium (mM) the synapses are NMDA receptors, and a branch answers more than in
    proportion to what comes together on it; without, they are AMPA receptors on a passive branch.
    Arriving weights (µS) are of the shape [branch, *shape] and add to g_syn. The drive is a current
    (nA) into the soma, or a dict of currents by site, "soma" [*shape] and "dendrite"
    [branch, *shape].

    C_m and C_d in nF, conductances in µS, potentials in mV, tau_syn and refractory in ms. C_d, g_d,
    g_c, tau_syn and magnesium are of the branches: scalars, [branch] or [branch, *shape].

    Source: Pagkalos, Chavlis & Poirazi 2023, Nat. Commun. 14, 131 (Dendrify), without its event of
    a sodium spike; parameters of its example of a soma and a dendrite, E_leak and NMDA receptors
    included. B: Jahr & Stevens 1990, J. Neurosci. 10, 3178–3182.
    """

    branches: int = eqx.field(static=True, default=1)
    C_m: Array = eqx.field(converter=as_parameter, default=0.2)
    g_leak: Array = eqx.field(converter=as_parameter, default=0.01)
    E_leak: Array = eqx.field(converter=as_parameter, default=-60.0)
    E_syn: Array = eqx.field(converter=as_parameter, default=0.0)
    v_threshold: Array = eqx.field(converter=as_parameter, default=-40.0)
    v_reset: Array = eqx.field(converter=as_parameter, default=-50.0)
    C_d: Array = eqx.field(converter=as_parameter, default=0.05, metadata=OF_BRANCHES)
    g_d: Array = eqx.field(converter=as_parameter, default=0.0025, metadata=OF_BRANCHES)
    g_c: Array = eqx.field(converter=as_parameter, default=0.015, metadata=OF_BRANCHES)
    tau_syn: Array = eqx.field(converter=as_parameter, default=60.0, metadata=OF_BRANCHES)
    magnesium: Array = eqx.field(converter=as_parameter, default=1.0, metadata=OF_BRANCHES)

    def __check_init__(self) -> None:
        name = type(self).__name__
        if self.branches < 1:
            raise ValueError(f"{name}: branches must be at least 1, got {self.branches}.")
        positive(name, C_m=self.C_m, C_d=self.C_d, tau_syn=self.tau_syn)
        non_negative(name, g_leak=self.g_leak, g_d=self.g_d, g_c=self.g_c, magnesium=self.magnesium)
        for what in ("C_d", "g_d", "g_c", "tau_syn", "magnesium"):
            own = getattr(self, what).shape
            if own[:1] not in ((), (self.branches,)):
                raise ValueError(f"{name}: {what} has shape {own}, for {self.branches} branches.")

    def initial_state(self, key: PRNGKeyArray | None = None) -> DendriticLIFState:
        v = jnp.broadcast_to(self.E_leak, self.shape)
        v_dendrite = jnp.broadcast_to(v[None], (self.branches, *self.shape))
        none = jnp.zeros_like(v_dendrite)
        return DendriticLIFState(v, v_dendrite, none, self.unfrozen())

    def vector_field(self, t: Any, state: DendriticLIFState, drive: Any) -> DendriticLIFState:
        v, v_d = state.v, state.v_dendrite
        currents = by_site(type(self).__name__, drive)
        to_soma = self._each(self.g_c) * (v_d - v[None])
        soma = self.g_leak * (self.E_leak - v) + to_soma.sum(axis=0) + currents.get(SOMA, 0.0)
        rest, reversal = (jnp.broadcast_to(E, v.shape)[None] for E in (self.E_leak, self.E_syn))
        synaptic = state.g_syn * self.unblocked(v_d) * (reversal - v_d)
        leak = self._each(self.g_d) * (rest - v_d)
        dendrite = leak - to_soma + synaptic + currents.get(DENDRITE, 0.0)
        return DendriticLIFState(
            v=self.unless_refractory(state, soma / self.C_m),
            v_dendrite=dendrite / self._each(self.C_d),
            g_syn=-state.g_syn / self._each(self.tau_syn),
            frozen=None,  # pyright: ignore[reportArgumentType]
        )

    def unblocked(self, v: Float[Array, "branch *shape"]) -> Float[Array, "branch *shape"]:
        """B: the part of the receptors that magnesium does not block."""
        return 1 / (1 + self._each(self.magnesium) / 3.57 * jnp.exp(-0.062 * v))

    def distance(self, state: DendriticLIFState) -> Float[Array, "*shape"]:
        return state.v - self.v_threshold

    def reset(self, state: DendriticLIFState, spikes: Float[Array, "*shape"]) -> DendriticLIFState:
        return state._replace(v=where_spiked(spikes, self.v_reset, state.v))

    def receive(
        self, state: DendriticLIFState, incoming: Float[Array, "branch *shape"]
    ) -> DendriticLIFState:
        return state._replace(g_syn=state.g_syn + incoming)

    def _each(self, x: Array) -> Array:
        """A parameter of the branches, with the axes of the population behind that of branches."""
        return x.reshape(x.shape + (1,) * len(self.shape)) if x.ndim == 1 else x
