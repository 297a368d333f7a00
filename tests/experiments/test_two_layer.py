"""The two-layer job: its cell, its placements, its models, and a small run from start to end."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.runner import ExperimentError, generator, key
from experiments.runner.command import find, main
from experiments.two_layer import MODELS, Config, fits, predictable
from experiments.two_layer.cells import built, shape_of
from experiments.two_layer.models import Data, trained
from experiments.two_layer.placements import PoissonCounts, alone, on_branches, placements
from neurojax.core import Clock

SMALL = ["two-layer", "--seeds", "1", "--train", "40", "--test", "8", "--duration", "60"]
SMALL += ["--batch", "32", "--epochs", "100"]


def test_synapses_are_on_terminal_apical_branches():
    shape = shape_of(built())
    c = shape.compartments
    assert shape.branches == 10 + 8  # obliques and tips of the tuft
    assert np.all(np.array(c.region)[shape.sites] == "apical")
    assert np.all(np.diff(shape.branch_of) >= 0)
    sections = c.section[shape.sites]
    assert not np.isin(sections, built().sections.before).any()
    # A branch is a section, with all of its compartments.
    assert len(set(zip(sections, shape.branch_of, strict=True))) == shape.branches
    assert np.isin(c.section, sections).sum() == len(shape.sites)


def test_placements():
    shape = shape_of(built())
    placed = placements(generator(0, "test"), shape, 300, (20, 60))
    totals, spread = placed.sum(axis=1), (on_branches(shape, placed) > 0).sum(axis=1)
    assert totals.min() >= 20 and totals.max() <= 60
    # Uniform: four standard errors of the mean of 41 values.
    assert abs(totals.mean() - 40) < 4 * ((41**2 - 1) / 12 / 300) ** 0.5
    assert spread.min() == 1 and spread.max() > 14
    np.testing.assert_array_equal(on_branches(shape, placed).sum(axis=1), totals)

    single = on_branches(shape, alone(shape, np.array([0, 5])))
    np.testing.assert_array_equal(single[::2], 0)
    np.testing.assert_array_equal(single[1::2], 5 * np.eye(shape.branches))


def test_counts_are_poisson():
    """Of 2e5 draws: mean, and the numbers of zeros and of twos, to four standard deviations."""
    steps, mean = 1000, 0.08
    trains = PoissonCounts(key(0, "test"), jnp.full((20, 10), mean / 0.05 * 1000))
    counts = np.asarray(
        jax.vmap(lambda step: trains.on(Clock(step, 0.05)))(jnp.arange(steps))
    ).ravel()
    n = counts.size
    assert abs(counts.mean() - mean) < 4 * (mean / n) ** 0.5
    for k, share in ((0, np.exp(-mean)), (2, np.exp(-mean) * mean**2 / 2)):
        assert abs((counts == k).mean() - share) < 4 * (share * (1 - share) / n) ** 0.5


@pytest.mark.parametrize("kind", list(MODELS))
def test_a_model_learns_what_it_is(kind: str):
    """Rates made by sigmoid subunits are learnt by two layers, of other placements too; rates made
    by the total are learnt by all."""
    draw = generator(0, "test")
    numbers = draw.poisson(4.0, (600, 6)).astype(np.float32)
    weights = np.linspace(5.0, 20.0, 6)
    sigmoids = (weights / (1 + np.exp(5 - numbers))).sum(axis=1).astype(np.float32)
    total = numbers.sum(axis=1)

    def explained(rate: np.ndarray) -> float:
        data = Data(numbers[:500], rate[:500])
        model = trained(kind, data, 400, generator(1, "initial"), key(0, "batches"))
        error = np.asarray(jax.vmap(model)(jnp.asarray(numbers[500:]))) - rate[500:]
        return float(1 - (error**2).mean() / rate[500:].var())

    assert explained(total) > 0.99
    if kind == "two-layer":
        assert explained(sigmoids) > 0.99
    else:
        assert explained(sigmoids) < 0.95


def test_predictable_share():
    """A signal of variance 1, and noise of variance 1 on each trial: 2/3 of the mean's is signal.
    Four standard errors: those of a correlation of 1/2 are 0.75 / √n, and dp/dr is 8/9."""
    draw = generator(0, "test")
    n = 20_000
    rates = draw.normal(size=(n, 1)) + draw.normal(size=(n, 2))
    assert abs(predictable(rates) - 2 / 3) < 4 * 0.75 * 8 / 9 / n**0.5


def test_a_silent_cell_is_told():
    numbers, rates = np.ones((9, 4), int), np.arange(18.0).reshape(9, 2)
    rates[6:, 1] = 0.0
    with pytest.raises(ExperimentError, match="--duration"):
        fits(Config(train=6, test=3), numbers, rates, 0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "small"
    assert main([*SMALL, "--out", str(folder)]) == 0
    return folder


def test_results(folder: Path):
    """Of placements that were not learnt from: the last 8 of two batches of 32 and 16."""
    summary = json.loads((folder / "summary.json").read_text())
    for cell in ("active", "passive"):
        stages = folder / "checkpoints" / cell / "seed-0"
        batches = [json.loads((stages / f"batch-{k}.json").read_text()) for k in (0, 32)]
        rates = np.concatenate(batches)[-8:, :, 0].mean(axis=1)
        assert summary[cell]["rate"]["mean"] == pytest.approx(rates.mean())
        fits = json.loads((stages / "fits.json").read_text())
        for kind in MODELS:
            told = {what: each["mean"] for what, each in summary[cell][kind].items()}
            predicted = np.array(fits[kind]["predicted"])
            assert told["correlation"] == pytest.approx(np.corrcoef(predicted, rates)[0, 1])
            left = ((predicted - rates) ** 2).sum() / ((rates - rates.mean()) ** 2).sum()
            assert told["explained"] == pytest.approx(1 - left, abs=1e-5)  # single precision
    assert summary["active"]["rate"]["mean"] > 5
    figure = (folder / "figures" / "two_layer.png").read_bytes()
    assert figure.startswith(b"\x89PNG")


def test_a_run_without_its_last_stages_goes_on(folder: Path):
    """What a kill leaves: batches that are there are read, the others made again, bit by bit."""
    summary = (folder / "summary.json").read_bytes()
    (folder / "checkpoints" / "passive" / "seed-0" / "batch-32.json").unlink()
    (folder / "checkpoints" / "passive" / "seed-0" / "fits.json").unlink()
    (folder / "summary.json").unlink()
    assert main([*SMALL, "--out", str(folder), "--resume"]) == 0
    assert (folder / "summary.json").read_bytes() == summary


def test_it_is_listed_and_bad_options_are_named(
    capsys: pytest.CaptureFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    assert "two-layer" in find()
    for option, values in (("--synapses", ("9", "4")), ("--rate", ("0.0",)), ("--test", ("2",))):
        with pytest.raises(SystemExit):
            main(["two-layer", "--out", str(tmp_path / "run"), option, *values])
        error = capsys.readouterr().err
        assert option in error and values[0] in error
    monkeypatch.delenv("NEUROJAX_DATA", raising=False)
    assert main(["two-layer", "--out", str(tmp_path / "run"), "--tree", "ca1"]) == 2
    assert "NEUROJAX_DATA" in capsys.readouterr().err
