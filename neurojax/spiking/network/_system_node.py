"""A System as a node of a network: a step of many of it, side by side."""

from collections.abc import Callable
from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from ...core import Clock, SpikingSystem, Stepper, System, first_line
from ._over_time import OverTime

Shape = jax.ShapeDtypeStruct
Size = Any  # an int, or a symbolic one where a program for any number of samples is exported


@final
class SystemNode(eqx.Module):
    """A System that is stepped by its own solver: one for each sample, or, where its shape is (),
    one for each element of a sample. `taken` and `given` are shapes of a sample."""

    stepper: Stepper
    solver_state: PyTree
    taken: Shape = eqx.field(static=True)
    given: Shape = eqx.field(static=True)

    @classmethod
    def of(cls, name: str, system: System, taken: Shape, dt: float) -> "SystemNode":
        """Raises `ValueError` where the system refuses what it would take."""
        single = _is_single(system)
        x = jnp.zeros(() if single else taken.shape, taken.dtype)
        clock, key = Clock(jnp.zeros((), jnp.int32), dt), jr.key(0)
        state = system.initial_state(key)
        drive, _ = _as_inputs(system, x)
        try:
            stepper = Stepper.of(system, state, drive)
            solver_state = stepper.init(clock, state, drive, key if stepper.stochastic else None)
            if isinstance(system, OverTime):
                given = _given_over_time(system, state, x, key)
            else:
                after, given = jax.eval_shape(
                    lambda: _stepped(stepper, solver_state, clock, state, x, key)
                )
                _refuse_changed(state, after)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"spiking.run: node {name!r}, {type(system).__name__}, refuses input of shape "
                f"{taken.shape}: {first_line(error)}"
            ) from error
        if single:
            given = Shape((*taken.shape, *given.shape), given.dtype)
        return cls(stepper, solver_state, taken, given)

    @property
    def system(self) -> System:
        return self.stepper.system

    @property
    def random(self) -> bool:
        """Whether its steps need a key."""
        return self.stepper.stochastic or getattr(self.system, "random", False)

    def initial_state(self, samples: Size, key: PRNGKeyArray | None) -> PyTree:
        """That of each of its systems, [samples, *taken, ...] or [samples, ...]."""
        front = self._front(samples)
        if key is None:
            state = self.system.initial_state()
            return jax.tree.map(lambda x: jnp.broadcast_to(x, (*front, *x.shape)), state)
        return _over(front, self.system.initial_state)(jr.split(key, front))

    def step(
        self,
        clock: Clock,
        state: PyTree,
        x: Float[Array, "samples ..."],
        key: PRNGKeyArray | None,
    ) -> tuple[PyTree, Array]:
        """The states after a step, and what they give in it."""
        front = self._front(x.shape[0])

        def one(state: PyTree, x: Array, key: Any) -> tuple[PyTree, Array]:
            return _stepped(self.stepper, self.solver_state, clock, state, x, key)

        keys = jr.split(key, front) if self.random and key is not None else None
        return _over(front, one)(state, x, keys)

    def _front(self, samples: Size) -> tuple[Size, ...]:
        """Axes of systems side by side."""
        return (samples, *self.taken.shape) if _is_single(self.system) else (samples,)


def _over(front: tuple[Size, ...], one: Callable[..., Any]) -> Callable[..., Any]:
    """One system's function, of as many; folding their axes into one would cost time on a CPU."""
    for _ in front:
        one = jax.vmap(one)
    return one


def _stepped(
    stepper: Stepper,
    solver_state: PyTree,
    clock: Clock,
    state: PyTree,
    x: Array,
    key: PRNGKeyArray | None,
) -> tuple[PyTree, Array]:
    """One system through one step."""
    system = stepper.system
    drive, incoming = _as_inputs(system, x)
    if any(jax.tree.leaves(stepper.flows)):
        noise = jr.fold_in(key, 0) if stepper.stochastic and key is not None else None
        state, _, _ = stepper(clock, state, drive, noise, solver_state, True)
    if not _jumps(system):
        return state, system.output(state)
    return system.jump(clock, state, incoming, None if key is None else jr.fold_in(key, 1))


def _given_over_time(system: OverTime, state: PyTree, x: Array, key: PRNGKeyArray) -> Shape:
    state = jax.tree.map(lambda s: s[None], state)
    _, given = jax.eval_shape(system.over_time, state, x[None, None], key)
    return Shape(given.shape[2:], given.dtype)


def _as_inputs(system: System, x: Array) -> tuple[Any, Any]:
    """What a node takes as its system's drive and incoming spikes."""
    if isinstance(system, SpikingSystem):
        return (0.0, x) if system.synaptic else (x, None)
    return (0.0, x) if _jumps(system) else (x, None)


def _jumps(system: System) -> bool:
    return type(system).jump is not System.jump


def _is_single(system: System) -> bool:
    """Whether it is one of its kind, whatever many of it take."""
    return getattr(system, "shape", None) == ()


def _refuse_changed(before: PyTree, after: PyTree) -> None:
    for (path, a), b in zip(
        jax.tree_util.tree_leaves_with_path(after), jax.tree.leaves(before), strict=True
    ):
        if a.shape != jnp.shape(b):
            name = jax.tree_util.keystr(path)
            raise ValueError(f"state{name} of shape {jnp.shape(b)} would become {a.shape}.")
