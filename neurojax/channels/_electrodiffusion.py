"""What drives ions through a membrane: Nernst's potential and the current of Goldman, Hodgkin
and Katz."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from ._rates import x_over_expm1

FARADAY = 96485.33212  # C/mol
GAS_CONSTANT = 8.314462618  # J/(mol K)


def thermal_voltage(celsius: Float[Array, "..."]) -> Float[Array, "..."]:
    """R T / F (mV) at `celsius` (°C)."""
    return (1e3 * GAS_CONSTANT / FARADAY) * (celsius + 273.15)


def nernst(
    inside: Float[Array, "..."],
    outside: Float[Array, "..."],
    valence: int,
    celsius: Float[Array, "..."],
) -> Float[Array, "..."]:
    """Potential (mV) at which an ion of concentrations inside and outside (mM, positive) is at
    rest: `R T / (z F) ln(outside / inside)` (Hille 2001, Ion Channels of
    Excitable Membranes, 3rd ed., ch. 1)."""
    return thermal_voltage(celsius) / valence * jnp.log(outside / inside)


def ghk_current(
    v: Float[Array, "*shape"],
    permeability: Float[Array, "..."],
    inside: Float[Array, "..."],
    outside: Float[Array, "..."],
    valence: int,
    celsius: Float[Array, "..."],
) -> Float[Array, "*shape"]:
    """Current density (µA/cm², outward positive) of an ion through a permeability (cm/s), with v in
    mV and concentrations in mM; safe at v = 0 in value and derivative.

    `P z F (u / (1 − exp(−u))) (inside − outside exp(−u))` with `u = z F v / (R T)`; `linearised`
    makes it the current of a channel.

    Source: Goldman 1943, J. Gen. Physiol. 27, 37–60; Hodgkin & Katz 1949, J. Physiol. 108, 37–77;
    Hille 2001, Ion Channels of Excitable Membranes, 3rd ed., ch. 14.
    """
    u = valence * v / thermal_voltage(celsius)
    into = x_over_expm1(u, jnp.exp(u))
    out = x_over_expm1(-u, jnp.exp(-u))
    return valence * FARADAY * permeability * (inside * out - outside * into)
