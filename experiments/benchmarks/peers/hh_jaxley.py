"""Jaxley's HH at its best: one compartment, vmapped over graded currents, jitted."""

# pyright: reportMissingImports=false
from serve import serve  # isort: skip  (first: it takes stdout over)

import argparse
import os

import hh_task

PARAMETERS = {
    "v": -65.0,
    "capacitance": 1.0,
    "radius": hh_task.DIAMETER / 2,
    "length": hh_task.DIAMETER,
    "HH_gNa": 0.12,
    "HH_gK": 0.036,
    "HH_gLeak": 0.0003,
    "HH_eNa": 50.0,
    "HH_eK": -77.0,
    "HH_eLeak": -54.3,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, required=True)
    parser.add_argument("--dtype", choices=["float32", "float64"], required=True)
    parser.add_argument("--setting", choices=["integrate", "step"], required=True)
    options = parser.parse_args()
    os.environ["JAX_ENABLE_X64"] = str(int(options.dtype == "float64"))

    import jax
    import jax.numpy as jnp
    import jaxley as jx
    from jaxley.channels import HH
    from jaxley.integrate import build_init_and_step_fn

    cell = jx.Compartment()
    cell.insert(HH())
    for name, value in PARAMETERS.items():
        cell.set(name, value)
    cell.init_states()
    cell.record(verbose=False)
    step_current = jx.step_current(
        hh_task.ON, hh_task.OFF - hh_task.ON, i_amp=1.0, delta_t=hh_task.DT, t_max=hh_task.T1
    )

    def integrate(nanoamperes):
        """The public way: the whole voltage trace comes back and is searched for crossings."""
        stimulus = cell.data_stimulate(nanoamperes * step_current)
        v = jx.integrate(cell, data_stimuli=stimulus, delta_t=hh_task.DT)[0]
        return v[-1], jnp.sum((v[1:] >= 0) & (v[:-1] < 0))

    def step(nanoamperes):
        """The same steps by Jaxley's `step_fn` in a scan of ours, which keeps the count only."""
        cell.to_jax()
        stimulus = cell.data_stimulate(nanoamperes * step_current)
        (trace,), (place,) = stimulus[1:]
        init, advance = build_init_and_step_fn(cell)
        state, params = init([])

        def body(carry, current):
            state, count = carry
            after = advance(dict(state), params, {"i": current}, {"i": place}, delta_t=hh_task.DT)
            return (after, count + ((after["v"] >= 0) & (state["v"] < 0))[0]), None

        carry = (state, jnp.zeros((), jnp.int32))
        (state, count), _ = jax.lax.scan(body, carry, trace.T)
        return state["v"][0], count

    run = jax.jit(jax.vmap({"integrate": integrate, "step": step}[options.setting]))
    currents = jnp.asarray(hh_task.nanoamperes(options.cells))
    v, spikes = run(currents)
    serve(
        {"run": lambda: jax.block_until_ready(run(currents))},
        version=f"jaxley {jx.__version__}, jax {jax.__version__}",
        setting=options.setting,
        spikes=int(spikes.sum()),
        final_v=float(v[-1]),
    )


if __name__ == "__main__":
    main()
