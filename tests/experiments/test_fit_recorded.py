"""The branched cell fitted to a recording: one of its own, whose parameters are known."""

import json
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

import neurojax as nj
from experiments.fit_dendrite.recorded import free_run, read_trace, scores
from experiments.fit_dendrite.recorded_cell import cell_of, ranges_for
from experiments.fit_dendrite.recorded_fit import RESISTANCES, Loss, losses, sweeps_of
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
    at_truth, *others = losses(loss, np.vstack([truth, beside]), data, RESISTANCES[0])
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


def test_the_command_fits_a_recording(file: Path, tmp_path: Path):
    small = ["--tips", "3", "--seeds", "1", "--steps", "2", "--currents", "1", "--duration", "20"]
    options = ["--recording", str(file), "--recorded-steps", "8", "--out", str(tmp_path / "run")]
    assert main(["fit-dendrite", *small, *options]) == 0
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    recorded = summary["recording"]
    assert recorded["file"] == "own.npz" and recorded["simulations a fit"] == 32
    assert recorded["sweeps"] == {"train": [0, 1, 3], "validation": [4], "held out": [2]}
    assert set(recorded["fits"]) == {"gradients", "cma"}
    assert (tmp_path / "run" / "figures" / "recorded.png").is_file()


def test_a_recording_that_is_not_there_is_named(capsys: pytest.CaptureFixture):
    assert main(["fit-dendrite", "--recording", "no/such.npz"]) == 2
    assert "--recording: there is no file no/such.npz" in capsys.readouterr().err
