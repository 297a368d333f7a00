"""The job of spiking predictive coding: a small run from start to end."""

import json
from pathlib import Path

import numpy as np
import pytest

from experiments.datasets import digits
from experiments.runner.command import find, main
from experiments.spiking_pc import KINDS, samples

SMALL = ["spiking-pc", "--seeds", "1", "--width", "24", "--epochs", "6", "--batch-size", "100"]
SMALL += ["--learning-rate", "0.02", "--untaught", "60", "--settle", "20", "--window", "60"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "small"
    assert main([*SMALL, "--out", str(folder)]) == 0
    return folder


def test_results(folder: Path):
    summary = json.loads((folder / "summary.json").read_text())
    assert set(summary["test accuracy"]) == set(KINDS)
    for each in summary["test accuracy"].values():
        assert min(each["values"]) > 0.6
    rates = [each["mean"] for each in summary["rate of value neurons by layer, Hz"]]
    assert len(rates) == 3 and min(rates) > 0
    seed = json.loads((folder / "checkpoints" / "seed-0.json").read_text())
    # Error neurons are silent until the target comes, and fire less once it is foreseen.
    before, after = (np.array(stage["error rate"]) for stage in seed["presented"])
    assert before[:60].max() == after[:60].max() == 0
    assert 0 < after[60:].mean() < before[60:].mean()
    for name in ("activity", "learning"):
        assert (folder / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_resuming_a_finished_run_prints_its_table(folder: Path, capsys: pytest.CaptureFixture):
    summary = (folder / "summary.json").read_bytes()
    assert main([*SMALL, "--out", str(folder), "--resume"]) == 0
    assert (folder / "summary.json").read_bytes() == summary
    out = capsys.readouterr().out
    for words in ("test accuracy, spikes, %", "hidden 1, Hz", str(folder)):
        assert words in out


def test_samples_are_currents():
    learn, _ = digits()
    some = samples(learn.take(slice(5)))
    assert some.currents.shape == (5, 65) and np.all(some.currents[:, -1] == 1)
    np.testing.assert_array_equal(some.targets.argmax(axis=1), learn.labels[:5])
    assert np.all(some.targets.sum(axis=1) == 1)


def test_it_is_listed_and_bad_options_are_named(capsys: pytest.CaptureFixture, tmp_path: Path):
    assert "spiking-pc" in find()
    for option, value in (("--window", "10.5"), ("--settle", "0.0"), ("--batch-size", "998")):
        with pytest.raises(SystemExit):
            main(["spiking-pc", "--out", str(tmp_path / "run"), option, value])
        error = capsys.readouterr().err
        assert option in error and value in error
