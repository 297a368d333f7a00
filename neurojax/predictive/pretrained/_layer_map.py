"""What a hierarchy is made of, as a table of text."""

from collections.abc import Sequence

from ...core import name_of
from .._chains import Dense, identity
from .._held import learning_leaves
from .._hierarchy import Hierarchy
from .._parts import Edge

HEADER = ("edge", "node", "shape", "predicted from", "by", "weights that learn")


def layer_map(hierarchy: Hierarchy) -> str:
    """A table of a line for each edge: the node that it predicts and its shape, from which nodes
    and by which layers, and the shapes of the weights that learn."""
    rows = [_row(hierarchy, str(number), edge) for number, edge in enumerate(hierarchy.edges)]
    total = sum(x.size for edge in hierarchy.edges for x in learning_leaves(edge.module))
    return f"{_table([HEADER, *rows])}\n{total:,} weights learn"


def _row(hierarchy: Hierarchy, number: str, edge: Edge) -> tuple[str, ...]:
    shape = hierarchy.by_name[edge.target].full_shape
    weights = [_by(x.shape) for x in learning_leaves(edge.module)]
    source = ", ".join(edge.source) or "nothing"
    return number, edge.target, _by(shape), source, _layers(edge), ", ".join(weights) or "none"


def _layers(edge: Edge) -> str:
    module = edge.module
    if isinstance(module, Dense) and module.activation is not identity:
        return f"{name_of(module.activation)} → Dense"
    return name_of(module)


def _by(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "1"


def _table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])
