"""The fit of a branched cell to a recording: of a cell that is known, and nothing held out seen."""

import json
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from experiments.fit_dendrite import NONE, Config, default_recording
from experiments.fit_dendrite.recorded import free_run, read_trace, scores
from experiments.fit_dendrite.recorded_cell import parameters, ranges_for
from experiments.fit_dendrite.recorded_fit import (
    FIRST,
    LAST,
    Loss,
    losses,
    starts,
    sweeps_of,
)
from experiments.fit_neuron.traces import Trace
from experiments.runner.command import main

SWEEPS, STEPS = 7, 1000  # of 0.2 ms; sweeps 2 and 6 are held out, 4 validates
SIMULATED = ["fit-dendrite", "--tips", "2", "--seeds", "1", "--steps", "1", "--currents", "1"]
SIMULATED += ["--duration", "20"]


def as_recorded(voltage: np.ndarray, current: np.ndarray, dt: float) -> Trace:
    """Sweeps [sweep, step] that follow each other."""
    flat = voltage.ravel()
    spikes = (np.flatnonzero((flat[1:] > -10) & (flat[:-1] <= -10)) + 1) * dt
    starts = np.arange(len(voltage)) * voltage.shape[1]
    return Trace(dt, flat, current.ravel(), spikes, starts, voltage.shape[1], 4.0)


@pytest.fixture(scope="module")
def known() -> tuple[Trace, Loss, np.ndarray]:
    """What a cell in the middle of its ranges does under steps of current, and its place there.

    Of another recording's passive membrane, for the ranges come first: they decide the cell."""
    dt = 0.2
    current = np.zeros((SWEEPS, STEPS))
    current[:, 50:200] = -0.04
    current[:, 250:700] = np.linspace(0.02, 0.14, SWEEPS)[:, None]
    leak = passive_voltage(current, dt)
    leak[:, 300:310] = 30.0
    ranges = ranges_for(as_recorded(leak, current, dt))
    unit = np.full(len(ranges), 0.5, np.float32)
    silent = as_recorded(np.full_like(current, -45.0), current, dt)
    voltage = free_run(silent, Loss(ranges, dt), [unit])[0]
    return as_recorded(voltage.reshape(current.shape), current, dt), Loss(ranges, dt), unit


def passive_voltage(current: np.ndarray, dt: float) -> np.ndarray:
    """Of 0.05 nF and 0.001 µS at −45 mV."""
    voltage = np.full(current.size, -45.0)
    for n, now in enumerate(current.ravel()[:-1]):
        voltage[n + 1] = voltage[n] + dt * (-0.001 * (voltage[n] + 45) + now) / 0.05
    return voltage.reshape(current.shape)


def test_the_known_cell_fires(known: tuple[Trace, Loss, np.ndarray]):
    counts = [len(spikes) for spikes in known[0].spikes_by_sweep()]
    assert all(counts[k] for k in known[0].sweeps("held out"))


def test_scores_of_the_truth_are_perfect(known: tuple[Trace, Loss, np.ndarray]):
    trace, loss, unit = known
    found = scores(trace, free_run(trace, loss, [unit])[0])
    assert found["count error"] == [0] * SWEEPS
    np.testing.assert_allclose(found["coincidence"], 1)
    np.testing.assert_allclose(found["voltage error"], 0, atol=1e-4)


def test_the_truth_has_the_least_loss(known: tuple[Trace, Loss, np.ndarray]):
    """Not none: what is not for training is stood in for in what went before a sweep, and fast
    gates begin each in equilibrium."""
    trace, loss, unit = known
    points = np.concatenate(
        [unit[None], np.random.default_rng(0).uniform(0.2, 0.8, (5, len(unit)))]
    )
    for resistance in (FIRST, LAST):
        found = losses(loss, points, sweeps_of(trace), resistance)
        assert found[0] < 0.3 * found[1:].min()


def test_nothing_held_out_is_seen(known: tuple[Trace, Loss, np.ndarray]):
    """Other voltages in the sweeps that are not for training: the same data, ranges and starts."""
    trace, loss, _ = known
    other = trace.voltage.copy()
    for sweep in trace.sweeps("held out") + trace.sweeps("validation"):
        other[trace.of(sweep)] = other[trace.of(0)] + 7
    changed = trace._replace(voltage=other)
    for a, b in zip(sweeps_of(trace), sweeps_of(changed), strict=True):
        np.testing.assert_array_equal(a, b)
    assert ranges_for(trace) == ranges_for(changed)
    config = Config(recording=NONE, seeds=1)
    first = starts(config, loss, sweeps_of(trace))
    assert (np.abs(first - 0.5) <= 0.25).all()


def test_slow_gates_are_those_the_voltage_leaves(known: tuple[Trace, Loss, np.ndarray]):
    """Beside the gate's equation, step by step over sweep 0. They are sampled every ms, of which
    a spike has about two above v_half."""
    trace, loss, unit = known
    data = sweeps_of(trace)
    gates = np.asarray(loss.gates(jnp.asarray(unit), data))
    p = parameters(loss.ranges, jnp.asarray(unit))
    v = trace.voltage[trace.of(0)]
    for k, name in enumerate(("medium", "slow")):
        steady = 1 / (1 + np.exp((float(p["v_half"]) - v) / 4))
        gate, keep = steady[0], np.exp(-trace.dt / float(p[f"tau_{name}"]))
        for now in steady:
            gate = now + (gate - now) * keep
        assert gates[1, k] == pytest.approx(gate, rel=0.15)
    assert (gates[-1] > gates[0]).all()


@pytest.fixture(scope="module")
def whole(
    known: tuple[Trace, Loss, np.ndarray], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[str]]:
    trace = known[0]
    folder = tmp_path_factory.mktemp("recorded")
    shape = SWEEPS, STEPS
    np.savez(
        folder / "known.npz",
        voltage_mV=trace.voltage.reshape(shape),
        current_pA=1000 * trace.current.reshape(shape),
        rate_hz=5000,
    )
    command = [*SIMULATED, "--recording", str(folder / "known.npz"), "--recorded-steps", "16"]
    assert main([*command, "--out", str(folder / "run")]) == 0
    return folder / "run", command


def test_a_small_run(whole: tuple[Path, list[str]]):
    folder, _ = whole
    summary = json.loads((folder / "summary.json").read_text())["recording"]
    assert summary["sweeps"]["held out"] == [2, 6]
    assert summary["simulations a fit"] == 64
    fits = {m: json.loads((folder / f"checkpoints/recorded/{m}.json").read_text())[0]
            for m in ("gradients", "cma")}  # fmt: skip
    metrics = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    first = [each["train/loss"] for each in metrics if each["fit"] == "recorded/30-MOhm"]
    assert len(first) == 4 and first[-1] < first[0]
    assert fits["gradients"]["curve"][-1] < fits["gradients"]["curve"][0]
    assert fits["cma"]["curve"][-1] <= fits["cma"]["curve"][0]
    assert fits["cma"]["simulations"][-1] <= fits["gradients"]["simulations"][-1] == 64
    for method in fits:
        assert set(summary["fits"][method]["held out"]) == {
            "count error", "coincidence", "voltage error"
        }  # fmt: skip
    assert (folder / "figures" / "recorded.png").read_bytes().startswith(b"\x89PNG")


def test_resumed_it_ends_the_same(whole: tuple[Path, list[str]], capsys: pytest.CaptureFixture):
    folder, command = whole
    before = (folder / "summary.json").read_bytes()
    (folder / "summary.json").unlink()
    assert main([*command, "--out", str(folder), "--resume"]) == 0
    assert (folder / "summary.json").read_bytes() == before
    assert "coincidence Γ, ±4 ms, held out sweeps" in capsys.readouterr().out


def test_without_a_recording(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.delenv("NEUROJAX_DATA", raising=False)
    assert default_recording() == NONE
    assert main([*SIMULATED, "--out", str(tmp_path / "run")]) == 0
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["recording"] == NONE


def test_a_bad_recording_is_named(tmp_path: Path, capsys: pytest.CaptureFixture):
    path = tmp_path / "cell.npz"
    command = [*SIMULATED, "--recording", str(path), "--out", str(tmp_path / "run")]
    assert main(command) == 2
    assert f"--recording: there is no file {path}" in capsys.readouterr().err
    np.savez(path, voltage_mV=np.zeros((4, 100)), current_pA=np.zeros((4, 100)), rate_hz=10_000)
    assert main([*command[:-1], str(tmp_path / "other")]) == 2
    assert "--recording has 4 sweeps" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([*SIMULATED, "--recorded-steps", "3", "--out", str(tmp_path / "third")])
    assert "--recorded-steps must be at least 4, got 3" in capsys.readouterr().err


def test_steps_are_whole_ones_of_the_recording(tmp_path: Path):
    """Of 0.09 ms, at 11.1 kHz: two of them, the nearest to 0.2 ms."""
    voltage = np.full((5, 600), -50.0)
    voltage[:, 300] = 20
    np.savez(
        tmp_path / "cell.npz", voltage_mV=voltage, current_pA=np.zeros((5, 600)), rate_hz=1e5 / 9
    )
    trace = read_trace(str(tmp_path / "cell.npz"))
    assert trace.dt == pytest.approx(0.18)
    assert trace.length == 300
