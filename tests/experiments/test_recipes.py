"""What recipes share: images moved, mirrored and distorted."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from experiments.recipes import distorted, distortion

IMAGE = jr.uniform(jr.key(0), (8, 8))


def test_distortions_of_whole_pixels_and_right_angles_are_exact():
    np.testing.assert_allclose(distorted(IMAGE, jnp.zeros(4)), IMAGE)
    down = distorted(IMAGE, jnp.array([0.0, 0.0, 1.0, 0.0]))
    np.testing.assert_allclose(down[1:], IMAGE[:-1])
    np.testing.assert_allclose(down[0], 0.0)
    quarter = distorted(IMAGE, jnp.array([jnp.pi / 2, 0.0, 0.0, 0.0]))
    np.testing.assert_allclose(quarter, jnp.rot90(IMAGE, -1), atol=1e-5)


def test_scaling_is_about_the_centre():
    ramp = jnp.broadcast_to(jnp.arange(8.0), (8, 8)) - 3.5
    larger = distorted(ramp, jnp.array([0.0, 0.25, 0.0, 0.0]))
    np.testing.assert_allclose(larger, ramp / 1.25, atol=1e-5)


def test_each_image_of_a_batch_is_distorted_by_its_own_draw():
    augment = distortion((8, 8), 0.2, 0.1, 1.0, background=-1.0)
    x, y = jnp.tile(IMAGE.reshape(1, -1), (5, 1)), jnp.arange(5)
    out, labels = augment((x, y), jr.key(1))
    np.testing.assert_array_equal(labels, y)
    assert out.shape == x.shape and len({row.tobytes() for row in np.asarray(out)}) == 5
    blank = jnp.full_like(x, -1.0)
    np.testing.assert_allclose(augment((blank, y), jr.key(1))[0], blank, atol=1e-6)
    assert jax.tree.structure((out, labels)) == jax.tree.structure((x, y))
