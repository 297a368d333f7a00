"""Our cell on random trees of about so many compartments, 10 ms forward and in the gradient."""

from serve import serve  # isort: skip  (first: it takes stdout over)

import argparse
import os

os.environ["JAX_ENABLE_X64"] = "1"

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import neurojax as nj
from neurojax.channels import HodgkinHuxley, Leak
from neurojax.dendrites import Cell, discretise, random_morphology

PER_BRANCH = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--compartments", type=int, required=True)
    wanted = parser.parse_args().compartments
    tips = round((wanted / PER_BRANCH + 5) / 2)  # five stems; a fork ends one branch, begins two
    tree = random_morphology(np.random.default_rng(0), tips)
    compartments = discretise(tree, compartments=PER_BRANCH)
    each = jnp.ones(len(compartments))
    channels = {
        "hh": HodgkinHuxley(g_Na=120 * each, g_K=36 * each),
        "leak": Leak(g=0.3 * each, E=-54.3),
    }
    arrays, static = eqx.partition(channels, eqx.is_array)

    @jax.jit
    def loss(arrays):
        """The mean of (v + 60 mV)² over the soma's first 10 ms."""
        cell = Cell(compartments, eqx.combine(arrays, static))
        return jnp.mean((nj.simulate(cell, 5.0, t1=10.0, dt=0.025)["v[soma]"] + 60) ** 2)

    gradient = jax.jit(jax.value_and_grad(loss))
    memory = gradient.lower(arrays).compile().memory_analysis()
    assert memory is not None
    serve(
        {
            "forward": lambda: jax.block_until_ready(loss(arrays)),
            "gradient": lambda: jax.block_until_ready(gradient(arrays)),
        },
        version=f"jax {jax.__version__}",
        size=len(compartments),
        temp_bytes=memory.temp_size_in_bytes,
    )


if __name__ == "__main__":
    main()
