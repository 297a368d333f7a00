"""x / (exp(x) − 1), of which many rates are made, at 0 and where its series ends."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from neurojax.channels import x_over_expm1


def ratio(x):
    return x_over_expm1(x, jnp.exp(x))


@pytest.mark.parametrize("precision", ["x64", "x32"])
def test_at_zero_it_is_its_series(precision):
    """1 − x/2 + x²/12 − ..., in value and two derivatives, both ways."""
    with jax.enable_x64(precision == "x64"):
        zero = jnp.asarray(0.0)
        assert ratio(zero) == 1
        assert jax.grad(ratio)(zero) == jax.jacfwd(ratio)(zero) == -0.5
        np.testing.assert_allclose(jax.hessian(ratio)(zero), 1 / 6, rtol=1e-6)


# Single precision: exp(x) − 1 loses a tenth at 0.1, where the slope's formula loses it twice. In
# double precision what the series leaves out, x⁸/1209600, has a slope of 7e-13 there.
@pytest.mark.parametrize(
    ("precision", "rtol", "slope"), [("x64", 3e-14, 3e-12), ("x32", 2e-6, 4e-5)]
)
def test_beside_zero_it_is_the_formula(precision, rtol, slope):
    x = np.linspace(-0.3, 0.3, 600).astype(np.float64 if precision == "x64" else np.float32)
    fine = x.astype(np.longdouble)  # 0 is not among them
    e = np.exp(fine)
    with jax.enable_x64(precision == "x64"):
        value, rising = jax.jvp(ratio, (jnp.asarray(x),), (jnp.ones(x.shape, x.dtype),))

    np.testing.assert_allclose(value, (fine / np.expm1(fine)).astype(float), rtol=rtol)
    expected = (np.expm1(fine) - fine * e) / np.expm1(fine) ** 2
    np.testing.assert_allclose(rising, expected.astype(float), rtol=slope)
