"""Measures of models and of what they predict."""

from ._comparison import (
    EnergyComparison as EnergyComparison,
    compare_energies as compare_energies,
)
from ._energy import (
    EnergyEstimate as EnergyEstimate,
    estimate_energy as estimate_energy,
)
from ._hardware import (
    HARDWARE as HARDWARE,
    EnergyConstant as EnergyConstant,
    Hardware as Hardware,
)
from ._layers import (
    CONNECTIONS as CONNECTIONS,
    connection_of as connection_of,
    weights_of as weights_of,
)
from ._operations import (
    Connection as Connection,
    Operations as Operations,
    SynapticOperations as SynapticOperations,
    convolution as convolution,
    dense_connection as dense_connection,
    footprint as footprint,
    membrane_updates as membrane_updates,
    per_sample as per_sample,
    sparsity as sparsity,
    synaptic_operations as synaptic_operations,
)
from ._spike_trains import (
    coincidence_factor as coincidence_factor,
    spike_count_error as spike_count_error,
    subthreshold_rmse as subthreshold_rmse,
)
