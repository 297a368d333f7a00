"""A predictive-coding training step lowers for GPU and TPU, without having one."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import optax
import pytest

from neurojax.predictive import Categorical, PredictiveCoding, mlp

RULES = {"fixed steps": PredictiveCoding(), "to a tolerance": PredictiveCoding(tolerance=1e-3)}
PLATFORMS = [("cuda",), ("tpu",), ("cpu", "cuda", "tpu")]


@pytest.mark.parametrize("platforms", PLATFORMS, ids="+".join)
@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_the_training_step_lowers(rule: PredictiveCoding, platforms: tuple[str, ...]):
    hierarchy = mlp((6, 8, 8, 3), jr.key(0), activation=jnp.tanh, output=Categorical())
    optimizer = optax.adam(1e-3)
    weights, rest = eqx.partition(hierarchy, eqx.is_inexact_array)

    def step(weights: Any, state: Any, x: Any, y: Any):
        gradient: Any
        gradient, metrics = rule(eqx.combine(weights, rest), (x, y))
        with jax.numpy_dtype_promotion("standard"):
            updates, state = optimizer.update(gradient, state, weights)
        return eqx.apply_updates(weights, updates), state, metrics

    arguments = (weights, optimizer.init(weights), jnp.ones((16, 6)), jnp.ones((16, 3)))
    # As leaves: the exported signature then holds arrays only, no modules to be serialised.
    leaves, structure = jax.tree.flatten(arguments)
    flat = jax.jit(lambda *leaves: jax.tree.leaves(step(*structure.unflatten(leaves))))
    exported = jax.export.export(flat, platforms=platforms)(*leaves)
    assert exported.platforms == platforms
    assert len(exported.out_avals) == len(leaves) - 2 + 2  # the data went in, two metrics came out
    if "cpu" in platforms:
        loaded = jax.export.deserialize(exported.serialize())
        for a, b in zip(loaded.call(*leaves), flat(*leaves), strict=True):
            assert jnp.allclose(a, b, atol=1e-6)
