"""Progress of a long run: diffrax's meters, in both ways through time."""

import diffrax


def as_meter(
    progress: bool | diffrax.AbstractProgressMeter, updates: int
) -> diffrax.AbstractProgressMeter:
    """A tqdm bar for True (refreshed about a hundred times in `updates`), nothing for False."""
    if isinstance(progress, diffrax.AbstractProgressMeter):
        return progress
    if not progress:
        return diffrax.NoProgressMeter()
    return diffrax.TqdmProgressMeter(refresh_steps=max(1, updates // 100))
