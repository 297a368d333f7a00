"""The job of dendritic errors: a small run from start to end."""

import json
from pathlib import Path

import numpy as np
import pytest

from experiments.datasets import digits, split
from experiments.dendritic_pc import VARIANTS, samples
from experiments.runner.command import find, main

SMALL = ["dendritic-pc", "--seeds", "2", "--width", "24", "--epochs", "12"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "small"
    assert main([*SMALL, "--out", str(folder)]) == 0
    return folder


def test_results(folder: Path):
    summary = json.loads((folder / "summary.json").read_text())
    assert set(summary) == set(VARIANTS)
    for name, each in summary.items():
        assert min(each["test accuracy"]["values"]) > 0.75, name
    # A hidden layer's error is backprop's where feedback is transposed, and only there.
    assert summary["symmetric"]["cosine 1"]["mean"] > 0.5 > summary["random"]["cosine 1"]["mean"]
    for name in ("symmetric", "random"):
        assert summary[name]["cosine 3"]["mean"] > 0.9
    before = json.loads((folder / "checkpoints" / "before-learning.json").read_text())
    off = 1 - np.array(before["cosines"])
    assert np.all(off[0] < 1e-3) and np.all(off[-1] > off[0])
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert len(lines) == 2 * 3 * 12
    # Untaught apical dendrites stay nearer to rest than taught ones.
    last = [line for line in lines if line["fit"].endswith("symmetric")][-1]
    assert last["validation/untaught 1"] < 0.5 * last["validation/taught 1"]
    for name in ("circuit", "learning"):
        assert (folder / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_resuming_a_finished_run_prints_its_table(folder: Path, capsys: pytest.CaptureFixture):
    summary = (folder / "summary.json").read_bytes()
    assert main([*SMALL, "--out", str(folder), "--resume"]) == 0
    assert (folder / "summary.json").read_bytes() == summary
    out = capsys.readouterr().out
    for words in ("backprop", "random feedback", "test accuracy, %", str(folder)):
        assert words in out


def test_samples_are_pixels_a_constant_and_taught_potentials():
    learn, _ = digits()
    some = samples(learn.take(slice(5)))
    assert some.rates.shape == (5, 65) and np.all(some.rates[:, -1] == 1)
    np.testing.assert_array_equal(some.targets.argmax(axis=1), learn.labels[:5])
    assert np.all(some.targets.sum(axis=1) == 1 - 9)


def test_each_seed_holds_out_other_images():
    learn, _ = digits()
    (train, held_out), (_, other) = (split(learn, 250, seed) for seed in (3, 4))
    both = np.concatenate([train.flat().pixels, held_out.flat().pixels])
    assert len(train.labels) == 1047 and len(held_out.labels) == 250
    np.testing.assert_array_equal(np.unique(both, axis=0), np.unique(learn.flat().pixels, axis=0))
    assert not np.array_equal(held_out.labels, other.labels)


def test_it_is_listed_and_bad_options_are_named(capsys: pytest.CaptureFixture, tmp_path: Path):
    assert "dendritic-pc" in find()
    for option, value in (("--nudging", "0.0"), ("--batch-size", "998"), ("--momentum", "1.0")):
        with pytest.raises(SystemExit):
            main(["dendritic-pc", "--out", str(tmp_path / "run"), option, value])
        error = capsys.readouterr().err
        assert option in error and value in error
