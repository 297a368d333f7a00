"""The branched cell fitted to a recording: one of its own, whose parameters are known."""

import json
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

import neurojax as nj
from experiments.fit_dendrite import NONE, default_recording
from experiments.fit_dendrite.recorded import free_run, read_trace, scores
from experiments.fit_dendrite.recorded_cell import cell_of, ranges_for
from experiments.fit_dendrite.recorded_fit import FIRST, Loss, losses, sweeps_of
from experiments.fit_neuron.traces import Trace
from experiments.runner.command import main

TRUTH = {
    "C_m": 1.0, "R_a": 200.0, "g_leak": 0.02, "E_leak": -65.0,
    "g_Na_soma": 60.0, "g_Na_axon": 300.0, "g_K_soma": 10.0, "g_K_axon": 100.0, "g_P": 0.01,
    "E_K": -90.0, "v_T": -50.0, "v_P": -35.0, "shift_h": 0.0, "shift_n": 0.0,
    "speed_h": 1.0, "speed_n": 1.0, "v_half": -10.0,
    "g_medium": 0.2, "tau_medium": 20.0, "g_slow": 0.006, "tau_slow": 600.0,
}  # fmt: skip
SWEEPS, STEPS, DT = 5, 1500, 0.2


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cell under five steps of current, one after the other, as one recording."""
    current = np.zeros((SWEEPS, STEPS), np.float32)
    current[:, 250:1250] = np.linspace(0.03, 0.07, SWEEPS)[:, None]
    drive = nj.Series(jnp.asarray(current.ravel()))
    cell = cell_of(TRUTH, -65.0)
    run = nj.simulate(cell, drive, t1=SWEEPS * STEPS * DT, dt=DT)
    path = tmp_path_factory.mktemp("recording") / "own.npz"
    voltage = np.asarray(run["v[soma]"]).reshape(SWEEPS, STEPS)
    np.savez(path, voltage_mV=voltage, current_pA=1e3 * current, rate_hz=1e3 / DT)
    return path


@pytest.fixture(scope="module")
def trace(file: Path) -> Trace:
    return read_trace(str(file))


@pytest.fixture(scope="module")
def truth(trace: Trace) -> np.ndarray:
    """Its places in the ranges."""
    places = []
    for name, (low, high, log) in ranges_for(trace).items():
        ends = np.log([low, high]) if log else np.array([low, high])
        value = np.log(TRUTH[name]) if log else TRUTH[name]
        places.append((value - ends[0]) / (ends[1] - ends[0]))
    return np.array(places)


def test_the_recorded_cell_is_within_the_ranges(truth: np.ndarray):
    assert (truth > 0).all() and (truth < 1).all()


def test_the_truth_by_itself_is_the_recording(trace: Trace, truth: np.ndarray):
    loss = Loss(ranges_for(trace), trace.dt)
    (voltage,) = free_run(trace, loss, [truth])
    measured = scores(trace, voltage)
    assert min(len(spikes) for spikes in trace.spikes_by_sweep()) >= 2
    np.testing.assert_allclose(measured["coincidence"], 1, atol=1e-6)
    np.testing.assert_array_equal(measured["count error"], 0)
    assert max(measured["voltage error"]) < 0.5  # single precision moves spikes by a step at most


def test_the_loss_knows_the_truth(trace: Trace, truth: np.ndarray):
    """Under the pull that holds spikes, where what a sweep begins with is forgotten soonest."""
    loss, data = Loss(ranges_for(trace), trace.dt), sweeps_of(trace)
    beside = np.stack([truth + shift * np.eye(len(truth))[k] for k in (2, 4, 10) for shift in
                       (-0.1, 0.1)])  # fmt: skip
    at_truth, *others = losses(loss, np.vstack([truth, beside]), data, FIRST)
    assert at_truth < 0.1 * min(others)


def test_only_training_sweeps_are_seen(trace: Trace):
    """But for the current, which is known of all."""
    hidden = trace._replace(voltage=trace.voltage.copy())
    for role in ("validation", "held out"):
        for sweep in trace.sweeps(role):
            hidden.voltage[trace.of(sweep)] = np.nan
    for seen, due in zip(sweeps_of(hidden), sweeps_of(trace), strict=True):
        np.testing.assert_array_equal(seen, due)
    assert len(sweeps_of(trace).current) == len(trace.sweeps("train")) == SWEEPS - 2


def test_slow_gates_are_those_the_voltage_leaves(trace: Trace, truth: np.ndarray):
    """Beside the gates' equation, step by step over sweep 0. Rates are averaged over 1 ms, of which
    the medium gate forgets 5 %."""
    loss = Loss(ranges_for(trace), trace.dt)
    gates = np.asarray(loss.gates(jnp.asarray(truth, jnp.float32), sweeps_of(trace)))
    steady = 1 / (1 + np.exp((TRUTH["v_half"] - trace.voltage[trace.of(0)]) / 4))
    for k, name in enumerate(("medium", "slow")):
        gate, keep = steady[0], np.exp(-trace.dt / TRUTH[f"tau_{name}"])
        for now in steady:
            gate = now + (gate - now) * keep
        assert gates[1, k] == pytest.approx(gate, rel=0.05)


SMALL = ["fit-dendrite", "--tips", "3", "--seeds", "1", "--steps", "2", "--currents", "1"]
SMALL += ["--duration", "20", "--recorded-steps", "16"]


@pytest.fixture(scope="module")
def whole(file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "whole"
    assert main([*SMALL, "--recording", str(file), "--out", str(folder)]) == 0
    return folder


def test_the_command_fits_a_recording(whole: Path):
    recorded = json.loads((whole / "summary.json").read_text())["recording"]
    assert recorded["file"] == "own.npz" and recorded["simulations a fit"] == 64
    assert recorded["sweeps"] == {"train": [0, 1, 3], "validation": [4], "held out": [2]}
    assert set(recorded["fits"]) == {"gradients", "cma"}
    assert (whole / "figures" / "recorded.png").is_file()
    metrics = [json.loads(line) for line in (whole / "metrics.jsonl").read_text().splitlines()]
    first = [each["train/loss"] for each in metrics if each["fit"] == "recorded/30-MOhm"]
    assert len(first) == 4 and first[-1] < first[0]
    ends = {m: json.loads((whole / f"checkpoints/recorded/{m}.json").read_text())[0]
            for m in recorded["fits"]}  # fmt: skip
    assert ends["cma"]["curve"][-1] <= ends["cma"]["curve"][0]
    assert ends["cma"]["simulations"][-1] <= ends["gradients"]["simulations"][-1] == 64


def test_resumed_it_ends_the_same(whole: Path, file: Path, capsys: pytest.CaptureFixture):
    before = (whole / "summary.json").read_bytes()
    (whole / "summary.json").unlink()
    assert main([*SMALL, "--recording", str(file), "--out", str(whole), "--resume"]) == 0
    assert (whole / "summary.json").read_bytes() == before
    assert "coincidence Γ, ±4 ms, held out sweeps" in capsys.readouterr().out


def test_without_a_recording(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.delenv("NEUROJAX_DATA", raising=False)
    assert default_recording() == NONE
    assert main([*SMALL, "--out", str(tmp_path / "run")]) == 0
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["recording"] == NONE


def test_a_bad_recording_is_named(tmp_path: Path, capsys: pytest.CaptureFixture):
    assert main([*SMALL, "--recording", "no/such.npz"]) == 2
    assert "--recording: there is no file no/such.npz" in capsys.readouterr().err
    path, out = tmp_path / "cell.npz", str(tmp_path / "run")
    np.savez(path, voltage_mV=np.zeros((4, 100)), current_pA=np.zeros((4, 100)), rate_hz=10_000)
    assert main([*SMALL, "--recording", str(path), "--out", out]) == 2
    assert "--recording has 4 sweeps" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([*SMALL[:-1], "3", "--recording", NONE, "--out", out])
    assert "--recorded-steps must be at least 4, got 3" in capsys.readouterr().err


def test_steps_are_whole_ones_of_the_recording(tmp_path: Path):
    """Of 0.09 ms, at 11.1 kHz: two of them, the nearest to 0.2 ms."""
    voltage = np.full((5, 600), -50.0)
    voltage[:, 300] = 20
    still = np.zeros_like(voltage)
    np.savez(tmp_path / "cell.npz", voltage_mV=voltage, current_pA=still, rate_hz=1e5 / 9)
    trace = read_trace(str(tmp_path / "cell.npz"))
    assert trace.dt == pytest.approx(0.18) and trace.length == 300
