"""Memory that is kept is not asked for again."""

import subprocess
import sys

import pytest

import neurojax as nj

PROGRAM = """
import resource
import jax
import jax.numpy as jnp
import neurojax as nj

if {keep}:
    assert nj.keep_freed_memory()
x = jnp.ones((4000, 4000))
f = jax.jit(lambda x: jax.lax.scan(lambda y, row: (y + row, jnp.sin(y)), x[0], x)[1][::7].sum())
faults = []
for _ in range(10):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    f(x).block_until_ready()
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
print(min(faults))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's malloc")
def test_pages_are_asked_for_once():
    """A call has 64 MB of results within it, which are 15,625 pages of 4 kB. Several calls pass
    until what is kept suffices."""
    faults = []
    for keep in (False, True):
        program = PROGRAM.format(keep=keep)
        command = [sys.executable, "-W", "error", "-c", program]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        faults.append(float(done.stdout))
    assert faults[0] > 10_000
    assert faults[1] < 0.1 * faults[0]


def test_other_systems(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not nj.keep_freed_memory()
