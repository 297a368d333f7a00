"""Reading text: what expressions are worth, and what is refused, where and why."""

import ast

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from neurojax.equations import (
    EquationError,
    evaluate,
    from_equations,
    names_in,
    parse_equations,
    parse_expression,
    parse_statements,
    resolved,
)
from neurojax.equations.units import ms

NAMES = {"v": 1.7, "w": -0.4, "tau": 12.5}

numbers = st.one_of(
    st.integers(0, 99).map(str), st.floats(0.01, 50).map(lambda x: f"{x:.4g}"), st.just("1e-3")
)
atoms = st.one_of(numbers, st.sampled_from(sorted(NAMES)))


def compound(inner):
    binary = st.tuples(inner, st.sampled_from(["+", "-", "*", "/"]), inner)
    return st.one_of(
        binary.map(lambda p: f"({p[0]} {p[1]} {p[2]})"),
        binary.map(lambda p: f"{p[0]}{p[1]}{p[2]}"),
        inner.map(lambda x: f"-({x})"),
        st.tuples(inner, st.integers(0, 4)).map(lambda p: f"({p[0]})**{p[1]}"),
        st.tuples(inner, inner).map(lambda p: f"clip({p[0]}, -1, {p[1]})"),
        inner.map(lambda x: f"exp(-abs({x}))"),
        st.tuples(inner, inner).map(lambda p: f"int({p[0]} < {p[1]} and not {p[0]} > 2)"),
    )


def by_python(text):
    """The same text's value by Python itself (the test built it, so it may be run)."""
    functions = {
        "exp": np.exp,
        "abs": abs,
        "clip": lambda x, a, b: np.minimum(np.maximum(x, a), b),
        "int": int,
        "__builtins__": {},
    }
    return eval(compile(ast.parse(text, mode="eval"), "", "eval"), functions, NAMES)


# The same examples in each run: two powers that cancel may leave any error.
@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.recursive(atoms, compound, max_leaves=8))
@pytest.mark.usefixtures("x64")
def test_an_expression_is_worth_what_python_says(text):
    try:
        with np.errstate(all="ignore"):
            expected = float(by_python(text))
    except (ZeroDivisionError, OverflowError):
        return
    expression = resolved(parse_expression(text), NAMES)
    assert names_in(expression) <= NAMES.keys()
    values = {name: jnp.asarray(value) for name, value in NAMES.items()}
    np.testing.assert_allclose(evaluate(expression, values), expected, rtol=1e-9, atol=1e-12)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="vw0.9()+-*/=:#,<>^'\"_[]{} \n\\é∂", max_size=40))
def test_any_text_is_read_or_refused(text):
    """Nothing but EquationError, which points into the text."""
    for read in (parse_expression, parse_equations, parse_statements):
        try:
            read(text)
        except EquationError as error:
            assert 1 <= error.line <= text.count("\n") + 1
            assert 1 <= error.column <= max(map(len, text.split("\n"))) + 1


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("__import__('os').system('ls')", "has no meaning here"),
        ("v.__class__", "no attributes"),
        ("v.__class__.__mro__", "no attributes"),
        ("(lambda: v)()", "has no meaning here"),
        ("[v for v in w]", "only round brackets"),
        ("(v for v in w)", "no Python GeneratorExp"),
        ("{v}", "only round brackets"),
        ("open(v)", "no function 'open'"),
        ("eval(v)", "no function 'eval'"),
        ("__dunder__", "not a name that equations may use"),
        ("_v + 1", "not a name that equations may use"),
        ("'text'", "has no meaning here"),
        ("f'{v}'", "has no meaning here"),
        ("v if w else 1", "no if"),
        ("(v, w)", "no lists"),
        ("exp(*v)", r"no \* before a name"),
        ("exp(v=1)", "no named arguments"),
        ("exp(v, w)", "takes 1 arguments, got 2"),
        ("exp(v)(w)", "only a function"),
        ("v in w", "no `in`"),
        ("v is w", "no `is`"),
        ("v := 1", "has no meaning here"),
        ("v ^ 2", r"\*\* for a power"),
        ("v & w", "write `and`"),
        ("v @ w", "has no meaning here"),
        ("~v", "has no meaning here"),
        ("v << 2", "no Python BinOp"),
        ("True", "not a real number"),
        ("2j", "not a real number"),
        ("1_000j", "not a real number"),
        ("9**9**9", "no finite real number"),
        ("10**400", "no finite real number"),
        ("9**9**9**9**9*v", "no finite real number"),
        ("(-8)**0.5", "no finite real number"),
        ("1/0", "no finite real number"),
        ("1e999", "too large"),
        ("9" * 5000, "no expression"),
        ("(" * 90 + "v" + ")" * 90 + "+" + "exp(" * 90 + "v" + ")" * 90, "too deep"),
        ("(" * 5000 + "v" + ")" * 5000, "no expression .too many nested"),
        ("-" * 50_000 + "v", "too deep"),
        ("v" + "+v" * 40_000, "too deep"),
        ("v" * 100_001, "too long"),
        ("v w", "no expression"),
        ("", "missing"),
        ("v +", "no expression"),
        ("v\0", "has no meaning here"),
    ],
)
def test_hostile_and_broken_expressions(text, problem):
    with pytest.raises(EquationError, match=problem):
        parse_expression(text)


TAU = {"tau": 10 * ms}


@pytest.mark.parametrize(
    ("text", "line", "column", "problem"),
    [
        ("dv/dt = (I - v)/taum : 1\nI : 1", 1, 17, r"unknown name 'taum'; did you mean tau\?"),
        ("I : 1\ndv/dt = (I - v)/tua : 1", 2, 17, "unknown name 'tua'; did you mean tau"),
        ("dv/dt = (I - v/tau : 1\nI : 1", 1, 9, "never closed"),
        ("dv/dt = (I - v))/tau : 1\nI : 1", 1, 16, "never opened"),
        ("dv/dt = -v/tau : 1 (unless refractory", 1, 20, "never closed"),
        ("dv/dt = -v/tau", 1, 14, "the unit is missing"),
        ("dv/dt = -v/tau\ndw/dt = -w/tau : 1", 1, 14, "the unit is missing"),
        ("dv/dt = : 1", 1, 9, "an expression is missing"),
        ("dv/dt = -v/tau : vlt", 1, 18, r"no unit 'vlt'; did you mean volt\?"),
        ("dv/dt = -v/tau : 2*volt", 1, 18, "this is no unit"),
        ("dv/dt = -v/tau : 1 (unles refractory)", 1, 21, "no flag 'unles refractory'; did you"),
        ("dv/dt = -v/tau : 1 (constant)", 1, 21, "a differential cannot be 'constant'"),
        ("dv/dt = snh(v)/tau : 1", 1, 9, "no function 'snh'; did you mean sinh"),
        ("v = 1", 1, 5, "the unit is missing"),
        ("dv/dt = -v/tau : 1\n  what is this", 2, 3, "neither `dx/dt = expression : unit`"),
        ("dv/dt = -v/tau : 1\nv : 1", 2, 1, "v is declared twice"),
        ("dt/dt = 1 : 1", 1, 2, "t has a meaning of its own"),
        ("exp : 1", 1, 1, "exp has a meaning of its own"),
        ("dv/dt = -v/tau : 1\nfrozen : 1", 2, 1, "part of the state"),
        ("dv/dt = x/tau : 1\nx = y : 1\ny = x : 1", 2, 1, "x, y depend on each other"),
        ("dv/dt = rand()/tau : 1", 1, 9, "rand has no meaning"),
        ("dv/dt = -v/dt : 1", 1, 12, "dt is not known"),
        ("dv/dt = -v/tau : 1 (event-driven)", 1, 2, "'event-driven' has no meaning"),
        ("dv/dt = (v > 1)/tau : 1", 1, 10, r"a condition where a number is due; int"),
        ("dv/dt = -v/tau + xi**2 : 1", 1, 18, "white noise can only be added"),
    ],
)
def test_errors_say_where_and_what(text, line, column, problem):
    with pytest.raises(EquationError, match=problem) as caught:
        from_equations(text, parameters=TAU)
    assert (caught.value.line, caught.value.column) == (line, column)
    *_, shown, carets = str(caught.value).split("\n")
    assert shown.strip() == text.split("\n")[line - 1].strip()
    assert carets.index("^") == 4 + column - 1


def test_lines_comments_continuations_and_flags():
    equations = parse_equations(
        """
        # a comment, with : and ( in it
        dv/dt = (g*(E - v)   # of the leak
                 + I)/C : volt (unless refractory)
        dw/dt = -w \\
                /tau : 1
        du/dt = -u
                / tau : siemens/(meter**2) (shared)
        I = a*b : amp
        a : 1 (constant, shared)
        b : amp
        """
    )
    lines = {line.name: line for line in equations.lines}

    assert list(lines) == ["v", "w", "u", "I", "a", "b"]
    kinds = [line.kind for line in equations.lines]
    assert kinds == ["differential"] * 3 + ["subexpression"] + ["parameter"] * 2
    assert lines["v"].flags == ("unless refractory",)
    assert lines["a"].flags == ("constant", "shared")
    assert lines["u"].unit == "siemens/(meter**2)" and lines["u"].flags == ("shared",)
    assert equations.used == {"g", "E", "v", "I", "C", "w", "tau", "u", "a", "b"}


def test_statements_in_order():
    first, second, third = parse_statements("v = v_r; w += b*(1 +\n 2)\nu /= 2  # half")

    assert [s.target for s in (first, second, third)] == ["v", "w", "u"]
    assert [s.operator for s in (first, second, third)] == ["=", "+=", "/="]
    assert names_in(second.expression) == {"b"}
    with pytest.raises(EquationError, match="no assignment"):
        parse_statements("v > 1")
    with pytest.raises(EquationError, match="no expression"):
        parse_statements("v = w = 1")
