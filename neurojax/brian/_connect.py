"""Which neurons a connect rule joins: pairs of indices from conditions, arrays and generators."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from ._unsupported import refuse

# Pairs that a condition is asked about at once.
BLOCK = 2**21
_GENERATOR = re.compile(
    r"\s*(?P<what>.+?)"
    r"(\s+for\s+(?P<name>\w+)\s+in\s+(?P<kind>\w+)\s*\((?P<arguments>.*)\))?"
    r"(\s+if\s+(?P<condition>.+?))?\s*",
    re.DOTALL,
)

Pairs = tuple[np.ndarray, np.ndarray]
# The value of a text, for these i and j (and what else has a name), as a condition or a number.
Evaluate = Callable[[str, dict[str, np.ndarray], bool], np.ndarray]


def pairs(
    sizes: tuple[int, int],
    condition: str | bool | None,
    i: Any,
    j: Any,
    p: Any,
    n: Any,
    skip_invalid: bool,
    value: Evaluate,
) -> Pairs:
    """The pairs of a rule, each `n` times. Raises `ValueError` for a rule that is two."""
    if condition is not None and (i is not None or j is not None):
        raise ValueError("connect: give a condition, or i and j, not both.")
    if isinstance(i, str) and isinstance(j, str):
        raise ValueError("connect: give i or j as text, not both.")
    if isinstance(j, str) or isinstance(i, str):
        if (i if isinstance(j, str) else j) is not None:
            refuse("connect with one end as text and the other as indices", "use a condition")
        text, given = (j, "i") if isinstance(j, str) else (i, "j")
        before, after = by_generator(sizes, str(text), given, skip_invalid, value)
        if isinstance(p, str) or p < 1:
            chance = value(p, {"i": before, "j": after}, False) if isinstance(p, str) else p
            keep = np.random.rand(before.size) < chance
            before, after = before[keep], after[keep]
    elif i is not None or j is not None:
        i = np.arange(sizes[0]) if i is None else i
        j = np.arange(sizes[1]) if j is None else j
        before, after = by_arrays(sizes, i, j, p)
    else:
        rule = True if condition in (None, "True", True) else condition
        before, after = by_condition(sizes, rule, p, value)
    times = value(n, {"i": before, "j": after}, False) if isinstance(n, str) else n
    times = np.broadcast_to(np.rint(times).astype(int), before.shape)
    return np.repeat(before, times), np.repeat(after, times)


def by_condition(sizes: tuple[int, int], condition: str | bool, p: Any, value: Evaluate) -> Pairs:
    """All pairs for which the condition holds, each kept with probability p."""
    if condition is False:
        return np.zeros(0, int), np.zeros(0, int)
    before, after = sizes
    rows = max(1, BLOCK // after)
    found = []
    for first in range(0, before, rows):
        i = np.repeat(np.arange(first, min(first + rows, before)), after)
        j = np.tile(np.arange(after), len(i) // after)
        keep = np.ones(len(i), bool)
        if isinstance(p, str) or p < 1:
            chance = value(p, {"i": i, "j": j}, False) if isinstance(p, str) else p
            keep = np.random.rand(len(i)) < chance
        if isinstance(condition, str):
            keep &= value(condition, {"i": i, "j": j}, True).astype(bool)
        found.append((i[keep], j[keep]))
    return _joined(found)


def by_arrays(sizes: tuple[int, int], i: Any, j: Any, p: Any) -> Pairs:
    """Pairs of given indices, each kept with probability p."""
    i, j = np.asarray(i), np.asarray(j)
    for name, index, size in (("i", i, sizes[0]), ("j", j, sizes[1])):
        if not np.issubdtype(index.dtype, np.integer):
            raise TypeError(f"connect: {name} must be whole numbers, got {index}.")
        if index.size and not (index.min() >= 0 and index.max() < size):
            raise IndexError(f"connect: {name} must be from 0 to {size - 1}, got {index}.")
    try:
        i, j = np.broadcast_arrays(np.atleast_1d(i), np.atleast_1d(j))
    except ValueError:
        raise TypeError(f"connect: i and j must be as many, got {i.size} and {j.size}.") from None
    if isinstance(p, str):
        refuse("connect(i=..., j=..., p='...') with p as text", "give p as a number")
    keep = np.random.rand(i.size) < p if p < 1 else np.ones(i.size, bool)
    return i.ravel()[keep], j.ravel()[keep]


def by_generator(
    sizes: tuple[int, int], text: str, given: str, skip_invalid: bool, value: Evaluate
) -> Pairs:
    """For each neuron `given` ("i" or "j") those at the other end that a generator names:
    `expression [for k in range(...) or sample(...)] [if condition]`."""
    own, other = sizes if given == "i" else sizes[::-1]
    match = _GENERATOR.fullmatch(text)
    if match is None:
        raise ValueError(f"connect: {text!r} is not `expression for k in range(...) if condition`.")
    at = np.arange(own)
    names = {given: at}
    if match["kind"]:
        counted = _iterated(match["kind"], match["arguments"], own, given, value)
        at = np.repeat(np.arange(own), [len(k) for k in counted])
        inner = np.concatenate(counted) if counted else np.zeros(0, int)
        names = {given: at, match["name"]: inner}
    if at.size == 0:
        return at, at
    found = np.rint(np.broadcast_to(value(match["what"], names, False), at.shape)).astype(int)
    result = "j" if given == "i" else "i"
    inside = (found >= 0) & (found < other)
    if match["condition"]:
        held = np.where(inside, found, 0)
        asked = value(match["condition"], names | {result: held}, True)
        keep = np.broadcast_to(asked, at.shape).astype(bool)
    else:
        keep = np.ones(at.shape, bool)
    if not skip_invalid and not inside[keep].all():
        bad = found[keep & ~inside][0]
        raise IndexError(
            f"connect: {text!r} gives {result}={bad}, outside of 0 to {other - 1}; "
            "skip_if_invalid=True leaves such out."
        )
    keep = keep & inside
    return (at[keep], found[keep]) if given == "i" else (found[keep], at[keep])


def _iterated(kind: str, arguments: str, own: int, given: str, value: Evaluate) -> list[np.ndarray]:
    """The values of the inner name, for each neuron."""
    parts = [part.strip() for part in _split(arguments)]
    options = dict(part.split("=", 1) for part in parts if re.match(r"(p|size)\s*=[^=]", part))
    options = {key.strip(): text for key, text in options.items()}
    bounds = [part for part in parts if not re.match(r"(p|size)\s*=[^=]", part)]

    def numbers(text: str) -> np.ndarray:
        return np.broadcast_to(value(text, {given: np.arange(own)}, False), (own,))

    limits = [np.rint(numbers(text)).astype(int) for text in bounds]
    if len(limits) == 1:
        limits = [np.zeros(own, int), *limits]
    ranges = [np.arange(*(int(limit[n]) for limit in limits)) for n in range(own)]
    if kind == "range":
        return ranges
    if kind != "sample" or not options:
        raise ValueError(f"connect: there are range(...) and sample(..., p=) or size=, got {kind}.")
    if "size" in options:
        counts = np.rint(numbers(options["size"])).astype(int)
        return [
            np.sort(np.random.choice(r, c, replace=False))
            for r, c in zip(ranges, counts, strict=True)
        ]
    chances = numbers(options["p"])
    return [r[np.random.rand(len(r)) < c] for r, c in zip(ranges, chances, strict=True)]


def _split(text: str) -> list[str]:
    """The arguments of a call, at the commas outside of brackets."""
    parts, depth, begin = [], 0, 0
    for at, char in enumerate(text):
        depth += {"(": 1, ")": -1}.get(char, 0)
        if char == "," and depth == 0:
            parts.append(text[begin:at])
            begin = at + 1
    return [*parts, text[begin:]]


def _joined(found: list[Pairs]) -> Pairs:
    return np.concatenate([i for i, _ in found]), np.concatenate([j for _, j in found])
