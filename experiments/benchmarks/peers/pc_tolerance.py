"""Our training over many batches: a given number of inference steps, or until a tolerance."""

from serve import serve  # isort: skip  (first: it takes stdout over)

import argparse

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

from neurojax import predictive

WIDTHS, BATCH, BATCHES, HELD_OUT = (64, *(128,) * 5, 10), 64, 256, 4096
EQUILIBRIUM_STEPS = 2000


def data(samples: int, rng: np.random.Generator, centres: np.ndarray):
    """Classes of a normal spread of 1 around their centres, one-hot."""
    labels = rng.integers(len(centres), size=samples)
    x = centres[labels] + rng.normal(size=(samples, centres.shape[1]))
    return jnp.asarray(x, jnp.float32), jnp.eye(len(centres))[labels]


def total(energies) -> float:
    return float(jnp.sum(energies))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, required=True, help="at the most, with a tolerance")
    parser.add_argument("--tolerance", type=float)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    centres = 0.45 * rng.normal(size=(WIDTHS[-1], WIDTHS[0]))
    x, y = data(BATCH * BATCHES, rng, centres)
    x_held_out, y_held_out = data(HELD_OUT, rng, centres)
    x, y = x.reshape(BATCHES, BATCH, -1), y.reshape(BATCHES, BATCH, -1)

    rule = predictive.PredictiveCoding(steps=options.steps, tolerance=options.tolerance)
    start = predictive.mlp(WIDTHS, jax.random.key(0), activation=jnp.tanh)
    arrays, static = eqx.partition(start, eqx.is_array)
    spec, optimizer = predictive.weights_of(start), optax.adam(2e-3)

    def step(carry, batch):
        arrays, state = carry
        hierarchy = eqx.combine(arrays, static)
        gradient, _ = rule(hierarchy, batch)
        updates, state = optimizer.update(
            eqx.filter(gradient, spec), state, eqx.filter(hierarchy, spec)
        )
        return (eqx.filter(eqx.apply_updates(hierarchy, updates), eqx.is_array), state), None

    @jax.jit
    def train(carry, x, y):
        return jax.lax.scan(step, carry, (x, y))[0][0]

    begin = arrays, optimizer.init(eqx.filter(start, spec))
    trained = eqx.combine(train(begin, x, y), static)
    guessed = jnp.argmax(predictive.predict(trained, x_held_out), 1)
    accuracy = float(jnp.mean(guessed == jnp.argmax(y_held_out, 1)))
    # The slowest to settle is what has not learned yet.
    clamps = {"input": x[0], "output": y[0]}
    settled = rule.settle(start, clamps)
    lowest = total(predictive.infer(start, clamps, steps=EQUILIBRIUM_STEPS).energy)
    left = (total(settled.energy) - lowest) / (total(settled.energy_before) - lowest)
    serve(
        {"run": lambda: jax.block_until_ready(train(begin, x, y))},
        {"accuracy": [accuracy]},
        version=f"jax {jax.__version__}",
        accuracy=accuracy,
        size=100 * left,
        steps_at_start=int(jnp.max(settled.steps)),
    )


if __name__ == "__main__":
    main()
