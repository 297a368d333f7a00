"""The fit of a neuron: the known truth is found, nothing held out is seen, wrong input is named."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.fit_neuron import forcing
from experiments.fit_neuron.cells import AdExCell, SlowCell
from experiments.fit_neuron.scores import regularity
from experiments.fit_neuron.simulated import TRUTH, simulated
from experiments.fit_neuron.traces import Trace, passive, targets, trace_of
from experiments.runner import ExperimentError
from experiments.runner.command import find, main
from neurojax.interop import Recording

DT = 0.2
SMALL = ["fit-neuron", "--recording", "simulated", "--seeds", "1", "--voltage-steps", "30"]


@pytest.fixture(scope="module")
def recording() -> Recording:
    return simulated()


@pytest.fixture(scope="module")
def trace(recording: Recording) -> Trace:
    return trace_of(recording, dt=DT, v_peak=-10.0, refractory=4.0)


def unit_of(cell: AdExCell, parameters: dict[str, float]) -> np.ndarray:
    """The place of each parameter in its range, [parameter, 1]."""
    places = []
    for name, (low, high, log) in cell.ranges.items():
        low, value, high = (np.log(x) if log else x for x in (low, parameters[name], high))
        places.append((value - low) / (high - low))
    return np.array(places, np.float32)[:, None]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "whole"
    assert main([*SMALL, "--out", str(folder)]) == 0
    return folder


def test_the_truth_is_found(whole: Path):
    """To 2 %, Δ_T and b to 6 %: the recording's steps are 0.05 ms, the fit's 0.2 ms. `a` adds to
    the leak, and is known to 2 % of it."""
    summary = json.loads((whole / "summary.json").read_text())
    for name, each in summary["truth"].items():
        error = abs(each["found"]["mean"] - each["truth"])
        scale = TRUTH["g_leak"] if name == "a" else abs(each["truth"])
        assert error < (0.06 if name in ("delta_T", "b") else 0.02) * scale, name
    fits = summary["fits"]
    held_out = fits["adex/gradients"]["held out"]
    assert held_out["coincidence"]["mean"] == pytest.approx(1)
    assert held_out["count error"]["mean"] == 0
    assert held_out["voltage error"]["mean"] < 0.4  # of which the amplifier's noise is 0.2
    assert fits["adex/cma"]["evaluations"] == fits["adex/gradients"]["evaluations"]
    assert fits["adex/cma"]["loss"]["mean"] > fits["adex/gradients"]["loss"]["mean"]
    for name in ("spikes", "traces"):
        assert (whole / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_resumed_it_ends_the_same(whole: Path, capsys: pytest.CaptureFixture):
    before = (whole / "summary.json").read_bytes()
    for lost in ("summary.json", "checkpoints/adex/gradients.json"):
        (whole / lost).unlink()
    assert main([*SMALL, "--out", str(whole), "--resume"]) == 0
    assert (whole / "summary.json").read_bytes() == before
    assert "coincidence Γ, ±4 ms" in capsys.readouterr().out


def test_at_the_truth_no_spike_is_late(trace: Trace):
    """Half a step to both sides, since the neuron spikes on the grid: 0.1 ms; and of the recording,
    whose steps are shorter, the exponential's rise is 0.1 ms earlier."""
    cell = AdExCell(trace, -10.0, 4.0)
    data = jax.tree.map(jnp.asarray, targets(trace))
    unit = jnp.asarray(unit_of(cell, TRUTH))

    @jax.jit
    def of(unit, data):
        neuron = cell.neuron(unit)
        states = forcing.teacher_forced(neuron, data, DT)
        return forcing.lateness(cell, neuron, states, data, DT)

    late = np.asarray(of(unit, data))
    assert data.spikes.sum() > 60 and not data.spikes.all()
    assert np.abs(late).max() < 0.3


def test_gradient_against_finite_differences(trace: Trace):
    """Near the truth. Single precision and a loss with small steps allow 10 % of the largest."""
    few = trace._replace(starts=trace.starts[:6])
    cell = SlowCell(trace, -10.0, 4.0)
    slow = {"tau_slow": 3000.0, "b_slow": 1e-4, "E_K": -90.0, "tau_theta": 100.0, "b_theta": 0.2}
    unit = unit_of(cell, TRUTH | slow) + np.float32(0.01)
    data = jax.tree.map(jnp.asarray, targets(few))
    loss = jax.jit(lambda unit, data: forcing.loss(cell, unit, data, DT, 5.0))
    slope = jax.jit(jax.grad(lambda unit, data: forcing.loss(cell, unit, data, DT, 5.0).sum()))
    step = 2e-3
    shifts = np.eye(len(unit), dtype=np.float32) * np.float32(step)
    ends = np.asarray(loss(jnp.asarray(np.hstack([unit + shifts, unit - shifts])), data))
    expected = (ends[: len(unit)] - ends[len(unit) :]) / (2 * step)
    found = np.asarray(slope(jnp.asarray(unit), data))[:, 0]
    np.testing.assert_allclose(found, expected, atol=0.1 * np.abs(expected).max())


def test_nothing_held_out_is_seen(recording: Recording):
    """Other voltages in the sweeps that are not for training: the same targets, the same ranges."""
    other = recording.voltage.copy()
    other[[2, 4, 6]] = other[[7, 7, 7]] + 3
    traces = [
        trace_of(recording._replace(voltage=v), dt=DT, v_peak=-10.0, refractory=4.0)
        for v in (recording.voltage, other)
    ]
    assert len(traces[0].spikes) != len(traces[1].spikes)
    seen = [targets(each) for each in traces]
    seen = [each._replace(voltage=each.voltage * each.compared) for each in seen]
    for a, b in zip(*seen, strict=True):
        np.testing.assert_array_equal(a, b)
    assert SlowCell(traces[0], -10, 4).ranges == SlowCell(traces[1], -10, 4).ranges


def test_trace(recording: Recording):
    """A gap of 10 ms before the last sweep: no voltage in it, the current stays what it was."""
    starts = recording.starts.copy()
    starts[-1] += 10
    late = recording._replace(starts=starts, current=recording.current + 0.5)
    trace = trace_of(late, dt=DT, v_peak=-10.0, refractory=4.0)
    gap = slice(trace.of(6).stop, trace.of(7).start)
    assert gap.stop - gap.start == 50 and np.isnan(trace.voltage[gap]).all()
    np.testing.assert_array_equal(trace.current[gap], late.current[6, -1])
    np.testing.assert_array_equal(trace.voltage[trace.of(7)], late.voltage[7, ::4])
    counts = [((v[1:] > 0) & (v[:-1] <= 0)).sum() for v in recording.voltage]
    assert [len(train) for train in trace.spikes_by_sweep()] == counts
    assert not targets(trace).compared[gap].any()


def test_irregular_intervals_bound_coincidence(trace: Trace):
    """The simulated neuron is regular; a train of the same spikes, each interval a fifth longer or
    shorter at random, is not."""
    assert regularity(trace, 4.0, draws=5) > 0.9
    draw = np.random.default_rng(0)
    shaken = [
        start * DT
        + train[0]
        + np.cumsum([0, *np.diff(train) * draw.choice([0.8, 1.2], len(train) - 1)])
        for sweep, start in enumerate(trace.starts)
        for train in trace.trains(sweep)
    ]
    assert regularity(trace._replace(spikes=np.concatenate(shaken)), 4.0, draws=20) < 0.8


def test_passive_membrane():
    """Of a membrane that is nothing but passive: 0.1 nF, 0.01 µS, −70 mV, to the step's 2 ms."""
    rate = 5_000.0
    current = np.repeat(np.random.default_rng(0).normal(0, 0.1, (5, 40)), 100, axis=1)
    voltage = np.zeros_like(current) - 70.0
    for sweep, v in enumerate(voltage):
        for n in range(1, len(v)):
            v[n] = v[n - 1] + 0.2 * (-0.01 * (v[n - 1] + 70) + current[sweep, n - 1]) / 0.1
        v[500:505] = 30.0  # a spike, for the trace needs one
    starts = np.arange(5) * 800.0
    trace = trace_of(Recording(voltage, current, rate, starts), dt=DT, v_peak=-10.0, refractory=4.0)
    np.testing.assert_allclose(passive(trace), (0.1, 0.01, -70), rtol=0.05)


def test_it_is_listed():
    assert find()["fit-neuron"].startswith("Fit a neuron to a current-clamp recording")


@pytest.mark.parametrize(
    ("option", "value"),
    [("--seeds", "0"), ("--dt", "-0.1"), ("--window", "inf"), ("--v-peak", "100")],
)
def test_a_bad_option_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture, option: str, value: str
):
    with pytest.raises(SystemExit):
        main(["fit-neuron", "--out", str(tmp_path / "run"), option, value])
    error = capsys.readouterr().err
    assert option in error and value in error


def test_a_bad_recording_is_named(tmp_path: Path, capsys: pytest.CaptureFixture):
    def fault(path: Path, *options: str) -> str:
        out = str(tmp_path / f"run{len(list(tmp_path.iterdir()))}")
        assert main(["fit-neuron", "--recording", str(path), "--out", out, *options]) == 2
        error = capsys.readouterr().err
        assert error.startswith("error: ") and error.count("\n") == 1
        return error

    path = tmp_path / "cell.npz"
    assert f"--recording: there is no file {path}" in fault(path)
    path.write_text("no archive")
    assert "cell.npz is no archive of a recording" in fault(path)
    flat = np.zeros((4, 100))
    np.savez(path, voltage_mV=flat, current_pA=flat, rate_hz=10_000)
    assert "--recording has 4 sweeps" in fault(path)
    assert "--dt must be a multiple of the recording's 0.1 ms, got 0.25" in fault(
        path, "--dt", "0.25"
    )
    flat = np.zeros((5, 100))
    np.savez(path, voltage_mV=flat, current_pA=flat, rate_hz=10_000)
    assert "a held-out sweep has no spike above -10 mV" in fault(path)


def test_sweeps_that_overlap(recording: Recording):
    with pytest.raises(ExperimentError, match="a sweep begins before the one before it has ended"):
        trace_of(
            recording._replace(starts=recording.starts / 2), dt=DT, v_peak=-10.0, refractory=4.0
        )
