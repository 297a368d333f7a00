"""Channels in NEURON: its own `hh`, and the layer 5 set of Hay et al. 2011 as mechanisms that are
written here from the paper's formulas and compiled by nrnivmodl.

Every cell's capacitance is so large that no current moves its potential: a perfect voltage clamp.

Inputs: `v` [potentials] (mV), at which the gates are looked at; `hold`, `test` (mV) and `ts`
[times] (ms) of the voltage steps; `ca` (mM), which is fixed but in the cell with a pool.
Results: for each mechanism NAME, `NAME_curves` [gates, 2, potentials] (steady states, time
constants in ms) and `NAME_clamp` [times] (mA/cm2); for the cell with Ca_HVA, Ca_LVAst, SK_E2 and a
pool, `pool_cai` (mM), `pool_ica` and `pool_ik` (mA/cm2) [times].
"""

# pyright: reportMissingImports=false
import subprocess
import sys
from pathlib import Path

import neuron
import numpy as np
from neuron import h

CELSIUS = 34.0
CLAMPED = 1e12  # uF/cm2

# Ion, reversal, open probability, and the gates: alpha and beta, or steady state and tau.
MECHANISMS = {
    "NaTa_t": (
        "na",
        "ena",
        "m*m*m*h",
        {
            "m": ("rates", "1.092*ratio((-38-v)/6)", "0.744*ratio((v+38)/6)", "q"),
            "h": ("rates", "0.09*ratio((v+66)/6)", "0.09*ratio((-66-v)/6)", "q"),
        },
    ),
    "Nap_Et2": (
        "na",
        "ena",
        "m*m*m*h",
        {
            "m": (
                "curve",
                "1/(1+exp(-(v+52.6)/4.6))",
                "6/(1.092*ratio((-38-v)/6)+0.744*ratio((v+38)/6))",
                "q",
            ),
            "h": (
                "curve",
                "1/(1+exp((v+48.8)/10))",
                "1/(2.88e-6*4.63*ratio((v+17)/4.63)+6.94e-6*2.63*ratio((-64.4-v)/2.63))",
                "q",
            ),
        },
    ),
    "K_Tst": (
        "k",
        "ek",
        "m^4*h",
        {
            "m": ("curve", "1/(1+exp(-(v+10)/19))", "0.34+0.92*exp(-((v+81)/59)^2)", "q"),
            "h": ("curve", "1/(1+exp((v+76)/10))", "8+49*exp(-((v+83)/23)^2)", "q"),
        },
    ),
    "K_Pst": (
        "k",
        "ek",
        "m*m*h",
        {
            "m": ("curve", "1/(1+exp(-(v+11)/12))", "1.25+slow(v+10)", "q"),
            "h": (
                "curve",
                "1/(1+exp((v+64)/11))",
                "360+(1010+24*(v+65))*exp(-((v+85)/48)^2)",
                "q",
            ),
        },
    ),
    "SKv3_1": (
        "k",
        "ek",
        "m",
        {"m": ("curve", "1/(1+exp(-(v-18.7)/9.7))", "4/(1+exp(-(v+46.56)/44.14))", "1")},
    ),
    "SK_E2": ("k", "ek", "z", {"z": ("curve", "1/(1+(0.00043/cai)^4.8)", "1", "1")}),
    "Im": (
        "k",
        "ek",
        "m",
        {"m": ("rates", "0.0033*exp(0.1*(v+35))", "0.0033*exp(-0.1*(v+35))", "q")},
    ),
    "Ih": (
        "",
        "(-45)",
        "m",
        {"m": ("rates", "0.00643*11.9*ratio((v+154.9)/11.9)", "0.193*exp(v/33.1)", "1")},
    ),
    "Ca_HVA": (
        "ca",
        "eca",
        "m*m*h",
        {
            "m": ("rates", "0.055*3.8*ratio((-27-v)/3.8)", "0.94*exp((-75-v)/17)", "1"),
            "h": ("rates", "0.000457*exp((-13-v)/50)", "0.0065/(exp((-15-v)/28)+1)", "1"),
        },
    ),
    "Ca_LVAst": (
        "ca",
        "eca",
        "m*m*h",
        {
            "m": ("curve", "1/(1+exp(-(v+40)/6))", "5+20/(1+exp((v+35)/5))", "q"),
            "h": ("curve", "1/(1+exp((v+90)/6.4))", "20+50/(1+exp((v+50)/7))", "q"),
        },
    ),
}

POOL = """
NEURON { SUFFIX shell USEION ca READ ica WRITE cai RANGE gamma, decay, depth, minimum }
PARAMETER { gamma = 0.000501 decay = 460 depth = 0.1 minimum = 1e-4 }
ASSIGNED { ica }
STATE { cai }
INITIAL { cai = minimum }
BREAKPOINT { SOLVE change METHOD cnexp }
DERIVATIVE change { cai' = -1e4*ica*gamma/(2*96485.33212*depth) - (cai - minimum)/decay }
"""


def nmodl(name, ion, reversal, probability, gates):
    """The mechanism's text; `flow` is its current."""
    use = f"USEION {ion} READ e{ion} WRITE i{ion}" if ion else "NONSPECIFIC_CURRENT i"
    calcium = "USEION ca READ cai" if name == "SK_E2" else ""
    names = ", ".join(f"{gate}_inf, {gate}_tau" for gate in gates)
    lines = {}
    for gate, (form, first, second, speed) in gates.items():
        inf, tau = ("a/(a+b)", f"1/(a+b)/{speed}") if form == "rates" else ("a", f"b/{speed}")
        lines[gate] = f"a = {first}\n b = {second}\n {gate}_inf = {inf}\n {gate}_tau = {tau}"
    assigned = f"v {f'e{ion} i{ion}' if ion else 'i'} {'cai' if calcium else ''}"
    return f"""
NEURON {{ SUFFIX {name} {use} {calcium} RANGE gbar, flow, {names} }}
PARAMETER {{ gbar = 0.001 celsius }}
ASSIGNED {{ {assigned} flow {names.replace(",", "")} }}
STATE {{ {" ".join(gates)} }}
INITIAL {{ rates() {" ".join(f"{g} = {g}_inf" for g in gates)} }}
BREAKPOINT {{
 SOLVE change METHOD cnexp
 flow = gbar*{probability}*(v - {reversal})
 i{ion} = flow
}}
DERIVATIVE change {{
 rates()
 {" ".join(f"{g}' = ({g}_inf - {g})/{g}_tau" for g in gates)}
}}
PROCEDURE rates() {{ LOCAL a, b, q
 q = 2.3^((celsius - 21)/10)
 {chr(10).join(lines.values())}
}}
FUNCTION ratio(x) {{ if (fabs(x) < 1e-7) {{ ratio = 1 - x/2 }} else {{ ratio = x/(exp(x) - 1) }} }}
FUNCTION slow(u) {{
 if (u < -50) {{ slow = 175.03*exp(0.026*u) }} else {{ slow = 13*exp(-0.026*u) }}
}}
"""


def compiled():
    """Writes, compiles and loads the mechanisms, in the working directory."""
    folder = Path("mechanisms")
    folder.mkdir()
    for name, parts in MECHANISMS.items():
        (folder / f"{name}.mod").write_text(nmodl(name, *parts))
    (folder / "shell.mod").write_text(POOL)
    made = subprocess.run(
        [Path(sys.executable).parent / "nrnivmodl"], cwd=folder, capture_output=True, text=True
    )
    if made.returncode:
        raise RuntimeError(made.stdout + made.stderr)
    neuron.load_mechanisms(str(folder))


def cell(*mechanisms, ca=None):
    section = h.Section()
    section.L = section.diam = 10.0
    section.cm = CLAMPED
    for mechanism in mechanisms:
        section.insert(mechanism)
    if h.ismembrane("na_ion", sec=section):
        section.ena = 50.0
    if h.ismembrane("k_ion", sec=section):
        section.ek = -77.0 if "hh" in mechanisms else -85.0
    if h.ismembrane("ca_ion", sec=section):
        h.ion_style("ca_ion", 3, 2, 1, 1, 0, sec=section)  # eca is Nernst's, cai as it is set
        section.cao = 2.0
        if ca is not None:
            section.cai = ca
    return section


def curves(mechanism, gates, potentials, ca):
    section = cell(mechanism, ca=ca)
    found = []
    for v in potentials:
        section.v = v
        h.finitialize(v)
        place = getattr(section(0.5), mechanism)
        joint = "" if mechanism == "hh" else "_"
        found.append(
            [[getattr(place, f"{gate}{joint}{what}") for what in ("inf", "tau")] for gate in gates]
        )
    return np.moveaxis(np.array(found), 0, -1)


def clamped(section, watched, hold, test, ts):
    """What the variables are at `ts` after a step from `hold` to `test`."""
    h.finitialize(hold)
    section.v = test
    h.CVode().re_init()
    values = []
    for t in ts:
        h.CVode().solve(t)
        values.append([watch() for watch in watched])
    return np.array(values).T


def main(inputs, out):
    compiled()
    h.load_file("stdrun.hoc")
    h.usetable_hh = 0
    h.CVode().active(True)
    h.CVode().atol(1e-12)
    h.CVode().rtol(1e-10)
    hold, test, ts, ca = (inputs[name].tolist() for name in ("hold", "test", "ts", "ca"))
    results = {}

    h.celsius = 6.3
    results["hh_curves"] = curves("hh", "mhn", inputs["v"], None)
    squid = cell("hh")
    na, k = clamped(squid, [lambda: squid.ina, lambda: squid.ik], hold, test, ts)
    results["hh_ina"], results["hh_ik"] = na, k

    h.celsius = CELSIUS
    for name, (_, _, _, gates) in MECHANISMS.items():
        results[f"{name}_curves"] = curves(name, gates, inputs["v"], ca)
        section = cell(name, ca=ca)
        place = getattr(section(0.5), name)
        (results[f"{name}_clamp"],) = clamped(section, [lambda p=place: p.flow], hold, test, ts)

    spine = cell("Ca_HVA", "Ca_LVAst", "SK_E2", "shell")
    watched = [lambda: spine.cai, lambda: spine.ica, lambda: spine.ik]
    results["pool_cai"], results["pool_ica"], results["pool_ik"] = clamped(
        spine, watched, hold, test, ts
    )
    np.savez(out, **results)


if __name__ == "__main__":
    main(np.load(sys.argv[1]), sys.argv[2])
