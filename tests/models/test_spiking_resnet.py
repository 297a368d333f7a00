"""The spiking residual network: its twin, its normalisation, and what is counted of both."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest

import neurojax as nj
from experiments.datasets import Images
from experiments.train_snn import images, trainable
from experiments.train_snn.cifar import Measured, energy, evaluate
from models.spiking_resnet import ResNet, conventional_resnet, spiking_resnet
from neurojax.learning import by_backprop, fit

CHANNELS = (4, 6, 8)


def made(name: str, key) -> ResNet:
    if name == "spiking":
        return spiking_resnet(CHANNELS, 3, key)
    return conventional_resnet(CHANNELS, key)


@pytest.fixture(params=["spiking", "conventional"])
def model(request, getkey) -> ResNet:
    return made(request.param, getkey())


@pytest.fixture
def pixels(getkey) -> jax.Array:
    return jr.normal(getkey(), (20, 3, 32, 32))


def test_one_layer_of_neurons_behind_each_convolution(getkey):
    nodes = made("spiking", getkey()).network.nodes.values()
    convolutions = [x.module.kernel_size for x in nodes if isinstance(x.module, eqx.nn.Conv2d)]
    assert sorted(convolutions) == [(1, 1)] * 2 + [(3, 3)] * 4  # and the stem
    assert sum(isinstance(x.module, nj.LIF) for x in nodes) == 5


def test_statistics_of_the_same_images_give_what_training_gives(model, pixels):
    trained = model.trained(pixels)
    assert isinstance(trained.stem, eqx.nn.Conv2d)
    np.testing.assert_allclose(trained.logits(pixels), model.logits(pixels), atol=1e-4)


def test_a_normalised_image_depends_on_no_other(model, pixels):
    trained = model.trained(pixels)
    np.testing.assert_allclose(trained.logits(pixels[:2]), trained.logits(pixels)[:2], atol=1e-4)
    assert not np.allclose(model.logits(pixels[:2]), model.logits(pixels)[:2], atol=1e-2)


@pytest.mark.parametrize("name", ["spiking", "conventional"])
def test_energy_is_of_the_stem_once_and_of_spikes(name, getkey, pixels):
    """Of the stem's taps 47 of 48 in each direction fall in the image; behind it a spiking network
    adds, but for the means of 16 pixels, and its twin multiplies."""
    model = made(name, getkey())
    estimate = energy(model, Measured(Images(pixels, np.zeros(20, int)), pixels))
    stem, *network, readout = estimate.layers.values()
    assert stem.macs == 3 * 4 * 47**2
    assert readout.macs > 0
    connections = [x for x in network if x.dense]
    assert len(connections) == 6
    for x in connections:
        assert (x.macs > 0, x.acs > 0) == (name == "conventional", name == "spiking")


def test_rates_are_those_of_spikes(getkey, pixels):
    model = made("spiking", getkey())
    _, rates = model.logits_and_rates(pixels)
    assert len(rates) == 5
    spikes = nj.spiking.run(model.network, model.current(pixels), record=["2.LIF"]).recorded
    np.testing.assert_allclose(rates["2.LIF"], np.mean(spikes["2.LIF"]), rtol=1e-5)


def test_learns(model, getkey):
    """Which of three colours an image is of, beside noise."""
    labels = jr.randint(getkey(), (240,), 0, 3)
    pixels = jr.normal(getkey(), (240, 3, 32, 32)) + jax.nn.one_hot(labels, 3)[:, :, None, None]
    data = Images(pixels, labels)
    done = fit(
        model,
        data,
        by_backprop(images.loss),
        optimizer=optax.adam(1e-2),
        epochs=2,
        batch_size=20,
        key=getkey(),
        trainable=trainable(model),
    )
    after = jnp.mean(evaluate(done.model, Measured(data, pixels))["accuracy"])
    assert after > 0.8
