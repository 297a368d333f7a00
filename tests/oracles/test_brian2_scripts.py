"""Scripts run by Brian2 and by `neurojax.brian`, only the import line changed, in double precision.

The scripts and the bounds are those of the table in docs/brian.md.
"""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.usefixtures("x64")

ROOT = Path(__file__).parents[2]
SCRIPTS = Path(__file__).parent / "scripts"
ROWS = re.findall(r"^\| (\w+) \|.*\| (1e-\d+) \|$", (ROOT / "docs/brian.md").read_text(), re.M)
BOUNDS = {name: float(bound) for name, bound in ROWS}
RANDOM = "random_drive"
SPIKES = {"cuba": 1113, "cobahh": 1077}


@pytest.fixture(scope="module")
def brian2(oracle):
    """All scripts' results by Brian2."""
    return oracle("brian2_scripts", names=np.array([*BOUNDS, RANDOM]))


def ours(name):
    """A script's results by `neurojax.brian`."""
    text = (SCRIPTS / f"{name}.py").read_text()
    changed = text.replace("from brian2 import *", "from neurojax.brian import *")
    assert changed != text
    names: dict[str, Any] = {"__name__": name}
    exec(compile(changed, name, "exec"), names)
    return {key: np.asarray(value) for key, value in names["results"].items()}


def test_the_table_has_ten_scripts():
    assert len(BOUNDS) == 10
    assert {path.stem for path in SCRIPTS.glob("*.py")} == {*BOUNDS, RANDOM}


@pytest.mark.parametrize("name", BOUNDS)
def test_results_agree(name, brian2):
    found = ours(name)

    theirs = {k.partition("/")[2]: v for k, v in brian2.items() if k.startswith(f"{name}/")}
    assert found.keys() == theirs.keys()
    for key, value in found.items():
        assert value.shape == theirs[key].shape, key
        # Rounding: the two compute in other units, and in another order.
        np.testing.assert_allclose(value, theirs[key], rtol=0, atol=BOUNDS[name], err_msg=key)


def test_the_networks_have_the_tables_spikes(brian2):
    assert {name: len(brian2[f"{name}/times"]) for name in SPIKES} == SPIKES


def test_statistics_agree(brian2):
    # (mean, standard error) of each, in closed form:
    # x: an Ornstein-Uhlenbeck process of deviation 2 mV, after ten time constants, 1,000 of them;
    #    the deviation of n values has an error of 2/sqrt(2 n).
    # y: Stratonovich, so that the mean is exp((-1/50 + 0.005/10)·100) up to a spread of
    #    sqrt(exp(0.1) - 1) of it. Steps of 0.1 ms are off by 1e-4.
    # rates: 1,000 trains in 50 ms: n spikes have an error of sqrt(n).
    # counts: 500 trains with a mean rate of 100 Hz in 100 ms.
    # v: from trains of 100 Hz in the mean (1 mV) and 500 Hz of input (0.2 mV), times 10 ms: 2 mV;
    #    its variance is Campbell's, 5·rate·weight² in the mean (10 ms / 2): 0.5 + 0.1 mV², and
    #    there are 500.
    expected = {
        "deviation of x": (2.0, 2 / np.sqrt(2000)),
        "mean of y": (np.exp(-1.95), np.exp(-1.95) * np.sqrt((np.exp(0.1) - 1) / 1000)),
        "early rate": (20.0, np.sqrt(20 / 50)),
        "late rate": (80.0, np.sqrt(80 / 50)),
        "counts": (5000.0, np.sqrt(5000)),
        "mean of v": (2.0, np.sqrt(0.6 / 500)),
    }
    found = ours(RANDOM)

    for key, (mean, error) in expected.items():
        assert abs(found[key] - mean) < 4 * error, key
        assert abs(brian2[f"{RANDOM}/{key}"] - mean) < 4 * error, key
