"""Measures of models and of what they predict."""

from ._spike_trains import coincidence_factor as coincidence_factor
from ._spike_trains import spike_count_error as spike_count_error
from ._spike_trains import subthreshold_rmse as subthreshold_rmse
