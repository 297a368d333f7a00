"""`(exp(z) − 1) / z` against NumPy's expm1 in extended precision."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurojax.core._exponential_euler import phi1


def exact(z):
    z = np.asarray(z, np.longdouble)
    return np.where(z == 0, 1, np.expm1(z) / np.where(z == 0, 1, z))


@pytest.mark.parametrize(
    ("x64_on", "decay_error", "growth_error"), [(False, 2e-7, 1e-5), (True, 1e-15, 1e-9)]
)
def test_values(x64_on, decay_error, growth_error):
    with jax.enable_x64(x64_on):
        z = jnp.linspace(-200.0, 0.0, 4001)
        error = np.asarray(phi1(z), np.longdouble) - exact(z)
        np.testing.assert_array_less(np.abs(error * np.asarray(z)), decay_error)
        z = jnp.linspace(0.01, 20.0, 2001)
        np.testing.assert_allclose(phi1(z), exact(z).astype(float), rtol=growth_error)


def test_derivative_is_that_of_the_closed_form_also_at_zero(x64):
    z = jnp.array([-30.0, -1.0, -0.06, -0.04, -1e-9, 0.0, 0.04, 0.06, 3.0])
    wide = np.asarray(z, np.longdouble)
    safe = np.where(np.abs(wide) < 1e-6, 1, wide)
    due = np.where(
        np.abs(wide) < 1e-6, 0.5 + wide / 3, (1 + (safe - 1) * exact(safe)) / safe
    ).astype(float)
    np.testing.assert_allclose(jax.vmap(jax.grad(phi1))(z), due, rtol=1e-12)
