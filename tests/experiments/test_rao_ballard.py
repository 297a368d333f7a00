"""The rao-ballard job: its patches, bars and hierarchy, and a small run from start to end."""

import json
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.datasets import load_sample_images

from experiments.rao_ballard import Config, network
from experiments.rao_ballard.patches import SIDE, STEP, WIDTH, bars, draw, photographs, windowed
from experiments.runner.command import main

SMALL = ["rao-ballard", "--seeds", "2", "--windows", "400", "--units", "8", "--causes", "12"]
SMALL += ["--epochs", "3", "--steps", "15"]


def test_patches_are_parts_of_one_window():
    windows = np.random.default_rng(0).normal(size=(5, SIDE, WIDTH))
    patches = windowed(windows).reshape(5, 3, SIDE, SIDE)
    across = np.arange(SIDE) - 7.5
    gaussian = np.exp(-(across[:, None] ** 2 + across**2) / 32)
    for place in range(3):
        due = windows[:, :, place * STEP : place * STEP + SIDE] * gaussian
        np.testing.assert_allclose(patches[:, place], due, rtol=1e-5)


def test_photographs_are_white():
    """Pixels near each other are alike in natural images, and hardly in whitened ones."""
    for raw, white in zip(load_sample_images().images, photographs(), strict=True):
        alike = []
        for image in (raw.mean(2), white):
            image = (image - image.mean()) / image.std()
            alike.append(np.mean(image[:, :-4] * image[:, 4:]))
        assert alike[1] < alike[0] / 3
    patches = draw(50, np.random.default_rng(0))
    assert patches.shape == (50, 3, 256) and patches.dtype == np.float32


def test_bars():
    flat, upright = bars(np.array([4, 10]), 0.0), bars(np.array([4, 10]), np.pi / 2)
    np.testing.assert_allclose(flat.sum((1, 2)), 3.0 * 2 * np.array([4, 10]), rtol=1e-6)
    assert (flat[1].max(0) > 0).sum() == 10 and (flat[1].max(1) > 0).sum() == 2
    assert (upright[1].max(1) > 0).sum() == 10


def test_the_energy_is_the_papers():
    """Rao & Ballard 1999, eqs. 3 and 9, with sparse priors."""
    model = network(Config(units=4, causes=5, sparseness=0.5, precision=0.1), 0)
    rng = np.random.default_rng(1)
    r, causes, image = rng.normal(size=(3, 4)), rng.normal(size=5), rng.normal(size=(3, 256))
    U = np.asarray(model.edges[1].module.weight)
    top_down = (np.asarray(model.edges[0].module.weight) @ causes).reshape(3, 4)
    due = 0.5 * sum(np.sum((image[k] - U[k] @ r[k]) ** 2) for k in range(3))
    due += 0.05 * np.sum((r - top_down) ** 2)
    due += 0.5 * np.sum(np.log1p(r**2)) + 0.05 * np.sum(np.log1p(causes**2))
    state = {"r": r, "causes": causes, "image": image}
    state = {name: jnp.asarray(value, jnp.float32) for name, value in state.items()}
    np.testing.assert_allclose(model.energy(state, {"image": state["image"]}), due, rtol=1e-5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "small"
    assert main([*SMALL, "--out", str(folder)]) == 0
    return folder


def test_results(folder: Path, capsys: pytest.CaptureFixture):
    summary = json.loads((folder / "summary.json").read_text())
    assert 0 < summary["explained variance"]["mean"] < 1
    for which in ("", " without"):
        assert 0 <= summary[f"end-stopping{which}"]["mean"] <= 1
    for name in ("receptive_fields", "end_stopping"):
        assert (folder / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert main([*SMALL, "--out", str(folder), "--resume"]) == 0
    assert "second level at work" in capsys.readouterr().out


def test_bad_options_are_named(capsys: pytest.CaptureFixture, tmp_path: Path):
    for option, value in (("--precision", "0.0"), ("--batch-size", "20001"), ("--units", "0")):
        with pytest.raises(SystemExit):
            main(["rao-ballard", "--out", str(tmp_path / "run"), option, value])
        error = capsys.readouterr().err
        assert option in error and value in error
