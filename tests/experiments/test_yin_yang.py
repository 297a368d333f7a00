"""The Yin-Yang job: its points, and a small run from start to end."""

import json
from pathlib import Path

import numpy as np
import pytest

from experiments.runner.command import find, main
from experiments.yin_yang.points import CLASSES, label_of, places_of, points

SMALL = ["yin-yang", "--seeds", "2", "--hidden", "20", "--train", "400", "--validation", "100"]
SMALL += ["--test", "300", "--epochs", "20", "--batch-size", "20"]


def test_the_symbol():
    """Yin's head is on the right of the upper half, Yang's on the left of the lower one; each has a
    dot, and both are unions of half discs."""
    x, y = np.array(
        [[0.5, 0.9], [0.5, 0.1], [0.75, 0.7], [0.25, 0.3], [0.75, 0.5], [0.25, 0.5], [0.9, 0.3]]
    ).T
    np.testing.assert_array_equal(label_of(x, y), [1, 0, 0, 1, 2, 2, 0])

    # Turned by half a turn, Yin is Yang and a dot a dot.
    inside = np.random.default_rng(0).uniform(0.2, 0.8, (1000, 2))
    labels, turned = label_of(*inside.T), label_of(*(1 - inside).T)
    np.testing.assert_array_equal(turned, np.array([1, 0, 2])[labels])


def test_points_are_of_all_classes_evenly_and_uniform_within():
    data = points(30_000, "train")
    place = places_of(data.times)
    assert np.all(np.hypot(*(place - 0.5).T) <= 0.5 + 1e-6)
    np.testing.assert_array_equal(label_of(*place.T)[:100], data.labels[:100])
    # Four standard deviations of a third of so many.
    shares = np.bincount(data.labels) / len(data.labels)
    np.testing.assert_allclose(shares, 1 / 3, atol=4 * (2 / 9 / 30_000) ** 0.5)
    # Of Yin, the head (a disc of radius 0.25 without its dot) is the part of its area.
    yin = place[data.labels == 0]
    head = np.hypot(yin[:, 0] - 0.75, yin[:, 1] - 0.5) < 0.25
    expected = np.pi * (0.25**2 - 0.1**2) / (np.pi * 0.5**2 / 2 - np.pi * 0.1**2)
    assert abs(head.mean() - expected) < 4 * (expected * (1 - expected) / len(yin)) ** 0.5


def test_points_as_spikes():
    data = points(50, "test")
    assert data.times.shape == (50, 5) and data.times.dtype == np.float32
    np.testing.assert_allclose(data.times[:, :2] + data.times[:, 2:4], 30.0, rtol=1e-6)
    assert np.all(data.times[:, 4] == 20.0)
    np.testing.assert_array_equal(points(50, "test").times, data.times)
    assert not np.array_equal(points(50, "validation").times, data.times)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "small"
    assert main([*SMALL, "--out", str(folder)]) == 0
    return folder


def test_results(folder: Path):
    summary = json.loads((folder / "summary.json").read_text())
    accuracy = {name: np.array(each["accuracy"]["values"]) for name, each in summary.items()}
    assert set(accuracy) == {"cured", "plain", "quiet-cured", "quiet-plain"}
    assert np.all(accuracy["cured"] > 0.7)
    # From silence nothing is learned without the cure: no spike, no answer, no gradient.
    assert np.all(accuracy["quiet-plain"] == 0)
    assert summary["quiet-plain"]["dead"]["mean"] == 1
    assert np.all(accuracy["quiet-cured"] > 0.5)
    assert summary["quiet-cured"]["dead"]["mean"] < 0.5

    curves = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert len(curves) == 2 * 4 * 20
    for name in ("regions", "spike_times", "learning_curves"):
        assert (folder / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_resuming_a_finished_run_prints_its_table(folder: Path, capsys: pytest.CaptureFixture):
    summary = (folder / "summary.json").read_bytes()
    assert main([*SMALL, "--out", str(folder), "--resume"]) == 0
    assert (folder / "summary.json").read_bytes() == summary
    out = capsys.readouterr().out
    for words in ("quiet start, cured", "accuracy, %", "dead hidden, %", str(folder)):
        assert words in out


def test_it_is_listed_and_bad_options_are_named(capsys: pytest.CaptureFixture, tmp_path: Path):
    assert "yin-yang" in find() and "yin-yang-points" not in find()
    assert len(CLASSES) == 3
    for option, value in (("--cure", "0.0"), ("--batch-size", "5001"), ("--hidden", "0")):
        with pytest.raises(SystemExit):
            main(["yin-yang", "--out", str(tmp_path / "run"), option, value])
        error = capsys.readouterr().err
        assert option in error and value in error
