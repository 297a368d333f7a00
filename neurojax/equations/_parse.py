"""Text to expressions, through Python's syntax tree and a list of what may stand in it.

Nothing is ever evaluated: a node that is not listed is refused where it stands.
"""

import ast
import re
import warnings
from collections.abc import Iterable

from ._expression import Binary, Call, Expression, Name, Number, Unary, constant
from ._functions import FUNCTIONS, RANDOM
from ._source import EquationError, Place, Source, suggestion

LONGEST = 100_000  # characters
DEEPEST = 80  # nodes within nodes

OPERATORS: dict[type, str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.And: "and",
    ast.Or: "or",
}
_FOREIGN = re.compile(r"[^\w\s+\-*/%(),.<>=!]")
_INSTEAD = {
    "^": "write ** for a power",
    "&": "write `and`",
    "|": "write `or`",
    "[": "only round brackets group",
    "{": "only round brackets group",
    ":": "a line has one colon, before its unit",
}


def parse_expression(
    text: str, what: str = "expression", functions: Iterable[str] = ()
) -> Expression:
    """A single expression. `functions` names some beside the usual ones that it may call.

    Raises `EquationError` where the text is anything else. Names are not looked up yet.
    """
    source = Source(text, what)
    blank = blanked(source)
    return expression_at(source, blank.replace("\n", " "), 0, len(text), frozenset(functions))


def blanked(source: Source) -> str:
    """The text with comments and the backslashes that continue lines as spaces, place by place."""
    if len(source.text) > LONGEST:
        place = Place(source, 0, 1)
        raise EquationError(
            f"a text of {len(source.text)} characters is too long; {LONGEST} may be", place
        )
    text = re.sub(r"#[^\n]*", lambda m: " " * len(m[0]), source.text)
    return re.sub(r"\\[ \t]*\n", lambda m: " " * len(m[0]), text)


def check_brackets(source: Source, text: str, start: int, stop: int) -> None:
    """Refuse a bracket without its other half."""
    opened: list[int] = []
    for at in range(start, stop):
        if text[at] == "(":
            opened.append(at)
        elif text[at] == ")" and not opened:
            raise EquationError("this bracket was never opened", Place(source, at, at + 1))
        elif text[at] == ")":
            opened.pop()
    if opened:
        raise EquationError(
            "this bracket is never closed", Place(source, opened[-1], opened[-1] + 1)
        )


def expression_at(
    source: Source, text: str, start: int, stop: int, functions: frozenset[str] = frozenset()
) -> Expression:
    """The expression that `text` (the source's, without comments and lines) has there."""
    check_brackets(source, text, start, stop)
    foreign = _FOREIGN.search(text, start, stop)
    if foreign:
        hint = f"; {_INSTEAD[foreign[0]]}" if foreign[0] in _INSTEAD else ""
        place = Place(source, foreign.start(), foreign.end())
        raise EquationError(f"{foreign[0]!r} has no meaning here{hint}", place)
    while start < stop and text[start].isspace():
        start += 1
    here = text[start:stop].rstrip()
    if not here:
        raise EquationError("an expression is missing", Place(source, start, start + 1))
    return _Reader(source, here, start, functions).read()


class _Reader:
    """Reads one expression, `text`, that stands at `start` of its source."""

    def __init__(self, source: Source, text: str, start: int, functions: frozenset[str]) -> None:
        self.source, self.text, self.start, self.functions = source, text, start, functions

    def read(self) -> Expression:
        whole = Place(self.source, self.start, self.start + len(self.text))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # `1or 2` warns of itself
                tree = ast.parse(self.text, mode="eval")
        except SyntaxError as error:
            at = self.start + max(0, min((error.offset or 1) - 1, len(self.text) - 1))
            problem = f"this is no expression ({error.msg})"
            raise EquationError(problem, Place(self.source, at, at + 1)) from None
        except (RecursionError, MemoryError, ValueError):
            raise EquationError("this is nested too deeply to be read", whole) from None
        return self._node(tree.body, 0)

    def _place(self, node: ast.AST) -> Place:
        """Where a node stands; Python counts in bytes."""
        raw = self.text.encode()
        start, stop = (
            len(raw[: getattr(node, key)].decode()) for key in ("col_offset", "end_col_offset")
        )
        return Place(self.source, self.start + start, self.start + stop)

    def _node(self, node: ast.AST, depth: int) -> Expression:
        at = self._place(node)
        if depth > DEEPEST:
            raise EquationError("this is nested too deeply; name a part of it", at)
        depth += 1
        match node:
            case ast.Constant():
                return Number(self._number(node.value, at), at=at)
            case ast.Name(id=name):
                return Name(self._name(name, at), at=at)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self._node(operand, depth)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return Unary("-", self._node(operand, depth), at=at)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return Unary("not", self._node(operand, depth), at=at)
            case ast.BinOp(op=operator) if type(operator) in OPERATORS:
                left, right = self._node(node.left, depth), self._node(node.right, depth)
                return self._finite(Binary(OPERATORS[type(operator)], left, right, at=at), at)
            case ast.BoolOp():
                return self._joined(node, depth, at)
            case ast.Compare():
                return self._compared(node, depth, at)
            case ast.Call():
                return self._called(node, depth, at)
        raise EquationError(f"equations have no {_what(node)}", at)

    def _number(self, value: object, at: Place) -> float:
        if type(value) not in (int, float):
            raise EquationError(f"{at.text} is not a real number", at)
        try:
            number = float(value)  # pyright: ignore[reportArgumentType]
        except OverflowError:
            number = float("inf")
        if number == float("inf"):
            raise EquationError("this number is too large (write inf for infinity)", at)
        return number

    def _name(self, name: str, at: Place) -> str:
        if name.startswith("_"):
            raise EquationError(f"{name} is not a name that equations may use", at)
        return name

    def _finite(self, node: Expression, at: Place) -> Expression:
        try:
            constant(node)
        except ArithmeticError:
            raise EquationError("this is no finite real number", at) from None
        return node

    def _joined(self, node: ast.BoolOp, depth: int, at: Place) -> Expression:
        first, *rest = (self._node(value, depth) for value in node.values)
        for other in rest:
            first = Binary(OPERATORS[type(node.op)], first, other, at=at)
        return first

    def _compared(self, node: ast.Compare, depth: int, at: Place) -> Expression:
        """`a < b < c` is `a < b and b < c`."""
        sides = [self._node(side, depth) for side in (node.left, *node.comparators)]
        pairs = []
        for operator, left, right in zip(node.ops, sides, sides[1:], strict=False):
            if type(operator) not in OPERATORS:
                raise EquationError(f"equations have no {_what(operator)}", at)
            pairs.append(Binary(OPERATORS[type(operator)], left, right, at=at))
        first, *rest = pairs
        for other in rest:
            first = Binary("and", first, other, at=at)
        return first

    def _called(self, node: ast.Call, depth: int, at: Place) -> Expression:
        function = self._place(node.func)
        if not isinstance(node.func, ast.Name):
            raise EquationError("only a function of the list can be called", function)
        name, known = node.func.id, {*FUNCTIONS, *RANDOM, *self.functions}
        if name not in known:
            raise EquationError(f"there is no function {name!r}{suggestion(name, known)}", function)
        if node.keywords:
            raise EquationError(f"{name} takes no named arguments", at)
        arguments = tuple(self._node(a, depth) for a in node.args)
        if name in FUNCTIONS and name not in self.functions:
            due = FUNCTIONS[name].arguments
            if len(arguments) != due:
                raise EquationError(f"{name} takes {due} arguments, got {len(arguments)}", at)
        return Call(name, arguments, at=at)


def _what(node: ast.AST) -> str:
    """A node of Python's syntax, in words."""
    name = type(node).__name__
    words = {
        "Attribute": "attributes (a.b)",
        "Lambda": "functions of their own (lambda)",
        "IfExp": "if ... else; multiply by int(condition)",
        "Tuple": "lists",
        "Starred": "* before a name",
        "In": "`in`",
        "NotIn": "`in`",
        "Is": "`is`",
        "IsNot": "`is`",
    }
    return words.get(name, f"Python {name}")
