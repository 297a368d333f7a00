"""Completing what is known in part, and the modern Hopfield network."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import neurojax as nj
from neurojax.predictive import ModernHopfield, infer, mlp, predict

pytestmark = pytest.mark.usefixtures("x64")


def test_known_units_are_held_and_the_rest_completed():
    """A linear generator of 2 causes and 8 pixels: 5 of these tell the causes."""
    generator = mlp((2, 8), jr.key(0), activation=lambda x: x)
    image = predict(generator, jr.normal(jr.key(1), (3, 2)))
    known = jnp.arange(8) < 5
    broken = jnp.where(known, image, 7.0)
    settled = infer(generator, {"output": broken}, known={"output": known}, steps=4000)
    np.testing.assert_array_equal(settled.activities["output"][:, :5], image[:, :5])
    np.testing.assert_allclose(settled.activities["output"], image, atol=1e-5)
    # Every sample may have its own.
    masks = jnp.stack([known, ~known, jnp.ones(8, bool)])
    each = infer(generator, {"output": image}, known={"output": masks}, steps=2000, tolerance=1e-9)
    for sample in (0, 2):
        np.testing.assert_allclose(each.activities["output"][sample], image[sample], atol=1e-5)
    errors = infer(
        generator, {"output": broken}, known={"output": known}, steps=4000, coordinates="errors"
    )
    np.testing.assert_allclose(errors.activities["output"], image, atol=1e-5)


WRONG = {
    "name": ({"input": jnp.ones(2, bool)}, "known has 'input', which is not clamped: output are"),
    "shape": ({"output": jnp.ones(7, bool)}, r"known\['output'\] must be bool, of shape \(8,\) or"),
}


@pytest.mark.parametrize(("known", "message"), WRONG.values(), ids=WRONG)
def test_masks_that_do_not_fit(known, message):
    with pytest.raises(ValueError, match=message):
        infer(mlp((2, 8), jr.key(0)), {"output": jnp.ones((3, 8))}, known=known)


def test_a_step_of_the_hopfield_network_is_attention():
    patterns = jr.normal(jr.key(0), (6, 10))
    memory, query = ModernHopfield(patterns, beta=2.0), jr.normal(jr.key(1), (4, 10))
    after = nj.simulate(memory, t1=1.0, dt=1.0, state=query).final.state
    due = jax.nn.softmax(2.0 * query @ patterns.T, axis=-1) @ patterns
    np.testing.assert_allclose(after, due, rtol=1e-12)
    x = np.asarray(query)
    overlap = 2.0 * x @ np.asarray(patterns).T
    energy = np.sum(0.5 * np.sum(x**2, axis=1) - np.log(np.exp(overlap).sum(axis=1)) / 2.0)
    np.testing.assert_allclose(memory.energy(query), energy, rtol=1e-12)


def test_it_recalls_a_pattern_from_a_corrupted_one():
    patterns = jr.normal(jr.key(0), (6, 40))
    query = patterns + 0.8 * jr.normal(jr.key(1), patterns.shape)
    recalled = nj.simulate(ModernHopfield(patterns, 3.0), t1=5.0, dt=1.0, state=query).final.state
    np.testing.assert_allclose(recalled, patterns, atol=1e-6)
    with pytest.raises(ValueError, match="ModernHopfield: beta must be positive, got -1"):
        ModernHopfield(patterns, -1.0)
