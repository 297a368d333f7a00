"""Fixed delays: what came so many steps ago, whichever way."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurojax.spiking import Delay, run, sequential

WAYS = ["layers", "steps"]


def delayed(x, steps):
    """Element by element."""
    steps = np.broadcast_to(steps, x.shape[2:])
    out = np.zeros_like(x)
    for place, d in np.ndenumerate(steps):
        out[(slice(d, None), slice(None), *place)] = x[(slice(len(x) - d), slice(None), *place)]
    return out


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("steps", [0, 1, 4, np.array([[0, 3, 1], [2, 0, 5]])])
def test_it_gives_what_it_took_so_many_steps_ago(getkey, steps, how):
    x = jax.random.normal(getkey(), (9, 4, 2, 3))
    found = run(sequential(Delay(steps)), x, how=how).output
    np.testing.assert_array_equal(found, delayed(np.asarray(x), steps))


@pytest.mark.parametrize("steps", [2, np.array([3, 0, 1])])
def test_runs_go_on_from_each_other_in_either_way(getkey, steps):
    network = sequential(Delay(steps))
    x = jax.random.normal(getkey(), (10, 2, 3))
    whole = run(network, x)
    for first, second in (WAYS, WAYS[::-1]):
        one = run(network, x[:4], how=first)
        other = run(network, x[4:], how=second, state=one.state)
        np.testing.assert_array_equal(jnp.concatenate([one.output, other.output]), whole.output)
    np.testing.assert_array_equal(run(network, x, chunk=3).output, whole.output)


@pytest.mark.parametrize("how", WAYS)
def test_its_gradient_is_the_delay_turned_around(getkey, how):
    steps = np.array([3, 0, 1])
    x, slope = (jax.random.normal(getkey(), (7, 2, 3)) for _ in range(2))
    loss = lambda x: jnp.sum(run(sequential(Delay(steps)), x, how=how).output * slope)  # noqa: E731
    expected = delayed(np.asarray(slope)[::-1], steps)[::-1]
    np.testing.assert_array_equal(eqx.filter_jit(jax.grad(loss))(x), expected)


def test_wrong_steps():
    with pytest.raises(ValueError, match=r"Delay: steps must not be negative, got \[ 1 -2\]"):
        Delay(np.array([1, -2]))
    with pytest.raises(TypeError, match=r"Delay: steps must be whole numbers, got \[1\.5\]"):
        Delay(np.array([1.5]))
    with pytest.raises(ValueError, match=r"'0.Delay'.*steps are of shape \(2,\).*of \(3,\)"):
        run(sequential(Delay(np.array([1, 2]))), jnp.ones((4, 1, 3)))
