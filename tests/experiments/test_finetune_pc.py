"""The main job, small: its results, a kill in the middle, and options that do not fit."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from experiments import datasets
from experiments.datasets import Images
from experiments.finetune_pc import Config
from experiments.finetune_pc.rules import RULES, epochs_of, passes_per_batch
from experiments.finetune_pc.task import make_task, with_labels
from experiments.runner.command import find, main

ROOT = Path(__file__).parents[2]
SOURCE_EPOCHS, EPOCHS = 150, 60
SMALL = ["finetune-pc", "--seeds", "2", "--width", "16", "--batch-size", "50", "--steps", "5"]
SMALL += ["--source-epochs", str(SOURCE_EPOCHS), "--epochs", str(EPOCHS), "--fewer-labels", "2"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that nobody killed."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    assert main([*SMALL, "--out", str(folder)]) == 0
    return folder


def test_results(whole: Path):
    summary = json.loads((whole / "summary.json").read_text())
    assert summary["updates"] == {"pc": EPOCHS * 4, "bp": EPOCHS * 4}
    target, source = summary["test accuracy"]["target"], summary["test accuracy"]["source"]
    for rule in ("pc", "bp"):
        assert target[rule]["mean"] > target["before"]["mean"] + 0.1
        assert source[rule]["mean"] < source["before"]["mean"]
    difference = np.subtract(target["pc"]["values"], target["bp"]["values"])
    np.testing.assert_allclose(target["pc - bp"]["values"], difference)
    energy = np.array(summary["energy [inference step, layer]"]["before"])
    assert energy.shape == (6, 3)
    assert (np.diff(energy.sum(axis=1)) < 0).all()
    assert 0 < summary["relaxation, percent"]["before"]["mean"] < 100
    for rule in ("pc", "bp"):
        lost = summary["forgetting"][rule]["values"]
        np.testing.assert_allclose(
            lost, np.subtract(source["before"]["values"], source[rule]["values"])
        )
        fewer = summary["target accuracy from fewer labels"]["2"][rule]["mean"]
        assert target["before"]["mean"] < fewer < target[rule]["mean"] - 0.05
        shifted = summary["accuracy under shifts"]
        quiet, noisy = (shifted[f"noise {noise}"][rule]["mean"] for noise in ("0", "0.5"))
        assert noisy < target[rule]["mean"] < quiet
        assert shifted["rotation 90"][rule]["mean"] < target[rule]["mean"] - 0.1
        # the target's own shift is among them
        assert shifted["rotation 45"][rule] == shifted["noise 0.2"][rule] == target[rule]
    names = ("accuracy", "energy", "learning_curves", "sample_efficiency", "robustness")
    for name in names:
        assert (whole / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_convolutions_several_rules_and_equal_compute(tmp_path: Path):
    options = ["--model", "conv", "--channels", "4", "--seeds", "1", "--batch-size", "100"]
    options += ["--budget", "compute", "--steps", "4", "--source-epochs", "20", "--epochs", "4"]
    options += ["--fewer-labels", "--out", str(tmp_path / "run")]
    rules = ("ipc", "cn", "bp")
    assert main(["finetune-pc", *options, "--rules", *rules]) == 0
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    # centred nudging, the costliest, makes 4 epochs of 2 batches of 1 + 2 (2 · 4 + 2) passes
    assert summary["passes"] == {"ipc": 2 * 9 * 9, "cn": 168, "bp": 2 * 42 * 2}
    assert summary["updates"] == {"ipc": 72, "cn": 8, "bp": 84}
    target = summary["test accuracy"]["target"]
    assert set(target) == {"before", *rules, "ipc - bp"}
    assert target["bp"]["mean"] > target["before"]["mean"]
    assert summary["test accuracy"]["source"]["before"]["mean"] > 0.5


def test_passes_are_those_of_the_rules():
    """Counted by hand for 3 inference steps."""
    due = {"pc": 9, "epc": 9, "ipc": 7, "pn": 9, "nn": 9, "cn": 17, "ep": 17, "bp": 2}
    assert {rule: passes_per_batch(Config(steps=3), rule) for rule in RULES} == due
    config = Config(steps=3, epochs=18, rules=("pc", "ipc", "bp"), budget="compute")
    assert [epochs_of(config, rule) for rule in config.rules] == [18, 23, 81]
    config = Config(steps=3, epochs=18, rules=("pc", "ipc", "bp"))
    assert [epochs_of(config, rule) for rule in config.rules] == [18, 6, 18]


def test_fewer_labels_are_the_same_number_of_images():
    labels = np.repeat(np.arange(10), 20)
    few = with_labels(Images(np.arange(200.0), labels), 3)
    assert len(few.labels) == 200 and len(np.unique(few.pixels)) == 30
    assert (few.labels == few.pixels // 20).all()


def test_resuming_a_finished_run_prints_its_table(whole: Path, capsys: pytest.CaptureFixture):
    summary = (whole / "summary.json").read_bytes()
    assert main([*SMALL, "--out", str(whole), "--resume"]) == 0
    assert (whole / "summary.json").read_bytes() == summary
    out = capsys.readouterr().out
    for words in ("predictive coding", "backprop", "target accuracy", str(whole)):
        assert words in out


def test_killed_twice_and_resumed_it_ends_the_same(whole: Path, tmp_path: Path):
    folder = tmp_path / "killed"
    start = [sys.executable, "-m", "experiments", *SMALL, "--out", str(folder)]
    kill_at(SOURCE_EPOCHS // 2, folder, start)
    kill_at(2 * SOURCE_EPOCHS + 4 * EPOCHS + 10, folder, [*start, "--resume"])
    done = subprocess.run([*start, "--resume"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # no bar where there is no terminal
    for name in ("summary.json", "metrics.jsonl"):
        assert (folder / name).read_bytes() == (whole / name).read_bytes()


def kill_at(epochs: int, folder: Path, command: list[str]) -> None:
    """Start the command, and kill it when the metrics have a line for each of so many epochs."""
    metrics = folder / "metrics.jsonl"
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    while process.poll() is None:
        if metrics.exists() and metrics.read_bytes().count(b"\n") >= epochs:
            process.send_signal(signal.SIGKILL)
            break
        time.sleep(0.002)
    output, _ = process.communicate()
    assert process.returncode == -signal.SIGKILL, output.decode()
    assert not (folder / "summary.json").exists()


def test_help_is_quick(tmp_path: Path):
    """Help imports neither JAX nor anything else that takes seconds."""
    code = (
        "import sys\n"
        "from experiments.runner.command import main\n"
        "main(['--help'])\n"
        "try: main(['finetune-pc', '--help'])\n"
        "except SystemExit: pass\n"
        "print(sorted({'jax', 'sklearn', 'scipy', 'matplotlib'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "finetune-pc Fine-tune a trained image classifier" in " ".join(done.stdout.split())
    assert "--labels-per-class INT" in done.stdout
    assert done.stdout.endswith("\n[]\n")


def test_every_experiment_is_listed():
    assert "finetune-pc" in find()
    assert "datasets" not in find()


def test_an_unknown_experiment(capsys: pytest.CaptureFixture):
    assert main(["finetune_cp"]) == 2
    assert "did you mean finetune-pc?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--seeds", "0"),
        ("--seeds", "many"),
        ("--learning-rate", "-0.1"),
        ("--step-size", "0.0"),
        ("--labels-per-class", "41"),
        ("--batch-size", "201"),
        ("--rotation", "inf"),
        ("--data", "imagenet"),
        ("--rules", "hebb"),
        ("--fewer-labels", "21"),
    ],
)
def test_a_bad_option_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture, option: str, value: str
):
    with pytest.raises(SystemExit) as exit:
        main(["finetune-pc", "--out", str(tmp_path / "run"), option, value])
    assert exit.value.code == 2
    error = capsys.readouterr().err
    assert option in error and value in error
    assert not (tmp_path / "run").exists()


def test_a_rule_twice_or_too_many_pools(tmp_path: Path, capsys: pytest.CaptureFixture):
    for options, message in (
        (["--rules", "pc", "pc"], "--rules must be one or more different ones"),
        (["--model", "conv", "--depth", "4"], "--depth pools images of 8x8 to nothing, got 4"),
    ):
        with pytest.raises(SystemExit):
            main(["finetune-pc", "--out", str(tmp_path / "run"), *options])
        assert message in " ".join(capsys.readouterr().err.split())


def mnist_fault(tmp_path: Path, capsys: pytest.CaptureFixture) -> str:
    assert main(["finetune-pc", "--data", "mnist", "--out", str(tmp_path / "run")]) == 2
    return capsys.readouterr().err


def test_missing_mnist(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    monkeypatch.delenv("NEUROJAX_DATA", raising=False)
    assert "--data mnist needs NEUROJAX_DATA" in mnist_fault(tmp_path, capsys)
    monkeypatch.setenv("NEUROJAX_DATA", str(tmp_path))
    assert f"there is no {tmp_path / 'mnist.npz'}" in mnist_fault(tmp_path, capsys)
    assert not (tmp_path / "run").exists()


class Explosive:
    def __reduce__(self):
        return os.abort, ()


@pytest.mark.parametrize("content", ["text", "pickle", "shape", "part"])
def test_a_bad_mnist_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str):
    path = tmp_path / "mnist.npz"
    monkeypatch.setenv("NEUROJAX_DATA", str(tmp_path))
    labels = np.zeros(3, np.int64)
    if content == "text":
        path.write_text("no archive")
    elif content == "pickle":
        np.savez(path, x_train=np.array([Explosive()], dtype=object), y_train=labels)
    elif content == "shape":
        np.savez(path, x_train=np.zeros((3, 28, 27), np.uint8), y_train=labels)
    else:
        np.savez(path, x_train=np.zeros((3, 28, 28), np.uint8), y_train=labels)
    with pytest.raises(datasets.ExperimentError, match=r"mnist\.npz cannot be used"):
        datasets.mnist()


def test_mnist_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NEUROJAX_DATA", str(tmp_path))
    pixels = np.full((3, 28, 28), 255, np.uint8)
    labels = np.arange(3, dtype=np.uint8)
    np.savez(
        tmp_path / "mnist.npz", x_train=pixels, y_train=labels, x_test=pixels[:1], y_test=labels[:1]
    )
    learn, test = datasets.mnist()
    assert learn.pixels.dtype == np.float32 and learn.pixels.max() == 1
    assert learn.labels.tolist() == [0, 1, 2] and len(test.labels) == 1


def test_cifar_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NEUROJAX_DATA", str(tmp_path))
    with pytest.raises(datasets.ExperimentError, match=r"--data cifar: there is no .*cifar10_10k"):
        datasets.cifar()
    pixels = np.zeros((2, 32, 32, 3), np.uint8)
    pixels[..., 1] = 255
    labels = np.arange(2, dtype=np.uint8)
    file = tmp_path / "cifar10_10k.npz"
    np.savez(file, x_train=pixels, y_train=labels, x_test=pixels, y_test=labels)
    learn, _ = datasets.cifar()
    shifted = datasets.shifted(learn, 90, 0.0, np.random.default_rng(0)).channels_first()
    assert shifted.pixels.shape == (2, 3, 32, 32)
    np.testing.assert_allclose(shifted.pixels[:, 1], 1, atol=1e-6)
    assert shifted.pixels[:, [0, 2]].max() < 1e-6


def test_rotation_is_anticlockwise():
    images = Images(np.random.default_rng(0).random((2, 8, 8), np.float32), np.zeros(2, np.int64))
    turned = datasets.shifted(images, 90, 0.0, np.random.default_rng(0))
    np.testing.assert_allclose(turned.pixels, np.rot90(images.pixels, axes=(1, 2)), atol=1e-6)


def test_no_image_is_in_two_splits():
    """The number of the image is written into all its pixels."""
    learn, test = datasets.digits()
    count = len(learn.labels) + len(test.labels)
    assert count == 1797
    marks = (np.arange(count, dtype=np.float32) / count)[:, None, None] + np.zeros((1, 8, 8))
    learn = Images(marks[: len(learn.labels)], learn.labels)
    test = Images(marks[len(learn.labels) :], test.labels)
    task = make_task(Config(rotation=0.0, noise=0.0), learn, test, seed=0)
    splits = [task.source, task.target, task.validation["source"], task.test["source"]]
    numbers = np.concatenate([np.rint(split.pixels[:, 0] * count) for split in splits])
    assert sorted(numbers) == list(range(count))
    np.testing.assert_array_equal(np.bincount(task.target.labels), 20)
    for part in (task.validation, task.test):
        np.testing.assert_allclose(part["source"].pixels, part["target"].pixels, atol=1e-6)
