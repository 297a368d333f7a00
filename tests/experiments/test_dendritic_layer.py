"""The dendritic-layer job: networks of equal size, and a small run from start to end."""

import json
from pathlib import Path

import jax.random as jr
import numpy as np
import pytest

from experiments.datasets import Images
from experiments.dendritic_layer import KINDS, Config, at_equal_accuracy, noisy
from experiments.dendritic_layer.networks import build, count
from experiments.runner.command import find, main

SMALL = ["dendritic-layer", "--seeds", "2", "--parameters", "1500", "--epochs", "12"]
SMALL += ["--noise", "0", "0.5"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "small"
    assert main([*SMALL, "--out", str(folder)]) == 0
    return folder


def test_results(folder: Path):
    summary = json.loads((folder / "summary.json").read_text())
    for kind in KINDS:
        means = np.array(
            [[level["mean"] for level in size] for size in summary[kind]["accuracy [size][noise]"]]
        )
        assert means.shape == (1, 2)
        assert means[0, 0] > 0.85 and means[0, 1] < means[0, 0]
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    assert len(lines) == 2 * len(KINDS) * 12
    assert (folder / "figures" / "accuracy.png").read_bytes().startswith(b"\x89PNG")


def test_resuming_a_finished_run_prints_its_table(folder: Path, capsys: pytest.CaptureFixture):
    summary = (folder / "summary.json").read_bytes()
    assert main([*SMALL, "--out", str(folder), "--resume"]) == 0
    assert (folder / "summary.json").read_bytes() == summary
    out = capsys.readouterr().out
    for words in ("dendrites, local inputs", "1500 parameters", "noise 0.5", str(folder)):
        assert words in out


@pytest.mark.parametrize("kind", list(KINDS))
def test_networks_are_of_the_size_asked_for(kind):
    """To the nearest neuron below, of which the largest has 85 parameters here."""
    config = Config()
    parameters = count(build(kind, config, (8, 8), 2000, jr.key(0)))
    assert 2000 - 85 < parameters <= 2000


def test_parameters_for_equal_accuracy():
    """Of the highest accuracy that both reach, 0.8: a half of the way from 100 to 400 is 200."""

    def curve(*means):
        return {
            "parameters": [100, 400, 1600],
            "accuracy [size][noise]": [[{"mean": mean}, {"mean": 0.0}] for mean in means],
        }

    summary = {"dense": curve(0.5, 0.7, 0.8), "random": curve(0.7, 0.9, 0.95)}
    equal = at_equal_accuracy(summary | {"local": curve(0.85, 0.8, 0.9)})
    assert equal["accuracy"] == 0.8
    np.testing.assert_allclose(equal["parameters"]["dense"], 1600)
    np.testing.assert_allclose(equal["parameters"]["random"], 200)
    np.testing.assert_allclose(equal["parameters"]["local"], 100)


def test_noise_is_the_same_for_all_and_of_the_size_asked_for():
    images = Images(np.zeros((200, 8, 8), np.float32), np.zeros(200, np.int64))
    once, twice = noisy(images, 0.3).pixels, noisy(images, 0.6).pixels
    np.testing.assert_allclose(twice, 2 * once, rtol=1e-6)
    # Five standard deviations of 12,800 draws.
    assert abs(once.std() - 0.3) < 5 * 0.3 / (2 * once.size) ** 0.5


def test_it_is_listed_and_bad_options_are_named(capsys: pytest.CaptureFixture, tmp_path: Path):
    assert "dendritic-layer" in find() and "dendritic-layer-networks" not in find()
    bad = (("--parameters", "200"), ("--branches", "0"), ("--dendritic-learning-rate", "0.0"))
    for option, value in bad:
        with pytest.raises(SystemExit):
            main(["dendritic-layer", "--out", str(tmp_path / "run"), option, value])
        error = capsys.readouterr().err
        assert option in error and value in error
