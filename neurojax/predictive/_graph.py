"""What follows from a hierarchy's graph alone: its predictions, their order, what needs none."""

from collections.abc import Collection, Sequence
from typing import NamedTuple


class Factor(NamedTuple):
    """One prediction of a node: the edges, by number, whose contributions it sums.

    `own`: its cost is that of its (only) edge, not of the node. `amortised`: it costs nothing
    during inference.
    """

    target: str
    sources: tuple[str, ...]
    edges: tuple[int, ...]
    own: bool = False
    amortised: bool = False

    @property
    def name(self) -> str:
        """The node's, where the prediction is the node's own."""
        if self.amortised:
            return f"{self.target} amortised"
        if self.own:
            return f"{self.target} from {', '.join(self.sources) or 'prior'}"
        return self.target


class Placement(NamedTuple):
    """Where an edge goes and how it counts."""

    sources: tuple[str, ...]
    target: str
    own: bool
    amortised: bool


def factors_of(names: Sequence[str], edges: Sequence[Placement]) -> tuple[Factor, ...]:
    """The predictions of each node in turn: its own, then the amortised one, then those of edges
    with a cost of their own."""
    factors = []
    for name in names:
        here = [(number, edge) for number, edge in enumerate(edges) if edge.target == name]
        for amortised in (False, True):
            shared = [x for x in here if not x[1].own and x[1].amortised == amortised]
            if shared:
                sources = tuple(dict.fromkeys(s for _, edge in shared for s in edge.sources))
                numbers = tuple(number for number, _ in shared)
                factors.append(Factor(name, sources, numbers, amortised=amortised))
        factors += [
            Factor(name, edge.sources, (number,), own=True) for number, edge in here if edge.own
        ]
    return tuple(factors)


def feedforward_order(
    names: Sequence[str], factors: Sequence[Factor], clamped: Collection[str]
) -> list[tuple[str, Factor | None]]:
    """The nodes that are not clamped, each with the prediction that it starts at, or with None
    where nothing that is known predicts it: the first such node then counts as known.

    Amortised predictions go before others: starting is what they are for.
    """
    known = set(clamped)
    order: list[tuple[str, Factor | None]] = []
    by_preference = sorted(factors, key=lambda factor: not factor.amortised)
    while len(known) < len(names):
        waiting = [name for name in names if name not in known]
        ready = next(
            (
                (name, factor)
                for name in waiting
                for factor in by_preference
                if factor.target == name and known.issuperset(factor.sources)
            ),
            (waiting[0], None),
        )
        order.append(ready)
        known.add(ready[0])
    return order


def barren_nodes(
    names: Sequence[str], factors: Sequence[Factor], clamped: Collection[str]
) -> frozenset[str]:
    """Nodes that no data reach from above: not clamped, of at most one prediction, and predicting
    barren nodes alone. They rest at their predictions and so change nothing below.

    Source: Shachter 1986, Operations Research 34(6), 871–882.
    """
    inferred = [factor for factor in factors if not factor.amortised]
    barren: set[str] = set()
    while True:
        more = {
            name
            for name in names
            if name not in clamped
            and sum(factor.target == name for factor in inferred) <= 1
            and all(f.target in barren for f in inferred if name in f.sources)
        } - barren
        if not more:
            return frozenset(barren)
        barren |= more
