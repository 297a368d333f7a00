"""The runner, under a toy experiment: it survives a kill at any of its writes."""

import dataclasses
import json
import os
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from experiments.runner import Run, at_least, generator, interval, key, plus_minus, positive, spread
from experiments.runner.command import launch
from neurojax import learning

EPOCHS = 3
SGD = optax.sgd(0.1)


@dataclasses.dataclass(frozen=True)
class Config:
    """A toy."""

    seeds: int = 2
    """Repetitions."""
    target: float = 3.0
    """What the one weight learns."""

    def __post_init__(self):
        at_least(self, 1, "seeds")
        positive(self, "target")


def squared_error(weight, batch, key):
    return jnp.mean((weight - batch) ** 2), {}


GRADIENT = learning.by_backprop(squared_error)


def one_seed(config: Config, run: Run, seed: int) -> dict[str, Any]:
    noise = generator(seed, "data").standard_normal(8).astype(np.float32)
    trainer = partial(
        learning.fit,
        jnp.zeros(()),
        jnp.asarray(config.target + noise),
        GRADIENT,
        optimizer=SGD,
        epochs=EPOCHS,
        batch_size=2,
        key=key(seed, "batches"),
    )
    return {"weight": run.fit(f"seed-{seed}/fit", trainer).model}


def toy_run(config: Config, run: Run) -> dict[str, Any]:
    run.expect(EPOCHS * config.seeds)
    results = [
        run.stage(f"seed-{n}", partial(one_seed, config, run, n)) for n in range(config.seeds)
    ]
    return {"weight": spread([result["weight"] for result in results])}


TOY: Any = SimpleNamespace(__doc__="A toy.", Config=Config, run=toy_run)


def toy(*argv: object) -> int:
    return launch("toy", TOY, [str(word) for word in argv])


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """The folder of a run that nobody killed."""
    folder = tmp_path / "whole"
    assert toy("--out", folder) == 0
    return folder


def results(folder: Path) -> list[bytes]:
    return [(folder / name).read_bytes() for name in ("summary.json", "metrics.jsonl")]


def test_folder(whole: Path):
    config = json.loads((whole / "config.json").read_text())
    assert config["experiment"] == "toy"
    assert config["options"] == {"seeds": 2, "target": 3.0}
    assert config["versions"]["jax"] == jax.__version__
    lines = [json.loads(line) for line in (whole / "metrics.jsonl").read_text().splitlines()]
    assert [(line["fit"], line["epoch"]) for line in lines] == [
        (f"seed-{seed}/fit", epoch) for seed in (0, 1) for epoch in (1, 2, 3)
    ]
    timing = json.loads((whole / "timing.json").read_text())
    assert [len(laps) for laps in timing["epochs"].values()] == [EPOCHS, EPOCHS]


class Killed(BaseException):
    pass


@pytest.mark.parametrize("done", [False, True], ids=["before the write", "after it"])
def test_a_kill_at_any_write_changes_nothing(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, done: bool
):
    replace = os.replace

    def replace_until(last: int):
        count = 0

        def counted(source, target):
            nonlocal count
            count += 1
            if count < last or done:
                replace(source, target)
            if count == last:
                raise Killed

        return counted

    for last in range(1, 100):
        folder = tmp_path / f"killed-{last}"
        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", replace_until(last))
            try:
                toy("--out", folder)
                break
            except Killed:
                pass
        assert toy("--out", folder, *["--resume"] * folder.exists()) == 0
        assert results(folder) == results(whole), f"killed at write {last}"
        laps = json.loads((folder / "timing.json").read_text())["epochs"]
        assert all(len(laps[f"seed-{seed}/fit"]) >= EPOCHS for seed in (0, 1))
    assert last > 2 * EPOCHS * Config().seeds


def test_a_torn_line_of_metrics_is_mended(whole: Path):
    before = results(whole)
    metrics = whole / "metrics.jsonl"
    metrics.write_bytes(metrics.read_bytes()[:-7])
    (whole / "checkpoints" / "seed-1.json").unlink()
    assert toy("--resume", "--out", whole) == 0
    assert results(whole) == before


def test_a_finished_stage_is_not_computed_again(whole: Path, monkeypatch: pytest.MonkeyPatch):
    before = results(whole)
    monkeypatch.setattr(learning, "fit", None)
    assert toy("--resume", "--out", whole) == 0
    assert results(whole) == before


def test_resume_takes_the_newest_run_and_its_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    monkeypatch.chdir(tmp_path)
    assert toy("--resume") == 2
    assert "no run of toy" in capsys.readouterr().err
    assert toy("--target", 5) == 0
    assert toy("--resume") == 0
    (folder,) = Path("runs").iterdir()
    assert json.loads((folder / "config.json").read_text())["options"]["target"] == 5


def test_an_existing_folder_is_refused(whole: Path, capsys: pytest.CaptureFixture):
    before = results(whole)
    assert toy("--out", whole) == 2
    error = capsys.readouterr().err
    assert str(whole) in error and "--resume" in error
    assert results(whole) == before
    assert not list(whole.parent.glob(".whole*"))


def test_an_empty_folder_is_taken(tmp_path: Path):
    assert toy("--out", tmp_path) == 0


def test_a_folder_that_cannot_be_made(tmp_path: Path, capsys: pytest.CaptureFixture):
    (tmp_path / "file").touch()
    assert toy("--out", tmp_path / "file" / "run") == 2
    assert f"--out {tmp_path / 'file' / 'run'} cannot be made" in capsys.readouterr().err


def test_another_option_is_refused(whole: Path, capsys: pytest.CaptureFixture):
    assert toy("--resume", "--out", whole, "--seeds", 3) == 2
    error = capsys.readouterr().err
    assert "--seeds is 3" in error and "started with 2" in error


def test_resume_needs_a_run(tmp_path: Path, capsys: pytest.CaptureFixture):
    assert toy("--resume", "--out", tmp_path) == 2
    assert f"{tmp_path} is not a run folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"experiment": "other"}, "is a run of other"),
        ({"options": {"seeds": 2, "tempo": 1}}, "does not fit this version of toy"),
        ({"versions": {"python": "2.7"}}, "was started with python 2.7"),
    ],
)
def test_a_config_of_something_else_is_refused(
    whole: Path, capsys: pytest.CaptureFixture, change: dict[str, Any], message: str
):
    path = whole / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    assert toy("--resume", "--out", whole) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("name", ["config.json", "timing.json", "checkpoints/seed-0.json"])
def test_broken_json_is_named(whole: Path, capsys: pytest.CaptureFixture, name: str):
    (whole / name).write_text("{")
    assert toy("--resume", "--out", whole) == 2
    assert f"{whole / name} cannot be read as JSON" in capsys.readouterr().err


def test_a_tampered_checkpoint_is_named(whole: Path, capsys: pytest.CaptureFixture):
    (whole / "checkpoints" / "seed-0.json").unlink()
    path = whole / "checkpoints" / "seed-0" / "fit.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\xff")
    assert toy("--resume", "--out", whole) == 2
    assert str(path) in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value"),
    [("--seeds", "0"), ("--target", "-1.0"), ("--target", "nan"), ("--sedes", "1")],
)
def test_a_bad_option_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture, option: str, value: str
):
    with pytest.raises(SystemExit) as exit:
        toy("--out", tmp_path / "run", option, value)
    assert exit.value.code == 2
    error = capsys.readouterr().err
    assert option in error and value in error
    assert not (tmp_path / "run").exists()


def test_divergence_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture):
    assert toy("--out", tmp_path / "run", "--target", 1e30) == 2
    assert "seed-0/fit: fit diverged in epoch 1" in capsys.readouterr().err


def test_stopping_tells_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    def interrupt(config: Config, run: Run):
        raise KeyboardInterrupt

    monkeypatch.setattr(TOY, "run", interrupt)
    assert toy("--out", tmp_path / "run") == 130
    assert "--resume goes on" in capsys.readouterr().err


def test_streams_of_other_names_or_seeds_differ():
    streams = [(0, "a"), (0, "b"), (1, "a")]
    draws = {generator(*stream).random() for stream in streams}
    bits = {int(jax.random.bits(key(*stream))) for stream in streams}
    assert len(draws) == len(bits) == 3
    assert generator(0, "a").random() in draws


def test_spread():
    three = spread([1.0, 2.0, 3.0])
    assert three["mean"] == 2 and three["sd"] == 1
    assert three["t95"] == pytest.approx(4.302652729911275 / 3**0.5, rel=1e-9)
    assert plus_minus(three) == "2.0 ± 1.0"
    assert interval(three) == "2.0 [-0.5, 4.5]"
    one = spread([0.5])
    assert one == {"mean": 0.5, "sd": None, "t95": None, "values": [0.5]}
    assert plus_minus(one, scale=100) == interval(one, scale=100) == "50.0"
