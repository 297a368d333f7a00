"""What is read from spikes over time."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core import is_known, positive


def first_spike_times(
    spikes: Float[Array, "time *shape"], *, dt: float | int = 1.0
) -> Float[Array, "*shape"]:
    """When each neuron spikes first (ms): the start of the step, `time · dt` for one that is
    silent. `spikes` are 0 or 1.

    Differentiable: the slope along a spike is by how much the time would change if that spike were
    there instead of not, all others being as they are. For `first_spike_cross_entropy`, whose `t1`
    may then be infinite.

    Raises `ValueError` for spikes that are not 0 or 1, or a `dt` that is not positive.
    """
    if is_known(spikes):
        shown = np.asarray(spikes)
        wrong = shown[(shown != 0) & (shown != 1)]
        if wrong.size > 0:
            raise ValueError(f"first_spike_times: spikes must be 0 or 1, got {wrong[0]}.")
    positive("first_spike_times", dt=dt)
    return dt * jnp.cumprod(1 - spikes, axis=0).sum(0)
