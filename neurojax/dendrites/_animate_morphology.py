"""What happens in a neuron over time, as a film."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ._compartments import Compartments
from ._plot_morphology import colour_by_number, drawn

if TYPE_CHECKING:
    from matplotlib.animation import FuncAnimation
    from matplotlib.axes import Axes


def animate_morphology(
    compartments: Compartments,
    values: Any,
    times: Any,
    *,
    label: str = "",
    limits: tuple[float | int, float | int] | None = None,
    plane: str = "xy",
    sites: Mapping[str, int] | None = None,
    axes: "Axes | None" = None,
    interval: float | int = 50,
) -> "FuncAnimation":
    """The cell coloured by numbers that change, one picture for each time, `interval` ms of the
    viewer's apart: `.save("spike.gif")` or `.to_jshtml()`.

    values [time, compartment] are for instance a recorded v, of every so many steps; times (ms)
    stand above the pictures. All else is as in `plot_morphology`; `limits` are those of all times
    unless given.

    Raises `ValueError` for values of another shape, and as `plot_morphology` does.
    """
    values, times = np.asarray(values), np.asarray(times)
    expected = (len(times), len(compartments)) if times.ndim == 1 else ("time", len(compartments))
    if values.shape != expected or not values.size:
        raise ValueError(f"values must have the shape {expected} for times of the shape "
                         f"{times.shape}, got {values.shape}.")  # fmt: skip
    axes, artist = drawn(compartments, plane, sites or {}, axes)
    from matplotlib.animation import FuncAnimation
    from matplotlib.figure import Figure

    limits = limits or (float(values.min()), float(values.max()))
    colour_by_number(axes, artist, values[0], label, limits)

    def show(frame: int) -> list:
        artist.show(values[frame])
        axes.set_title(f"{times[frame]:.2f} ms")
        return [artist]

    figure = axes.get_figure(root=True)
    assert isinstance(figure, Figure)
    return FuncAnimation(figure, show, frames=len(times), interval=interval)
