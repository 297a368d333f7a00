"""Whole networks on their way to hardware: converted, quantised, folded, measured."""

from ._conversion import from_ann as from_ann
from ._folded import folded as folded
from ._measure import NetworkMeasures as NetworkMeasures, energy as energy, measure as measure
from ._quantised import Quantised as Quantised, quantised as quantised
