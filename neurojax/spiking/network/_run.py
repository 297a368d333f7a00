"""Running a deep spiking network."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, PRNGKeyArray, Shaped

from ...core import plain, positive, refuse_nan
from ._delivery import with_delivery
from ._loop import Values, draws
from ._network import SpikingNetwork
from ._over_time import OverTime
from ._plan import faster, planned
from ._runner import NetworkRun, NetworkState, Runner, run_in_chunks
from ._shapes import Shapes, shapes_of

# What a gradient keeps of all nodes in all steps, in bytes, from which on it is taken in chunks.
CHUNK_LIMIT = 2**30
AnyArray = Array | np.ndarray


def run(
    network: SpikingNetwork,
    inputs: Shaped[AnyArray, "..."] | Mapping[str, Any],
    *,
    dt: float | int = 1.0,
    state: NetworkState | None = None,
    key: PRNGKeyArray | None = None,
    record: Sequence[str] = (),
    how: str = "auto",
    chunk: int | None = None,
) -> NetworkRun:
    """Run a spiking network over `inputs`, time first: [time, samples, *shape].

    Each step of `dt` ms goes through all nodes: a spike reaches the next layer in the step it is
    sent. Nodes outside of cycles are run layer by layer, each over all time (the gradients of
    their weights are then products outside of any loop); those in a cycle step by step together.

    - `inputs`: an array, or name → array for a network of several.
    - `state`: an earlier run's, to go on from; `key` for what is drawn at random.
    - `record`: names of nodes, for what they give in each step, or `"node.v"`, a part of a neuron's
      state after each step.
    - `how`: "layers" and "steps" force one way for all nodes, "auto" takes the faster one; the
      results are the same.
    - `chunk`: steps that a gradient remembers at a time. It recomputes the others from the states
      between: memory goes with `chunk + time / chunk`. Unless given, all, or about the square root
      of them where they would fill more than a gigabyte.

    Raises `ValueError` and `TypeError` naming what is wrong before anything runs.
    """
    if not isinstance(network, SpikingNetwork):
        raise TypeError(f"spiking.run: network must be a SpikingNetwork, got {network!r}.")
    network = plain(network)
    refuse_nan(network, "network")
    named = _as_inputs(network, inputs)
    dt = float(dt)
    positive("spiking.run", dt=dt)
    if how not in ("auto", "layers", "steps"):
        raise ValueError(f'spiking.run: how must be "auto", "layers" or "steps", got {how!r}.')
    if key is None:
        _refuse_drawing(network)
    shapes = shapes_of(network, named, dt)
    steps, samples = next(iter(named.values())).shape[:2]
    parts = planned(network, faster(network, shapes, samples) if how == "auto" else how)
    whole = _needing_all_time(network)
    if chunk is None:
        chunk = steps if whole else _affordable(shapes, steps, samples)
    if chunk < 1 or (whole and chunk < steps):
        why = f": node {whole[0]!r} needs all {steps} steps at once" if whole else ""
        raise ValueError(
            f"spiking.run: chunk must be a positive number of steps{why}, got {chunk}."
        )
    _check_record(network, shapes, record)
    runner = Runner(
        with_delivery(network, samples), tuple(parts), shapes.systems, dt, tuple(record), key
    )
    if state is None:
        state = runner.initial_state(shapes, samples)
    else:
        _check_state(runner.initial_state(shapes, samples), state)
    return run_in_chunks(runner, named, state, min(chunk, steps))


def _as_inputs(network: SpikingNetwork, inputs: Any) -> Values:
    """Inputs by name, of one number of steps and samples."""
    if not isinstance(inputs, Mapping):
        if len(network.inputs) != 1:
            raise ValueError(
                f"spiking.run: inputs must be a dict of {', '.join(network.inputs)}, got one array."
            )
        inputs = {network.inputs[0]: inputs}
    if set(inputs) != set(network.inputs):
        raise ValueError(
            f"spiking.run: inputs must be of {', '.join(network.inputs)}, got {', '.join(inputs)}."
        )
    refuse_nan(dict(inputs), "inputs")
    named = {name: jnp.asarray(x) for name, x in inputs.items()}
    named = {
        n: x if jnp.issubdtype(x.dtype, jnp.inexact) else x.astype(jnp.result_type(float))
        for n, x in named.items()
    }
    fronts = {x.shape[:2] for x in named.values()}
    if len(fronts) != 1 or len(next(iter(fronts))) != 2 or 0 in next(iter(fronts)):
        raise ValueError(
            "spiking.run: inputs must be [time, samples, ...], of one number of steps and samples "
            f"each, got {', '.join(f'{n} {x.shape}' for n, x in named.items())}."
        )
    return named


def _refuse_drawing(network: SpikingNetwork) -> None:
    for name, node in network.nodes.items():
        if draws(node.module):
            raise ValueError(
                f"spiking.run: node {name!r} draws at random, which needs a key; none is needed "
                "after equinox.nn.inference_mode."
            )


def _needing_all_time(network: SpikingNetwork) -> list[str]:
    return [
        name
        for name, node in network.nodes.items()
        if isinstance(node.module, OverTime) and node.module.needs_all_time
    ]


def _affordable(shapes: Shapes, steps: int, samples: int) -> int:
    """Steps of a chunk: all where what they keep is small."""
    numbers = sum(math.prod(x.shape) for x in shapes.given.values())
    if 8 * numbers * samples * steps <= CHUNK_LIMIT:
        return steps
    return max(1, round(steps**0.5))


def _check_record(network: SpikingNetwork, shapes: Shapes, record: Sequence[str]) -> None:
    known = list(network.nodes)
    for name, system in shapes.systems.items():
        state = system.system.initial_state(jr.key(0))
        known += [f"{name}.{part}" for part in getattr(state, "_fields", ())]
    for name in record:
        if name not in known:
            raise ValueError(f"spiking.run: record has no {name!r}; known are {', '.join(known)}.")


def _check_state(due: NetworkState, state: NetworkState) -> None:
    if jax.tree.structure(due) != jax.tree.structure(state):
        raise ValueError("spiking.run: state is not one of this network's.")
    for (path, want), got in zip(
        jax.tree_util.tree_leaves_with_path(due), jax.tree.leaves(state), strict=True
    ):
        if jnp.shape(got) != want.shape:
            raise ValueError(
                f"spiking.run: state{jax.tree_util.keystr(path)} has shape {jnp.shape(got)}, this "
                f"network with these inputs has {want.shape}."
            )
