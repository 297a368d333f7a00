"""The fit of a dendrite: the loss knows the truth, the levels are found, wrong input is named."""

import json
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from experiments.fit_dendrite import NONE, Config
from experiments.fit_dendrite.problem import Problem, problem_of, soma_voltage, with_conductances
from experiments.fit_dendrite.scores import knowable, scores, thirds
from experiments.fit_dendrite.search import loss_of
from experiments.runner.command import find, main

SMALL = ["fit-dendrite", "--tips", "6", "--seeds", "1", "--steps", "60", "--currents", "2"]
SMALL += ["--duration", "30", "--recording", "none"]
CONFIG = Config(tips=6, seeds=1, steps=60, currents=2, duration=30.0, recording=NONE)


@pytest.fixture(scope="module")
def problem() -> Problem:
    return problem_of(CONFIG, 0)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "whole"
    assert main([*SMALL, "--out", str(folder)]) == 0
    return folder


def test_at_the_truth_there_is_no_error(problem: Problem):
    """The pull is none then, but for rounding of single precision."""
    loss, data = loss_of(CONFIG, problem)
    truth, start = (jnp.asarray(x, jnp.float32) for x in (problem.truth, problem.start))
    assert float(loss(truth, data, None)[0]) < 1e-6
    assert float(loss(start, data, None)[0]) > 1
    found = scores(problem, problem.truth, CONFIG.dt)
    assert found["voltage error"] == 0 and found["error"] == 0
    assert found["coincidence"] == pytest.approx(1)
    assert found["error of means"]["leak"]["far"] == 0
    assert found["correlation"]["sodium"] == pytest.approx(1)
    assert scores(problem, problem.start, CONFIG.dt)["correlation"]["sodium"] == 0


def test_the_pull_holds_spikes_together(problem: Problem):
    """The start, alone and pulled: the stronger the pull, the nearer it stays to the target."""
    cell = with_conductances(problem.cell, jnp.asarray(problem.start, jnp.float32))
    current, target = jnp.asarray(problem.current), jnp.asarray(problem.voltage)
    errors = [
        float(jnp.abs(found - target).mean())
        for found in (
            soma_voltage(cell, current, CONFIG.dt),
            soma_voltage(cell, current, CONFIG.dt, pulled_to=target, resistance=20.0),
            soma_voltage(cell, current, CONFIG.dt, pulled_to=target, resistance=0.01),
        )
    ]
    assert errors[0] > 2 * errors[1] > 4 * errors[2]


def test_new_currents_are_new(problem: Problem):
    """And of each seed its own, as are conductances and start."""
    other = problem_of(CONFIG, 1)
    for name in ("truth", "start", "current", "new_current"):
        assert not np.allclose(getattr(problem, name), getattr(other, name))
    assert not np.allclose(problem.current, problem.new_current)
    again = problem_of(CONFIG, 0)
    np.testing.assert_array_equal(problem.voltage, again.voltage)
    assert all((v > 0).any() for v in (problem.voltage[-1], problem.new_voltage[-1]))


def test_the_soma_knows_less_of_what_is_far(problem: Problem):
    known = knowable(problem, CONFIG.dt)
    deviation, parts = np.array(known["deviation"]), thirds(problem)
    assert 3 < known["directions"] < problem.truth.size
    # The soma's own, where the current enters, and which has most of the area, are known best.
    np.testing.assert_array_equal(deviation.argmin(axis=1), 0)
    assert (deviation[:, parts["far"]] > 0.25).all()


def test_a_small_run(whole: Path):
    summary = json.loads((whole / "summary.json").read_text())
    fits = summary["fits"]
    assert summary["parameters"] == problem_of(CONFIG, 0).truth.size
    assert fits["gradients"]["voltage error"]["mean"] < 0.5 * fits["start"]["voltage error"]["mean"]
    stages = [json.loads((whole / f"checkpoints/{m}/seed-0.json").read_text())
              for m in ("gradients", "cma")]  # fmt: skip
    assert len(stages[0]["curve"]) == CONFIG.steps + 1
    assert stages[0]["curve"][-1] < stages[0]["curve"][0] / 30
    spent = len(stages[1]["curve"]) * stages[1]["population"]
    assert 0 <= CONFIG.simulations - spent < stages[1]["population"]
    assert (whole / "figures" / "fit.png").read_bytes().startswith(b"\x89PNG")


def test_resumed_it_ends_the_same(whole: Path, capsys: pytest.CaptureFixture):
    before = (whole / "summary.json").read_bytes()
    for lost in ("summary.json", "checkpoints/gradients/seed-0.json"):
        (whole / lost).unlink()
    assert main([*SMALL, "--out", str(whole), "--resume"]) == 0
    assert (whole / "summary.json").read_bytes() == before
    assert "directions of log conductance are known" in " ".join(capsys.readouterr().out.split())


def test_it_is_listed():
    assert find()["fit-dendrite"].startswith("Fit the conductances of a cell with dendrites")


@pytest.mark.parametrize(
    ("option", "value"),
    [("--tips", "0"), ("--dt", "-0.1"), ("--coupling", "inf"), ("--morphology", "l5")],
)
def test_a_bad_option_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture, option: str, value: str
):
    with pytest.raises(SystemExit):
        main(["fit-dendrite", "--out", str(tmp_path / "run"), option, value])
    error = capsys.readouterr().err
    assert option in error and value in error


def test_the_reconstructed_cell_needs_data(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("NEUROJAX_DATA", raising=False)
    command = ["fit-dendrite", "--morphology", "ca1", "--out", str(tmp_path / "run")]
    assert main(command) == 2
    assert "NEUROJAX_DATA must name a folder" in capsys.readouterr().err
