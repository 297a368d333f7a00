"""Our cell: read from the file, simulated, and the gradient of a loss in every conductance.

Settings: with `coarse` gates move by few operations, off by 7.4e-6 at the most (Arbor's own move by
a [1/1] Padé approximant); `gradient` is that of a loss.
"""

from serve import serve  # isort: skip  (first: it takes stdout over)

import os

import dendrites_task as task


def main() -> None:
    options = task.arguments(__doc__).parse_args()
    os.environ["JAX_ENABLE_X64"] = str(int(options.dtype == "float64"))

    import jax
    import jax.numpy as jnp
    import numpy as np

    import neurojax as nj
    from neurojax.channels import HodgkinHuxley, Leak
    from neurojax.core import SemiImplicitEuler
    from neurojax.dendrites import Cell, TreeSolver, discretise, read_swc

    compartments = discretise(read_swc(options.swc), compartments=options.per_branch)
    first = int((compartments.section == 0).sum())
    many = (options.cells,) if options.cells > 1 else ()
    amplitude = jnp.asarray(task.currents(options).reshape(many))

    solver = SemiImplicitEuler(linear_solver=TreeSolver(), coarse_gates=options.setting == "coarse")

    def cell(conductances):
        g_na, g_k, g_leak = conductances
        channels = {
            "hh": HodgkinHuxley(g_Na=g_na, g_K=g_k),
            "leak": Leak(g=g_leak, E=task.HH["eLeak"]),
        }
        return Cell(compartments, channels, sites={"middle": first // 2}, shape=many)

    @jax.jit
    def run(conductances):
        """v of the middle of the first section, at the start of each step."""
        drive = {"middle": nj.Step(amplitude, task.ON, task.OFF)}
        solution = nj.simulate(
            cell(conductances),
            drive,
            t1=options.ms,
            dt=task.DT,
            record=["v[middle]"],
            solver=solver,
        )
        return solution["v[middle]"]

    @jax.jit
    def loss(conductances):
        return jnp.mean((run(conductances) - task.LOSS_AT) ** 2)

    densities = 1e3 * np.array([task.HH[name] for name in ("gNa", "gK", "gLeak")])
    if options.setting == "gradient":
        conductances = jnp.asarray(np.outer(densities, np.ones(len(compartments))))
        gradient = jax.jit(jax.value_and_grad(loss))
        memory = gradient.lower(conductances).compile().memory_analysis()
        assert memory is not None
        value, slopes = gradient(conductances)
        serve(
            {
                "forward": lambda: jax.block_until_ready(loss(conductances)),
                "gradient": lambda: jax.block_until_ready(gradient(conductances)),
            },
            {"loss": [float(value)], "slopes": (slopes * conductances).sum(axis=1).tolist()},
            version=f"jax {jax.__version__}",
            cell=options.swc.stem,
            parameters=conductances.size,
            temp_bytes=memory.temp_size_in_bytes,
        )
    else:
        conductances = jnp.asarray(densities)
        traces = run(conductances).reshape(-1, options.cells).T
        serve(
            {"run": lambda: jax.block_until_ready(run(conductances))},
            version=f"jax {jax.__version__}",
            setting=options.setting,
            cell=options.swc.stem,
            compartments=len(compartments),
            **task.answers(traces),
        )


if __name__ == "__main__":
    main()
