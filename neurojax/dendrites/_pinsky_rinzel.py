"""The two-compartment pyramidal cell of Pinsky & Rinzel."""

from typing import Any, NamedTuple, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ..channels import Rates, x_over_expm1
from ..core import Affine, SemiImplicitEuler, StiffPart, as_parameter, non_negative, positive
from ..neurons import ThresholdCrossing
from ._by_site import DENDRITE, by_site
from ._sites import SOMA
from ._tree import Tree
from ._tree_operator import TreeOperator
from ._tree_solver import TreeSolver

REST = -60.0  # mV: the zero of the paper's potentials
SITES = (SOMA, DENDRITE)
PAIR = Tree(2, 2, np.array([[0, 1]]))


class PinskyRinzelState(NamedTuple):
    """Membrane potential (mV) of soma and dendrite; the gates h, n of the soma and s, c, q of the
    dendrite; the dendrite's calcium (a unit of its own); whether the soma is above threshold."""

    v: Float[Array, "2 *shape"]
    gates: Float[Array, "5 *shape"]
    calcium: Float[Array, "*shape"]
    above: Bool[Array, "*shape"]


@final
class PinskyRinzel(ThresholdCrossing):
    """A CA3 pyramidal cell: a soma that spikes and a dendrite with calcium, which burst together.

    `C_m dv_s/dt = −g_leak (v_s − E_leak) − g_Na m∞²h (v_s − E_Na) − g_KDR n (v_s − E_K)
    + (g_c (v_d − v_s) + I_s) / p`,
    `C_m dv_d/dt = −g_leak (v_d − E_leak) − g_Ca s² (v_d − E_Ca) − g_KAHP q (v_d − E_K)
    − g_KC c min(Ca/250, 1) (v_d − E_K) + (g_c (v_s − v_d) + I_d) / (1 − p)`,
    `dCa/dt = −0.13 g_Ca s² (v_d − E_Ca) − 0.075 Ca`; q opens with calcium.

    C_m in µF/cm², g in mS/cm², E and v in mV; p is the soma's part of the membrane. The drive is a
    current in µA/cm² (of the whole membrane) into the soma, or a dict of currents and `Affine`s by
    site, "soma" and "dendrite". It starts at v_init, all else in equilibrium; it spikes when the
    soma's v rises through v_threshold. `shape` is a population's, the last axes of the state.

    Source: Pinsky & Rinzel 1994, J. Comput. Neurosci. 1, 39–60, and erratum, 2, 275; potentials
    are here absolute, theirs relative to a rest of −60 mV. v_threshold is that of their AMPA
    synapses.
    """

    g_c: Array = eqx.field(converter=as_parameter, default=2.1)
    p: Array = eqx.field(converter=as_parameter, default=0.5)
    C_m: Array = eqx.field(converter=as_parameter, default=3.0)
    g_leak: Array = eqx.field(converter=as_parameter, default=0.1)
    g_Na: Array = eqx.field(converter=as_parameter, default=30.0)
    g_KDR: Array = eqx.field(converter=as_parameter, default=15.0)
    g_Ca: Array = eqx.field(converter=as_parameter, default=10.0)
    g_KAHP: Array = eqx.field(converter=as_parameter, default=0.8)
    g_KC: Array = eqx.field(converter=as_parameter, default=15.0)
    E_leak: Array = eqx.field(converter=as_parameter, default=-60.0)
    E_Na: Array = eqx.field(converter=as_parameter, default=60.0)
    E_K: Array = eqx.field(converter=as_parameter, default=-75.0)
    E_Ca: Array = eqx.field(converter=as_parameter, default=80.0)
    v_init: Array = eqx.field(converter=as_parameter, default=-64.6, kw_only=True)
    v_threshold: Array = eqx.field(converter=as_parameter, default=-40.0, kw_only=True)

    default_record = ("v[soma]", "spikes")

    def __check_init__(self) -> None:
        name = type(self).__name__
        positive(name, C_m=self.C_m, p=self.p, **{"1 - p": 1 - self.p}, g_c=self.g_c)
        conductances = ("g_leak", "g_Na", "g_KDR", "g_Ca", "g_KAHP", "g_KC")
        non_negative(name, **{each: getattr(self, each) for each in conductances})

    def initial_state(self, key: PRNGKeyArray | None = None) -> PinskyRinzelState:
        v = jnp.broadcast_to(self.v_init, (2, *self.shape))
        none = jnp.zeros(self.shape, v.dtype)
        alpha, beta = self.rates(v, none)
        s = (alpha / (alpha + beta))[2]
        calcium = none + 0.13 / 0.075 * self.g_Ca * s * s * (self.E_Ca - v[1])
        alpha, beta = self.rates(v, calcium)
        return PinskyRinzelState(v, alpha / (alpha + beta), calcium, v[0] > self.v_threshold)

    def output(self, state: PinskyRinzelState) -> Float[Array, "*shape"]:
        return state.v[0]

    def at_site(self, state: PinskyRinzelState, what: str, site: str) -> Float[Array, "*shape"]:
        """`"v"` of the soma or of the dendrite."""
        if what != "v" or site not in SITES:
            raise ValueError(f"there is no {what}[{site}], only v[{SOMA}] and v[{DENDRITE}].")
        return state.v[SITES.index(site)]

    def vector_field(self, t: Any, state: PinskyRinzelState, drive: Any) -> PinskyRinzelState:
        alpha, beta = self.rates(state.v, state.calcium)
        gates = alpha * (1 - state.gates) - beta * state.gates
        conductance, source = self._membrane(state, drive)
        axial = self._axial()[0] * (state.v[1] - state.v[0])
        into = source - conductance * state.v + jnp.stack([axial, -axial])
        s, v_d = state.gates[2], state.v[1]
        calcium = 0.13 * self.g_Ca * s * s * (self.E_Ca - v_d) - 0.075 * state.calcium
        return PinskyRinzelState(into / self._capacitance(), gates, calcium, None)  # pyright: ignore[reportArgumentType]

    def split(self, t: Any, state: PinskyRinzelState, drive: Any) -> StiffPart:
        conductance, source = self._membrane(state, drive)
        operator = TreeOperator(conductance, self._axial(), PAIR)
        return StiffPart(lambda s: s.v, self._capacitance(), operator, source)

    def rates(self, v: Float[Array, "2 *shape"], calcium: Float[Array, "*shape"]) -> Rates:
        """Opening and closing rates (1/ms) of h, n, s, c, q."""
        v_s, v_d = v - REST
        n, s = (35.1 - v_s) / 5, (v_d - 51.1) / 5
        c = 2 * jnp.exp((6.5 - v_d) / 27)
        # The paper's branch for v_d ≤ 50 mV, which ends at c.
        rise = jnp.minimum(v_d, 50)
        open_c = jnp.exp((rise - 10) / 11 - (rise - 6.5) / 27) / 18.975
        open_c = jnp.where(v_d > 50, c, open_c)
        alpha = [
            0.128 * jnp.exp((17 - v_s) / 18),
            0.08 * x_over_expm1(n, jnp.exp(n)),
            1.6 * jax.nn.sigmoid(0.072 * (v_d - 65)),
            open_c,
            jnp.minimum(2e-5 * calcium, 0.01),
        ]
        beta = [
            4 * jax.nn.sigmoid((v_s - 40) / 5),
            0.25 * jnp.exp(0.5 - 0.025 * v_s),
            0.1 * x_over_expm1(s, jnp.exp(s)),
            c - open_c,
            jnp.full_like(calcium, 0.001),
        ]
        return jnp.stack(alpha), jnp.stack(beta)

    def _membrane(
        self, state: PinskyRinzelState, drive: Any
    ) -> tuple[Float[Array, "2 *shape"], Float[Array, "2 *shape"]]:
        """Conductance of each compartment (mS/cm² of the whole membrane), and the current that
        remains at v = 0, injected ones included."""
        h, n, s, c, q = state.gates
        m = self._sodium_activation(state.v[0])
        g_Na, g_Ca = self.g_Na * m * m * h, self.g_Ca * s * s
        g_K_soma = self.g_KDR * n
        g_K_dendrite = self.g_KAHP * q + self.g_KC * c * jnp.minimum(state.calcium / 250, 1)
        leak = self.g_leak * self.E_leak
        soma = (
            self.p * (self.g_leak + g_Na + g_K_soma),
            self.p * (leak + g_Na * self.E_Na + g_K_soma * self.E_K),
        )
        dendrite = (
            (1 - self.p) * (self.g_leak + g_Ca + g_K_dendrite),
            (1 - self.p) * (leak + g_Ca * self.E_Ca + g_K_dendrite * self.E_K),
        )
        conductance, source = (jnp.stack(both) for both in zip(soma, dendrite, strict=True))
        for site, current in by_site(type(self).__name__, drive).items():
            at = SITES.index(site)
            if isinstance(current, Affine):
                conductance = conductance.at[at].add(current.conductance)
                current = current.source
            source = source.at[at].add(current)
        return conductance, source

    def _sodium_activation(self, v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        v_s = v - REST
        x, y = (13.1 - v_s) / 4, (v_s - 40.1) / 5
        alpha, beta = 1.28 * x_over_expm1(x, jnp.exp(x)), 1.4 * x_over_expm1(y, jnp.exp(y))
        return alpha / (alpha + beta)

    def _axial(self) -> Float[Array, "1 *shape"]:
        return jnp.broadcast_to(self.g_c, (1, *self.shape))

    def _capacitance(self) -> Float[Array, "2 *shape"]:
        p, C_m = (jnp.broadcast_to(x, self.shape) for x in (self.p, self.C_m))
        return jnp.stack([p * C_m, (1 - p) * C_m])

    @property
    def default_solver(self) -> SemiImplicitEuler:
        return SemiImplicitEuler(linear_solver=TreeSolver())
