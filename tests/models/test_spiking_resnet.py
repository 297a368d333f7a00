"""The spiking residual network: its twin, its normalisation, and what is counted of both."""

import equinox as eqx
import jax
import jax.random as jr
import numpy as np
import optax
import pytest

from experiments.datasets import Images
from experiments.train_snn import images, trainable
from experiments.train_snn.cifar import Measured, energy
from models.spiking_classifiers import SpikingClassifier
from models.spiking_resnet import ResNet, conventional_resnet, spiking_resnet
from neurojax.learning import by_backprop, fit

CHANNELS = (4, 6, 8)
PIXELS = jr.normal(jr.key(1), (20, 3, 32, 32))


@pytest.fixture(scope="module", params=["spiking", "conventional"])
def model(request: pytest.FixtureRequest) -> ResNet:
    if request.param == "spiking":
        return spiking_resnet(CHANNELS, 2, jr.key(0))
    return conventional_resnet(CHANNELS, jr.key(0))


@pytest.fixture(scope="module")
def trained(model: ResNet) -> SpikingClassifier:
    return eqx.filter_jit(ResNet.trained)(model, PIXELS)


def test_statistics_of_the_same_images_give_what_training_gives(model, trained):
    assert isinstance(trained.stem, eqx.nn.Conv2d)
    inferred = eqx.filter_jit(SpikingClassifier.logits)(trained, PIXELS)
    learning = eqx.filter_jit(ResNet.logits)(model, PIXELS)
    np.testing.assert_allclose(inferred, learning, atol=1e-4)
    # And an image's do not depend on the others.
    of_two = eqx.filter_jit(SpikingClassifier.logits)(trained, PIXELS[:2])
    np.testing.assert_allclose(inferred[:2], of_two, atol=1e-4)


def test_energy_is_of_the_stem_once_and_of_spikes(model):
    """Of the stem's taps 47 of 48 in each direction fall in the image; behind it a spiking network
    adds, but for the means of 16 pixels, and its twin multiplies."""
    spikes = model.steps > 1
    estimate = energy(model, Measured(Images(PIXELS, np.zeros(20, int)), PIXELS))
    stem, *network, readout = estimate.layers.values()
    assert stem.macs == 3 * 4 * 47**2
    assert readout.macs > 0
    convolutions = [x for x in network if x.dense]
    assert len(convolutions) == 4 + 2  # and two shortcuts
    for x in convolutions:
        assert (x.macs > 0, x.acs > 0) == (not spikes, spikes)
    assert sum(x.updates > 0 for x in network) == (5 if spikes else 0)


def test_learns(model):
    """Which of three colours an image is of, beside noise."""
    labels = jr.randint(jr.key(2), (400,), 0, 3)
    pixels = jr.normal(jr.key(3), (400, 3, 32, 32)) + jax.nn.one_hot(labels, 3)[:, :, None, None]
    done = fit(
        model,
        Images(pixels, labels),
        by_backprop(images.loss),
        optimizer=optax.adam(1e-2),
        epochs=3,
        batch_size=20,
        key=jr.key(4),
        trainable=trainable(model),
    )
    assert done.history[-1]["train/accuracy"] > 0.7


def test_normalisations_are_trained_and_neurons_are_not():
    spec = trainable(spiking_resnet(CHANNELS, 2, jr.key(0)))
    assert spec.stem.nodes["1.BatchNorm"].module.scale
    assert not any(jax.tree.leaves(spec.network.nodes["2.LIF"]))
