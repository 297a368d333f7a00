"""Samples of what is free given what is clamped: Langevin dynamics down the energy."""

from typing import Any, NamedTuple, final

import diffrax
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from ..core import System, as_parameter, non_negative, simulate
from ._hierarchy import Activities, Clamps, Hierarchy
from ._settling import Settling, settling


class Samples(NamedTuple):
    """Activities of every node along a run, [samples, batch, *shape] each, and where it ended."""

    activities: Activities
    last: Activities


@final
class Langevin(System):
    """The flow of a hierarchy under clamps with noise: `dz = −∂E/∂z dt + √(2 T) dW`, whose
    stationary density is proportional to `exp(−E / T)`.

    Source: Oliviers, Bogacz & Meulemans 2024, Learning probability distributions of sensory inputs
    with Monte Carlo predictive coding, PLoS Comput. Biol. 20(10), eq. 8.
    """

    settling: Settling
    temperature: Array

    def __check_init__(self) -> None:
        non_negative("Langevin", temperature=self.temperature)

    def initial_state(self, key: PRNGKeyArray | None = None) -> PyTree:
        return self.settling.initial_state()

    def vector_field(self, t: Any, state: PyTree, drive: PyTree) -> PyTree:
        return self.settling.vector_field(t, state, None)

    def diffusion(self, t: Any, state: PyTree, drive: PyTree) -> PyTree:
        amplitude = jnp.sqrt(2 * self.temperature)
        return jax.tree.map(lambda x: jnp.full_like(x, amplitude), state)


def sample(
    hierarchy: Hierarchy,
    clamps: Clamps,
    key: PRNGKeyArray,
    *,
    steps: int,
    step_size: float = 0.01,
    temperature: float | Float[Array, ""] = 1.0,
    burn_in: int = 0,
    every: int = 1,
    start: Activities | None = None,
) -> Samples:
    """Draw the activities of all other nodes given the clamped ones, by `steps` Euler-Maruyama
    steps of Langevin dynamics after `burn_in` steps; every `every`-th is kept.

    Samples are of `exp(−E / temperature)` up to an error of order `step_size`, and correlated over
    times of the slowest direction's relaxation. Logits that nothing is known of are left at their
    predictions. `start`: activities of all nodes; feed-forward unless given.

    Raises `ValueError` for numbers of steps that make no sense or a negative temperature.
    """
    if steps < 1 or step_size <= 0 or burn_in < 0 or not 1 <= every <= steps:
        raise ValueError(
            "steps and step_size must be positive, burn_in not negative and every from 1 to steps, "
            f"got {steps}, {step_size}, {burn_in} and {every}."
        )
    resting = frozenset(
        name for name in hierarchy.barren(clamps) if not hierarchy.by_name[name].energy.has_minimum
    )
    system = Langevin(settling(hierarchy, clamps, resting=resting), as_parameter(temperature))
    first = system.settling.to_state(start or system.settling.feedforward())
    if not jax.tree.leaves(first):
        raise ValueError(f"nothing is left to sample with {', '.join(clamps)} clamped.")
    run: dict[str, Any] = {"dt": step_size, "solver": diffrax.Euler()}
    resume: Any = first
    if burn_in:
        burnt = simulate(system, t1=burn_in * step_size, state=first, key=key, record=(), **run)
        resume, key = burnt.final, None  # pyright: ignore[reportAssignmentType]
    sol = simulate(
        system,
        t1=(burn_in + steps) * step_size,
        state=resume,
        key=key,
        record={"z": lambda t, state: state},
        every=every,
        **run,
    )
    complete = system.settling.completed
    return Samples(jax.vmap(complete)(sol["z"]), complete(sol.final.state))
