"""Networks: populations, which of their neurons are joined, and what travels between them."""

from ._by_pair import DistanceDependent as DistanceDependent, Pairwise as Pairwise
from ._connectivity import (
    AllToAll as AllToAll,
    Connectivity as Connectivity,
    FixedInDegree as FixedInDegree,
    FixedNumber as FixedNumber,
    FixedOutDegree as FixedOutDegree,
    FixedProbability as FixedProbability,
    OneToOne as OneToOne,
)
from ._delivery import deliver as deliver
from ._delivery_targets import Targets as Targets
from ._edges import Edges as Edges
from ._listed import (
    FromEdges as FromEdges,
    FromMatrix as FromMatrix,
    as_connectivity as as_connectivity,
)
from ._network import Network as Network
from ._population import Population as Population, PopulationState as PopulationState
from ._projection import Connections as Connections, Projection as Projection
