"""A cell with dendrites: compartments on a tree, and the channels in their membrane."""

from collections.abc import Mapping
from typing import Any, NamedTuple, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ..channels import Channel
from ..core import (
    Clock,
    SemiImplicitEuler,
    SpikingSystem,
    StiffPart,
    Surrogate,
    as_parameter,
    positive,
    superspike,
)
from ._compartments import Compartments
from ._tree import Tree, TreeOperator, TreeSolver, axial_current

MICRO = 1e-5  # of 1 mS/cm² on 1 µm², in µS; of 1 µF/cm², in nF; of 1 µA/cm², in nA
SOMA = "soma"


class CellState(NamedTuple):
    """Membrane potential (mV), the gates of all channels by the channel's name, and whether the
    soma is above threshold. The population is the last axis."""

    v: Float[Array, "compartment *shape"]
    gates: dict[str, Float[Array, "gates _ *shape"]]
    above: Bool[Array, "*shape"]


class Placed(eqx.Module):
    """A channel in some compartments only (indices), or with None in all."""

    channel: Channel
    where: tuple[int, ...] | None = eqx.field(static=True, default=None)


def placed(channel: Channel, where: Bool[np.ndarray, " compartment"]) -> Placed:
    """`channel` in the compartments where `where` is true; parameters are scalars or have one value
    for each of these."""
    return Placed(channel, tuple(np.flatnonzero(where).tolist()))


class Sites:
    """Names of compartments; hashable, for jit."""

    def __init__(self, index: Mapping[str, int], count: int) -> None:
        for name, at in index.items():
            if not 0 <= at < count:
                raise ValueError(f"Cell: sites[{name!r}] is {at}, there are {count} compartments.")
        self._index = {name: int(at) for name, at in index.items()}

    def __getitem__(self, name: str) -> int:
        if name not in self._index:
            raise ValueError(f"there is no site {name!r}: the cell has {', '.join(self._index)}.")
        return self._index[name]

    def __hash__(self) -> int:
        return hash(tuple(self._index.items()))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sites) and self._index == other._index


class Affine(NamedTuple):
    """A current into a compartment that depends on its potential: `source − conductance · v` (nA;
    µS, nA). It is part of the implicit step."""

    conductance: Any
    source: Any


def voltage_clamp(v: Any, resistance: float = 1e-3) -> Affine:
    """A single-electrode clamp at v (mV) through a series resistance (MΩ)."""
    positive("voltage_clamp", resistance=resistance)
    return Affine(1 / resistance, v / resistance)


@final
class Cell(SpikingSystem):
    """`C_m dv/dt = −Σ I_channel + (axial currents + injected currents) / area`.

    compartments are those of `discretise`; channels are named, each in all compartments or as
    `placed`. R_a in Ω·cm, C_m in µF/cm², v_init in mV: scalars or one value for each compartment.
    sites name compartments to inject into and record from (`"v[tuft]"`); "soma" is always one: the
    compartment nearest the middle of the region soma, or the root.

    The drive is a current (nA) into the soma, or a dict of them by site; `voltage_clamp` makes one
    that holds the potential. It spikes when v rises through v_threshold at the soma; nothing is
    reset. `shape` is a population of cells that differ in their drive, state or parameters: their
    axis is the last.

    Source: Rall 1962; Hines 1984, Int. J. Biomed. Comput. 15, 69–76.
    """

    tree: Tree = eqx.field(static=True)
    sites: Sites = eqx.field(static=True)
    channels: dict[str, Placed]
    R_a: Array
    C_m: Array
    v_init: Array
    v_threshold: Array
    area: Array
    weights: Array
    sides: Array
    shape: tuple[int, ...] = eqx.field(static=True)
    surrogate: Surrogate = eqx.field(static=True)

    default_record = ("v[soma]", "spikes")

    def __init__(
        self,
        compartments: Compartments,
        channels: Mapping[str, Channel | Placed],
        *,
        R_a: Any = 100.0,
        C_m: Any = 1.0,
        v_init: Any = -65.0,
        v_threshold: Any = 0.0,
        sites: Mapping[str, int] | None = None,
        shape: tuple[int, ...] = (),
        surrogate: Surrogate = superspike,
    ) -> None:
        self.tree = Tree(len(compartments), compartments.nodes, compartments.ends)
        self.sites = Sites({SOMA: soma_of(compartments)} | dict(sites or {}), len(compartments))
        self.channels = {
            name: each if isinstance(each, Placed) else Placed(each)
            for name, each in channels.items()
        }
        self.R_a, self.C_m = as_parameter(R_a), as_parameter(C_m)
        self.v_init, self.v_threshold = as_parameter(v_init), as_parameter(v_threshold)
        self.area = as_parameter(compartments.area)
        self.weights = as_parameter(compartments.weights)
        self.sides = jnp.asarray(compartments.sides, jnp.int32)
        self.shape, self.surrogate = shape, surrogate
        positive("Cell", R_a=self.R_a, C_m=self.C_m)
        self._check_lengths()

    def _check_lengths(self) -> None:
        count = self.tree.compartments
        _check_lengths({name: getattr(self, name) for name in ("R_a", "C_m", "v_init")}, count)
        for name, each in self.channels.items():
            if each.where and max(each.where) >= count:
                raise ValueError(
                    f"Cell: channels[{name!r}] is placed in compartment {max(each.where)}, "
                    f"there are {count}."
                )
            if each.channel.reads:
                raise ValueError(
                    f"Cell: channels[{name!r}] reads the concentration of "
                    f"{', '.join(each.channel.reads)}, of which cells keep no account."
                )
            values = {f"channels[{name!r}].{k}": x for k, x in vars(each.channel).items()}
            _check_lengths(values, count if each.where is None else len(each.where))

    @property
    def refractory(self) -> Float[Array, ""]:
        """None: its channels make it refractory."""
        return jnp.zeros_like(self.v_threshold)

    def initial_state(self, key: PRNGKeyArray | None = None) -> CellState:
        """At v_init, all gates in equilibrium."""
        v = jnp.broadcast_to(self._columns(self.v_init), (self.tree.compartments, *self.shape))
        gates = {}
        for name, each in self.channels.items():
            alpha, beta = self._expanded(each.channel).rates(_at(v, each.where), {})
            gates[name] = alpha / (alpha + beta)
        return CellState(v, gates, v[self.sites[SOMA]] > self.v_threshold)

    def output(self, state: CellState) -> Float[Array, "*shape"]:
        return state.v[self.sites[SOMA]]

    def vector_field(self, t: Any, state: CellState, drive: Any) -> CellState:
        gates = {}
        for name, each in self.channels.items():
            alpha, beta = self._expanded(each.channel).rates(_at(state.v, each.where), {})
            gates[name] = alpha * (1 - state.gates[name]) - beta * state.gates[name]
        conductance, source = self._membrane(state, drive)
        out = conductance * state.v + axial_current(self.tree, self._axial(), state.v)
        return CellState((source - out) / self._capacitance(), gates, None)  # pyright: ignore[reportArgumentType]

    def split(self, t: Any, state: CellState, drive: Any) -> StiffPart:
        conductance, source = self._membrane(state, drive)
        operator = TreeOperator(conductance, self._axial(), self.tree)
        mass = jnp.broadcast_to(self._capacitance(), state.v.shape)
        return StiffPart(lambda s: s.v, mass, operator, source)

    def _membrane(
        self, state: CellState, drive: Any
    ) -> tuple[Float[Array, "compartment *shape"], Float[Array, "compartment *shape"]]:
        """Conductance (µS) of each compartment, and the current (nA) that remains at v = 0."""
        conductance = source = jnp.zeros_like(state.v)
        for name, each in self.channels.items():
            v = _at(state.v, each.where)
            for current in self._expanded(each.channel).currents(v, state.gates[name], {}):
                conductance = _added(conductance, current.conductance, each.where)
                source = _added(source, current.source, each.where)
        scale = self._columns(MICRO * self.area)
        conductance, source = conductance * scale, source * scale
        for site, current in injected(drive).items():
            at = self.sites[site]
            if isinstance(current, Affine):
                conductance = conductance.at[at].add(current.conductance)
                current = current.source
            source = source.at[at].add(current)
        return conductance, source

    def _axial(self) -> Float[Array, "edge *shape"]:
        """Axial conductances (µS)."""
        R_a = self.R_a[self.sides] if self.R_a.ndim else self.R_a
        resistance = 0.01 * (self.weights * R_a).sum(axis=1)  # MΩ: Ω·cm over µm is 10⁴ Ω
        return 1 / resistance

    def _capacitance(self) -> Float[Array, "compartment *shape"]:
        """In nF."""
        return self._columns(MICRO * self.area * self.C_m)

    def _columns(self, x: Array) -> Array:
        """Values of compartments, the same for the whole population."""
        return x.reshape(x.shape + (1,) * len(self.shape)) if x.ndim == 1 else x

    def _expanded(self, channel: Channel) -> Channel:
        return jax.tree.map(self._columns, channel) if self.shape else channel

    def spike_condition(self, state: CellState) -> Float[Array, "*shape"]:
        return self.output(state) - self.v_threshold

    def reset(self, state: CellState, spikes: Float[Array, "*shape"]) -> CellState:
        return state

    def jump(
        self, clock: Clock, state: CellState, incoming: Any, key: PRNGKeyArray | None
    ) -> tuple[CellState, Float[Array, "*shape"]]:
        above = self.output(state) > self.v_threshold
        _, crossed = super().jump(clock, state, incoming, key)
        return state._replace(above=above), jnp.where(state.above, 0.0, crossed)

    @property
    def default_solver(self) -> SemiImplicitEuler:
        return SemiImplicitEuler(linear_solver=TreeSolver())


def injected(drive: Any) -> dict[str, Any]:
    """Currents by site: a bare one is the soma's."""
    return drive if isinstance(drive, dict) else {SOMA: drive}


def soma_of(compartments: Compartments) -> int:
    """The compartment of the region soma that is nearest its centre; the first where there is no
    soma."""
    soma = np.flatnonzero(np.array(compartments.region) == SOMA)
    if not len(soma):
        return 0
    area = compartments.area[soma, None]
    center = (compartments.xyz[soma] * area).sum(axis=0) / area.sum()
    return int(soma[np.argmin(np.linalg.norm(compartments.xyz[soma] - center, axis=1))])


def _check_lengths(values: Mapping[str, Any], count: int) -> None:
    for name, x in values.items():
        if eqx.is_array(x) and x.ndim and x.shape[0] != count:
            raise ValueError(
                f"Cell: {name} must be a scalar or have a value for each of {count} compartments, "
                f"got the shape {x.shape}."
            )


def _at(x: Array, where: tuple[int, ...] | None) -> Array:
    return x if where is None else x[np.array(where)]


def _added(total: Array, part: Array, where: tuple[int, ...] | None) -> Array:
    return total + part if where is None else total.at[np.array(where)].add(part)
