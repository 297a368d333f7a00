"""The Pinsky-Rinzel cell: its paper's equations in NumPy and SciPy, and how it fires."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

import neurojax as nj
from neurojax.core import Affine
from neurojax.dendrites import PinskyRinzel

OPEN: Any = {"g_Na": 0.0, "g_KDR": 0.0, "g_Ca": 0.0, "g_KAHP": 0.0, "g_KC": 0.0}


def paper(t, y, soma=0.0, dendrite=0.0, g_c=2.1, p=0.5):
    """Pinsky & Rinzel 1994, eqs. 1 to 4 and table 1; potentials relative to rest."""
    V_s, V_d, h, n, s, c, q, Ca = y
    exp = np.exp
    a_m = 0.32 * (13.1 - V_s) / (exp((13.1 - V_s) / 4) - 1)
    b_m = 0.28 * (V_s - 40.1) / (exp((V_s - 40.1) / 5) - 1)
    m = a_m / (a_m + b_m)
    a_n = 0.016 * (35.1 - V_s) / (exp((35.1 - V_s) / 5) - 1)
    a_h, b_h = 0.128 * exp((17 - V_s) / 18), 4 / (1 + exp((40 - V_s) / 5))
    a_s = 1.6 / (1 + exp(-0.072 * (V_d - 65)))
    b_s = 0.02 * (V_d - 51.1) / (exp((V_d - 51.1) / 5) - 1)
    if V_d <= 50:
        a_c = exp((V_d - 10) / 11) * exp((6.5 - V_d) / 27) / 18.975
        b_c = 2 * exp((6.5 - V_d) / 27) - a_c
    else:
        a_c, b_c = 2 * exp((6.5 - V_d) / 27), 0.0
    I_Ca = 10 * s**2 * (V_d - 140)
    I_K = 0.8 * q * (V_d + 15) + 15 * c * min(Ca / 250, 1) * (V_d + 15)
    to_soma = g_c * (V_d - V_s)
    return [
        (-0.1 * V_s - 30 * m**2 * h * (V_s - 120) - 15 * n * (V_s + 15) + (to_soma + soma) / p) / 3,
        (-0.1 * V_d - I_Ca - I_K + (dendrite - to_soma) / (1 - p)) / 3,
        a_h * (1 - h) - b_h * h,
        a_n * (1 - n) - 0.25 * exp(0.5 - 0.025 * V_s) * n,
        a_s * (1 - s) - b_s * s,
        a_c * (1 - c) - b_c * c,
        min(0.00002 * Ca, 0.01) * (1 - q) - 0.001 * q,
        -0.13 * I_Ca - 0.075 * Ca,
    ]


def by_scipy(state, t1, **parameters):
    y0 = np.concatenate([state.v + 60, state.gates, state.calcium[None]])
    rising = lambda t, y: y[0] - 20  # noqa: E731
    rising.direction = 1
    return solve_ivp(
        lambda t, y: paper(t, y, **parameters),
        (0, t1),
        y0,
        method="LSODA",
        rtol=1e-10,
        atol=1e-10,
        events=rising,
        t_eval=[t1],
    )


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize(("p", "g_c"), [(0.5, 2.1), (0.3, 4.0)])
def test_by_events_it_is_the_paper(p, g_c):
    """Through a burst and its calcium, under currents into both compartments."""
    cell = PinskyRinzel(g_c=g_c, p=p)
    drive = {"soma": 1.0, "dendrite": 0.4}
    sol = nj.simulate(cell, drive, t1=100.0, record=["spikes"], max_spikes=8)
    expected = by_scipy(cell.initial_state(), 100.0, soma=1.0, dendrite=0.4, g_c=g_c, p=p)

    crossings = expected.t_events[0]
    assert crossings.size >= 2
    # Both are solved to 1e-10; the upstrokes of a burst multiply that by some thousands.
    times = np.asarray(sol.spikes.times)
    assert np.isinf(times[crossings.size :]).all()
    np.testing.assert_allclose(times[: crossings.size], crossings, atol=1e-6)
    last = sol.final.state
    np.testing.assert_allclose(last.v + 60, expected.y[:2, -1], atol=1e-5)
    np.testing.assert_allclose(last.gates, expected.y[2:7, -1], atol=1e-6)
    np.testing.assert_allclose(last.calcium, expected.y[7, -1], rtol=1e-6)


@pytest.mark.usefixtures("x64")
def test_clocked_it_converges_to_the_paper():
    """In the first order, as SemiImplicitEuler is: half the step, half the error, or less."""
    cell = PinskyRinzel()
    expected = by_scipy(cell.initial_state(), 20.0, soma=1.0).y[:2, -1] - 60
    errors = [
        np.abs(nj.simulate(cell, 1.0, t1=20.0, dt=dt, record=[]).final.state.v - expected).max()
        for dt in (0.02, 0.01, 0.005)
    ]
    assert errors[1] < 0.6 * errors[0] and errors[2] < 0.6 * errors[1]
    assert errors[2] < 0.2


def bursts(times, pause=15.0):
    """Spikes of each burst (ms)."""
    return np.split(times, np.flatnonzero(np.diff(times) > pause) + 1)


def late(cell, drive, t1=2400.0):
    sol = nj.simulate(cell, drive, t1=t1, dt=0.05, record=["spikes"])
    return [times[times > t1 / 3] for times in map(sol.spikes.of, range(cell.shape[0]))]


def test_somatic_current_bursts_slowly_and_then_spikes():
    """Fig. 2 A and the abstract: bursts below 8 Hz, which give way to repetitive spikes."""
    weak, medium, strong = late(PinskyRinzel((3,)), np.array([0.75, 1.25, 3.0]))
    for times, slow, fast in ((weak, 1.5, 2.5), (medium, 3.5, 8)):
        groups = bursts(times)
        assert all(len(group) >= 2 for group in groups[1:-1])
        assert slow < 1000 / np.diff([group[0] for group in groups]).mean() < fast
    # q, the slow one, settles with a time constant of up to a second.
    settled = np.diff(strong)[-30:]
    np.testing.assert_allclose(settled, settled.mean(), rtol=0.01)
    assert 15 < settled.mean() < 25


def test_dendritic_current_bursts_faster():
    """The abstract: at 8 to 20 Hz, where somatic current does not get above 8."""
    (times,) = late(PinskyRinzel((1,)), {"dendrite": 2.5})
    groups = bursts(times)
    assert all(len(group) >= 3 for group in groups[1:-1])
    assert 8 < 1000 / np.diff([group[0] for group in groups]).mean() < 20


def test_bursts_need_intermediate_coupling():
    """The abstract and fig. 5: at a conductance of 10.5, single spikes; at 0.1, single ones too."""
    tight, loose = late(PinskyRinzel(g_c=np.array([10.5, 0.1], np.float32)), {"soma": 0.75})
    for times in (tight, loose):
        assert times.size > 2 and all(len(group) == 1 for group in bursts(times))


@pytest.mark.usefixtures("x64")
def test_passive_it_has_a_closed_form():
    """Without its channels: `g_leak v` in each compartment, and g_c between them."""
    p, g_c, g = 0.3, 0.5, 0.1
    cell = PinskyRinzel(g_c=g_c, p=p, v_init=-60.0, **OPEN)
    sol = nj.simulate(cell, {"soma": 0.2, "dendrite": -0.1}, t1=600.0, dt=0.5, record=[])
    leaks = np.diag([p * g, (1 - p) * g]) + g_c * np.array([[1, -1], [-1, 1]])
    steady = np.linalg.solve(leaks, [0.2, -0.1])
    # exp(-600 / 30), 30 ms being the membrane's time constant
    np.testing.assert_allclose(sol.final.state.v + 60, steady, atol=1e-8)


@pytest.mark.usefixtures("x64")
def test_a_conductance_into_the_dendrite():
    """An `Affine` holds the dendrite at its reversal potential where it is large."""
    cell = PinskyRinzel(**OPEN)
    held = Affine(1e4, 1e4 * -50.0)
    sol = nj.simulate(cell, {"dendrite": held}, t1=400.0, dt=0.1, record=["v[dendrite]"])
    np.testing.assert_allclose(sol["v[dendrite]"][10:], -50.0, atol=0.01)
    soma = (0.5 * 0.1 * -60 + 2.1 * -50) / (0.5 * 0.1 + 2.1)
    np.testing.assert_allclose(sol.final.state.v[0], soma, atol=0.01)


def test_a_population_is_its_cells():
    """Of any shape, with parameters of that shape, in single precision."""
    g_c = np.array([[1.0, 2.1, 5.0]], np.float32)
    together = nj.simulate(PinskyRinzel(g_c=g_c), 1.0, t1=30.0, dt=0.05, record=["v"])["v"]
    assert together.shape == (600, 2, 1, 3)
    for i in (0, 2):
        alone = nj.simulate(PinskyRinzel(g_c=g_c[0, i]), 1.0, t1=30.0, dt=0.05, record=["v"])
        # Vectorised and scalar exponentials differ in the last bit; a burst multiplies it.
        np.testing.assert_allclose(together[:, :, 0, i], alone["v"], atol=0.05)


@pytest.mark.usefixtures("x64")
def test_gradient_is_the_finite_difference():
    def end(g_c):
        sol = nj.simulate(PinskyRinzel(g_c=g_c), 1.0, t1=24.0, dt=0.05, record=[])
        return jnp.sum(sol.final.state.v)

    step = 1e-5
    finite = (end(2.1 + step) - end(2.1 - step)) / (2 * step)
    assert abs(finite) > 0.1
    np.testing.assert_allclose(jax.grad(end)(2.1), finite, rtol=1e-5)


def test_faults_are_named():
    with pytest.raises(ValueError, match=r"PinskyRinzel: 1 - p must be positive, got 0.0"):
        PinskyRinzel(p=1.0)
    with pytest.raises(ValueError, match=r"PinskyRinzel: g_KC must not be negative, got -1.0"):
        PinskyRinzel(g_KC=-1.0)
    with pytest.raises(ValueError, match=r"there is no v\[axon\], only v\[soma\] and v\[dendri"):
        nj.simulate(PinskyRinzel(), t1=1.0, dt=0.1, record=["v[axon]"])
    with pytest.raises(ValueError, match=r"PinskyRinzel: drive has no site 'axon', only soma and"):
        nj.simulate(PinskyRinzel(), {"axon": 1.0}, t1=1.0, dt=0.1)
