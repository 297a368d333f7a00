"""Deep spiking networks as programs: StableHLO by `jax.export`, and their weights, in one file."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, final

import equinox as eqx
import jax
import jax.export
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .. import spiking
from ..core import load, metadata_of, plain, positive, save
from ..spiking import OverTime, SpikingNetwork
from ._input_shapes import Shape, input_shapes

PLATFORMS = ("cpu", "cuda", "tpu")
State = tuple[Array, ...]


def export(
    path: str | os.PathLike,
    network: SpikingNetwork,
    *,
    dt: float | int,
    input_shape: Shape | Mapping[str, Shape],
    platforms: Sequence[str] = PLATFORMS,
) -> None:
    """Write a network that is run in steps of `dt` ms as a program, with its weights, to one file.

    The program is for any number of steps and samples and for each of the `platforms`; it goes
    through all nodes step by step, and `load_export` runs it without the code of the network. Its
    weights are arguments. The file is safetensors, with a checksum, and holds nothing that could
    run but the program.

    - `input_shape`: of a sample in one step; name → shape for a network of several inputs.

    Raises `ValueError` for a network that draws at random or has a node that needs all steps at
    once, and for unknown platforms.
    """
    if not isinstance(network, SpikingNetwork):
        raise TypeError(f"export: network must be a SpikingNetwork, got {network!r}.")
    positive("export", dt=dt)
    for platform in platforms:
        if platform not in PLATFORMS:
            raise ValueError(
                f"export: platforms must be of {', '.join(PLATFORMS)}, got {platform!r}."
            )
    for name, node in network.nodes.items():
        if isinstance(node.module, OverTime) and node.module.needs_all_time:
            raise ValueError(f"export: node {name!r} needs all steps at once.")
    network = plain(network)
    weights, combined = _named_arrays(network)
    shapes = input_shapes("export", network, input_shape)
    steps, samples = jax.export.symbolic_shape("steps, samples")
    inputs = {
        name: jax.ShapeDtypeStruct((steps, samples, *shape), jnp.result_type(float))
        for name, shape in shapes.items()
    }
    structure: Any = None

    def begun(weights: dict[str, Array], inputs: dict[str, Array]) -> tuple[Array, State]:
        nonlocal structure
        run = spiking.run(combined(weights), inputs, dt=dt, how="steps", chunk=1)
        state, structure = jax.tree.flatten(run.state)
        return run.output, tuple(state)

    def continued(
        weights: dict[str, Array], state: State, inputs: dict[str, Array]
    ) -> tuple[Array, State]:
        before = jax.tree.unflatten(structure, state)
        run = spiking.run(combined(weights), inputs, dt=dt, how="steps", chunk=1, state=before)
        return run.output, tuple(jax.tree.leaves(run.state))

    def program(function: Callable, *arguments: Any) -> jax.export.Exported:
        return jax.export.export(jax.jit(function), platforms=platforms)(*arguments)

    first = program(begun, weights, inputs)
    state = tuple(jax.ShapeDtypeStruct(x.shape, x.dtype) for x in first.out_avals[1:])
    programs = {"begun": first, "continued": program(continued, weights, state, inputs)}
    codes = {name: _as_array(x.serialize(vjp_order=0)) for name, x in programs.items()}
    notes = {
        "dt": float(dt),
        "inputs": {name: [list(shape), str(inputs[name].dtype)] for name, shape in shapes.items()},
        "platforms": list(platforms),
        "weights": {name: [list(w.shape), str(w.dtype)] for name, w in weights.items()},
        "programs": {name: len(code) for name, code in codes.items()},
    }
    save(path, {"weights": weights, "programs": codes}, {"export": notes})


@final
class Exported(eqx.Module):
    """A network as a program: called with inputs [time, samples, *shape] (name → array where it has
    several) and, to go on, the state that an earlier call gave, it returns the output
    [time, samples, ...] and the state.

    - `weights`: by the names that they had in the network; others of the same shapes will do.
    - `dt`: ms. `inputs`: the shape and dtype of a sample of each. `platforms`: where it runs.
    """

    weights: dict[str, Array]
    dt: float = eqx.field(static=True)
    inputs: dict[str, tuple[Shape, str]] = eqx.field(static=True)
    platforms: tuple[str, ...] = eqx.field(static=True)
    begun: Callable = eqx.field(static=True)
    continued: Callable = eqx.field(static=True)

    def __call__(
        self,
        inputs: Float[Array | np.ndarray, "time samples ..."] | Mapping[str, Any],
        state: State | None = None,
    ) -> tuple[Float[Array, "time samples ..."], State]:
        """Raises `ValueError` for inputs of other names or shapes."""
        named = inputs if isinstance(inputs, Mapping) else dict.fromkeys(self.inputs, inputs)
        if set(named) != set(self.inputs):
            raise ValueError(f"inputs must be of {', '.join(self.inputs)}, got {', '.join(named)}.")
        taken = {}
        for name, (shape, dtype) in self.inputs.items():
            taken[name] = x = jnp.asarray(named[name], dtype)
            if x.shape[2:] != shape or 0 in x.shape[:2]:
                raise ValueError(
                    f"inputs: {name!r} must be [time, samples, {', '.join(map(str, shape))}], "
                    f"got shape {x.shape}."
                )
        if state is None:
            return self.begun(self.weights, taken)
        return self.continued(self.weights, tuple(state), taken)


def load_export(path: str | os.PathLike) -> Exported:
    """The program that `export` wrote.

    Raises `ValueError` where the file is none of these, is truncated or altered.
    """
    notes = metadata_of(path).get("export")
    if notes is None:
        raise ValueError(f"{path} is no program written by export.")
    kept = load(
        path,
        {
            "weights": {n: np.zeros(*about) for n, about in notes["weights"].items()},
            "programs": {n: np.zeros(size, np.uint8) for n, size in notes["programs"].items()},
        },
    )
    begun, continued = (
        jax.jit(jax.export.deserialize(bytearray(kept["programs"][name])).call)
        for name in ("begun", "continued")
    )
    return Exported(
        weights={name: jnp.asarray(w) for name, w in kept["weights"].items()},
        dt=notes["dt"],
        inputs={name: (tuple(shape), kind) for name, (shape, kind) in notes["inputs"].items()},
        platforms=tuple(notes["platforms"]),
        begun=begun,
        continued=continued,
    )


def _named_arrays(
    network: SpikingNetwork,
) -> tuple[dict[str, Array], Callable[[dict[str, Array]], SpikingNetwork]]:
    """Its arrays by name, and what makes a network of such."""
    arrays, rest = eqx.partition(network, eqx.is_array)
    paths, structure = jax.tree_util.tree_flatten_with_path(arrays)
    names = [jax.tree_util.keystr(path) for path, _ in paths]

    def combined(weights: dict[str, Array]) -> SpikingNetwork:
        leaves = [weights[name] for name in names]
        return eqx.combine(jax.tree.unflatten(structure, leaves), rest)

    return {name: x for name, (_, x) in zip(names, paths, strict=True)}, combined


def _as_array(code: bytearray) -> np.ndarray:
    return np.frombuffer(bytes(code), np.uint8)
