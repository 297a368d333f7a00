"""Cables of a morphology as matplotlib draws them; imported only where something is plotted."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from ._frusta import Frusta

THINNEST = 0.6
"""Points: thinner lines are lost between the pixels."""


class FrustaArtist(LineCollection):
    """Lines as wide as the cables are in the data's units, at whatever size they are drawn; thick
    ones, the soma, above thin ones."""

    def __init__(self, frusta: Frusta, lines: Float[np.ndarray, "line 2 2"]) -> None:
        diameters = frusta.radii.sum(axis=1)
        order = np.argsort(diameters, kind="stable")
        super().__init__(list(lines[order]), capstyle="round")
        self.set_snap(False)  # to whole pixels: a sphere's line would have no length, and no width
        self._diameters, self._compartment = diameters[order], frusta.compartment[order]

    def show(self, values: Float[np.ndarray, " compartment"]) -> None:
        """Colour them by numbers."""
        self.set_array(values[self._compartment])

    def show_names(self, names: np.ndarray, colours: Mapping[str, str]) -> None:
        """Colour them by the names of compartments."""
        self.set_color([colours[name] for name in names[self._compartment].tolist()])

    def draw(self, renderer) -> None:
        axes, figure = self.axes, self.get_figure(root=True)
        if isinstance(axes, Axes) and figure is not None:
            (left, _), (right, _) = axes.transData.transform([(0.0, 0.0), (1.0, 0.0)])
            points = 72 / figure.dpi * (right - left)
            self.set_linewidth(np.maximum(THINNEST, points * self._diameters))
        super().draw(renderer)
