"""Mean and spread over seeds."""

from collections.abc import Sequence
from typing import Any

import numpy as np


def spread(values: Sequence[float]) -> dict[str, Any]:
    """Mean, sample standard deviation and half-width of the 95 % t interval of the mean.

    The last two are None for a single value.
    """
    data = np.asarray(values, dtype=np.float64)
    n = len(data)
    if n < 2:
        return {"mean": float(data.mean()), "sd": None, "t95": None, "values": data.tolist()}
    from scipy.special import stdtrit  # scipy.stats takes a second to import

    sd = float(data.std(ddof=1))
    half_width = float(stdtrit(n - 1, 0.975)) * sd / n**0.5
    return {"mean": float(data.mean()), "sd": sd, "t95": half_width, "values": data.tolist()}


def plus_minus(result: dict[str, Any], scale: float = 1.0, digits: int = 1) -> str:
    """`mean ± sd` of a `spread`, for a table."""
    mean = f"{scale * result['mean']:.{digits}f}"
    return mean if result["sd"] is None else f"{mean} ± {scale * result['sd']:.{digits}f}"


def interval(result: dict[str, Any], scale: float = 1.0, digits: int = 1) -> str:
    """The mean of a `spread` and the ends of its 95 % interval, for a table."""
    mean, half_width = scale * result["mean"], result["t95"]
    if half_width is None:
        return f"{mean:.{digits}f}"
    low, high = mean - scale * half_width, mean + scale * half_width
    return f"{mean:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"
