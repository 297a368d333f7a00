"""How a hierarchy of integrate-and-fire neurons learns: errors times activities, over time."""

from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from ...core import Integral, simulate
from ._spiking import LIFHierarchy

Batch = tuple[Float[Array, "batch in"], Float[Array, "batch out"]]
Metrics = dict[str, Float[Array, ""]]


@final
class ErrorTimesActivity(eqx.Module):
    """Present the input, then the target too, then average, and multiply errors with activities.

    The input alone for `untaught` ms and with its target for `settle` ms, in steps of `dt` ms; then
    over `window` ms each synapse averages the error ε of its neuron and the activity r that it
    hears (spikes, filtered), and is changed by their product. A source of gradients for
    `learning.fit`, of the mean over samples. The product of averages, not the average of products:
    in the latter the ripple of filtered spikes acts as a decay of the weights.

    Source: Whittington & Bogacz 2017, Neural Computation 29(5), eq. 2.15, at the averages.
    """

    untaught: float = eqx.field(static=True, default=100.0)
    settle: float = eqx.field(static=True, default=50.0)
    window: float = eqx.field(static=True, default=100.0)
    dt: float = eqx.field(static=True, default=1.0)

    def __check_init__(self) -> None:
        for name in ("untaught", "settle", "window", "dt"):
            if not getattr(self, name) > 0:
                value = getattr(self, name)
                raise ValueError(f"ErrorTimesActivity: {name} must be positive, got {value}.")

    def __call__(
        self, model: LIFHierarchy, batch: Batch, key: PRNGKeyArray | None = None
    ) -> tuple[LIFHierarchy, Metrics]:
        x, target = batch
        drive = {"input": x, "target": target}
        state = self._after(model, {"input": x}, self.untaught, at_rest(model, x.shape[0]))
        state = self._after(model, drive, self.settle, state)

        def local(t: Any, state: PyTree) -> PyTree:
            return model.errors(state, drive), model.activities(state, x)[:-1]

        record = {"local": Integral(local)}
        sol = simulate(model, drive, t1=self.window, dt=self.dt, state=state, record=record)
        errors, heard = jax.tree.map(lambda total: total / self.window, sol["local"])
        change = tuple(e.T @ r / x.shape[0] for e, r in zip(errors, heard, strict=True))
        nothing = jax.tree.map(jnp.zeros_like, eqx.filter(model, eqx.is_inexact_array))
        gradient = eqx.tree_at(lambda m: m.weights, nothing, tuple(-each for each in change))
        return gradient, {"error": jnp.mean(errors[-1] ** 2)}

    def _after(self, model: LIFHierarchy, drive: PyTree, t1: float, state: PyTree) -> PyTree:
        run = simulate(model, drive, t1=t1, dt=self.dt, state=state, record=())
        return run.final.state


def responses(
    model: LIFHierarchy,
    x: Float[Array, "batch in"],
    *,
    settle: float = 100.0,
    window: float = 100.0,
    dt: float = 1.0,
) -> Float[Array, "batch out"]:
    """Activities of the output (spikes, filtered) to inputs without target: their averages over
    `window` ms after `settle` ms."""
    drive = {"input": x}
    rest = at_rest(model, x.shape[0])
    state = simulate(model, drive, t1=settle, dt=dt, state=rest, record=()).final.state
    record = {"response": Integral(lambda t, state: model.activities(state, x)[-1])}
    return simulate(model, drive, t1=window, dt=dt, state=state, record=record)["response"] / window


def at_rest(model: LIFHierarchy, samples: int) -> PyTree:
    """The initial state of a batch."""
    return jax.tree.map(lambda x: jnp.broadcast_to(x, (samples, *x.shape)), model.initial_state())
