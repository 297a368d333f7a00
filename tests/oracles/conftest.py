"""Runs a simulator of the field in a venv of its own, beside the test that compares with it.

An oracle is a script `<simulator>_<case>.py` in this folder, called with two paths: it reads its
inputs from the first (npz) and writes its results to the second. What the simulator needs, pinned,
is in `requirements/<simulator>.txt`; its venv is made once and kept in `.oracles/`.
"""

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from neurojax.dendrites import (
    Compartments,
    Morphology,
    random_morphology,
    read_swc,
    write_swc,
)

HERE = Path(__file__).parent
CACHE = HERE.parents[1] / ".oracles"

Oracle = Callable[..., dict[str, np.ndarray]]


def run(command: list[str | Path], **kwargs) -> None:
    """Runs a command; what it said is in the error when it fails."""
    done = subprocess.run(
        command, capture_output=True, text=True, stdin=subprocess.DEVNULL, **kwargs
    )
    if done.returncode:
        said = (done.stdout + done.stderr)[-4000:]
        raise RuntimeError(f"{' '.join(map(str, command))} exited {done.returncode}:\n{said}")


def simulator_python(simulator: str) -> Path:
    """The interpreter of the simulator's venv, which is made when it is not there yet.

    The folder's name holds the requirements and the Python version, so that a changed pin makes
    a new venv. A venv that was not finished has no `ready` and is made again.
    """
    requirements = HERE / "requirements" / f"{simulator}.txt"
    key = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()[:12]
    venv = CACHE / f"{simulator}-{key}"
    python = venv / "bin" / "python"
    CACHE.mkdir(exist_ok=True)
    with FileLock(f"{venv}.lock"):
        if not (venv / "ready").exists():
            run([sys.executable, "-m", "venv", "--clear", venv])
            run([python, "-m", "pip", "install", "--requirement", requirements])
            (venv / "ready").touch()
    return python


@pytest.fixture(scope="session")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Oracle:
    """`oracle("neuron_hh", dt=0.025, ...)`: the arrays that neuron_hh.py makes of these inputs."""
    # Nothing of ours may be imported in the simulator's venv.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}

    def ask(script: str, **inputs) -> dict[str, np.ndarray]:
        folder = tmp_path_factory.mktemp(script)
        np.savez(folder / "inputs.npz", **inputs)
        run(
            [
                simulator_python(script.partition("_")[0]),
                HERE / f"{script}.py",
                folder / "inputs.npz",
                folder / "results.npz",
            ],
            cwd=folder,
            env=environment,
        )
        with np.load(folder / "results.npz") as results:
            return dict(results)

    return ask


@pytest.fixture
def reconstruction(tmp_path: Path) -> Callable[[str], Morphology]:
    """`reconstruction("morph_ca1_n120")`: that cell where NEUROJAX_DATA has it; without the data, a
    random tree of 154 branches by way of a file."""

    def read(name: str) -> Morphology:
        if "NEUROJAX_DATA" in os.environ:
            return read_swc(Path(os.environ["NEUROJAX_DATA"]) / "morphologies" / f"{name}.swc")
        path = tmp_path / "random.swc"
        write_swc(random_morphology(np.random.default_rng(sum(name.encode())), tips=80), path)
        return read_swc(path)

    return read


def described(m: Morphology, c: Compartments) -> dict:
    """A tree as neuron_morphology.py reads it."""
    fields = {name: getattr(m.sections, name) for name in ("offsets", "xyz", "radii", "before")}
    return fields | {"sphere": m.sections.sphere, "counts": np.bincount(c.section)}


@pytest.fixture
def tree_oracle(oracle: Oracle) -> Oracle:
    """`tree_oracle("neuron_cell", morphology, compartments, ...)`: NEURON with the same tree."""
    return lambda script, m, c, **inputs: oracle(script, **described(m, c), **inputs)
