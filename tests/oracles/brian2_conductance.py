"""Brian2's neurons without a reset: each model's equations as its paper has them, in ms and mV.

Inputs: `method`, `dt` and `t1` (ms), `every` (steps between samples), and for each neuron group
`<model>.<variable>`, the start of a variable or a constant parameter, [neurons].
Results: `<model>.<variable>`, the state variables at each sample [samples, neurons].
"""

# pyright: reportMissingImports=false
import sys

import numpy as np
from brian2 import Network, NeuronGroup, StateMonitor, defaultclock, ms, prefs

GATE = "d{0}/dt = (alpha_{0} * (1 - {0}) - beta_{0} * {0}) / ms : 1\n"
SLOW = "d{0}/dt = ({0}_inf - {0}) / tau_{0} / ms : 1\n"
# u is v - v_T. exprel(x) is (exp(x) - 1) / x.
TRAUB = """
alpha_m = 0.32 * 4 / exprel((13 - u) / 4) : 1
beta_m = 0.28 * 5 / exprel((u - 40) / 5) : 1
alpha_h = 0.128 * exp((17 - u) / 18) : 1
beta_h = 4 / (1 + exp((40 - u) / 5)) : 1
alpha_n = 0.032 * 5 / exprel((15 - u) / 5) : 1
beta_n = 0.5 * exp((10 - u) / 40) : 1
""" + "".join(map(GATE.format, "mhn"))
MODELS = {
    "squid": """
    dv/dt = (I - 120*m**3*h*(v - 50) - 36*n**4*(v + 77) - 0.3*(v + 54.3)) / ms : 1
    alpha_m = 1 / exprel(-(v + 40) / 10) : 1
    beta_m = 4 * exp(-(v + 65) / 18) : 1
    alpha_h = 0.07 * exp(-(v + 65) / 20) : 1
    beta_h = 1 / (exp(-(v + 35) / 10) + 1) : 1
    alpha_n = 0.1 / exprel(-(v + 55) / 10) : 1
    beta_n = 0.125 * exp(-(v + 65) / 80) : 1
    """
    + "".join(map(GATE.format, "mhn")),
    "traub_miles": """
    dv/dt = (I - 100*m**3*h*(v - 50) - 30*n**4*(v + 90) - 0.05*(v + 60)) / ms : 1
    u = v + 63 : 1
    """
    + TRAUB,
    "wang_buzsaki": """
    dv/dt = (I - 35*m**3*h*(v - 55) - 9*n**4*(v + 90) - 0.1*(v + 65)) / ms : 1
    m = alpha_m / (alpha_m + beta_m) : 1
    alpha_m = 1 / exprel(-(v + 35) / 10) : 1
    beta_m = 4 * exp(-(v + 60) / 18) : 1
    alpha_h = 5 * 0.07 * exp(-(v + 58) / 20) : 1
    beta_h = 5 / (exp(-(v + 28) / 10) + 1) : 1
    alpha_n = 5 * 0.1 / exprel(-(v + 34) / 10) : 1
    beta_n = 5 * 0.125 * exp(-(v + 44) / 80) : 1
    """
    + "".join(map(GATE.format, "hn")),
    "pospischil": """
    dv/dt = (I - 50*m**3*h*(v - 50) - g_Kd*n**4*(v + 100) - g_M*p*(v + 100)
             - (g_L*q**2*r + g_T*s**2*w)*(v - 120) - g_leak*(v - E_leak)) / ms : 1
    u = v + 55 : 1
    p_inf = 1 / (1 + exp(-(v + 35) / 10)) : 1
    tau_p = 1000 / (3.3 * exp((v + 35) / 20) + exp(-(v + 35) / 20)) : 1
    alpha_q = 0.055 * 3.8 / exprel(-(v + 27) / 3.8) : 1
    beta_q = 0.94 * exp(-(v + 75) / 17) : 1
    alpha_r = 0.000457 * exp(-(v + 13) / 50) : 1
    beta_r = 0.0065 / (1 + exp(-(v + 15) / 28)) : 1
    s = 1 / (1 + exp(-(v + 2 + 57) / 6.2)) : 1
    w_inf = 1 / (1 + exp((v + 2 + 81) / 4)) : 1
    tau_w = (30.8 + (211.4 + exp((v + 2 + 113.2)/5)) / (1 + exp((v + 2 + 84)/3.2))) / 3**1.2 : 1
    g_Kd : 1 (constant)
    g_M : 1 (constant)
    g_L : 1 (constant)
    g_T : 1 (constant)
    g_leak : 1 (constant)
    E_leak : 1 (constant)
    """
    + TRAUB
    + "".join(map(SLOW.format, "pw"))
    + "".join(map(GATE.format, "qr")),
    "morris_lecar": """
    dv/dt = (I - g_Ca*m*(v - 120) - 8*w*(v + 84) - 2*(v + 60)) / 20 / ms : 1
    m = (1 + tanh((v + 1.2) / 18)) / 2 : 1
    w_inf = (1 + tanh((v - v_3) / v_4)) / 2 : 1
    tau_w = 1 / (phi * cosh((v - v_3) / (2 * v_4))) : 1
    g_Ca : 1 (constant)
    v_3 : 1 (constant)
    v_4 : 1 (constant)
    phi : 1 (constant)
    """
    + SLOW.format("w"),
    "fitzhugh_nagumo": """
    dv/dt = (v - v**3 / 3 - w + I) / ms : 1
    dw/dt = (v + 0.7 - 0.8 * w) / 12.5 / ms : 1
    """,
    "hindmarsh_rose": """
    dv/dt = (y - v**3 + 3 * v**2 - z + I) / ms : 1
    dy/dt = (1 - 5 * v**2 - y) / ms : 1
    dz/dt = 0.006 * (4 * (v + 1.6) - z) / ms : 1
    """,
    "wilson_cowan": """
    dv/dt = (-v + (k_v - v) * S_v) / 10 / ms : 1
    dw/dt = (-w + (k_w - w) * S_w) / 10 / ms : 1
    S_v = 1 / (1 + exp(-1.3 * (16 * v - 12 * w + I - 4))) - 1 / (1 + exp(1.3 * 4)) : 1
    S_w = 1 / (1 + exp(-2 * (15 * v - 3 * w - 3.7))) - 1 / (1 + exp(2 * 3.7)) : 1
    k_v = 1 - 1 / (1 + exp(1.3 * 4)) : 1
    k_w = 1 - 1 / (1 + exp(2 * 3.7)) : 1
    """,
}


def main(inputs, out):
    prefs.codegen.target = "numpy"
    defaultclock.dt = float(inputs["dt"]) * ms
    given = {}
    for key in inputs:
        model, _, variable = key.rpartition(".")
        if model:
            given.setdefault(model, {})[variable] = inputs[key]

    results = {}
    for model, values in given.items():
        equations = MODELS[model] + "\nI : 1 (constant)"
        method = str(inputs["method"])
        neurons = NeuronGroup(values["I"].size, equations, method=method, name=model)
        for variable, value in values.items():
            setattr(neurons, variable, value)
        variables = sorted(neurons.equations.diff_eq_names)
        sampling = int(inputs["every"]) * defaultclock.dt
        monitor = StateMonitor(neurons, variables, record=True, dt=sampling)
        Network(neurons, monitor).run(float(inputs["t1"]) * ms)
        results |= {f"{model}.{name}": getattr(monitor, name).T for name in variables}
    np.savez(out, **results)


if __name__ == "__main__":
    main(np.load(sys.argv[1]), sys.argv[2])
