"""What every test runs under: shapes and dtypes checked, nothing promoted in silence."""

from collections.abc import Callable, Iterator

import jax
import pytest
from jaxtyping import PRNGKeyArray, install_import_hook

# Before neurojax is imported: its jaxtyping annotations are then checked at every call.
install_import_hook(["neurojax", "models"], "beartype.beartype")

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")


@pytest.fixture
def getkey() -> Callable[[], PRNGKeyArray]:
    """A new key at each call, the same ones in each run of a test."""
    keys = iter(jax.random.split(jax.random.key(0), 1000))
    return lambda: next(keys)


@pytest.fixture
def x64() -> Iterator[None]:
    """The test runs in double precision."""
    with jax.enable_x64(True):
        yield


@pytest.fixture(autouse=True, scope="module")
def compiled_programs_are_dropped() -> Iterator[None]:
    """Hundreds of them would fill the memory, gigabytes by the end of the suite."""
    yield
    jax.clear_caches()
