"""The event-pc job: a small run from start to end, counts against loops, and its choice."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import datasets, event_pc
from experiments.event_pc import counting, networks
from experiments.runner.command import find, main
from neurojax.predictive import predict

SMALL = ["event-pc", "--seeds", "2", "--channels", "4", "--train", "600", "--validation", "100"]
SMALL += ["--epochs", "12", "--settling-images", "20", "--learning-rate", "0.01"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "small"
    assert main([*SMALL, "--out", str(folder)]) == 0
    return folder


def test_results(folder: Path):
    summary = json.loads((folder / "summary.json").read_text())
    networks = summary["networks"]
    twin, pc = networks["twin"], networks["pc"]
    assert twin["accuracy"]["mean"] > 0.4 and twin["points"]["values"] == [0, 0]
    assert twin["energy"]["mean"] < summary["twin, all pairs"]["mean"]
    # Without a threshold nothing is lost, and with messages of one size nothing is multiplied.
    assert networks["changes from rest"]["accuracy"] == pc["accuracy"]
    assert networks["graded"]["energy"]["mean"] <= networks["changes from rest"]["energy"]["mean"]
    for name, x in networks.items():
        events = name in ("ternary", "nothing known")
        assert (x["macs"]["mean"] == 0) == events and (x["acs"]["mean"] > 0) == events
        energy = 4.6e-3 * x["macs"]["mean"] + 0.9e-3 * x["acs"]["mean"]
        assert x["energy"]["mean"] == pytest.approx(energy)
        compared = energy + 0.9e-3 * x["comparisons"]["mean"]
        assert x["energy with comparisons"]["mean"] == pytest.approx(compared)
    assert twin["comparisons"]["mean"] == 4 * 16 + 8 * 4  # hidden units of 8x8 images, once each
    settling = summary["settling"]
    anew = settling["20 steps, all computed anew"]["energy"]["mean"]
    fine, coarse = (settling[f"graded, threshold {x}"] for x in (0.03, 0.3))
    assert coarse["energy"]["mean"] < fine["energy"]["mean"] < anew
    assert fine["cosine"]["mean"] > 0.99
    assert (folder / "figures" / "energy.png").read_bytes().startswith(b"\x89PNG")


def test_resuming_a_finished_run_prints_its_tables(folder: Path, capsys: pytest.CaptureFixture):
    summary = (folder / "summary.json").read_bytes()
    assert main([*SMALL, "--out", str(folder), "--resume"]) == 0
    assert (folder / "summary.json").read_bytes() == summary
    out = capsys.readouterr().out
    assert "CNN twin" in out and "settling for a learning step" in out


def test_a_pass_counted_by_loops():
    """Nonzero inputs and the taps that they meet, image by image."""
    model = networks.network(2, 8, jax.random.key(0))
    _, test = datasets.digits()
    images = networks.channelled(test.take(slice(3)))
    found = counting.conventional(model, images)
    expected = np.zeros(3)
    for pixels in images.pixels:
        z = model.feedforward({"input": pixels})
        for layer, (value, out) in enumerate(((pixels, 2), (jax.nn.relu(z["h1"]), 4))):
            for _, i, j in np.argwhere(np.asarray(value)):
                # A tap of a stride of 2 meets even places by its middle, odd ones by both sides.
                meets = [
                    1 if place % 2 == 0 else 1 + (place + 1 < value.shape[1]) for place in (i, j)
                ]
                expected[layer] += meets[0] * meets[1] * out / 3
        expected[2] += int((z["h2"] > 0).sum()) * 10 / 3
    np.testing.assert_allclose(list(found["operations"].values()), expected)
    assert found["acs"] == 0
    assert found["dense energy"] > found["energy"] == pytest.approx(4.6e-3 * expected.sum())
    right = predict(model, images.pixels).argmax(axis=1) == images.labels
    assert found["accuracy"] == float(right.mean())


def test_from_nothing_known_all_that_is_active_is_sent():
    model = networks.network(8, 8, jax.random.key(0))
    system = counting.of(model, {"input": jnp.zeros((1, 1, 8, 8))}, 0.0, "graded")
    start = counting.nothing_known(system)
    state = counting.advance(system, 1, start)
    z = model.feedforward({"input": jnp.zeros((1, 1, 8, 8))})
    np.testing.assert_allclose(system.output(state), z["output"], atol=1e-6)
    assert int(state.predictions[1].events[0]) == int((z["h1"] > 0).sum()) > 0
    assert int(counting.advance(system, 1).predictions[1].events[0]) == 0


def test_the_choice():
    """The highest threshold before the first that costs too much; a lucky one behind it is none."""
    curve = [{"threshold": t, "accuracy": a} for t, a in ((1, 0.9), (2, 0.91), (3, 0.8), (4, 0.9))]
    assert event_pc.choose(curve, 0.9) == 2
    assert event_pc.choose(curve, 0.8) == 4
    assert event_pc.choose(curve, 0.95) == 2


def test_no_image_is_learned_from_and_held_out():
    learn, _ = datasets.digits()
    numbered = datasets.Images(np.arange(len(learn.labels)), learn.labels)
    for train, due in ((0, len(learn.labels) - 250), (400, 400)):
        parts = event_pc.split(event_pc.Config(train=train), numbered, 3)
        used = np.concatenate([part.pixels for part in parts.values()])
        assert len(parts["train"].labels) == due and len(set(used)) == len(used) == due + 250


@pytest.mark.parametrize(
    ("option", "value"),
    [("--seeds", "0"), ("--validation", "20"), ("--margin", "-1.0"), ("--settling-images", "251")],
)
def test_a_bad_option_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture, option: str, value: str
):
    with pytest.raises(SystemExit) as exit:
        main(["event-pc", "--out", str(tmp_path / "run"), option, value])
    assert exit.value.code == 2
    error = capsys.readouterr().err
    assert option in error and value in error


def test_more_images_than_there_are(tmp_path: Path, capsys: pytest.CaptureFixture):
    assert main(["event-pc", "--train", "5000", "--out", str(tmp_path / "run")]) == 2
    assert "--train must be from" in capsys.readouterr().err


def test_it_is_listed():
    assert "event-pc" in find()
