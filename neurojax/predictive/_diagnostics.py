"""What inference did, in numbers: accuracy alone hides a network that only mimics backprop."""

from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ._hierarchy import Hierarchy
from ._inference import infer
from ._rules import BackpropRule, layer_cosines, weight_gradient


class Diagnostics(NamedTuple):
    """Of one batch with input and output clamped; energies are means over samples.

    - `energy_before`, `energy_after`: of each layer, at the feed-forward and the settled state.
    - `energy_trace`: [steps + 1, layers].
    - `relaxation`: by how much of its start the total energy fell, in percent.
    - `cosine`: of each layer, between the predictive-coding gradient and backprop's.
    - `residual`: root mean square of dE/dz at the end, the largest of the batch.
    """

    energy_before: Float[Array, " layers"]
    energy_after: Float[Array, " layers"]
    energy_trace: Float[Array, "times layers"]
    relaxation: Float[Array, ""]
    cosine: Float[Array, " layers"]
    residual: Float[Array, ""]


@eqx.filter_jit
def diagnose(
    hierarchy: Hierarchy, x: Float[Array, "batch in"], y: Float[Array, "batch out"], **how: Any
) -> Diagnostics:
    """Energies, relaxation and alignment with backprop on one batch; `how` is `infer`'s."""
    clamps = {"input": x, "output": y}
    settled = infer(hierarchy, clamps, record_energy=True, **how)
    trace = jnp.asarray(settled.energy_trace) / x.shape[0]
    _, local = weight_gradient(hierarchy, settled.activities, clamps)
    backprop, _ = BackpropRule()(hierarchy, (x, y))
    return Diagnostics(
        energy_before=trace[0],
        energy_after=trace[-1],
        energy_trace=trace,
        relaxation=settled.relaxation,
        cosine=layer_cosines(local, backprop),
        residual=jnp.max(settled.residual),
    )
