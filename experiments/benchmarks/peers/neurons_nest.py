"""NEST's neurons, one thread, in double precision, spikes in one recorder.

`iaf_psc_delta` is integrated exactly, as ours is. `aeif_psc_delta` and `hh_psc_alpha` are
integrated by an adaptive Runge-Kutta 4(5), to the tolerances that NEST has by default: closer to
the equations than a fixed step, and dearer. The time is that of `Run`; each run is of a new
network.
"""

# pyright: reportMissingImports=false
from serve import Timed, serve  # isort: skip  (first: it takes stdout over)

import time

import nest
import neurons_task as task
import numpy as np

AREA = 100.0
"""HH: pF for each uF/cm2, nS for 0.1 mS/cm2, pA for 0.01 uA/cm2; a cell of 10,000 um2."""


def parameters(model: str) -> tuple[str, dict, float]:
    """The model's name, its parameters, and pA for each of the task's units of current."""
    if model == "lif":
        own = task.LIF
        given = {"tau_m": own["tau_m"], "C_m": own["tau_m"], "t_ref": own["refractory"]}
        given |= {"E_L": own["v_rest"], "V_m": own["v_rest"]}
        given |= {"V_th": own["v_threshold"], "V_reset": own["v_reset"]}
        return "iaf_psc_delta", given, 1.0
    if model == "adex":
        own = task.ADEX
        given = {"C_m": 1e3 * own["C_m"], "g_L": 1e3 * own["g_leak"], "a": 1e3 * own["a"]}
        given |= {"b": 1e3 * own["b"], "tau_w": own["tau_w"], "t_ref": 0.0, "w": 0.0}
        given |= {"E_L": own["E_leak"], "V_m": own["E_leak"], "V_reset": own["v_reset"]}
        given |= {"V_th": own["v_T"], "Delta_T": own["delta_T"], "V_peak": own["v_peak"]}
        return "aeif_psc_delta", given, 1e3
    own = task.HH
    given = {"C_m": AREA * own["C_m"], "g_Na": AREA * own["g_Na"], "g_K": AREA * own["g_K"]}
    given |= {"g_L": AREA * own["g_leak"], "V_m": own["v_init"], "E_L": own["E_leak"]}
    given |= {"E_Na": own["E_Na"], "E_K": own["E_K"]}
    return "hh_psc_alpha", given, AREA


def main() -> None:
    options = task.arguments(__doc__).parse_args()
    nest.verbosity = nest.VerbosityLevel.ERROR
    name, given, per_unit = parameters(options.model)
    currents = per_unit * task.currents(options.model, options.neurons)

    def network() -> tuple:
        nest.ResetKernel()
        nest.resolution = task.DT
        nest.local_num_threads = 1
        neurons = nest.Create(name, options.neurons, params=given)
        neurons.I_e = currents
        recorder = nest.Create("spike_recorder")
        nest.Connect(neurons, recorder)
        return neurons, recorder

    def timed() -> Timed:
        nest.Prepare()
        cpu, wall = time.process_time(), time.perf_counter()
        nest.Run(options.ms)
        seconds = Timed(time.process_time() - cpu, time.perf_counter() - wall)
        nest.Cleanup()
        return seconds

    def run() -> Timed:
        network()
        return timed()

    neurons, recorder = network()
    timed()
    counts = np.bincount(recorder.events["senders"], minlength=options.neurons + 1)[1:]
    serve(
        {"run": run},
        version=f"nest {nest.__version__}",
        **task.answers(counts, neurons.V_m, options.neurons, options.ms),
    )


if __name__ == "__main__":
    main()
