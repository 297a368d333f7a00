"""Places in a model's text, and errors that point at them."""

from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True)
class Source:
    """A text that was given, and what it is: "equations", "threshold", "reset", ..."""

    text: str
    what: str


@dataclass(frozen=True)
class Place:
    """The characters `start` to `stop` of a source."""

    source: Source
    start: int
    stop: int

    @property
    def text(self) -> str:
        """What stands there."""
        return self.source.text[self.start : self.stop]

    @property
    def line(self) -> int:
        """Its line, the first being 1."""
        return self.source.text.count("\n", 0, self.start) + 1

    @property
    def column(self) -> int:
        """Its column, the first being 1."""
        return self.start - self.source.text.rfind("\n", 0, self.start)

    def shown(self) -> str:
        """The line with carets below."""
        text, begin = self.source.text, self.start - self.column + 1
        end = text.find("\n", begin)
        end = len(text) if end < 0 else end
        # A long line is cut, that the carets be in sight.
        left = max(begin, self.start - 60)
        line = text[left : min(end, left + 100)].replace("\t", " ")
        carets = "^" * max(1, min(self.stop, end, left + 100) - self.start)
        return f"    {line}\n    {' ' * (self.start - left)}{carets}"


class EquationError(ValueError):
    """What is wrong in a model's text, and where: `problem`, `line`, `column` (from 1)."""

    def __init__(self, problem: str, place: Place) -> None:
        self.problem, self.line, self.column = problem, place.line, place.column
        where = f"{place.source.what}, line {place.line}, column {place.column}"
        super().__init__(f"{where}: {problem}\n{place.shown()}")


def suggestion(name: str, known: object) -> str:
    """`; did you mean ...?` where a known name is close, else nothing."""
    close = get_close_matches(name, sorted(map(str, known)), n=3, cutoff=0.6)  # pyright: ignore[reportArgumentType, reportCallIssue]
    return f"; did you mean {' or '.join(close)}?" if close else ""
