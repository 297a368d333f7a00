"""What `simulate` returns."""

from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, PyTree, UInt8

from ._checks import is_known
from ._plot import Train, plot_run
from ._recording import unpacked

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class RunState(eqx.Module):
    """Where a run stands: hand it to `simulate(..., state=)` to go on, or to `save`.

    `step`, an integer, counts the steps since time zero (clock mode); `t` is the time reached (ms).
    Either is numpy's before the first step, JAX's after. The solver's own state and the key are
    kept so that going on is bitwise the same as not having stopped.
    """

    step: Any
    t: Any
    state: PyTree
    solver_state: PyTree
    key: PRNGKeyArray | None


class ClockSpikes(eqx.Module):
    """Spikes on the clock's grid, stored as bits: row n is step `first_step + n`.

    A spike is stamped with the start of its step, or with its end where `stamp` is 1. `times`,
    `indices` and `of` need the values, so they work outside jit; inside it, record "raster" or
    reduce with `SpikeCount`.
    """

    bits: UInt8[Array, "*batch steps bytes"]
    first_step: Any
    dt: float = eqx.field(static=True)
    shape: tuple[int, ...] = eqx.field(static=True)
    stamp: int = eqx.field(static=True, default=0)

    def raster(self) -> Bool[np.ndarray, "..."]:
        """Every step's spikes."""
        flat = unpacked(np.asarray(self.bits), int(np.prod(self.shape, dtype=int)))
        return flat.reshape(*flat.shape[:-1], *self.shape)

    def counts(self) -> Int[np.ndarray, "..."]:
        """Spikes of each neuron."""
        return np.asarray(self.raster().sum(axis=self.bits.ndim - 2))

    @property
    def times(self) -> np.ndarray:
        """Spike times (ms) in order, of all neurons."""
        return (np.nonzero(self._flat())[0] + int(self.first_step) + self.stamp) * self.dt

    @property
    def indices(self) -> np.ndarray:
        """The neuron (flat index) of each of `times`."""
        return np.nonzero(self._flat())[1]

    def of(self, neuron: int) -> np.ndarray:
        """Spike times (ms) of one neuron (flat index)."""
        return self.times[self.indices == neuron]

    def _flat(self) -> np.ndarray:
        raster = self.raster()
        return raster.reshape(raster.shape[0], -1)


class EventSpikes(eqx.Module):
    """Spikes at exact times: row k is the k-th event, `inf` where none happened.

    `times` is differentiable; `neurons[k]` marks those that spiked at `times[k]`.
    """

    times: Float[Array, "*batch events"]
    neurons: Bool[Array, "..."]

    def counts(self) -> Int[Array, "..."]:
        """Spikes of each neuron."""
        return self.neurons.sum(axis=self.times.ndim - 1)

    @property
    def indices(self) -> np.ndarray:
        """The first neuron (flat index) of each event that happened."""
        flat = np.asarray(self.neurons).reshape(self.times.shape[0], -1)
        return flat.argmax(axis=1)[np.isfinite(np.asarray(self.times))]

    def of(self, neuron: int) -> np.ndarray:
        """Spike times (ms) of one neuron (flat index)."""
        flat = np.asarray(self.neurons).reshape(self.times.shape[0], -1)
        return np.asarray(self.times)[flat[:, neuron]]


class Solution(eqx.Module):
    """A simulation's outcome.

    - `ts`: the times (ms) of the samples; `sol["v"]`: a recording, time first, or a reduction.
    - `spikes`: `ClockSpikes` or `EventSpikes`, of a network a dict of them by population; a
      `ValueError` where they were not recorded.
    - `final`: the `RunState` at the end; `final.state` is the system's state.
    - `steps`: solver steps taken. `failure`: 0, or the first of `FAILURES` that befell the run.
    """

    ts: Float[Array, "*batch samples"]
    recordings: dict[str, PyTree]
    recorded_spikes: ClockSpikes | EventSpikes | dict[str, ClockSpikes] | None
    final: RunState
    steps: Int[Array, "*batch"]
    failure: Int[Array, "*batch"]
    about: str = eqx.field(static=True)

    def __getitem__(self, name: str) -> Any:
        if name not in self.recordings:
            known = ", ".join(self.recordings) or "nothing"
            raise KeyError(f"{name!r} was not recorded; recorded: {known}.")
        return self.recordings[name]

    @property
    def spikes(self) -> Any:
        """The recorded spikes."""
        if self.recorded_spikes is None:
            raise ValueError(f'spikes were not recorded ({self.about}): record "spikes".')
        return self.recorded_spikes

    def plot(self, *names: str) -> "Figure":
        """A matplotlib figure: a panel for each recording (or those named), spikes as a raster."""
        over_time = [n for n, x in self.recordings.items() if _is_trace(x, self.ts)]
        chosen = [n for n in names if n != "spikes"] if names else over_time
        shown = self.recorded_spikes is not None and (not names or "spikes" in names)
        spikes = [_train(n, x) for n, x in self._spikes_by_part().items()] if shown else []
        return plot_run(np.asarray(self.ts), {n: np.asarray(self[n]) for n in chosen}, spikes)

    def _spikes_by_part(self) -> dict[str, Any]:
        """Of a system that has no populations under an empty name."""
        return self.spikes if isinstance(self.spikes, dict) else {"": self.spikes}

    def __repr__(self) -> str:
        lines = [f"Solution of {self.about}"]
        for name, value in self.recordings.items():
            for path, leaf in jax.tree_util.tree_leaves_with_path(value):
                lines.append(f"  {name}{jax.tree_util.keystr(path)}: {_described(leaf)}")
        if self.recorded_spikes is not None:
            for name, spikes in self._spikes_by_part().items():
                lines.append(f"  {f'{name}.spikes'.lstrip('.')}: {_spike_line(spikes)}")
        if is_known(self.failure) and np.any(np.asarray(self.failure)):
            lines.append(f"  failed: {FAILURES[int(np.max(np.asarray(self.failure)))]}")
        return "\n".join(lines)


FAILURES = {
    0: "none",
    1: "the state is no longer finite (it diverged, or met a NaN)",
    2: "max_spikes was reached before t1; give a larger max_spikes",
    3: "the solver failed (max_steps reached, or an implicit step did not converge)",
}


def check(solution: Solution) -> Solution:
    """Raise where a run failed and its outcome can be looked at; inside jit see `failure`."""
    if is_known(solution.failure) and np.any(np.asarray(solution.failure)):
        code = int(np.max(np.asarray(solution.failure)))
        raise RuntimeError(f"simulate, {solution.about}: {FAILURES[code]}.")
    return solution


def all_finite(tree: PyTree) -> Bool[Array, ""]:
    """Whether every float in the tree is finite."""
    checks = [
        jnp.isfinite(x).all() for x in jax.tree.leaves(eqx.filter(tree, eqx.is_inexact_array))
    ]
    return jnp.all(jnp.stack(checks)) if checks else jnp.array(True)


def _spike_line(spikes: Any) -> str:
    if not all(map(is_known, jax.tree.leaves(spikes))):
        return "traced"
    counts = np.asarray(spikes.counts())
    return f"{int(counts.sum())} in {counts.size} neuron{'s' * (counts.size != 1)}"


def _train(name: str, spikes: Any) -> Train:
    neurons = np.asarray(spikes.counts()).size
    if isinstance(spikes, ClockSpikes):
        return Train(name, spikes.times, spikes.indices, neurons)
    times = [spikes.of(i) for i in range(neurons)]
    return Train(
        name, np.concatenate(times), np.repeat(np.arange(neurons), [*map(len, times)]), neurons
    )


def _is_trace(value: Any, ts: Array) -> bool:
    return eqx.is_array(value) and value.shape[:1] == ts.shape != (0,)


def _described(x: Any) -> str:
    kind = f"{x.dtype}[{', '.join(map(str, x.shape))}]"
    if not is_known(x) or x.size == 0:
        return kind
    low, high = float(jnp.min(x)), float(jnp.max(x))
    return f"{kind} from {low:.4g} to {high:.4g}"
