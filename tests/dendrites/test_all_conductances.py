"""The gradient in every conductance of a whole cell, beside finite differences of all of them."""

import os
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import neurojax as nj
from neurojax.channels import HodgkinHuxley, Leak
from neurojax.dendrites import Cell, Morphology, discretise, random_morphology, read_swc


def morphology() -> Morphology:
    """The CA1 cell where NEUROJAX_DATA has it, without it a random tree with as many branches."""
    if "NEUROJAX_DATA" in os.environ:
        return read_swc(Path(os.environ["NEUROJAX_DATA"]) / "morphologies" / "morph_ca1_n120.swc")
    return random_morphology(np.random.default_rng(0), tips=80)


def test_gradients_in_all_conductances_are_differences(x64):
    """Of each channel in each of 155 compartments, through a spike; the differences are of one
    population of cells, two for each conductance."""
    compartments = discretise(morphology())
    n = len(compartments)
    assert n >= 155

    def loss(g, shape=()):
        """Of each cell: the mean square of v + 60 mV in all compartments, over 4 ms, in mV² ms;
        g [kind, compartment, *shape]."""
        channels = {"hh": HodgkinHuxley(g_Na=g[0], g_K=g[1]), "leak": Leak(g=g[2], E=-54.3)}
        cell = Cell(compartments, channels, shape=shape)
        square = nj.Integral(lambda t, state: ((state.v + 60) ** 2).mean(axis=0))
        run = nj.simulate(cell, jnp.full(shape, 6.0), t1=4.0, dt=0.025, record={"loss": square})
        return run["loss"]

    g = jnp.outer(jnp.array([120.0, 36.0, 0.3]), jnp.ones(n))
    gradient = jax.jit(jax.grad(loss))(g)

    step = 1e-4 * g.ravel()
    moved = jnp.diag(step).reshape(*g.shape, 3 * n)
    cells = g[:, :, None] + jnp.concatenate([moved, -moved], axis=-1)
    above, below = jnp.split(jax.jit(loss, static_argnums=1)(cells, (6 * n,)), 2)
    differences = ((above - below) / (2 * step)).reshape(g.shape)

    # Third derivatives times 1e-8; and the rounding of a loss of 10,000 mV² ms, 4e-12, over twice
    # the steps of 3e-5 mS/cm² of leak is 2e-6 of the least slope, 0.05.
    np.testing.assert_allclose(gradient, differences, rtol=1e-5)
