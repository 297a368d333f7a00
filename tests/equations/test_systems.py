"""Systems made of text, run: against closed forms, hand-written classes and recursions."""

import re

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg

import neurojax as nj
from neurojax.equations import EquationNeuron, from_equations
from neurojax.equations.units import mV, nA, nS, pF

ms = nj.units.ms
LEAKY = "dv/dt = (I - v)/tau : 1 (unless refractory)\nI : 1"
SPIKING = {"threshold": "v > 1", "reset": "v = 0", "refractory": 5 * ms}
ADEX = """
dv/dt = (g*(E - v + D*exp(minimum((v - v_T)/D, 24))) - w + I)/C : volt (unless refractory)
dw/dt = (a*(v - E) - w)/tau_w : amp
I : amp
"""
CUBA = """
dv/dt = (ge + gi - (v - E))/tau_m : volt (unless refractory)
dge/dt = -ge/tau_e : volt
dgi/dt = -gi/tau_i : volt
"""


def leaky(**more):
    return from_equations(LEAKY, **SPIKING, parameters={"tau": 10 * ms} | more)


@pytest.mark.usefixtures("x64")
def test_the_first_example_on_a_clock_and_by_events():
    sol = nj.simulate(leaky(), 1.2, t1=100, dt=0.1)
    np.testing.assert_allclose(sol.spikes.times, [17.9, 40.8, 63.7, 86.6], rtol=1e-14)
    assert abs(sol.final.state["v"] - 0.6819473719) < 1e-10

    @jax.jit
    @jax.value_and_grad
    def second(neuron):
        return nj.simulate(neuron, 1.2, t1=45.0, max_spikes=2).spikes.times[1]

    rise = 10 * np.log(1.2 / 0.2)
    time, slopes = second(leaky())
    assert abs(time - (2 * rise + 5)) < 1e-6
    np.testing.assert_allclose(slopes.parameters["tau"], 2 * rise / 10, rtol=1e-6)
    np.testing.assert_allclose(slopes.parameters["refractory"], 1, rtol=1e-6)


def test_single_precision_and_what_is_recorded():
    sol = nj.simulate(leaky(), 1.2, t1=100, dt=0.1)

    np.testing.assert_allclose(sol.spikes.times, [17.9, 40.8, 63.7, 86.6], rtol=1e-14)
    assert set(sol.recordings) == {"v"} and sol["v"].dtype == jnp.float32


def adex(**more):
    given = {"g": 30 * nS, "E": -70.6 * mV, "D": 2 * mV, "v_T": -50.4 * mV, "C": 281 * pF}
    given |= {"a": 4 * nS, "tau_w": 144 * ms, "b": 0.0805 * nA}
    return from_equations(
        ADEX,
        threshold="v > -30*mV",
        reset="v = E\nw += b",
        refractory=1.0,
        parameters=given,
        initial={"v": -70.6 * mV},
        **more,
    )


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("case", ["lif", "adex"])
def test_text_is_the_class_step_by_step(case):
    """The same spikes and, but for rounding in another order, the same traces."""
    n = 16
    if case == "lif":
        tau = np.linspace(8.0, 20.0, n)
        ours, drive = leaky(tau=tau), jnp.linspace(0.9, 2.5, n)
        hand = nj.LIF(tau_m=tau, refractory=5.0)
    else:
        ours, drive = adex(shape=(n,)), jnp.linspace(0.5, 1.5, n)
        hand = nj.neurons.AdEx(shape=(n,), refractory=1.0)
    a, b = (nj.simulate(s, nj.Constant(drive), t1=60.0, dt=0.1) for s in (ours, hand))

    assert int(a.spikes.counts().sum()) > 20
    np.testing.assert_array_equal(a.spikes.bits, b.spikes.bits)  # pyright: ignore[reportAttributeAccessIssue]
    np.testing.assert_allclose(a["v"], b["v"], rtol=1e-9)


@pytest.mark.parametrize("case", ["lif", "adex"])
def test_text_compiles_to_no_more_than_the_class(case):
    n = 64
    pair = {
        "lif": (leaky(tau=np.full(n, 10.0)), nj.LIF(tau_m=np.full(n, 10.0), refractory=5.0)),
        "adex": (adex(shape=(n,)), nj.neurons.AdEx(shape=(n,), refractory=1.0)),
    }[case]

    def operations(system):
        traced, rest = eqx.partition(system, eqx.is_array)

        def run(traced, drive):
            neuron = eqx.combine(traced, rest)
            sol = nj.simulate(neuron, nj.Constant(drive), t1=50.0, dt=0.1, record=["spikes"])
            return sol.final.state, sol.spikes.bits  # pyright: ignore[reportAttributeAccessIssue]

        text = jax.jit(run).lower(traced, jnp.ones(n)).compile().as_text()
        return len(re.findall(r"^\s+(?:ROOT )?%\S+ = ", str(text), re.M))

    ours, hand = map(operations, pair)
    assert hand > 100
    assert ours <= 1.2 * hand


@pytest.mark.usefixtures("x64")
def test_a_coupled_linear_neuron_gets_the_exact_propagator():
    given = {"tau_m": 20.0, "tau_e": 5.0, "tau_i": 20.0, "E": -49 * mV}
    start = {"v": -60.0, "ge": 30.0, "gi": -9.0}
    cell = from_equations(CUBA, threshold="v > -50*mV", reset="v = -60*mV", refractory=5.0,
                          parameters=given, initial=start)  # fmt: skip
    assert type(cell.default_solver).__name__ == "ExactLinear"
    sol = nj.simulate(cell, t1=100.0, dt=0.5)

    free = np.array([[-1 / 20, 1 / 20, 1 / 20], [0, -1 / 5, 0], [0, 0, -1 / 20]])
    held = free * np.array([[0.0], [1.0], [1.0]])
    y, wait, steps = np.array([-60 + 49.0, 30.0, -9.0]), 0, []
    free, held = scipy.linalg.expm(0.5 * free), scipy.linalg.expm(0.5 * held)
    for step in range(200):
        y = (held if wait else free) @ y
        spiked = not wait and y[0] > -1
        if spiked:
            steps.append(step)
            y[0] = -11.0
        wait = max((10 if spiked else wait) - 1, 0)
    assert steps
    np.testing.assert_allclose(sol.spikes.times, 0.5 * np.array(steps), rtol=1e-12)
    end = [sol.final.state[name] for name in ("v", "ge", "gi")]
    np.testing.assert_allclose(end, y - [49.0, 0.0, 0.0], rtol=1e-12)


@pytest.mark.parametrize(
    "text",
    [
        "dv/dt = (E - v)/tau : 1\ndw/dt = -w/tau : 1",  # not coupled
        "dv/dt = (w - v)/tau : 1\ndw/dt = -v*w/tau : 1",  # not linear
        "dv/dt = (w - v)/tau : 1\ndw/dt = -abs(v)/tau : 1",
        "dv/dt = (w - v)/tau : 1\ndw/dt = (int(v > 0)*v - w)/tau : 1",
        "dv/dt = (w - g*v)/tau : 1\ndw/dt = -w/tau : 1\ng : 1",  # changes with the drive
        "dv/dt = (w - v*t/tau)/tau : 1\ndw/dt = -w/tau : 1",
        "dv/dt = (w - v)/tau + xi*tau**-0.5 : 1\ndw/dt = -w/tau : 1",
    ],
)
def test_others_get_exponential_euler(text):
    cell = from_equations(text, parameters={"E": 1.0, "tau": 10.0})
    assert type(cell.default_solver).__name__ == "ExponentialEuler"


@pytest.mark.usefixtures("x64")
def test_resets_in_order_jumping_variables_and_refractoriness_while():
    """A threshold that rises with each spike, a reset that uses what it has just set, and neurons
    that are refractory while they are below −0.1: against the recursion in plain Python."""
    cell = from_equations(
        LEAKY + "\ntheta : 1\ncount : 1",
        threshold="v > 1 + theta",
        reset="theta += 0.1; v = -theta\ncount *= 2\ncount += 1",
        refractory="v < -0.1 and v > -0.25",
        parameters={"tau": np.array([10.0, 7.0])},
        initial={"v": np.array([0.0, 0.5])},
    )
    sol = nj.simulate(cell, nj.Constant(jnp.array([1.6, 1.5])), t1=60.0, dt=0.1)

    for k, (tau, current, v) in enumerate([(10.0, 1.6, 0.0), (7.0, 1.5, 0.5)]):
        theta, count, frozen, steps = 0.0, 0, False, []
        for step in range(600):
            v = v if frozen else current + (v - current) * np.exp(-0.1 / tau)
            spiked = not frozen and v > 1 + theta
            if spiked:
                steps.append(step)
                theta += 0.1
                v, count = -theta, 2 * count + 1
            frozen = (frozen or spiked) and -0.25 < v < -0.1
        assert len(steps) >= 2
        np.testing.assert_allclose(sol.spikes.of(k), 0.1 * np.array(steps), rtol=1e-12)
        state = sol.final.state
        np.testing.assert_allclose([state["v"][k], state["theta"][k]], [v, theta], rtol=1e-12)
        assert state["count"][k] == count


@pytest.mark.usefixtures("x64")
def test_a_refractory_period_that_grows_and_one_told_by_the_last_spike():
    grows = from_equations(
        LEAKY + "\nref : second", threshold="v > 1", reset="v = 0; ref += 2*ms", refractory="ref",
        parameters={"tau": 10 * ms, "ref": 1 * ms},
    )  # fmt: skip
    # Brian2 2.9's spikes.
    sol = nj.simulate(grows, 1.2, t1=100.0, dt=0.1)
    np.testing.assert_allclose(sol.spikes.times, [17.9, 38.8, 61.7, 86.6], rtol=1e-12)

    told = from_equations(
        LEAKY, threshold="v > 1", reset="v = 0", refractory="t - lastspike < 4.95*ms",
        parameters={"tau": 10 * ms},
    )  # fmt: skip
    sol = nj.simulate(told, 1.2, t1=100.0, dt=0.1)
    np.testing.assert_allclose(sol.spikes.times, [17.9, 40.8, 63.7, 86.6], rtol=1e-12)
    np.testing.assert_allclose(sol.final.state["lastspike"], 86.6)
    for neuron, problem in ((grows, "'ref' depends on the state"), (told, "lastspike")):
        with pytest.raises(TypeError, match=problem):
            nj.simulate(neuron, 1.2, t1=10.0)


@pytest.mark.usefixtures("x64")
def test_thresholds_by_their_sign():
    def condition(threshold, **state):
        cell = from_equations("dv/dt = 0/second : 1\ndw/dt = 0/second : 1", threshold=threshold)
        assert isinstance(cell, EquationNeuron)
        return float(cell.spike_condition({n: jnp.asarray(x) for n, x in state.items()}))

    assert condition("v > 1", v=1.25, w=0.0) == 0.25
    assert condition("1 < v", v=0.5, w=0.0) == -0.5
    assert condition("v > 1", v=1.0, w=0.0) == 0
    assert condition("v >= 1", v=1.0, w=0.0) > 0 > condition("v >= 1", v=1 - 1e-12, w=0.0)
    assert condition("v > 1 and w < 2", v=3.0, w=1.5) == 0.5
    assert condition("v > 1 or w < 2", v=3.0, w=1.5) == 2
    assert condition("1 < v < 2", v=1.75, w=0.0) == 0.25
    assert condition("not (v > 1 or w > 2)", v=0.5, w=0.0) == 0.5


@pytest.mark.usefixtures("x64")
def test_gradients_to_parameters_are_those_of_finite_differences():
    def loss(cell, drive):
        return jnp.mean(nj.simulate(cell, drive, t1=20.0, dt=0.1, record=["v"])["v"] ** 2)

    # No spike, and no surrogate for one that did not come.
    cell = adex(surrogate=jnp.zeros_like)
    slopes, slope = jax.jit(jax.grad(loss, argnums=(0, 1)))(cell, 0.3)
    value = jax.jit(loss)
    for name in ("g", "D", "v_T", "C", "a", "tau_w"):
        where = lambda c, name=name: c.parameters[name]  # noqa: E731
        h = 1e-5 * float(jnp.abs(where(cell)))
        up, down = (value(eqx.tree_at(where, cell, where(cell) + s * h), 0.3) for s in (1, -1))
        np.testing.assert_allclose(where(slopes), (up - down) / (2 * h), rtol=1e-5, err_msg=name)
    by_drive = (value(cell, 0.3 + 1e-6) - value(cell, 0.3 - 1e-6)) / 2e-6
    np.testing.assert_allclose(slope, by_drive, rtol=1e-5)
    assert float(jnp.abs(slopes.initial["v"])) > 0


def test_under_vmap_over_a_parameter():
    @jax.jit
    @jax.vmap
    def end(tau):
        return nj.simulate(leaky(tau=tau), 0.8, t1=10.0, dt=0.1).final.state["v"]

    taus = jnp.array([5.0, 10.0, 20.0])
    np.testing.assert_allclose(end(taus), 0.8 * (1 - jnp.exp(-10 / taus)), rtol=1e-5)


def test_a_rate_of_constants_alone_and_a_batch_of_states():
    ramp = from_equations(
        "dv/dt = 0.1/ms : 1", threshold="v > 1", reset="v = 0", refractory=2.0, shape=(2,)
    )
    batch = jax.tree.map(lambda x: jnp.stack([x, x, x]), ramp.initial_state())
    sol = nj.simulate(ramp, t1=5.0, dt=0.5, state=batch)
    assert sol["v"].shape == (10, 3, 2)
    np.testing.assert_allclose(sol["v"][-1], 0.45, rtol=1e-5)


def test_several_inputs_and_a_shared_variable():
    text = """
    dx/dt = (a*c - x + b)/tau : 1
    dc/dt = (1 - c)/tau : 1 (shared)
    a : 1
    b : 1
    """
    cell = from_equations(text, parameters={"tau": 10.0}, shape=(3,))
    state = cell.initial_state()
    assert state["x"].shape == (3,) and state["c"].shape == ()
    drive = {"a": 2.0, "b": jnp.arange(3.0)}
    rate = cell.vector_field(0.0, {"x": jnp.ones(3), "c": jnp.array(0.5)}, drive)
    np.testing.assert_allclose(rate["x"], np.arange(3.0) / 10, atol=1e-7)
    sol = nj.simulate(cell, drive, t1=1.0, dt=0.1)
    assert sol["x"].shape == (10, 3) and sol["c"].shape == (10,)
    for wrong in (1.0, {"a": 1.0}, {"a": 1.0, "b": 1.0, "z": 1.0}):
        with pytest.raises(ValueError, match=r"drive must be a dict of a, b"):
            nj.simulate(cell, wrong, t1=1.0, dt=0.1)


def test_two_noises_of_an_ornstein_uhlenbeck_process_and_a_geometric_one():
    text = """
    dx/dt = -x/tau + kick : volt (unless refractory)
    kick = sigma*sqrt(2/tau)*xi_x : volt/second
    dy/dt = y*xi_y*tau**-0.5 : 1
    """
    cell = from_equations(
        text,
        threshold="x > 1000*mV",
        refractory=1.0,
        parameters={"tau": 10.0, "sigma": 2 * mV},
        initial={"y": 1.0},
        shape=(4000,),
    )
    noise = cell.diffusion(0.0, cell.initial_state(), 0.0)
    assert noise is not None and set(noise) == {"x", "y", "frozen"}
    np.testing.assert_allclose(noise["y"], 10**-0.5, rtol=1e-6)
    refractory = cell.freeze(cell.initial_state(), jnp.ones(4000, bool))  # pyright: ignore[reportAttributeAccessIssue]
    assert np.all(cell.diffusion(0.0, refractory, 0.0)["x"] == 0)  # pyright: ignore[reportOptionalSubscript]

    sol = nj.simulate(cell, t1=50.0, dt=0.5, key=jax.random.key(1), record=["x", "y"], every=99)
    x, y = np.asarray(sol["x"][-1]), np.asarray(sol["y"][-1])
    # 4,000 samples of variance 4: its standard error is 4·√(2/4000) = 0.09, of the mean 0.03.
    assert abs(x.var() - 4) < 0.36 and abs(x.mean()) < 0.13
    # Itô: y keeps its mean; at 49.5 ms its logarithm is near −49.5/20 on average, √(4.95/4000) off.
    assert abs(np.log(np.abs(y)).mean() + 49.5 / 20) < 0.25
    assert abs(np.corrcoef(x, y)[0, 1]) < 0.1
