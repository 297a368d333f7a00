"""Our HH cells by `simulate`, forward and in the gradient of a loss in all parameters."""

from serve import serve  # isort: skip  (first: it takes stdout over)

import argparse
import os

import hh_task


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, required=True)
    parser.add_argument("--dtype", choices=["float32", "float64"], required=True)
    parser.add_argument("--loss", action="store_true", help="measures: forward, gradient")
    options = parser.parse_args()
    os.environ["JAX_ENABLE_X64"] = str(int(options.dtype == "float64"))

    import equinox as eqx
    import jax
    import jax.numpy as jnp

    import neurojax as nj

    current = jnp.asarray(hh_task.nanoamperes(options.cells) * hh_task.DENSITY)
    drive = nj.Step(current, jnp.asarray(hh_task.ON), jnp.asarray(hh_task.OFF))
    model = nj.HodgkinHuxley(shape=current.shape), drive
    arrays, static = eqx.partition(model, eqx.is_array)
    version = f"jax {jax.__version__}"

    def simulate(arrays, record):
        system, drive = eqx.combine(arrays, static)
        return nj.simulate(system, drive, t1=hh_task.T1, dt=hh_task.DT, record=record)

    @jax.jit
    def run(arrays):
        solution = simulate(arrays, {"count": nj.SpikeCount()})
        return solution.final.state.v, solution["count"]

    @jax.jit
    def loss(arrays):
        """The mean square of v + 60 mV over the run, kept as an integral."""
        record = {"loss": nj.Integral(lambda t, state: jnp.mean((state.v + 60) ** 2))}
        return simulate(arrays, record)["loss"] / hh_task.T1

    gradient = jax.jit(jax.value_and_grad(loss))
    if options.loss:
        memory = gradient.lower(arrays).compile().memory_analysis()
        assert memory is not None
        serve(
            {
                "forward": lambda: jax.block_until_ready(loss(arrays)),
                "gradient": lambda: jax.block_until_ready(gradient(arrays)),
            },
            version=version,
            gradient_temp_bytes=memory.temp_size_in_bytes,
        )
    else:
        v, count = run(arrays)
        serve(
            {"run": lambda: jax.block_until_ready(run(arrays))},
            version=version,
            spikes=int(count.sum()),
            final_v=float(v[-1]),
        )


if __name__ == "__main__":
    main()
