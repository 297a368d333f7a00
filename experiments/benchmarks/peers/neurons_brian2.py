"""Brian2's C++ standalone with its default flags, one thread: built once, the binary run again.

The time is that of the binary's run loop, taken in the binary; loading, and the writing of results
to disk, are left out. OpenMP is not used: it adds to CPU time.
"""

# pyright: reportMissingImports=false
from serve import Timed, serve  # isort: skip  (first: it takes stdout over)

import tempfile
from pathlib import Path

import brian2 as b2
import neurons_task as task
import numpy as np
from brian2 import ms, msiemens, mV, nA, nF, uA, uF, uS
from brian2.units import cm

LIF = """
dv/dt = (v_rest - v + I) / tau_m : volt (unless refractory)
I : volt
"""
ADEX = """
dv/dt = (g_leak * (E_leak - v) + g_leak * delta_T * exp((v - v_T) / delta_T) - w + I) / C_m : volt
dw/dt = (a * (v - E_leak) - w) / tau_w : amp
I : amp
"""
HH = """
dv/dt = (I - g_Na*m*m*m*h*(v - E_Na) - g_K*n*n*n*n*(v - E_K) - g_leak*(v - E_leak))/C_m : volt
dm/dt = alpha_m*(1 - m) - beta_m*m : 1
dh/dt = alpha_h*(1 - h) - beta_h*h : 1
dn/dt = alpha_n*(1 - n) - beta_n*n : 1
beta_m = 4*exp((-65*mV - v)/(18*mV))/ms : Hz
alpha_h = 0.07*exp((-65*mV - v)/(20*mV))/ms : Hz
beta_h = 1/(exp((-35*mV - v)/(10*mV)) + 1)/ms : Hz
beta_n = 0.125*exp((-65*mV - v)/(80*mV))/ms : Hz
I : amp/meter**2
"""
RATES = {  # the first as in its examples; the second is faster, and not safe at -40 and -55 mV
    "exprel": """
alpha_m = 1/exprel((-40*mV - v)/(10*mV))/ms : Hz
alpha_n = 0.1/exprel((-55*mV - v)/(10*mV))/ms : Hz
""",
    "quotient": """
alpha_m = 0.1*(v + 40*mV)/mV/(1 - exp((-40*mV - v)/(10*mV)))/ms : Hz
alpha_n = 0.01*(v + 55*mV)/mV/(1 - exp((-55*mV - v)/(10*mV)))/ms : Hz
""",
}
UNITS = {"C_m": nF, "g_leak": uS, "a": uS, "tau_m": ms, "tau_w": ms, "refractory": ms, "b": nA}
HH_UNITS = {"C_m": uF / cm**2} | dict.fromkeys(("g_Na", "g_K", "g_leak"), msiemens / cm**2)
LOOP = """
std::ofstream("seconds") << double(std::clock() - cpu) / CLOCKS_PER_SEC << " "
    << std::chrono::duration<double>(std::chrono::steady_clock::now() - wall).count();
"""


def with_units(values: dict[str, float], units: dict) -> dict:
    return {name: value * units.get(name, mV) for name, value in values.items()}


def lif(neurons: int, _: str) -> b2.NeuronGroup:
    values = with_units(task.LIF, UNITS)
    group = b2.NeuronGroup(
        neurons,
        LIF,
        threshold="v > v_threshold",
        reset="v = v_reset",
        refractory=values.pop("refractory"),
        method="exact",
        namespace=values,
    )
    group.v = values["v_rest"]
    group.I = task.currents("lif", neurons) * mV
    return group


def adex(neurons: int, _: str) -> b2.NeuronGroup:
    values = with_units(task.ADEX, UNITS)
    group = b2.NeuronGroup(
        neurons,
        ADEX,
        threshold="v > v_peak",
        reset="v = v_reset; w += b",
        method="euler",
        namespace=values,
    )
    group.v = values["E_leak"]
    group.I = task.currents("adex", neurons) * nA
    return group


def hh(neurons: int, setting: str) -> b2.NeuronGroup:
    values = with_units(task.HH, HH_UNITS)
    group = b2.NeuronGroup(
        neurons,
        HH + RATES[setting],
        threshold="v > v_threshold",
        refractory="v > v_threshold",
        method="exponential_euler",
        namespace=values,
    )
    group.v = values["v_init"]
    for gate in "mhn":
        setattr(group, gate, f"alpha_{gate}/(alpha_{gate} + beta_{gate})")
    group.I = task.currents("hh", neurons) * uA / cm**2
    return group


MODELS = {"lif": lif, "adex": adex, "hh": hh}


def main() -> None:
    parser = task.arguments(__doc__)
    parser.add_argument("--dtype", choices=["float32", "float64"], required=True)
    choices = ["default", *RATES]
    parser.add_argument("--setting", choices=choices, default="default", help="HH's rates")
    options = parser.parse_args()

    folder = tempfile.TemporaryDirectory()
    b2.prefs.core.default_float_dtype = np.dtype(options.dtype).type
    b2.set_device("cpp_standalone", directory=folder.name, build_on_run=False)
    b2.prefs.codegen.cpp.headers += ["<chrono>", "<ctime>", "<fstream>"]
    b2.defaultclock.dt = task.DT * ms
    group = MODELS[options.model](options.neurons, options.setting)
    monitor = b2.SpikeMonitor(group)
    b2.device.insert_code(
        "before_network_run",
        "const auto wall = std::chrono::steady_clock::now(); const auto cpu = std::clock();",
    )
    b2.device.insert_code("after_network_run", LOOP)
    b2.Network(group, monitor).run(options.ms * ms)
    b2.device.build(directory=folder.name, compile=True, run=False)

    def run() -> Timed:
        b2.device.run(directory=folder.name, with_output=False, run_args=[])
        return Timed(*map(float, (Path(folder.name) / "seconds").read_text().split()))

    run()
    flags = " ".join(b2.prefs.codegen.cpp.extra_compile_args_gcc)
    serve(
        {"run": run},
        version=f"brian2 {b2.__version__}, {flags}",
        setting=options.setting,
        **task.answers(monitor.count, group.v / mV, options.neurons, options.ms),
    )


if __name__ == "__main__":
    main()
