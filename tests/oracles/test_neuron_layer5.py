"""The layer 5 pyramidal cell of Hay et al. 2011 beside NEURON: ten kinds of channels, calcium in
soma and apical dendrite, in double precision."""

import numpy as np
import pytest

import neurojax as nj
from neurojax import channels
from neurojax.channels import CalciumPool, Leak
from neurojax.dendrites import Cell, Compartments, discretise, placed

pytestmark = pytest.mark.usefixtures("x64")

# Hay et al. 2011, PLoS Comput. Biol. 7, e1002107, and its code, ModelDB 139653. Conductances in
# mS/cm²; the model's axon and basal dendrites are passive but for Ih.
DENSITIES = {
    "soma": {
        "NaTa_t": 2040.0,
        "Nap_Et2": 1.72,
        "K_Tst": 81.2,
        "K_Pst": 2.23,
        "SKv3_1": 693.0,
        "SK_E2": 44.1,
        "Ca_HVA": 0.992,
        "Ca_LVAst": 3.43,
        "Ih": 0.2,
    },
    "apical": {
        "NaTa_t": 21.3,
        "SKv3_1": 0.261,
        "SK_E2": 1.2,
        "Im": 0.0675,
        "Ca_HVA": 0.0555,
        "Ca_LVAst": 0.187,
        "Ih": 0.2,
    },
    "basal": {"Ih": 0.2},
    "axon": {},
}
NAMES = sorted({name for densities in DENSITIES.values() for name in densities})
LEAK = {"soma": 0.0338, "apical": 0.0589, "basal": 0.0467, "axon": 0.0325}
C_M = {"soma": 1.0, "apical": 2.0, "basal": 2.0, "axon": 1.0}  # uF/cm²
SHELL = {"soma": (0.000501, 460.0), "apical": (0.000509, 122.0)}  # gamma; decay, ms
HOT_ZONE, HOTTER = (0.53, 0.68), {"Ca_HVA": 10.0, "Ca_LVAst": 100.0}
"""685 to 885 of the model's 1,300 um of apical dendrite, and what its calcium conductances are
multiplied by there."""
E_LEAK, V_INIT = -90.0, -80.0


def densities(c: Compartments) -> dict[str, np.ndarray]:
    """Of every compartment, as neuron_layer5.py has it."""
    apical = np.array(c.region) == "apical"
    share = c.distance / c.distance[apical].max()
    hot = apical & (HOT_ZONE[0] <= share) & (share < HOT_ZONE[1])

    def by_region(values):
        return np.array([float(values.get(region, 0.0)) for region in c.region])

    of_name = {name: {r: kinds.get(name, 0.0) for r, kinds in DENSITIES.items()} for name in NAMES}
    g = {f"g_{name}": by_region(values) for name, values in of_name.items()}
    for name, times in HOTTER.items():
        g[f"g_{name}"][hot] *= times
    g["g_Ih"][apical] *= -0.8696 + 2.087 * np.exp(3.6161 * share[apical])
    gamma, decay = (by_region({r: pair[k] for r, pair in SHELL.items()}) for k in (0, 1))
    return g | {"g_leak": by_region(LEAK), "C_m": by_region(C_M), "gamma": gamma, "decay": decay}


def layer_5_cell(c: Compartments, of: dict[str, np.ndarray]) -> Cell:
    def where_any(name):
        g = of[f"g_{name}"]
        return placed(getattr(channels, name)(g=g[g > 0]), g > 0)

    shell = of["gamma"] > 0
    pool = CalciumPool(gamma=of["gamma"][shell], decay=of["decay"][shell])
    dendritic = of["g_Ca_HVA"] * (np.array(c.region) == "apical")
    return Cell(
        c,
        {"leak": Leak(g=of["g_leak"], E=E_LEAK)} | {name: where_any(name) for name in NAMES},
        pools={"ca": placed(pool, shell)},
        C_m=of["C_m"],
        v_init=V_INIT,
        sites={"middle": 0, "hot": int(np.argmax(dendritic))},
    )


def spike_times(v, dt):
    """Upward crossings of -20 mV (ms), interpolated."""
    at = np.flatnonzero((v[1:] > -20) & (v[:-1] <= -20))
    return dt * (at - (v[at] + 20) / (v[at + 1] - v[at]))


AMPLITUDE, START, T1 = 1.1, 5.0, 100.0  # nA, ms, ms
STEPS = (0.025, 0.0125, 0.00625)


def test_spikes_and_calcium_over_100_ms(reconstruction, tree_oracle):
    """NEURON's shells take the calcium current of a step's begin, ours of its end: steps of both
    are of first order, and tend to the same."""
    m = reconstruction("morph_l5pc_with_axon")
    c = discretise(m)
    of = densities(c)
    cell = layer_5_cell(c, of)
    places = [cell.sites["middle"], cell.sites["hot"]]
    neuron = tree_oracle("neuron_layer5", m, c, **of, E_leak=E_LEAK, v_init=V_INIT, dts=STEPS,
                         amplitude=AMPLITUDE, start=START, t1=T1, watched=places)  # fmt: skip

    apart = []
    for k, dt in enumerate(STEPS):
        drive = {"middle": nj.Step(AMPLITUDE, start=START)}
        record = ["v[middle]", "v[hot]", "ions.ca[middle]", "ions.ca[hot]"]
        ours = nj.simulate(cell, drive, t1=T1, dt=dt, record=record)
        v, cai = neuron[f"v_{k}"][:, :-1], neuron[f"cai_{k}"][:, :-1]
        found, expected = spike_times(np.asarray(ours["v[middle]"]), dt), spike_times(v[0], dt)
        assert len(expected) >= 1 and np.ptp(cai[0]) > 1e-4
        np.testing.assert_allclose(found, expected, rtol=0, atol=0.1)
        differences = (ours["v[hot]"] - v[1], ours["ions.ca[middle]"] - cai[0])
        apart.append([np.abs(each).max() for each in differences])

    coarse, middling, fine = np.array(apart)
    np.testing.assert_allclose([coarse / middling, middling / fine], 2, atol=0.1)
    assert coarse[0] < 0.1 and coarse[1] < 2e-6  # mV; mM, a hundredth of what enters
