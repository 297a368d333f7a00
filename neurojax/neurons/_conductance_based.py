"""What neurons of Hodgkin-Huxley type share: gates, ionic currents, and how they are split."""

import abc
import dataclasses
from functools import reduce
from operator import add
from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import lineax as lx
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ..channels import Rates
from ..core import SemiImplicitEuler, StiffPart, as_parameter, non_negative, positive
from ._threshold_crossing import ThresholdCrossing

Currents = tuple[tuple[Array, Array], ...]


class HodgkinHuxleyState(NamedTuple):
    """Membrane potential (mV), the gates (first axis, in the order that the model's docstring
    names them), and whether v is above threshold."""

    v: Float[Array, "*shape"]
    gates: Float[Array, "gates *shape"]
    above: Bool[Array, "*shape"]


class ConductanceBased(ThresholdCrossing):
    """A neuron of Hodgkin-Huxley type: `C_m dv/dt = I − Σ g (v − E)`, with the conductances g set
    by gates `dx/dt = α (1 − x) − β x`.

    A subclass owes the `rates` α and β of its gates and the `currents`; its parameters called g_...
    may not be negative. C_m in µF/cm², g in mS/cm², E and v in mV, the drive I in µA/cm². It starts
    at v_init with its gates in equilibrium.

    Its default solver is SemiImplicitEuler, staggered as NEURON's fixed step is; it takes what a
    conductance depends on, v included, from the start of the step.
    """

    C_m: Array = eqx.field(converter=as_parameter, default=1.0)
    v_init: Array = eqx.field(converter=as_parameter, default=-65.0, kw_only=True)

    def __check_init__(self) -> None:
        fields = [f.name for f in dataclasses.fields(self) if f.name.startswith("g_")]
        positive(type(self).__name__, C_m=self.C_m)
        non_negative(type(self).__name__, **{name: getattr(self, name) for name in fields})

    @abc.abstractmethod
    def rates(self, v: Float[Array, "*shape"]) -> Rates:
        """Opening and closing rates (1/ms) of the gates at v (mV), stacked in one order."""

    @abc.abstractmethod
    def currents(self, v: Float[Array, "*shape"], gates: Float[Array, "gates *shape"]) -> Currents:
        """Conductance and reversal potential of each ionic current."""

    def initial_state(self, key: PRNGKeyArray | None = None) -> HodgkinHuxleyState:
        v = jnp.broadcast_to(self.v_init, self.shape)
        alpha, beta = self.rates(v)
        return HodgkinHuxleyState(v, alpha / (alpha + beta), v > self.v_threshold)

    def vector_field(self, t: Any, state: HodgkinHuxleyState, drive: Any) -> HodgkinHuxleyState:
        alpha, beta = self.rates(state.v)
        gates = alpha * (1 - state.gates) - beta * state.gates
        conductance, source = self._membrane(state, drive)
        v = (source - conductance * state.v) / self.C_m
        return state._replace(v=v, gates=gates, above=None)

    def split(self, t: Any, state: HodgkinHuxleyState, drive: Any) -> StiffPart:
        conductance, source = self._membrane(state, drive)
        mass = jnp.broadcast_to(self.C_m, state.v.shape)
        operator = lx.DiagonalLinearOperator(conductance)
        return StiffPart(lambda s: s.v, mass, operator, source)

    def _membrane(
        self, state: HodgkinHuxleyState, drive: Any
    ) -> tuple[Float[Array, "*shape"], Float[Array, "*shape"]]:
        """Total conductance, and the current that remains at v = 0."""
        currents = self.currents(state.v, state.gates)
        conductance = reduce(add, (g for g, _ in currents))
        return conductance, reduce(add, (g * E for g, E in currents), drive)

    @property
    def default_solver(self) -> SemiImplicitEuler:
        return SemiImplicitEuler()
