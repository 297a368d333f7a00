"""A model's text as a table: equations, subexpressions, parameters; and statements of a reset."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ._dimension import Dimension
from ._expression import Expression, names_in
from ._functions import FUNCTIONS, RANDOM
from ._parse import blanked, check_brackets, expression_at
from ._source import EquationError, Place, Source, suggestion
from ._unit_text import unit_at

DIFFERENTIAL, SUBEXPRESSION, PARAMETER = "differential", "subexpression", "parameter"
FLAGS = {
    DIFFERENTIAL: ("unless refractory", "shared", "event-driven", "clock-driven"),
    SUBEXPRESSION: ("shared", "constant over dt"),
    PARAMETER: ("constant", "shared"),
}
RESERVED = ("t", "dt", "lastspike", "not_refractory", "pi", "inf")

_BEGIN = re.compile(r"\s*(?:d(?P<flowing>\w+)\s*/\s*dt\s*=|(?P<other>\w+)\s*(?P<sign>=(?!=)|:))")
_FLAGS = re.compile(r"(?<![*/(])\s*\((?P<flags>[\w\s,\-]*)\)\s*$")
_ASSIGNMENT = re.compile(r"\s*(?P<target>\w+)\s*(?P<operator>\+=|-=|\*=|/=|=(?!=))")


@dataclass(frozen=True)
class Equation:
    """One line: `kind` is "differential", "subexpression" or "parameter"; `unit` and `text` as they
    were written."""

    kind: str
    name: str
    expression: Expression | None
    dimension: Dimension
    unit: str
    flags: tuple[str, ...]
    text: str
    at: Place = field(compare=False, repr=False)


@dataclass(frozen=True)
class Equations:
    """The lines of a model, in order."""

    lines: tuple[Equation, ...]
    source: Source = field(compare=False, repr=False)

    def of(self, kind: str) -> tuple[Equation, ...]:
        """The lines of one kind."""
        return tuple(line for line in self.lines if line.kind == kind)

    @property
    def names(self) -> tuple[str, ...]:
        """What the lines declare."""
        return tuple(line.name for line in self.lines)

    @property
    def used(self) -> set[str]:
        """The names that the expressions use, declared or not (units and constants too)."""
        return set().union(
            *(names_in(line.expression) for line in self.lines if line.expression is not None)
        )


@dataclass(frozen=True)
class Statement:
    """`target = expression`, or with +=, -=, *=, /=."""

    target: str
    operator: str
    expression: Expression
    at: Place = field(compare=False, repr=False)


def parse_equations(text: str, functions: Iterable[str] = ()) -> Equations:
    """The equations in a text, one on each line: `dx/dt = expression : unit (flags)`, a
    subexpression `x = expression : unit`, or a parameter `x : unit`.

    `#` begins a comment. An expression may go on over lines up to its colon. Raises
    `EquationError` where a line is none of these, or declares a name twice.
    """
    source = Source(text, "equations")
    lines: dict[str, Equation] = {}
    for start, stop, clean in _equation_spans(source):
        line = _equation(source, clean, start, stop, frozenset(functions))
        if line.name in lines:
            raise EquationError(f"{line.name} is declared twice", line.at)
        lines[line.name] = line
    return Equations(tuple(lines.values()), source)


def parse_statements(
    text: str, what: str = "reset", functions: Iterable[str] = ()
) -> tuple[Statement, ...]:
    """The assignments in a text, separated by line ends or `;`. Raises `EquationError`."""
    source = Source(text, what)
    clean = blanked(source)
    return tuple(
        _statement(source, clean, start, stop, frozenset(functions))
        for start, stop in _spans(source, clean, "\n;")
    )


def _spans(source: Source, clean: str, ends: str) -> Iterator[tuple[int, int]]:
    """The stretches of the text between these ends, outside brackets, that are not empty."""
    depth, start = 0, 0
    for at in range(len(clean) + 1):
        if at < len(clean):
            depth += {"(": 1, ")": -1}.get(clean[at], 0)
        if at == len(clean) or (clean[at] in ends and depth <= 0):
            if clean[start:at].strip():
                yield start, at
            start, depth = at + 1, 0


def _equation_spans(source: Source) -> Iterator[tuple[int, int, str]]:
    """The stretches of the equations, and the text with the line ends in them as spaces.

    Lines without a colon go on with the next, unless that begins an equation of its own.
    """
    clean = blanked(source)
    begun: int | None = None
    for start, stop in _spans(source, clean, "\n"):
        begins = _BEGIN.match(clean, start, stop)
        if begun is not None and begins:
            yield begun, start, clean.replace("\n", " ")
            begun = None
        begun = start if begun is None else begun
        if ":" in clean[begun:stop]:
            yield begun, stop, clean.replace("\n", " ")
            begun = None
    if begun is not None:
        yield begun, len(clean), clean.replace("\n", " ")


def _trimmed(source: Source, text: str, start: int, stop: int) -> Place:
    while start < stop and text[start].isspace():
        start += 1
    while stop > start and text[stop - 1].isspace():
        stop -= 1
    return Place(source, start, stop)


def _equation(
    source: Source, text: str, start: int, stop: int, functions: frozenset[str]
) -> Equation:
    whole = _trimmed(source, text, start, stop)
    begin = _BEGIN.match(text, start, stop)
    if not begin:
        raise EquationError(
            "this is neither `dx/dt = expression : unit` nor `x = expression : unit` nor "
            "`x : unit`",
            whole,
        )
    group = "flowing" if begin["flowing"] else "other"
    name, at = begin[group], Place(source, *begin.span(group))
    _check_name(name, at)
    is_parameter = begin["sign"] == ":"
    colon = begin.end() - 1 if is_parameter else text.find(":", begin.end(), stop)
    if colon < 0:
        check_brackets(source, text, start, stop)
        end = Place(source, whole.stop - 1, whole.stop)
        raise EquationError("the unit is missing: end the equation with `: unit`", end)
    kind = PARAMETER if is_parameter else DIFFERENTIAL if begin["flowing"] else SUBEXPRESSION
    expression = None
    if not is_parameter:
        expression = expression_at(source, text, begin.end(), colon, functions)
    flagged = _FLAGS.search(text, colon, stop)
    flags = _flags(source, flagged, kind) if flagged else ()
    unit = _trimmed(source, text, colon + 1, flagged.start() if flagged else stop)
    dimension = unit_at(source, text, unit)
    written = " ".join(text[start:stop].split())
    return Equation(kind, name, expression, dimension, unit.text, flags, written, at)


def _flags(source: Source, found: re.Match[str], kind: str) -> tuple[str, ...]:
    known = {flag for flags in FLAGS.values() for flag in flags}
    flags, at = [], found.start("flags")
    for word in found["flags"].split(","):
        place, flag = Place(source, at, at + len(word)), " ".join(word.split())
        at += len(word) + 1
        if flag not in known:
            raise EquationError(f"there is no flag {flag!r}{suggestion(flag, known)}", place)
        if flag not in FLAGS[kind]:
            raise EquationError(f"a {kind} cannot be {flag!r}", place)
        flags.append(flag)
    return tuple(flags)


def _check_name(name: str, at: Place) -> None:
    if name.startswith("_") or not name.isidentifier():
        raise EquationError(f"{name} is not a name that equations may use", at)
    if not is_free(name):
        raise EquationError(f"{name} has a meaning of its own and cannot be declared", at)


def is_free(name: str) -> bool:
    """Whether a variable or a parameter may have this name."""
    return name.isidentifier() and not (
        name in RESERVED or name in FUNCTIONS or name in RANDOM or is_noise(name)
    )


def is_noise(name: str) -> bool:
    """Whether it names a white noise: `xi` or `xi_...`."""
    return name == "xi" or name.startswith("xi_")


def _statement(
    source: Source, clean: str, start: int, stop: int, functions: frozenset[str]
) -> Statement:
    whole = _trimmed(source, clean, start, stop)
    found = _ASSIGNMENT.match(clean, start, stop)
    if not found:
        raise EquationError("this is no assignment such as `v = 0`", whole)
    at = Place(source, *found.span("target"))
    text = clean.replace("\n", " ")
    expression = expression_at(source, text, found.end(), stop, functions)
    return Statement(found["target"], found["operator"], expression, at)
