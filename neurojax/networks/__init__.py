"""Networks: which neurons are joined, and what travels between them."""

from ._delivery import deliver as deliver
from ._delivery_targets import Targets as Targets
from ._edges import Edges as Edges
