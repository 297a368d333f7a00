"""What an ion channel is: gates that open and close, and the currents that they let through."""

import abc
import dataclasses
from collections.abc import Callable, Mapping
from typing import ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import non_negative
from ._rates import Rates

Ions = Mapping[str, Float[Array, "*shape"]]
"""Concentrations inside the cell (mM), of the ions that a pool keeps account of."""


class Current(NamedTuple):
    """A current density `conductance · v − source` (µA/cm², outward positive), and the ion that
    carries it ("na", "k", "ca"; None where that does not matter).

    conductance in mS/cm², source in µA/cm²; both broadcast against v.
    """

    ion: str | None
    conductance: Float[Array, "..."]
    source: Float[Array, "..."]

    def at(self, v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        return self.conductance * v - self.source


def ohmic(ion: str | None, conductance: Array, reversal: Array) -> Current:
    """`g (v − E)`."""
    return Current(ion, conductance, conductance * reversal)


def linearised(
    ion: str | None, density: Callable[[Array], Array], v: Float[Array, "*shape"]
) -> Current:
    """A current that is no line in v, by its value and slope at v."""
    value, slope = jax.jvp(density, (v,), (jnp.ones_like(v),))
    return Current(ion, slope, slope * v - value)


class Channel(eqx.Module):
    """Ionic currents whose conductance is set by gates `dx/dt = α (1 − x) − β x`.

    A subclass names its `gates` and the ions whose concentration it `reads`, and owes the gates'
    `rates` and the `currents`. v in mV, rates in 1/ms, conductances in mS/cm²; its parameters g and
    g_... may not be negative. Parameters are scalars, or one value for each compartment that the
    channel is in; ions are what pools keep account of.
    """

    gates: ClassVar[tuple[str, ...]] = ()
    reads: ClassVar[tuple[str, ...]] = ()

    def __check_init__(self) -> None:
        names = [f.name for f in dataclasses.fields(self)]
        conductances = {n: getattr(self, n) for n in names if n == "g" or n.startswith("g_")}
        non_negative(type(self).__name__, **conductances)

    def rates(self, v: Float[Array, "*shape"], ions: Ions) -> Rates:
        """Opening and closing rates of the gates at v, stacked in the order of their names."""
        nothing = jnp.zeros((0, *v.shape), v.dtype)
        return nothing, nothing

    @abc.abstractmethod
    def currents(
        self, v: Float[Array, "*shape"], gates: Float[Array, "gates *shape"], ions: Ions
    ) -> tuple[Current, ...]:
        """The currents through open channels."""
