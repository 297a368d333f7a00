"""How temperature speeds up gates."""

from jaxtyping import Array, Float


def q10(factor: float, celsius: Float[Array, "..."], reference: float) -> Float[Array, "..."]:
    """What rates are multiplied by at `celsius` (°C): `factor` for each 10 °C above `reference`,
    where they were measured."""
    return factor ** ((celsius - reference) / 10)
