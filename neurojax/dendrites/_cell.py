"""A cell with dendrites: a cable of compartments, and the channels in it."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from ..core import SemiImplicitEuler, SpikingSystem, StiffPart, as_parameter
from ..neurons import HodgkinHuxley
from ._tree import Tree, TreeOperator, TreeSolver, axial_current


class CellState(NamedTuple):
    v: Float[Array, "compartment *shape"]
    gates: Float[Array, "gates compartment *shape"]
    above: Bool[Array, "*shape"]


class Proto(SpikingSystem):
    tree: Tree = eqx.field(static=True)
    area: Array
    axial: Array
    C_m: Array
    g_Na: Array
    g_K: Array
    g_leak: Array
    shape: tuple = eqx.field(static=True, default=())
    refractory: Array = eqx.field(converter=as_parameter, default=0.0)
    surrogate: Any = None

    @classmethod
    def of(cls, comps, R_a=100.0, C_m=1.0, shape=(), dtype=None):
        dtype = dtype or jnp.result_type(float)
        tree = Tree(len(comps), comps.nodes, comps.ends)
        g = 100.0 / (R_a * comps.weights.sum(1))
        n = len(comps)
        return cls(tree, jnp.asarray(comps.area*1e-5, dtype), jnp.asarray(g, dtype), jnp.full(n, C_m, dtype),
                   jnp.full(n, 120.0, dtype), jnp.full(n, 36.0, dtype), jnp.full(n, 0.3, dtype), shape)

    def _hh(self):
        n = self.tree.compartments
        col = lambda x: x.reshape(x.shape + (1,) * len(self.shape))
        return HodgkinHuxley((n, *self.shape), g_Na=col(self.g_Na), g_K=col(self.g_K), g_leak=col(self.g_leak))

    def initial_state(self, key=None):
        s = self._hh().initial_state()
        return CellState(s.v, s.gates, s.v[0] > 0)

    def _membrane(self, state):
        hh = self._hh()
        cur = hh.currents(state.v, state.gates)
        g = sum(c for c, _ in cur)
        src = sum(c * E for c, E in cur)
        area = self.area.reshape(self.area.shape + (1,) * len(self.shape))
        return g * area, src * area

    def vector_field(self, t, state, drive):
        hh = self._hh()
        alpha, beta = hh.rates(state.v)
        gates = alpha * (1 - state.gates) - beta * state.gates
        g, src = self._membrane(state)
        i = src.at[0].add(drive) - g * state.v - axial_current(self.tree, self.axial, state.v)
        C = (self.C_m * self.area).reshape(self.area.shape + (1,) * len(self.shape))
        return CellState(i / C, gates, None)

    def split(self, t, state, drive):
        g, src = self._membrane(state)
        C = (self.C_m * self.area).reshape(self.area.shape + (1,) * len(self.shape))
        return StiffPart(lambda s: s.v, jnp.broadcast_to(C, state.v.shape), TreeOperator(g, self.axial, self.tree), src.at[0].add(drive))

    def spike_condition(self, state):
        return state.v[0]

    def reset(self, state, spikes):
        return state._replace(above=state.v[0] > 0)

    def jump(self, clock, state, incoming, key):
        up = (state.v[0] > 0) & ~state.above
        return state._replace(above=state.v[0] > 0), up.astype(state.v.dtype)

    @property
    def default_solver(self):
        return SemiImplicitEuler(linear_solver=TreeSolver())
