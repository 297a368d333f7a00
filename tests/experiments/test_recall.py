"""The recall job: corruption, and a small run from start to end."""

import json
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from experiments.recall import corrupted, hopfield
from experiments.runner.command import main

SMALL = ["recall", "--seeds", "1", "--images", "5", "--width", "20", "--epochs", "200"]
SMALL += ["--steps", "10"]


def test_corruption():
    images = np.random.default_rng(0).random((200, 64))
    shown, known = corrupted("hidden", 0.75, images, np.random.default_rng(1))
    assert known is not None and known.sum() == 16 and known[:16].all()
    np.testing.assert_allclose(shown[:, :16], images[:, :16], rtol=1e-6)
    assert (shown[:, 16:] == 0).all()
    noisy, known = corrupted("noise", 0.4, images, np.random.default_rng(1))
    assert known is None
    np.testing.assert_allclose((noisy - images).std(), 0.4, rtol=0.05)


def test_the_hopfield_network_recalls_what_is_nearest():
    images = jnp.asarray(np.random.default_rng(0).random((6, 64)), jnp.float32)
    noisy = images + 0.1 * jnp.asarray(np.random.default_rng(1).normal(size=(6, 64)), jnp.float32)
    np.testing.assert_allclose(hopfield(images, noisy, None), images, atol=1e-3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "small"
    assert main([*SMALL, "--out", str(folder)]) == 0
    return folder


def test_results(folder: Path, capsys: pytest.CaptureFixture):
    summary = json.loads((folder / "summary.json").read_text())
    hidden, noise = ([x["mean"] for x in summary[k]["pc"]] for k in ("hidden", "noise"))
    assert hidden[0] < hidden[3] and noise[0] < noise[3]
    assert hidden[0] < 0.02  # a quarter of five images, where blanks are off by more than 0.05
    for name in ("errors", "examples"):
        assert (folder / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert main([*SMALL, "--out", str(folder), "--resume"]) == 0
    assert "modern Hopfield" in capsys.readouterr().out


def test_bad_options_are_named(capsys: pytest.CaptureFixture, tmp_path: Path):
    for option, value in (("--images", "1"), ("--step-size", "0.0"), ("--width", "0")):
        with pytest.raises(SystemExit):
            main(["recall", "--out", str(tmp_path / "run"), option, value])
        error = capsys.readouterr().err
        assert option in error and value in error
