"""Jaxley's cell with its own HH: simulated, many at once by vmap, and the gradient.

Settings: `integrate` and, for the gradient, `checkpoint` (its two levels of blocks of steps).
"""

# pyright: reportMissingImports=false
from serve import serve  # isort: skip  (first: it takes stdout over)

import os

import dendrites_task as task
import numpy as np

CHECKPOINTS = [27, 30]
"""Blocks whose product is just above 801, the steps of 20 ms and one that Jaxley adds."""


def first_section(nodes, first: task.Section) -> int:
    """The branch that is the first section: that of the soma which is as long."""
    length = np.linalg.norm(np.diff(first.xyz, axis=0), axis=1).sum()
    branches = nodes[nodes["soma"]].groupby("global_branch_index")["length"].sum()
    return int((branches - length).abs().idxmin())


def main() -> None:
    options = task.arguments(__doc__).parse_args()
    os.environ["JAX_ENABLE_X64"] = str(int(options.dtype == "float64"))

    import jax
    import jax.numpy as jnp
    import jaxley as jx
    from jaxley.channels import HH

    cell = jx.read_swc(str(options.swc), ncomp=options.per_branch)
    cell.insert(HH())
    for name, value in task.HH.items():
        cell.set(f"HH_{name}", value)
    cell.set("v", task.V_INIT)
    cell.set("capacitance", 1.0)
    cell.set("axial_resistivity", task.RESISTIVITY)
    cell.init_states()
    middle = cell.branch(first_section(cell.nodes, task.sections(options.swc)[0])).loc(0.5)
    middle.record(verbose=False)
    unit = jx.step_current(task.ON, task.OFF - task.ON, 1.0, task.DT, options.ms)
    checkpoints = CHECKPOINTS if options.setting == "checkpoint" else None
    for name in ("HH_gNa", "HH_gK", "HH_gLeak"):
        cell.branch("all").make_trainable(name, verbose=False)
    start = cell.get_parameters()
    cell.to_jax()

    def trace(parameters, current):
        """v at the start of each step, that at the end of the last left out."""
        return jx.integrate(
            cell,
            params=parameters,
            data_stimuli=middle.data_stimulate(current * unit),
            delta_t=task.DT,
            checkpoint_lengths=checkpoints,
        )[0, :-1]

    currents = jnp.asarray(task.currents(options), unit.dtype)
    version = f"jaxley {jx.__version__}, jax {jax.__version__}"
    about = {"version": version, "setting": options.setting, "compartments": len(cell.nodes)}

    def loss(parameters):
        return jnp.mean((trace(parameters, currents[0]) - task.LOSS_AT) ** 2)

    if options.setting in ("plain", "checkpoint"):
        gradient = jax.jit(jax.value_and_grad(loss))
        memory = gradient.lower(start).compile().memory_analysis()
        assert memory is not None
        value, slopes = gradient(start)
        pairs = zip(slopes, start, strict=True)
        along = [float((s[name] * x[name]).sum()) for s, x in pairs for name in x]
        serve(
            {"gradient": lambda: jax.block_until_ready(gradient(start))},
            {"loss": [float(value)], "slopes": along},
            **about,
            temp_bytes=memory.temp_size_in_bytes,
        )
    else:
        run = jax.jit(lambda currents: jax.vmap(lambda i: trace(start, i))(currents))
        one = jax.jit(lambda currents: trace(start, currents[0])[None])
        call = run if options.cells > 1 else one
        serve(
            {"run": lambda: jax.block_until_ready(call(currents))},
            **about,
            **task.answers(call(currents)),
        )


if __name__ == "__main__":
    main()
