"""A cell with dendrites: compartments on a tree, and the channels in their membrane."""

from collections.abc import Mapping
from typing import Any, NamedTuple, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ..channels import CalciumPool, Channel, Current, Ions, Rates
from ..core import (
    Affine,
    Clock,
    SemiImplicitEuler,
    SpikingSystem,
    StiffPart,
    Surrogate,
    as_parameter,
    positive,
    superspike,
    take_rows,
)
from ._compartments import Compartments
from ._placed import Placed, Synapses, Where, added, among, columns, covers, picked
from ._sites import SOMA, Sites, soma_of
from ._tree import Tree, axial_current
from ._tree_operator import TreeOperator
from ._tree_solver import TreeSolver

MICRO = 1e-5  # of 1 mS/cm² on 1 µm², in µS; of 1 µF/cm², in nF; of 1 µA/cm², in nA


class CellState(NamedTuple):
    """Membrane potential (mV), the gates of all channels, concentrations (mM) and the stages of
    synapses, each by name, and whether the soma is above threshold. The population is the last
    axis."""

    v: Float[Array, "compartment *shape"]
    gates: dict[str, Float[Array, "gates _ *shape"]]
    ions: dict[str, Float[Array, "_ *shape"]]
    synapses: dict[str, Float[Array, "stages _ *shape"]]
    above: Bool[Array, "*shape"]


def voltage_clamp(v: Any, resistance: float = 1e-3) -> Affine:
    """A single-electrode clamp at v (mV, a number or a drive) through a series resistance (MΩ).

    Its current into the cell is `(v − v_site) / resistance`.
    """
    positive("voltage_clamp", resistance=resistance)
    return Affine(1 / resistance, v * (1 / resistance))


@final
class Cell(SpikingSystem):
    """`C_m dv/dt = −Σ I_channel + (axial currents + injected currents) / area`.

    compartments are those of `discretise`; channels are named, each in all compartments or as
    `placed`. R_a in Ω·cm, C_m in µF/cm², v_init in mV: scalars or one value for each compartment.
    pools keep account of the concentrations, by ion, that channels read; synapses are named.
    sites name compartments to inject into and record from (`"v[tuft]"`); "soma" is always one: the
    compartment nearest the middle of the region soma, or the root. Recorded at a site is what
    `at_site` knows: `"v[tuft]"`, `"ions.ca[tuft]"`.

    The drive is a current (nA) into the soma, or a dict of them by site; `voltage_clamp` makes one
    that holds the potential. Spikes that arrive, `simulate(incoming=...)`, are a dict by the names
    of synapses, with a number for each. The cell spikes when v rises through v_threshold at the
    soma; nothing is reset. `shape` is a population of cells that differ in their drive, state or
    parameters: their axis is the last.

    Source: Rall 1962; Hines 1984, Int. J. Biomed. Comput. 15, 69–76.
    """

    tree: Tree = eqx.field(static=True)
    sites: Sites = eqx.field(static=True)
    channels: dict[str, Placed[Channel]]
    pools: dict[str, Placed[CalciumPool]]
    synapses: dict[str, Synapses]
    R_a: Array
    C_m: Array
    v_init: Array
    v_threshold: Array
    area: Array
    coupling: Array
    shares: Array
    sides: tuple[tuple[int, ...], ...] = eqx.field(static=True)
    shape: tuple[int, ...] = eqx.field(static=True)
    surrogate: Surrogate = eqx.field(static=True)

    default_record = ("v[soma]", "spikes")

    def __init__(
        self,
        compartments: Compartments,
        channels: Mapping[str, Channel | Placed[Channel]],
        *,
        pools: Mapping[str, CalciumPool | Placed[CalciumPool]] | None = None,
        synapses: Mapping[str, Synapses] | None = None,
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
        self.channels = {name: _as_placed(each) for name, each in channels.items()}
        self.pools = {ion: _as_placed(each) for ion, each in (pools or {}).items()}
        self.synapses = dict(synapses or {})
        self.R_a, self.C_m = as_parameter(R_a), as_parameter(C_m)
        self.v_init, self.v_threshold = as_parameter(v_init), as_parameter(v_threshold)
        self.area = as_parameter(compartments.area)
        resistance = compartments.weights.sum(axis=1)
        self.coupling = as_parameter(100 / resistance)  # µS at 1 Ω·cm: 1 µm / 1 Ω·cm is 100 µS
        self.shares = as_parameter(compartments.weights / resistance[:, None])
        self.sides = tuple(tuple(side) for side in compartments.sides.T.tolist())
        self.shape, self.surrogate = shape, surrogate
        positive("Cell", R_a=self.R_a, C_m=self.C_m)
        self._check_places()
        self._check_ions()

    def _check_places(self) -> None:
        count = self.tree.compartments
        _check_lengths({name: getattr(self, name) for name in ("R_a", "C_m", "v_init")}, count)
        places = {f"channels[{name!r}]": each for name, each in self.channels.items()}
        places |= {f"pools[{ion!r}]": each for ion, each in self.pools.items()}
        for what, each in places.items():
            _check_within(what, each.where or (), count)
            leaves = jax.tree_util.tree_leaves_with_path(each.mechanism)
            values = {f"{what}{jax.tree_util.keystr(path)}": x for path, x in leaves}
            _check_lengths(values, count if each.where is None else len(each.where))
        for name, each in self.synapses.items():
            _check_within(f"synapses[{name!r}]", each.at, count)

    def _check_ions(self) -> None:
        for name, each in self.channels.items():
            for ion in each.mechanism.reads:
                pool = self.pools.get(ion)
                if pool is None or not covers(pool.where, each.where):
                    raise ValueError(
                        f"Cell: channels[{name!r}] reads the concentration of {ion}, of which "
                        f"pools must keep account wherever it is; there "
                        f"{'is none' if pool is None else 'are gaps'}."
                    )

    @property
    def refractory(self) -> Float[Array, ""]:
        """None: its channels make it refractory."""
        return jnp.zeros_like(self.v_threshold)

    def initial_state(self, key: PRNGKeyArray | None = None) -> CellState:
        """At v_init and the pools' minimum, all gates in equilibrium, all synapses closed."""
        v = jnp.broadcast_to(self._columns(self.v_init), (self.tree.compartments, *self.shape))
        ions = {
            ion: jnp.broadcast_to(
                self._expanded(each.mechanism).minimum, picked(v, each.where).shape
            )
            for ion, each in self.pools.items()
        }
        synapses = {
            name: jnp.zeros((each.synapse.stages, len(each.targets), *self.shape), v.dtype)
            for name, each in self.synapses.items()
        }
        state = CellState(v, {}, ions, synapses, v[self.sites[SOMA]] > self.v_threshold)
        gates = {}
        for name, each in self.channels.items():
            opening, closing = self._rates(each, state)
            gates[name] = opening / (opening + closing)
        return state._replace(gates=gates)

    def output(self, state: CellState) -> Float[Array, "*shape"]:
        return state.v[self.sites[SOMA]]

    def at_site(self, state: CellState, what: str, site: str) -> Array:
        """A part of the state at a site: `"v"`, a concentration (`"ions.ca"`), the gates of a
        channel (`"gates.hh"`), or the conductance (µS) of synapses (`"synapses.ampa"`)."""
        at = self.sites[site]
        kind, _, name = what.partition(".")
        if kind == "v" and not name:
            return state.v[at]
        if kind == "ions":
            return state.ions[name][_row(self.pools[name].where, at, what, site)]
        if kind == "gates":
            return state.gates[name][:, _row(self.channels[name].where, at, what, site)]
        if kind == "synapses":
            each = self.synapses[name]
            stages = state.synapses[name][:, _row(each.targets, at, what, site)]
            return each.synapse.conductance(stages)
        raise KeyError(what)

    def vector_field(self, t: Any, state: CellState, drive: Any) -> CellState:
        gates = {}
        for name, each in self.channels.items():
            opening, closing = self._rates(each, state)
            gates[name] = opening * (1 - state.gates[name]) - closing * state.gates[name]
        ions = {ion: self._ion_rate(ion, state) for ion in self.pools}
        synapses = {n: each.synapse.rate(state.synapses[n]) for n, each in self.synapses.items()}
        conductance, source = self._membrane(state, drive)
        out = conductance * state.v + axial_current(self.tree, self.axial(), state.v)
        v = (source - out) / self._capacitance()
        return CellState(v, gates, ions, synapses, None)  # pyright: ignore[reportArgumentType]

    def split(self, t: Any, state: CellState, drive: Any) -> StiffPart:
        conductance, source = self._membrane(state, drive)
        operator = TreeOperator(conductance, self.axial(), self.tree)
        mass = jnp.broadcast_to(self._capacitance(), state.v.shape)
        return StiffPart(lambda s: s.v, mass, operator, source)

    def _rates(self, each: Placed[Channel], state: CellState) -> Rates:
        channel = self._expanded(each.mechanism)
        return channel.rates(picked(state.v, each.where), self._ions(each, state))

    def _ions(self, each: Placed[Channel], state: CellState) -> Ions:
        """Of the ions that a channel reads, the concentrations where it is."""
        return {
            ion: picked(state.ions[ion], among(self.pools[ion].where, each.where))
            for ion in each.mechanism.reads
        }

    def _currents(self, state: CellState) -> list[tuple[Where, Current]]:
        """Through all channels, and where (µA/cm²)."""
        return [
            (each.where, current)
            for name, each in self.channels.items()
            for current in self._expanded(each.mechanism).currents(
                picked(state.v, each.where), state.gates[name], self._ions(each, state)
            )
        ]

    def _ion_rate(self, ion: str, state: CellState) -> Float[Array, "_ *shape"]:
        current = jnp.zeros_like(state.v)
        for where, each in self._currents(state):
            if each.ion == ion:
                current = added(current, each.at(picked(state.v, where)), where)
        pool = self.pools[ion]
        return self._expanded(pool.mechanism).rate(state.ions[ion], picked(current, pool.where))

    def _membrane(
        self, state: CellState, drive: Any
    ) -> tuple[Float[Array, "compartment *shape"], Float[Array, "compartment *shape"]]:
        """Conductance (µS) of each compartment, and the current (nA) that remains at v = 0."""
        conductance = source = jnp.zeros_like(state.v)
        for where, current in self._currents(state):
            conductance = added(conductance, current.conductance, where)
            source = added(source, current.source, where)
        scale = self._columns(MICRO * self.area)
        conductance, source = conductance * scale, source * scale
        for name, each in self.synapses.items():
            v = picked(state.v, each.targets)
            current = each.synapse.current(state.synapses[name], v)
            conductance = added(conductance, current.conductance, each.targets)
            source = added(source, current.source, each.targets)
        for site, current in injected(drive).items():
            where = (self.sites[site],)
            if isinstance(current, Affine):
                conductance = added(conductance, _one_row(current.conductance), where)
                current = current.source
            source = added(source, _one_row(current), where)
        return conductance, source

    def axial(self) -> Float[Array, "edge *shape"]:
        """Conductances (µS) of the tree's edges."""
        if not self.R_a.ndim:
            return self.coupling * (1 / self.R_a)
        if not len(self.tree.ends):
            return self.coupling
        near, far = (take_rows(self.R_a, side) for side in self.sides)
        return self.coupling / (self.shares[:, 0] * near + self.shares[:, 1] * far)

    def _capacitance(self) -> Float[Array, "compartment *shape"]:
        """In nF."""
        return self._columns(MICRO * self.area * self.C_m)

    def _columns(self, x: Array) -> Array:
        """Values of compartments, the same for the whole population."""
        return columns(x, len(self.shape)) if x.ndim == 1 else x

    def _expanded(self, mechanism: Any) -> Any:
        return jax.tree.map(self._columns, mechanism) if self.shape else mechanism

    def spike_condition(self, state: CellState) -> Float[Array, "*shape"]:
        return self.output(state) - self.v_threshold

    def reset(self, state: CellState, spikes: Float[Array, "*shape"]) -> CellState:
        return state

    def receive(self, state: CellState, incoming: Any) -> CellState:
        """Spikes by the name of the synapses that they arrive at."""
        if not isinstance(incoming, dict) or not set(incoming) <= set(self.synapses):
            raise ValueError(
                f"spikes come as a dict by the names of synapses, {', '.join(self.synapses)}, "
                f"got {', '.join(incoming) if isinstance(incoming, dict) else incoming!r}"
            )
        opened = {n: self.synapses[n].opened(x, self.shape) for n, x in incoming.items()}
        arrived = {n: state.synapses[n] + x for n, x in opened.items()}
        return state._replace(synapses=state.synapses | arrived)

    def jump(
        self, clock: Clock, state: CellState, incoming: Any, key: PRNGKeyArray | None
    ) -> tuple[CellState, Float[Array, "*shape"]]:
        above = self.output(state) > self.v_threshold
        moved, crossed = super().jump(clock, state, incoming, key)
        return moved._replace(above=above), jnp.where(state.above, 0.0, crossed)

    @property
    def default_solver(self) -> SemiImplicitEuler:
        return SemiImplicitEuler(linear_solver=TreeSolver())


def injected(drive: Any) -> dict[str, Any]:
    """Currents by site: a bare one is the soma's."""
    return drive if isinstance(drive, dict) else {SOMA: drive}


def _one_row(x: Any) -> Array:
    return jnp.asarray(x)[None]


def _as_placed(each: Any) -> Placed[Any]:
    return each if isinstance(each, Placed) else Placed(each)


def _row(where: Where, at: int, what: str, site: str) -> int:
    """The row of compartment `at` among those in `where`."""
    if where is None:
        return at
    if at not in where:
        raise ValueError(f"there is no {what} at the site {site!r}.")
    return where.index(at)


def _check_within(what: str, where: tuple[int, ...], count: int) -> None:
    outside = [k for k in where if not 0 <= k < count]
    if outside:
        raise ValueError(f"Cell: {what} is placed in compartment {outside[0]}, there are {count}.")


def _check_lengths(values: Mapping[str, Any], count: int) -> None:
    for name, x in values.items():
        if eqx.is_array(x) and x.ndim and x.shape[0] != count:
            raise ValueError(
                f"Cell: {name} must be a scalar or have a value for each of {count} compartments, "
                f"got the shape {x.shape}."
            )
