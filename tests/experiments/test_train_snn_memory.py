"""train-snn --task memory: the trials, and a small run from start to end."""

import json

import numpy as np
import pytest

from experiments.runner import generator
from experiments.runner.command import main
from experiments.train_snn import Config, memory
from experiments.train_snn.memory_figures import by_preferred_cue, pair


@pytest.fixture(scope="module")
def many() -> memory.Trials:
    return memory.trials(2000, generator(0, "here"))


def test_trials_are_balanced(many):
    """Half are the same, and no cue alone tells which."""
    assert many.spikes.shape == (2000, 200, 20)
    assert many.spikes.dtype == np.uint8
    assert many.same.sum() == 1000
    for at in (0, 1):
        for cue in range(4):
            shown = many.cues[:, at] == cue
            assert shown.mean() == pytest.approx(0.25, abs=0.04)
            assert many.same[shown].mean() == pytest.approx(0.5, abs=0.08)


def test_cues_are_spikes_at_their_rate(many):
    """100 + 5 Hz in the inputs of the cue, 5 Hz elsewhere, and a silent delay of 600 to 800 ms."""
    by_cue = many.spikes.reshape(2000, 200, 4, 5).mean(-1)
    at = np.arange(2000)
    second = by_cue[at, :, many.cues[:, 1]]
    assert second[:, -20:].mean() == pytest.approx(-np.expm1(-0.105 * 5), abs=0.01)
    background = pytest.approx(-np.expm1(-0.005 * 5), abs=0.002)
    assert by_cue[at, :, (many.cues[:, 1] + 1) % 4][:, -20:].mean() == background
    assert by_cue[:, 60:180].mean() == background  # the latest first cue ends in step 60
    first = by_cue[at, :, many.cues[:, 0]]
    assert first[:, 40:60].mean() > 3 * first[:, 60:180].mean()
    # Each first cue takes 20 of the first 60 steps.
    expected = (20 * -np.expm1(-0.105 * 5) + 40 * -np.expm1(-0.005 * 5)) / 60
    assert first[:, :60].mean() == pytest.approx(expected, abs=0.01)


def test_streams_are_apart():
    data = memory.data(Config(task="memory", train=100, validation=100), 3)
    again = memory.data(Config(task="memory", train=100, validation=100, on="validation"), 3)
    other = memory.data(Config(task="memory", train=100, validation=100, on="validation"), 4)
    assert [len(part.cues) for part in data] == [100, 100, memory.TEST]
    rows = [{row.tobytes() for row in part.spikes} for part in data]
    assert not (rows[0] & rows[1] or rows[0] & rows[2] or rows[1] & rows[2])
    np.testing.assert_array_equal(again.learn.spikes, data.learn.spikes)
    np.testing.assert_array_equal(again.measured.spikes, data.held_out.spikes)
    assert np.any(other.learn.spikes != data.learn.spikes)


def test_trials_drawn_differ_in_the_first_cue(many):
    same, different = pair(many)
    assert many.same[[same, different]].tolist() == [1, 0]
    assert many.cues[same, 1] == many.cues[different, 1]


def test_units_are_sorted_by_the_cue_they_prefer():
    counts = np.array([[0.0, 3, 9, 1], [7, 0, 1, 4]])
    assert by_preferred_cue(counts, np.array([0, 1])).tolist() == [2, 1, 0, 3]


def test_a_small_run(tmp_path):
    """A few hundred updates: adaptive units are well above chance, leaky ones at chance."""
    out = tmp_path / "run"
    few = ["--seeds", "1", "--epochs", "10", "--train", "2048", "--validation", "500"]
    few += ["--learning-rate", "0.005", "--on", "validation"]
    assert main(["train-snn", "--task", "memory", *few, "--out", str(out)]) == 0
    summary = json.loads((out / "summary.json").read_text())
    assert summary["adaptive"]["accuracy"]["mean"] > 0.7
    assert summary["leaky"]["accuracy"]["mean"] < 0.6
    assert 1 < summary["adaptive"]["rate"]["mean"] < 40
    for name in ("results", "trials"):
        assert (out / "figures" / f"{name}.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (["--train", "10"], "--train must be at least the 64 of a batch, got 10"),
        (["--validation", "20"], "--validation must be at least 100 trials, got 20"),
        (["--networks", "lstm"], "--networks of memory are adaptive, leaky; got 'lstm'"),
    ],
)
def test_wrong_options(wrong, message, tmp_path, capsys):
    out = ["--out", str(tmp_path / "run")]
    assert main(["train-snn", "--task", "memory", *wrong, *out]) != 0
    assert message in " ".join(capsys.readouterr().err.split())
