"""The spikes of some neurons, and the rate of each kind."""

from __future__ import annotations

import numpy as np

from experiments.runner import Run, figures

SHOWN, SPAN = 200, 300.0  # neurons, and ms at the end
BIN = 1.0  # ms
COLORS = ("#0072B2", "#D55E00")


def draw(run: Run, raster: np.ndarray, kinds: dict[str, slice], dt: float) -> None:
    """Of spikes [steps, neurons]."""
    last = raster[-round(SPAN / dt) :]
    figure, (spikes, rates) = figures.panels(2, "the end of the first seed's run", 6.4)
    first, total = 0, raster.shape[1]
    for (kind, cells), color in zip(kinds.items(), COLORS, strict=True):
        own = last[:, cells]
        share = max(1, SHOWN * own.shape[1] // total)
        step, neuron = np.nonzero(own[:, :share])
        spikes.plot(step * dt, first + neuron, ".", color=color, markersize=2, markeredgewidth=0)
        first += share
        width = round(BIN / dt)
        whole = own[: len(own) // width * width].reshape(-1, width, own.shape[1])
        rate = whole.sum(1).mean(1) / BIN * 1e3
        rates.plot(np.arange(len(rate)) * BIN, rate, color=color, linewidth=1, label=kind)
    spikes.set(xlabel="time (ms)", ylabel="neuron", ylim=(-1, first))
    rates.set(xlabel="time (ms)", ylabel="rate (Hz)", ylim=(0, None))
    rates.legend(frameon=False)
    run.figure("spikes", figure)
