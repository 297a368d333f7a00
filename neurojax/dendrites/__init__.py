"""Neurons with dendrites: morphologies, compartments, the cable and its solver."""

from ._build import (
    Branch as Branch,
    build_morphology as build_morphology,
    random_morphology as random_morphology,
)
from ._cell import (
    Cell as Cell,
    CellState as CellState,
    voltage_clamp as voltage_clamp,
)
from ._compartments import Compartments as Compartments
from ._discretise import discretise as discretise
from ._morphology import Morphology as Morphology
from ._placed import Placed as Placed, Synapses as Synapses, placed as placed
from ._swc import read_swc as read_swc, write_swc as write_swc
from ._tree import Tree as Tree
from ._tree_operator import TreeOperator as TreeOperator
from ._tree_solver import TreeSolver as TreeSolver
