"""The job that simulates published networks: its statistics, and a small run."""

import json

import numpy as np
import pytest

from experiments.runner.command import main
from experiments.simulate_network import coefficient_of_variation, statistics


def test_statistics_of_known_trains():
    regular = np.zeros((10_000, 3), bool)
    regular[::100] = True  # 10 ms, all at once
    found = statistics(regular)
    assert found["rate"] == pytest.approx(100.0)
    assert found["cv"] == 0.0
    draw = np.random.default_rng(0)
    poisson = draw.random((100_000, 50)) < 0.005  # 50 Hz
    found = statistics(poisson)
    assert found["rate"] == pytest.approx(50.0, rel=0.02)
    assert found["cv"] == pytest.approx(1.0, abs=0.03)
    assert found["synchrony"] == pytest.approx(1.0, abs=0.1)
    assert np.isnan(coefficient_of_variation(np.zeros((100, 3), bool)))


@pytest.mark.parametrize("model", ["cuba", "brunel"])
def test_a_small_run(tmp_path, model):
    options = ["--model", model, "--neurons", "1000", "--t1", "300", "--seeds", "1"]
    assert main(["simulate-network", *options, "--out", str(tmp_path / "run")]) == 0
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert set(summary) == {"excitatory", "inhibitory"}
    assert all(kind["rate"]["mean"] > 0.1 for kind in summary.values())
    assert (tmp_path / "run" / "figures" / "spikes.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--neurons", "5"], "--neurons must be at least 100"),
        (["--warm-up", "2000"], "--warm-up must be less than --t1 1000, got 2000"),
        (["--delay", "0"], "--delay must be"),
    ],
)
def test_wrong_options(tmp_path, capsys, options, message):
    with pytest.raises(SystemExit) as end:
        raise SystemExit(main(["simulate-network", *options, "--out", str(tmp_path / "run")]))
    assert end.value.code == 2
    assert message in " ".join(capsys.readouterr().err.split())
