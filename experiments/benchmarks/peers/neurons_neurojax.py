"""Our neurons by `simulate`, from their classes or from text."""

from serve import serve  # isort: skip  (first: it takes stdout over)

import os

import neurons_task as task

SCHEMES = ("default", "brian2", "nest")

LIF_TEXT = """
dv/dt = (v_rest - v + I) / tau_m : mV (unless refractory)
I : mV
"""
ADEX_TEXT = """
dv/dt = (g_leak * (E_leak - v + delta_T * exp((v - v_T) / delta_T)) - w + I) / C_m : mV
dw/dt = (a * (v - E_leak) - w) / tau_w : nA
I : nA
"""
ADEX_UNITS = {"C_m": "nF", "g_leak": "uS", "a": "uS", "tau_w": "ms", "b": "nA"}


def main() -> None:
    parser = task.arguments(__doc__)
    parser.add_argument("--dtype", choices=["float32", "float64"], required=True)
    parser.add_argument("--scheme", choices=SCHEMES, default="default", help="as the peer steps")
    parser.add_argument("--text", action="store_true", help="from equations")
    options = parser.parse_args()
    os.environ["JAX_ENABLE_X64"] = str(int(options.dtype == "float64"))

    import time

    import diffrax
    import jax
    import jax.numpy as jnp

    import neurojax as nj
    from neurojax.equations import units

    def from_class():
        if options.model == "hh":
            return nj.HodgkinHuxley((options.neurons,), **task.HH)
        convention = "nest" if options.scheme == "nest" else "brian2"
        neuron, values = {"lif": (nj.LIF, task.LIF), "adex": (nj.AdEx, task.ADEX)}[options.model]
        return neuron((options.neurons,), **values, convention=convention)

    def from_text():
        if options.model == "lif":
            own = {n: x * units.mV for n, x in task.LIF.items() if n.startswith("v_")}
            return nj.from_equations(
                LIF_TEXT,
                threshold="v > v_threshold",
                reset="v = v_reset",
                refractory=task.LIF["refractory"] * units.ms,
                parameters=own | {"tau_m": task.LIF["tau_m"] * units.ms},
                initial={"v": task.LIF["v_rest"] * units.mV},
                shape=(options.neurons,),
            )
        own = {n: x * getattr(units, ADEX_UNITS.get(n, "mV")) for n, x in task.ADEX.items()}
        return nj.from_equations(
            ADEX_TEXT,
            threshold="v > v_peak",
            reset="v = v_reset; w += b",
            parameters=own,
            initial={"v": own["E_leak"]},
            shape=(options.neurons,),
        )

    # Brian2 integrates AdEx by Euler and gates by exponential Euler; LIF exactly, as we do.
    own_scheme = {"adex": diffrax.Euler(), "hh": nj.ExponentialEuler()}
    solver = own_scheme.get(options.model) if options.scheme == "brian2" else None
    system = from_text() if options.text else from_class()
    drive = jnp.asarray(task.currents(options.model, options.neurons))

    @jax.jit
    def run(system, drive):
        solution = nj.simulate(
            system, drive, t1=options.ms, dt=task.DT, record=["spikes"], solver=solver
        )
        return solution.spikes, solution.final.state

    start = time.process_time()
    compiled = run.lower(system, drive).compile()
    compile_seconds = time.process_time() - start
    spikes, state = compiled(system, drive)
    v = state["v"] if options.text else state.v
    serve(
        {"run": lambda: jax.block_until_ready(compiled(system, drive))},
        version=f"jax {jax.__version__}",
        compile=compile_seconds,
        **task.answers(spikes.counts(), v, options.neurons, options.ms),
    )


if __name__ == "__main__":
    main()
