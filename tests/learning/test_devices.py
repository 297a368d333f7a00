"""On eight devices training gives the numbers of one."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from neurojax.learning import fit

# Sums of 16 samples in another order, over about 20 updates; metrics are up to 40, parameters 1.
ROUNDING = {"rtol": 2e-6, "atol": 5e-7}
# bfloat16 has 8 bits: so far apart are 18 of Adam's updates of 0.01, each by a rounded gradient.
ROUGHLY = {"rtol": 2**-8, "atol": 18 * 0.01 * 2**-8}


@pytest.fixture(scope="module")
def eight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What eight_devices.py wrote, in a process of its own: the number of devices is its."""
    folder = tmp_path_factory.mktemp("eight")
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=8"
    script = Path(__file__).with_name("eight_devices.py")
    command = [sys.executable, "-W", "error", str(script), str(folder)]
    environment = os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def seen(eight: Path) -> dict[str, Any]:
    return json.loads((eight / "seen.json").read_text())


@pytest.mark.parametrize(
    "case",
    [
        "backprop", "pc", "pc to a tolerance", "ipc", "spiking", "convolution", "loader",
        "saved on eight", "saved on one", "bfloat16",
    ],
)  # fmt: skip
def test_the_numbers_are_those_of_one_device(eight: Path, case: str):
    found = np.load(eight / f"{case}.npz")
    names = [name.removeprefix("one/") for name in found if name.startswith("one/")]
    assert len(found.files) == 2 * len(names) > 2
    for name in names:
        one, other = found[f"one/{name}"], found[f"eight/{name}"]
        bounds: Any = ROUGHLY if case == "bfloat16" else ROUNDING
        np.testing.assert_allclose(other, one, **bounds)


def test_samples_come_in_the_same_order(eight: Path):
    found = np.load(eight / "order.npz")
    np.testing.assert_array_equal(found["eight/1"], found["one/1"])
    assert len(set(found["one/1"][:7].ravel())) == 56  # the 59 but three


def test_a_batch_is_divided_and_the_model_whole(seen: dict):
    assert seen["parts"] == {"batch": [2, 4], "model": [8, 4]}
    assert seen["devices of the model"] == [8] * 4
    assert seen["whole"] == [True] * 4


def test_samples_that_the_devices_cannot_share(seen: dict):
    assert seen["refused"] == {
        "batch_size": "batch_size must divide among the 8 devices equally, got 12.",
        "loader": "the samples of a batch must divide among the 8 devices equally, got 12.",
    }


def train(**changes) -> Any:
    up = lambda model, batch, key: (-jnp.ones_like(model), {})  # noqa: E731
    how = {"optimizer": optax.sgd(1.0), "epochs": 2, "batch_size": 4, "key": jax.random.key(0)}
    return fit(jnp.zeros(()), jnp.zeros((8, 1)), up, **(how | changes))


def test_one_device_may_be_named():
    device = jax.devices()[0]
    model = train(devices=[device]).model
    assert (float(model), model.devices()) == (4.0, {device})


@pytest.mark.parametrize(
    ("devices", "message"),
    [
        ([], r"devices must be a sequence of one or more jax devices, got \[\]"),
        (["cpu"], r"devices must be a sequence of one or more jax devices, got \['cpu'\]"),
        (jax.devices() * 2, "devices must be there once each, got .*CpuDevice"),
    ],
    ids=["none", "names", "twice"],
)
def test_devices_that_are_none(devices: list, message: str):
    with pytest.raises(ValueError, match=message):
        train(devices=devices)
