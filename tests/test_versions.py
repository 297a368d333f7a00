"""jaxlib 0.10.2 computes wrong rows on CPU under jit (jax#39103): it must be kept out."""

import tomllib
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"


def norms(matrix, rows):
    """|matrix @ row|^2 of each row: the computation that 0.10.2 gets wrong."""
    return jax.vmap(lambda row: jnp.sum((matrix @ row) ** 2))(rows)


@pytest.mark.parametrize(
    ("dtype", "rows"), [("float32", 32_769), ("float32", 100_000), ("float64", 16_385)]
)
def test_jit_equals_eager_on_rows_with_one_entry(dtype, rows, x64):
    first = jnp.arange(rows, dtype=dtype)
    points = jnp.stack((first, jnp.zeros_like(first), jnp.zeros_like(first)), axis=1)
    identity = jnp.eye(3, dtype=dtype)

    compiled = jax.jit(norms)(identity, points)

    np.testing.assert_array_equal(compiled, norms(identity, points))
    np.testing.assert_array_equal(compiled, first**2)


def test_jit_equals_eager_on_random_prediction_errors(getkey):
    weights = jax.random.normal(getkey(), (3, 3))
    hidden, observed = jax.random.normal(getkey(), (2, 40_000, 3))

    def energy(observed, hidden):
        return jax.vmap(lambda x, h: jnp.sum((x - weights @ h) ** 2))(observed, hidden)

    # Sums of three products may be fused differently: a few units in the last place.
    np.testing.assert_allclose(
        jax.jit(energy)(observed, hidden), energy(observed, hidden), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("package", ["jax", "jaxlib"])
def test_only_the_broken_release_is_excluded(package):
    project = tomllib.loads(PYPROJECT.read_text())["project"]
    specifiers = {
        text.removeprefix(package)
        for text in project["dependencies"]
        if text.startswith(f"{package}>")
    }
    assert specifiers == {">=0.10.1,!=0.10.2"}
