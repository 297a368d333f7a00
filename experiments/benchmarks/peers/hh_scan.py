"""The bare simulation: one hand-written `lax.scan` of our own step, nothing of neurojax."""

from serve import serve  # isort: skip  (first: it takes stdout over)

import argparse
import os
from math import exp

import hh_task


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, required=True)
    parser.add_argument("--dtype", choices=["float32", "float64"], required=True)
    options = parser.parse_args()
    os.environ["JAX_ENABLE_X64"] = str(int(options.dtype == "float64"))

    import jax
    import jax.numpy as jnp

    dt, steps = hh_task.DT, round(hh_task.T1 / hh_task.DT)
    on, off = round(hh_task.ON / dt), round(hh_task.OFF / dt)

    def x_over_expm1(x, exp_x):
        small = jnp.abs(x) < 0.1
        x2 = x * x
        series = 1 - x / 2 + x2 * (1 / 12 - x2 * (1 / 720 - x2 / 30240))
        return jnp.where(small, series, x / jnp.where(small, 1, exp_x - 1))

    def rates(v):
        e80 = jnp.exp((-65 - v) / 80)
        e20 = (e80 * e80) * (e80 * e80)
        e10 = e20 * e20
        alpha_m = x_over_expm1((-40 - v) / 10, e10 * exp(2.5))
        alpha_n = 0.1 * x_over_expm1((-55 - v) / 10, e10 * exp(1.0))
        beta_m = 4 * jnp.exp((-65 - v) / 18)
        beta_h = 1 / (e10 * exp(3.0) + 1)
        return (alpha_m, beta_m), (0.07 * e20, beta_h), (alpha_n, 0.125 * e80)

    def gate_after(gate, rate):
        alpha, beta = rate
        still = alpha / (alpha + beta)
        return still + (gate - still) * jnp.exp(-dt * (alpha + beta))

    @jax.jit
    def run(current):
        def step(carry, index):
            v, (m, h, n), count = carry
            g_na, g_k = 120 * m * m * m * h, 36 * (n * n) * (n * n)
            drive = jnp.where((index >= on) & (index < off), current, 0)
            source = drive + g_na * 50 - g_k * 77 - 0.3 * 54.3
            after = (v / dt + source) / (1 / dt + g_na + g_k + 0.3)
            gates = tuple(map(gate_after, (m, h, n), rates(after)))
            return (after, gates, count + ((v <= 0) & (after > 0))), None

        v = jnp.full_like(current, -65.0)
        gates = tuple(alpha / (alpha + beta) for alpha, beta in rates(v))
        start = v, gates, jnp.zeros(v.shape, jnp.int32)
        (v, _, count), _ = jax.lax.scan(step, start, jnp.arange(steps))
        return v, count

    current = jnp.asarray(hh_task.nanoamperes(options.cells) * hh_task.DENSITY)
    v, count = run(current)
    serve(
        {"run": lambda: jax.block_until_ready(run(current))},
        version=f"jax {jax.__version__}",
        spikes=int(count.sum()),
        final_v=float(v[-1]),
    )


if __name__ == "__main__":
    main()
