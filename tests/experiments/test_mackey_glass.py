"""The forecasting task of train-snn: its series, its score, and a small run."""

import json

import jax.numpy as jnp
import numpy as np
import pytest

from experiments.runner.command import main
from experiments.train_snn import Config, mackey_glass as task
from experiments.train_snn.series import mackey_glass
from neurojax.metrics import footprint

TIMES = np.arange(76) * 197 / 75


def test_fixed_point():
    """Where production equals decay, beta / (1 + x^n) = gamma: x = 1 for beta twice gamma."""
    np.testing.assert_allclose(mackey_glass(TIMES, start=1.0), 1.0, rtol=1e-12)
    x = mackey_glass(TIMES, start=2.0, beta=0.5, gamma=0.1, n=2.0)
    np.testing.assert_allclose(x, 2.0, rtol=1e-12)


def test_first_delay_is_exponential():
    """Up to tau the delayed value is the start, so that x relaxes to production / gamma."""
    times = np.linspace(0, 17, 40)
    start, beta, gamma = 0.5, 0.2, 0.1
    end = beta * start / (1 + start**10) / gamma
    due = end + (start - end) * np.exp(-gamma * times)
    np.testing.assert_allclose(mackey_glass(times, start=start), due, rtol=1e-9)


def test_error_falls_as_the_fourth_power_of_the_step():
    """Within a Lyapunov time."""
    true = mackey_glass(TIMES, steps_per_delay=1600)
    errors = [np.abs(mackey_glass(TIMES, steps_per_delay=m) - true).max() for m in (50, 100, 200)]
    assert errors[0] < 1e-6
    assert np.all(np.divide(errors[:-1], errors[1:]) > 12)
    np.testing.assert_allclose(mackey_glass(TIMES), true, atol=1e-9)


def test_nearby_solutions_part():
    """By about e in a Lyapunov time."""
    times = np.arange(15 * 75) * 197 / 75
    apart = np.abs(mackey_glass(times, start=0.72 + 1e-9) - mackey_glass(times, start=0.72))
    growth = np.log(apart[-75:].max() / apart[4 * 75 : 5 * 75].max()) / 10
    assert 0.7 < growth < 1.4


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (dict(tau=-17.0), "tau must be positive and finite, got -17"),
        (dict(start=np.nan), "start must be positive and finite, got nan"),
        (dict(steps_per_delay=0), "steps_per_delay must be positive"),
    ],
)
def test_wrong_parameters(wrong, message):
    with pytest.raises(ValueError, match=message):
        mackey_glass(TIMES, **wrong)


@pytest.mark.parametrize("times", [np.array([]), np.array([1.0, 0.5]), np.array([-1.0, 0.5])])
def test_wrong_times(times):
    with pytest.raises(ValueError, match="times must"):
        mackey_glass(times)


def test_smape():
    """NeuroBench's: 0 for equal, 200 for opposite signs and where it is not a number."""
    x = jnp.array([0.5, 1.0, 2.0])
    assert task.smape(x, x) == 0
    assert task.smape(-x, x) == 200
    np.testing.assert_allclose(task.smape(3 * x, x), 100)
    np.testing.assert_allclose(task.smape(jnp.array([1.0, 3.0]), jnp.ones(2)), 50)
    assert task.smape(jnp.full(3, jnp.inf), x) == 200


def test_splits():
    """Forecasts of the test begin where the span to learn from ends; validation is after them."""
    test, held = (task.data(Config(on=on), 3) for on in ("test", "validation"))
    times = np.arange(4000) * 197 / 75
    x = mackey_glass(times).astype(np.float32)[3 * 75 // 2 :]
    np.testing.assert_allclose(test.learn[0], x[:101], atol=1e-6)
    np.testing.assert_allclose(test.learn[-1], x[650:751], atol=1e-4)
    np.testing.assert_allclose(test.measured[0, task.CONTEXT], x[750], atol=1e-4)
    np.testing.assert_array_equal(held.measured, test.held_out)
    assert test.measured.shape == test.held_out.shape == (10, 901)
    last = test.measured[-1, -1]
    assert not np.any(held.held_out[0] == last)
    row = np.concatenate([test.learn[:, 0], test.learn[-1, 1:]])
    np.testing.assert_array_equal(row[-task.CONTEXT - 1 :], test.measured[0, : task.CONTEXT + 1])


def test_equal_footprint(getkey):
    sizes = [footprint(build(getkey())) for build in task.MACKEY_GLASS.networks.values()]
    assert max(sizes) < 1.01 * min(sizes)


def test_a_small_run(tmp_path):
    """Two Lyapunov times of forecasts: after eight epochs the spiking network's are no worse than
    the mean of the series (sMAPE of some 22 %; 110 % after one epoch), and those of the echo state
    network are as in the full run."""
    options = ["--task", "mackey-glass", "--seeds", "1", "--epochs", "8", "--validation", "2"]
    options += ["--networks", "spiking", "echo state", "--on", "validation"]
    assert main(["train-snn", *options, "--out", str(tmp_path / "run")]) == 0
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    near = {n: summary[n]["smape of 2 Lyapunov times"]["mean"] for n in ("spiking", "echo state")}
    assert near["echo state"] < 0.03
    assert near["spiking"] < 0.25
    assert all(summary[n]["energy"]["mean"] > 0 for n in near)
    for name in ("results", "forecasts"):
        assert (tmp_path / "run" / "figures" / f"{name}.png").stat().st_size > 10_000


def test_too_many_windows(tmp_path, capsys):
    options = ["--task", "mackey-glass", "--train", "652", "--out", str(tmp_path / "run")]
    assert main(["train-snn", *options]) != 0
    assert "--train 652 are more than the 651 windows" in " ".join(capsys.readouterr().err.split())
