"""The train-pc job: its networks and images, and a small run from start to end."""

import json
from pathlib import Path

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from experiments.recipes import shifted
from experiments.runner.command import main
from experiments.train_pc import networks
from experiments.train_pc.recipes import RECIPES, RULES
from neurojax.predictive import predict

SMALL = ["train-pc", "--seeds", "2", "--epochs", "3", "--train", "300", "--validation", "100"]
RULES_RUN = ("pc", "ipc", "cn", "bp")


def test_blocks_pool_the_means_of_what_is_active():
    network = networks.convolutional((2, 8, 8), ((3, 2), (4, 4)), 5, jr.key(0))
    assert [node.shape for node in network.nodes] == [(2, 8, 8), (3, 8, 8), (4, 4, 4), (5,)]
    z = np.asarray(jr.normal(jr.key(1), (3, 8, 8)))
    block = network.edges[1].module
    pooled = np.maximum(z, 0).reshape(3, 4, 2, 4, 2).mean((2, 4))
    np.testing.assert_allclose(block(jnp.asarray(z)), block.weights(jnp.asarray(pooled)), rtol=1e-5)


def test_images_move_within_their_frame():
    images = jnp.zeros((40, 1, 9, 9)).at[:, :, 4, 4].set(1).at[:, :, 4, 5].set(0.5)
    moved = np.asarray(shifted(2, True, images, jr.key(0)))
    np.testing.assert_allclose(moved.sum((1, 2, 3)), 1.5)
    rows, columns = np.unravel_index(moved.reshape(40, -1).argmax(1), (9, 9))
    assert {*rows} == {*columns} == {2, 3, 4, 5, 6}
    right = moved[np.arange(40), 0, rows, columns + 1] == 0.5
    assert 5 < right.sum() < 35  # the others are mirrored


@pytest.mark.parametrize("task", RECIPES)
def test_every_recipes_network_predicts(task):
    recipe = RECIPES[task]
    network = recipe.network(jr.key(0))
    x = jnp.ones((2, *network.nodes[0].shape))
    assert eqx.filter_eval_shape(predict, network, x).shape == (2, 10)
    assert set(recipe.rules) <= set(RULES) and set(recipe.fields) <= set(RULES)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "small"
    assert main([*SMALL, "--rules", *RULES_RUN, "--out", str(folder)]) == 0
    return folder


def test_results(folder: Path):
    summary = json.loads((folder / "summary.json").read_text())
    assert tuple(summary) == RULES_RUN
    for rule, found in summary.items():
        assert found["accuracy"]["mean"] > 0.6, rule
        assert -1 <= found["lowest cosine"]["mean"] <= found["cosine"]["mean"] <= 1
    assert summary["bp"]["to backprop"]["values"] == [0.0, 0.0]
    assert summary["pc"]["accuracy"]["values"] != summary["bp"]["accuracy"]["values"]
    for name in ("accuracy", "settling"):
        assert (folder / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_resuming_a_finished_run_prints_its_table(folder: Path, capsys: pytest.CaptureFixture):
    assert main([*SMALL, "--rules", *RULES_RUN, "--out", str(folder), "--resume"]) == 0
    out = capsys.readouterr().out
    for words in ("incremental", "centred nudging", "to backprop", str(folder)):
        assert words in out


def test_bad_options_are_named(capsys: pytest.CaptureFixture, tmp_path: Path, monkeypatch):
    run = ["--out", str(tmp_path / "run")]
    for option, value in (("--epochs", "0"), ("--step-size", "-1"), ("--rules", "hebb")):
        with pytest.raises(SystemExit):
            main(["train-pc", *run, option, value])
        error = capsys.readouterr().err
        assert option in error and value in error
    assert main(["train-pc", *run, "--train", "1290"]) == 2
    assert "more than the 1297 images" in capsys.readouterr().err
    monkeypatch.delenv("NEUROJAX_DATA", raising=False)
    assert main(["train-pc", "--task", "cifar", "--out", str(tmp_path / "cifar")]) == 2
    assert "--data cifar needs NEUROJAX_DATA" in capsys.readouterr().err
