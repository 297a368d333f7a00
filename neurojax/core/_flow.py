"""The flow of a System as diffrax sees it: a term over the leaves that flow."""

from typing import Any, cast, get_origin

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
from jaxtyping import Array, Bool, Float, PRNGKeyArray, PyTree

from ._drives import value_at
from ._system import SpikingSystem, StiffPart, System

# What a Brownian path can give beside its increment, from the least on.
LEVY_AREAS = (
    diffrax.BrownianIncrement,
    diffrax.SpaceTimeLevyArea,
    diffrax.SpaceTimeTimeLevyArea,
)


class Flow(eqx.Module):
    """A System's vector field over the leaves that flow, the others held as they are.

    Called as diffrax calls a vector field, `flow(t, y, args)`: `args` is the drive, whose parts
    that are functions of time are evaluated at `origin + t`. A clocked step runs from 0 to dt in
    its own time: n·dt and (n+1)·dt in float32 do not differ by dt.
    """

    system: System
    held: PyTree
    origin: float | Float[Array, ""] = 0.0

    def __call__(self, t: Any, y: PyTree, args: PyTree) -> PyTree:
        now = self.origin + t
        return self.system.vector_field(now, eqx.combine(y, self.held), value_at(args, now))

    def released(self, y: PyTree) -> "Flow":
        """This flow with no neuron refractory.

        Where a neuron is frozen its rate is zero and any slope will do; the slope of a free one is
        the same in all steps, or simpler, which XLA finds out.
        """
        if not isinstance(self.system, SpikingSystem):
            return self
        shape = jax.eval_shape(self.system.spike_condition, eqx.combine(y, self.held)).shape
        return self.with_frozen(y, jnp.zeros(shape, bool))

    def with_frozen(self, y: PyTree, frozen: Bool[Array, "*shape"]) -> "Flow":
        """This flow of a spiking system, with these neurons refractory and no others."""
        system = cast(SpikingSystem, self.system)
        state = system.freeze(eqx.combine(y, self.held), frozen)
        return eqx.tree_at(lambda f: f.held, self, self._apart(state, y)[1], is_leaf=_is_none)

    def split(self, t: Any, y: PyTree, args: PyTree) -> StiffPart:
        """The stiff part of the system's flow at time `t` of the step."""
        now = self.origin + t
        return self.system.split(now, eqx.combine(y, self.held), value_at(args, now))

    def diffusion(self, t: Any, y: PyTree, args: PyTree) -> lx.DiagonalLinearOperator:
        """The system's noise amplitudes over the flowing leaves, zero where it has none."""
        now = self.origin + t
        state = eqx.combine(y, self.held)
        amplitude = self.system.diffusion(now, state, value_at(args, now))
        filled = jax.tree.map(
            lambda a, leaf: (
                jax.tree.map(jnp.zeros_like, leaf) if a is None else jnp.broadcast_to(a, leaf.shape)
            ),
            amplitude,
            state,
            is_leaf=lambda x: x is None,
        )
        return lx.DiagonalLinearOperator(self._apart(filled, y)[0])

    def _apart(self, state: PyTree, y: PyTree) -> tuple[PyTree, PyTree]:
        """A state's leaves that flow, as those of `y`, and the others."""
        return eqx.partition(state, jax.tree.map(lambda x: x is not None, y, is_leaf=_is_none))


def flowing(system: System, state: PyTree, drive: PyTree) -> PyTree[bool]:
    """Which leaves of `state` flow, by what the vector field returns (nothing is computed)."""
    rate = jax.eval_shape(lambda s, d: system.vector_field(0.0, s, value_at(d, 0.0)), state, drive)
    return jax.tree.map(lambda r, _: r is not None, rate, state, is_leaf=_is_none)


def is_stochastic(system: System, state: PyTree, drive: PyTree) -> bool:
    """Whether the system has a diffusion (nothing is computed)."""
    noise = jax.eval_shape(lambda s, d: system.diffusion(0.0, s, value_at(d, 0.0)), state, drive)
    return noise is not None


def terms_of(
    flow: Flow, y: PyTree, noise_key: PRNGKeyArray | None, solver: diffrax.AbstractSolver
) -> diffrax.AbstractTerm:
    """The diffrax terms of one step.

    With a diffusion where a key for its noise is given. A solver that wants an explicit and an
    implicit part (KenCarp, Sil3) gets the whole flow as its implicit part.
    """
    drift = diffrax.ODETerm(flow)
    if noise_key is None:
        if get_origin(solver.term_structure) is diffrax.MultiTerm:
            return diffrax.MultiTerm(diffrax.ODETerm(_still), drift)
        return drift
    needed = getattr(solver, "minimal_levy_area", diffrax.AbstractBrownianIncrement)
    brownian = diffrax.UnsafeBrownianPath(
        jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), y),
        noise_key,
        levy_area=next(area for area in LEVY_AREAS if issubclass(area, needed)),
    )
    return diffrax.MultiTerm(drift, diffrax.ControlTerm(flow.diffusion, brownian))


def as_term(
    system: System, state: PyTree | None = None, drive: PyTree = 0.0
) -> tuple[diffrax.ODETerm, PyTree]:
    """A System's flow for `diffrax.diffeqsolve`: the term, and the flowing part of the state.

    Give the drive as `args`. The jumps (threshold, reset) are `simulate`'s and do not happen.
    `drive` here only tells the drive's structure.
    """
    state = system.initial_state() if state is None else state
    y, held = eqx.partition(state, flowing(system, state, drive))
    return diffrax.ODETerm(Flow(system, held)), y


def _still(t: Any, y: PyTree, args: PyTree) -> PyTree:
    return jax.tree.map(jnp.zeros_like, y)


def _is_none(x: Any) -> bool:
    return x is None
