"""Measures of models and of what they predict."""

from ._spike_trains import (
    coincidence_factor as coincidence_factor,
    spike_count_error as spike_count_error,
    subthreshold_rmse as subthreshold_rmse,
)
