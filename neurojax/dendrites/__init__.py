"""Neurons with dendrites: morphologies, compartments, the cable and its solver."""

from ._animate_morphology import animate_morphology as animate_morphology
from ._apical_neuron import (
    ApicalNeuron as ApicalNeuron,
    ApicalNeuronState as ApicalNeuronState,
)
from ._build import (
    Branch as Branch,
    build_morphology as build_morphology,
    random_morphology as random_morphology,
)
from ._burst_neuron import (
    BurstNeuron as BurstNeuron,
    BurstNeuronState as BurstNeuronState,
)
from ._cell import (
    Cell as Cell,
    CellState as CellState,
    voltage_clamp as voltage_clamp,
)
from ._compartments import Compartments as Compartments
from ._dendritic_lif import (
    DendriticLIF as DendriticLIF,
    DendriticLIFState as DendriticLIFState,
)
from ._discretise import discretise as discretise
from ._extracellular import (
    extracellular_matrix as extracellular_matrix,
    extracellular_potential as extracellular_potential,
    membrane_current as membrane_current,
)
from ._layer import (
    DendriticLayer as DendriticLayer,
    leaky_relu as leaky_relu,
    local_inputs as local_inputs,
    random_inputs as random_inputs,
)
from ._morphology import Morphology as Morphology
from ._pinsky_rinzel import (
    PinskyRinzel as PinskyRinzel,
    PinskyRinzelState as PinskyRinzelState,
)
from ._placed import Placed as Placed, Synapses as Synapses, placed as placed
from ._plot_morphology import plot_morphology as plot_morphology
from ._swc import read_swc as read_swc, write_swc as write_swc
from ._tree import Tree as Tree
from ._tree_operator import TreeOperator as TreeOperator
from ._tree_solver import TreeSolver as TreeSolver
