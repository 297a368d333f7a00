"""Diagnostics as a figure."""

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ._diagnostics import Diagnostics

MOST = 12
"""Traces that a legend names; more are coloured by their depth."""


def plot_diagnostics(found: "Diagnostics") -> "Figure":
    """Energies while settling, cosines to backprop by edge, dead units by node."""
    try:
        from matplotlib import colormaps, pyplot as plt
    except ImportError:
        raise ImportError(
            "Diagnostics.plot needs matplotlib, which is not installed: pip install matplotlib."
        ) from None
    size = (12, 3.6)
    figure, (energies, cosines, dead) = plt.subplots(1, 3, figsize=size, layout="constrained")
    trace = np.asarray(found.energy_trace)
    colors = colormaps["viridis"](np.linspace(0, 0.9, len(found.names)))
    for values, name, color in zip(trace.T, found.names, colors, strict=True):
        label = name if len(found.names) <= MOST else None
        energies.plot(np.where(values > 0, values, np.nan), color=color, label=label)
    energies.plot(trace.sum(axis=1), "k--", label="total")
    energies.set(yscale="log", xlabel="inference step", ylabel="energy of a sample")
    energies.set_title(
        f"relaxation {float(found.relaxation):.1f} %, imbalance {float(found.imbalance):.2g}"
    )
    energies.legend(frameon=False, fontsize=8)

    _bars(cosines, found.edges, np.asarray(found.cosine), "cosine to backprop's update")
    cosines.set_xlim(min(0, *found.cosine), 1)
    _bars(dead, found.nodes, 100 * np.asarray(found.dead), "dead units (%)")
    dead.set_xlim(0, 100)
    dead.set_title(f"largest residual {float(np.max(found.residual)):.2g}")
    if "inline" in plt.get_backend():  # a notebook shows what a cell returns: not twice
        plt.close(figure)
    return figure


def _bars(ax: Any, names: tuple[str, ...], values: np.ndarray, label: str) -> None:
    places = np.arange(len(names))
    ax.barh(places, values, color="#0072B2")
    shown = places[:: max(1, len(names) // MOST)]
    ax.set_yticks(shown, [names[n] for n in shown], fontsize=8)
    ax.invert_yaxis()
    ax.set_xlabel(label)
