"""What is kept of a simulation: sampled observables, spikes, and online reductions."""

import abc
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from ._system import System, Time

SPIKES = "spikes"
RASTER = "raster"
OUTPUT = "output"

Observable = Callable[[Any, PyTree], PyTree]


class Reduction(eqx.Module):
    """A value carried through a run, so that a long run need not keep its trace."""

    @abc.abstractmethod
    def init(self, state: PyTree, emitted: PyTree) -> PyTree:
        """The value before the first step; the arguments tell shapes and dtypes."""

    @abc.abstractmethod
    def update(self, value: PyTree, t: Time, dt: float, state: PyTree, emitted: PyTree) -> PyTree:
        """The value after the step that began at t (ms): `state` is that at its end, `emitted`
        what the system emitted in it (spikes, as 0 or 1)."""


class SpikeCount(Reduction):
    """The number of spikes of each neuron; differentiable through the surrogate."""

    def init(self, state: PyTree, emitted: PyTree) -> PyTree:
        return jax.tree.map(jnp.zeros_like, emitted)

    def update(self, value: PyTree, t: Time, dt: float, state: PyTree, emitted: PyTree) -> PyTree:
        return jax.tree.map(jnp.add, value, emitted)


class Integral(Reduction):
    """The time integral of `of(t, state)` (its unit times ms): a running loss, a mean."""

    of: Observable

    def init(self, state: PyTree, emitted: PyTree) -> PyTree:
        shapes = jax.eval_shape(self.of, jnp.zeros(()), state)
        return jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)

    def update(self, value: PyTree, t: Time, dt: float, state: PyTree, emitted: PyTree) -> PyTree:
        return jax.tree.map(lambda v, x: v + dt * x, value, self.of(t, state))


Record = Mapping[str, "str | Observable | Reduction"]


def as_record(
    record: Sequence[str] | Mapping[str, Any] | None, system: System, state: PyTree
) -> Record:
    """The record argument as name → observable; every name is checked against the state."""
    if record is None:
        record = system.default_record
    if isinstance(record, str):
        raise TypeError(f"record takes a list of names or a dict, got the string {record!r}.")
    named = dict(record) if isinstance(record, Mapping) else {name: name for name in record}
    for name, what in named.items():
        if isinstance(what, str):
            _check_name(what, system, state)
        elif not callable(what) and not isinstance(what, Reduction):
            raise TypeError(
                f"record[{name!r}] must be a name, a function of (t, state) or a Reduction, "
                f"got {what!r}."
            )
    return named


def sampled(record: Record) -> list[str]:
    """The names that are sampled over time (neither spikes nor reductions)."""
    return [
        name
        for name, what in record.items()
        if not isinstance(what, Reduction) and what != RASTER and not is_of_spikes(what)
    ]


def is_of_spikes(what: Any) -> bool:
    """Whether it is "spikes", or "E.spikes" of a population."""
    return isinstance(what, str) and what.rpartition(".")[2] == SPIKES


def spikes_kept(record: Record, emitted: PyTree) -> PyTree | None:
    """What is asked for of the spikes in a step, as bits: of the system, or by population."""
    names = [what for what in record.values() if isinstance(what, str) and is_of_spikes(what)]
    if not names:
        return None
    if SPIKES not in names:
        emitted = {part: emitted[part] for part in (n.rpartition(".")[0] for n in names)}
    return jax.tree.map(packed, emitted)


def reductions(record: Record) -> dict[str, Reduction]:
    """The names that are reduced online."""
    return {name: what for name, what in record.items() if isinstance(what, Reduction)}


def observe(record: Record, system: System, t: Time, state: PyTree) -> dict[str, PyTree]:
    """The sampled observables at time t."""
    return {name: _observed(record[name], system, t, state) for name in sampled(record)}


def _observed(what: Any, system: System, t: Time, state: PyTree) -> PyTree:
    if what == OUTPUT:
        return system.output(state)
    return _part(system, state, what) if isinstance(what, str) else what(t, state)


def _part(system: System, state: PyTree, path: str) -> PyTree:
    """The part of a state at a dotted path (fields of tuples and modules, keys of dicts), or that
    at a site of a system that has sites: `"v[soma]"`."""
    path, _, site = path.removesuffix("]").partition("[")
    if site:
        return getattr(system, "at_site")(state, path, site)  # noqa: B009
    for name in path.split("."):
        state = state[name] if isinstance(state, Mapping) else getattr(state, name)
    return state


def _check_name(name: str, system: System, state: PyTree) -> None:
    fields = getattr(state, "_fields", None) or getattr(state, "keys", tuple)()
    extra = (OUTPUT, SPIKES, RASTER) if emits(system) else (OUTPUT,)
    if name in extra or (is_of_spikes(name) and name.rpartition(".")[0] in fields):
        return
    try:
        _part(system, state, name)
    except (AttributeError, KeyError):
        known = ", ".join([*map(str, fields), *extra])
        raise ValueError(
            f"record has no {name!r}: {type(system).__name__} can record {known}."
        ) from None


def emits(system: System) -> bool:
    """Whether the system has a jump of its own."""
    return type(system).jump is not System.jump


def packed(spikes: Array) -> Array:
    """Spikes as bits: of eight equal parts of the population, part j is bit j of the bytes.

    Neighbours are in neighbouring bytes, so that this is vector arithmetic.
    """
    flat = spikes.reshape(-1) > 0
    parts = jnp.pad(flat, (0, -flat.size % 8)).reshape(8, -1).astype(jnp.uint8)
    byte = parts[0]
    for j in range(1, 8):
        byte = byte | (parts[j] << j)
    return byte


def unpacked(bits: np.ndarray, neurons: int) -> np.ndarray:
    """The spikes (False or True) that `packed` made `bits` of; leading axes are kept."""
    parts = np.unpackbits(bits[..., None, :], axis=-2, count=None, bitorder="little")
    return parts.reshape(*bits.shape[:-1], -1)[..., :neurons].astype(bool)
