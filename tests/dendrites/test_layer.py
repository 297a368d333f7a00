"""The dendritic layer: a dense two-layer network with most of its weights at zero."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from neurojax.dendrites import DendriticLayer, local_inputs, random_inputs

NEURONS, BRANCHES, SYNAPSES, IN = 5, 3, 4, 20
SIZES = {"neurons": NEURONS, "branches": BRANCHES, "synapses": SYNAPSES}


@pytest.fixture
def layer(getkey):
    made = DendriticLayer(random_inputs(getkey(), IN, **SIZES), IN, key=getkey())
    biases = jr.normal(getkey(), (NEURONS, BRANCHES)), jr.normal(getkey(), (NEURONS,))
    return eqx.tree_at(lambda m: (m.branch_bias, m.bias), made, biases)


def dense(layer, x, synaptic, cable):
    """Two dense layers, x [sample, input]."""

    def rectified(y):
        return jnp.maximum(y, 0.1 * y)

    branches = rectified(x @ synaptic + layer.branch_bias.reshape(1, -1))
    return rectified(branches @ cable + layer.bias[None])


def as_dense(layer):
    """Its weights among zeros: [input, branch of all] and, block by block, [branch, neuron]."""
    synaptic = np.zeros((IN, NEURONS * BRANCHES), np.float32)
    cable = np.zeros((NEURONS * BRANCHES, NEURONS), np.float32)
    for n in range(NEURONS):
        for b in range(BRANCHES):
            synaptic[layer.inputs[n, b], n * BRANCHES + b] = layer.weights[n, b]
            cable[n * BRANCHES + b, n] = layer.cable[n, b]
    return jnp.asarray(synaptic), jnp.asarray(cable)


def test_it_is_a_dense_network_with_zeros(layer, getkey):
    x = jr.normal(getkey(), (7, IN))
    result = eqx.filter_jit(lambda m, x: jax.vmap(m)(x))(layer, x)
    assert result.shape == (7, NEURONS)
    # Sums of twenty terms of order one, in single precision.
    np.testing.assert_allclose(result, dense(layer, x, *as_dense(layer)), atol=1e-5)
    np.testing.assert_allclose(layer(x[0]), result[0], atol=1e-6)


def test_its_gradient_is_that_network_s_where_there_are_synapses(layer, getkey):
    x, target = jr.normal(getkey(), (7, IN)), jr.normal(getkey(), (7, NEURONS))
    own = eqx.filter_grad(lambda m: jnp.sum((jax.vmap(m)(x) - target) ** 2))(layer)
    synaptic, cable = jax.grad(lambda weights: jnp.sum((dense(layer, x, *weights) - target) ** 2))(
        as_dense(layer)
    )
    for n in range(NEURONS):
        for b in range(BRANCHES):
            expected = synaptic[layer.inputs[n, b], n * BRANCHES + b]
            np.testing.assert_allclose(own.weights[n, b], expected, rtol=1e-4, atol=1e-4)
            np.testing.assert_allclose(own.cable[n, b], cable[n * BRANCHES + b, n], rtol=1e-4)
    assert own.inputs is None


def test_only_connections_are_parameters(layer):
    arrays = jax.tree.leaves(eqx.filter(layer, eqx.is_inexact_array))
    assert sum(x.size for x in arrays) == NEURONS * (BRANCHES * (SYNAPSES + 1 + 1) + 1)


def test_its_nonlinearities_can_be_others(layer, getkey):
    made = DendriticLayer(
        np.asarray(layer.inputs), IN, dendrite=jnp.tanh, soma=jnp.abs, key=getkey()
    )
    x = jr.normal(getkey(), (IN,))
    branches = np.tanh((made.weights * x[made.inputs]).sum(-1))
    np.testing.assert_allclose(made(x), abs((made.cable * branches).sum(-1)), rtol=1e-5)


def test_activity_keeps_its_size_through_layers(getkey):
    """He's weights: of a deep network without training, too."""
    x = jr.normal(getkey(), (100, 200))
    size = jnp.std(x)
    for _ in range(5):
        inputs = random_inputs(getkey(), 200, neurons=200, branches=10, synapses=20)
        x = jax.vmap(DendriticLayer(inputs, 200, key=getkey()))(x)
    assert 0.3 < jnp.std(x) / size < 3


def test_random_inputs_are_different_ones_in_a_branch():
    inputs = random_inputs(jr.key(0), IN, **SIZES)
    assert inputs.shape == (NEURONS, BRANCHES, SYNAPSES)
    assert all(len(set(branch)) == SYNAPSES for branch in inputs.reshape(-1, SYNAPSES))
    many = random_inputs(jr.key(1), IN, neurons=1000, branches=2, synapses=SYNAPSES)
    share = np.bincount(many.ravel(), minlength=IN) / many.size
    # Five standard deviations.
    np.testing.assert_allclose(share, 1 / IN, atol=5 * np.sqrt(1 / IN / many.size))


def test_local_inputs_are_a_square_of_pixels():
    inputs = local_inputs(jr.key(0), 9, 7, neurons=50, branches=4, synapses=9)
    row, column = inputs // 7, inputs % 7
    assert np.ptp(row, axis=-1).max() <= 4 and np.ptp(column, axis=-1).max() <= 4  # at the edge
    inside = (np.ptp(row, axis=-1) == 2) & (np.ptp(column, axis=-1) == 2)
    assert inside.mean() > 0.4  # whose centre is not at the edge: 35 of 63
    assert all(len(set(branch)) == 9 for branch in inputs.reshape(-1, 9))
    assert len({tuple(sorted(branch)) for branch in inputs.reshape(-1, 9)}) > 30


def test_inputs_come_from_the_key():
    for choose in (
        lambda key: random_inputs(key, IN, **SIZES),
        lambda key: local_inputs(key, 4, 5, **SIZES),
    ):
        np.testing.assert_array_equal(choose(jr.key(3)), choose(jr.key(3)))
        assert np.any(choose(jr.key(3)) != choose(jr.key(4)))


def test_faults_are_named(layer, getkey):
    with pytest.raises(ValueError, match=r"inputs must be from 0 to in_size - 1 = 7, got .* to 8"):
        DendriticLayer(np.full((1, 1, 2), 8), 8, key=getkey())
    with pytest.raises(ValueError, match=r"synapses must be from 1 to the 20 inputs, got 21"):
        random_inputs(getkey(), 20, neurons=1, branches=1, synapses=21)
    with pytest.raises(ValueError, match=r"x must have the shape \(20,\), got \(19,\)"):
        layer(jnp.zeros(19))
