"""A neuron's shape as a figure, coloured by what its compartments are or do."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from ._compartments import Compartments

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ._frusta_artist import FrustaArtist

PLANES = {"xy": [0, 1], "xz": [0, 2], "yz": [1, 2]}


def plot_morphology(
    compartments: Compartments,
    values: Any = None,
    *,
    label: str = "",
    limits: tuple[float | int, float | int] | None = None,
    plane: str = "xy",
    sites: Mapping[str, int] | None = None,
    axes: "Axes | None" = None,
) -> "Axes":
    """Draw the cables of a cell, with their diameters, and its soma, projected onto a plane.

    - `values`: what colours the compartments: one number for each, with `label` beside the
      colorbar, which spans `limits` or else all values; or one name for each, with a legend. By
      default the regions.
    - `plane`: "xy", "xz" or "yz".
    - `sites`: compartments to mark, by name.
    - `axes`: where to draw; a new figure's unless given.

    Raises `ValueError` for values of another number, an unknown plane and sites that are no
    compartments; `ImportError` without matplotlib.
    """
    values = np.asarray(compartments.region if values is None else values)
    if values.shape != (len(compartments),):
        raise ValueError(f"values must have one for each of the {len(compartments)} compartments, "
                         f"got the shape {values.shape}.")  # fmt: skip
    axes, artist = drawn(compartments, plane, sites or {}, axes)
    if values.dtype.kind in "US":
        _colour_by_name(axes, artist, values)
    else:
        colour_by_number(axes, artist, values, label, limits)
    return axes


def drawn(
    compartments: Compartments, plane: str, sites: Mapping[str, int], axes: "Axes | None"
) -> tuple["Axes", "FrustaArtist"]:
    """The cell without its colours."""
    if plane not in PLANES:
        raise ValueError(f"plane must be one of {', '.join(PLANES)}, got {plane!r}.")
    for name, at in sites.items():
        if not 0 <= at < len(compartments):
            raise ValueError(
                f"sites[{name!r}] is {at}, there are {len(compartments)} compartments."
            )
    try:
        from matplotlib import pyplot as plt

        from ._frusta_artist import FrustaArtist
    except ImportError:
        raise ImportError(
            "plot_morphology needs matplotlib, which is not installed: pip install matplotlib."
        ) from None
    if axes is None:
        _, axes = plt.subplots(figsize=(6, 6), layout="constrained")
    across = PLANES[plane]
    artist = FrustaArtist(compartments.frusta, _lines(compartments)[:, :, across])
    axes.add_collection(artist)
    for name, at in sites.items():
        x, y = compartments.xyz[at, across]
        axes.plot(x, y, "o", color="black", markerfacecolor="white", markersize=6)
        axes.annotate(name, (x, y), xytext=(6, 4), textcoords="offset points")
    axes.set_aspect("equal")
    axes.set(xlabel=f"{plane[0]} (µm)", ylabel=f"{plane[1]} (µm)")
    axes.spines[["top", "right"]].set_visible(False)
    return axes, artist


def _lines(compartments: Compartments) -> Float[np.ndarray, "line 2 3"]:
    """From end to end of each frustum; in a sphere almost nothing, which its width makes a disc."""
    xyz = compartments.frusta.xyz
    if compartments.sphere:
        inside = (compartments.frusta.compartment == 0)[:, None, None]
        center = compartments.xyz[0]
        xyz = np.where(inside, center + 1e-3 * (xyz - center), xyz)
    return xyz


def colour_by_number(
    axes: "Axes",
    artist: "FrustaArtist",
    values: np.ndarray,
    label: str,
    limits: tuple[float | int, float | int] | None,
) -> None:
    artist.show(values)
    artist.set_clim(*(limits or (float(np.min(values)), float(np.max(values)))))
    axes.figure.colorbar(artist, ax=axes, label=label, shrink=0.7)


def _colour_by_name(axes: "Axes", artist: "FrustaArtist", names: np.ndarray) -> None:
    from matplotlib.lines import Line2D

    colours = {name: f"C{k % 10}" for k, name in enumerate(dict.fromkeys(names.tolist()))}
    artist.show_names(names, colours)
    lines = [Line2D([], [], color=c, linewidth=3, label=name) for name, c in colours.items()]
    axes.legend(handles=lines, frameon=False)
