"""The train-snn job: its networks, and a small run from start to end."""

import json
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from experiments.datasets import Images
from experiments.runner.command import main
from experiments.train_snn import trainable
from experiments.train_snn.images import energy
from experiments.train_snn.tasks import TASKS
from models import spiking_classifiers as models
from neurojax import spiking

SMALL = ["train-snn", "--seeds", "2", "--epochs", "15", "--train", "300", "--validation", "100"]


@pytest.mark.parametrize(
    ("task", "image"), [("digits", (64,)), ("mnist", (1, 28, 28)), ("cifar", (3, 32, 32))]
)
def test_twins_have_the_same_weights(task, image):
    recipe = TASKS[task]
    spiking, conventional = (recipe.networks[n](jr.key(0)) for n in ("spiking", "conventional"))
    x = jnp.ones((2, *image))
    shapes = [eqx.filter_eval_shape(type(m).logits, m, x).shape for m in (spiking, conventional)]
    assert shapes == [(2, 10), (2, 10)]
    learnt = [
        jax.tree.leaves(eqx.filter(model, trainable(model))) for model in (spiking, conventional)
    ]
    assert len(learnt[0]) == len(learnt[1]) >= 6
    for a, b in zip(*learnt, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_constant_current_drives_the_network():
    """Its first layer is computed once; a neuron of current 1.5 spikes at its rate."""
    model = models.dense((3, 4, 2), 20, jr.key(0))
    x = jr.normal(jr.key(1), (5, 3))
    current = model.current(x)
    assert current.shape == (20, 5, 4)
    np.testing.assert_allclose(current[7], jax.vmap(model.stem)(x), rtol=1e-6)
    assert model.potentials(x).shape == (20, 5, 2)
    np.testing.assert_allclose(model.logits(x), model.potentials(x).mean(0), rtol=1e-5, atol=1e-6)


def test_energy_counts_the_stem_once():
    """All 3x4 products of the stem once, and of each step those of the neurons that spiked."""
    model = models.dense((3, 4, 2), 20, jr.key(0))
    x = jnp.abs(jr.normal(jr.key(1), (5, 3))) + 0.1
    estimate = energy(model, Images(x, np.zeros(5, int)))
    assert estimate.layers["stem 0.Linear"].macs == 12
    spikes = spiking.run(model.network, model.current(x), record=["0.LIF"]).recorded["0.LIF"]
    assert estimate.layers["1.Linear"].acs == pytest.approx(2 * float(spikes.sum()) / 5) != 0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "small"
    assert main([*SMALL, "--out", str(folder)]) == 0
    return folder


def test_results(folder: Path):
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["spiking"]["accuracy"]["mean"] > 0.5
    assert summary["conventional"]["accuracy"]["mean"] > 0.6
    pairs = zip(
        *(summary[n]["accuracy"]["values"] for n in ("spiking", "conventional")), strict=True
    )
    np.testing.assert_allclose(
        summary["spiking against conventional"]["accuracy"]["values"], [a - b for a, b in pairs]
    )
    ratio = summary["spiking against conventional"]["energy"]["values"]
    energies = (summary[n]["energy"]["values"] for n in ("spiking", "conventional"))
    np.testing.assert_allclose(ratio, np.divide(*energies))
    for figure in ("results", "activity"):
        assert (folder / "figures" / f"{figure}.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (["--seeds", "0"], "--seeds"),
        (["--networks", "spiking", "spiking"], "--networks must differ, got spiking spiking"),
        (["--learning-rate", "-1"], "--learning-rate"),
        (["--train", "1300"], "are more than the 1297 images"),
        (["--networks", "rnn"], "--networks of digits are spiking, conventional; got 'rnn'"),
        (["--task", "mnist"], "needs NEUROJAX_DATA"),
    ],
)
def test_wrong_options(wrong, message, tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("NEUROJAX_DATA", raising=False)
    with pytest.raises(SystemExit) as end:
        raise SystemExit(main(["train-snn", *wrong, "--out", str(tmp_path / "run")]))
    assert end.value.code not in (0, None)
    assert message in " ".join(capsys.readouterr().err.split())
