"""Draws of the random connectivity rules, whose time and memory go with what they find."""

import math

import numpy as np
from jaxtyping import Int64, Integer


def successes(trials: int, p: float, rng: np.random.Generator) -> Int64[np.ndarray, " found"]:
    """Which of so many independent trials succeed, each with probability p: ascending.

    Steps from one to the next, which are geometric. Source: Batagelj & Brandes 2005, Efficient
    generation of large random networks, Phys. Rev. E 71, 036113, algorithm 1.
    """
    if p == 0:
        return np.zeros(0, np.int64)
    found, last = [], -1
    while last < trials:
        expected = (trials - last) * p
        steps = rng.geometric(p, int(expected + 4 * math.sqrt(expected)) + 10)
        # A step past the end is as good as any: the sum of few huge ones would overflow.
        positions = last + np.cumsum(np.clip(steps, 1, trials + 1, out=steps))
        found.append(positions)
        last = int(positions[-1])
    positions = np.concatenate(found)
    return positions[: np.searchsorted(positions, trials)]


def distinct(
    rows: int, k: int, n: int, rng: np.random.Generator, dtype: type[np.signedinteger]
) -> Integer[np.ndarray, "{rows} {k}"]:
    """In each row k different ones of `range(n)`, ascending; all subsets are equally likely.

    What was drawn before is drawn again until nothing is: as if each row were drawn one by one and
    repeats passed over. Of more than half, those left out are drawn.
    """
    if 2 * k > n:
        taken = np.ones((rows, n), bool)
        np.put_along_axis(taken, distinct(rows, n - k, n, rng, dtype), False, axis=1)
        first_of_row = np.arange(0, rows * n, n)[:, None]
        return (np.flatnonzero(taken).reshape(rows, k) - first_of_row).astype(dtype)
    drawn = rng.integers(n, size=(rows, k), dtype=dtype)
    drawn.sort(axis=1)
    unfinished, part = np.arange(rows), drawn
    while True:
        repeats = part[:, 1:] == part[:, :-1]
        again = repeats.any(axis=1)
        unfinished, part, repeats = unfinished[again], part[again], repeats[again]
        if not len(part):
            return drawn
        part[:, 1:][repeats] = rng.integers(n, size=np.count_nonzero(repeats), dtype=dtype)
        part.sort(axis=1)
        drawn[unfinished] = part
