"""What a system of equations prints, its LaTeX, and the values that are refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import neurojax as nj
from neurojax.equations import FUNCTIONS, EquationError, from_equations, units
from neurojax.equations.units import ms, mV

TEXT = """
dv/dt = (g_l*(E_L - v) + I)/C : volt (unless refractory)  # the membrane
alpha = 0.1*exprel((v - theta)/(5*mV))/ms : Hz
dm/dt = alpha*(1 - m**3)*int(v > E_L) : 1
theta : volt
I : amp
"""
VALUES = {"g_l": 0.01, "E_L": -70 * mV, "C": np.array([0.1, 0.2, 0.3])}


@pytest.fixture(scope="module")
def neuron():
    return from_equations(
        TEXT,
        threshold="v > theta and m < 1",
        reset="v = E_L; theta += 2*mV",
        refractory=2 * ms,
        parameters=VALUES,
        initial={"theta": -50.0},
    )


def test_print_shows_equations_and_values(neuron):
    assert str(neuron).split("\n") == [
        "EquationNeuron, shape (3,)",
        "  dv/dt = (g_l*(E_L - v) + I)/C : volt (unless refractory)",
        "  alpha = 0.1*exprel((v - theta)/(5*mV))/ms : Hz",
        "  dm/dt = alpha*(1 - m**3)*int(v > E_L) : 1",
        "  theta : volt",
        "  I : amp  # the drive",
        "  threshold: v > theta and m < 1",
        "  reset: v = E_L; theta += 2*mV",
        "  g_l = 0.01 µS",
        "  E_L = -70 mV",
        "  C = [0.1 0.2 0.3] nF",
        "  refractory = 2 ms",
        "  v(0) = 0 mV",
        "  m(0) = 0",
        "  theta(0) = -50 mV",
    ]
    shapes = jax.eval_shape(lambda: neuron)
    assert "shape=(3,)" in str(shapes)


def test_latex(neuron):
    latex = neuron._repr_latex_()

    assert latex.startswith("$$\\begin{aligned}") and latex.endswith("\\end{aligned}$$")
    for opened, closed in (("{", "}"), (r"\left(", r"\right)")):
        assert latex.count(opened) == latex.count(closed)
    for part in (
        r"\frac{dv}{dt} &= \frac{I + g_{l}\,\left(E_{L} - v\right)}{C} && \text{unless",
        r"\alpha &= ",
        r"\operatorname{exprel}",
        r"1 - m^{3}",
        r"\text{if }& ",
        r" \wedge ",
        r":\; v \leftarrow E_{L},\;\theta \leftarrow \theta + 2\,\mathrm{mV}",
    ):
        assert part in latex, part


@pytest.mark.parametrize(
    ("arguments", "error", "problem"),
    [
        ({"parameters": {"tau": "10"}}, TypeError, r"parameters\['tau'\] must be a number"),
        ({"parameters": {"tau": 10, "v": 1}}, ValueError, r"'v'\]: v is given by an equation"),
        ({"parameters": {"tau": np.ones(2), "E": np.ones(3)}}, ValueError, r"E has shape \(3,\)"),
        ({"shape": (4,), "initial": {"v": np.ones(3)}}, ValueError, r"v has shape \(3,\)"),
        ({"initial": {"w": 1.0}}, ValueError, r"initial\['w'\]: the model's variables are v"),
        ({"reset": "v = 0"}, ValueError, "reset and refractory need a threshold"),
        ({"refractory": 1.0}, ValueError, "reset and refractory need a threshold"),
        ({"threshold": "v > 1", "refractory": -1.0}, ValueError, "refractory must not be negative"),
        (
            {"parameters": {"tau": 10, "t": 1}},
            ValueError,
            r"'t'\]: no parameter can have",
        ),
        ({"parameters": {"tau": 10, "xi_1": 1}}, ValueError, "no parameter can have this name"),
        ({"parameters": {}}, EquationError, "unknown name 'tau'"),
    ],
)
def test_values_that_are_refused(arguments, error, problem):
    with pytest.raises(error, match=problem):
        from_equations("dv/dt = -v/tau : 1", **{"parameters": {"tau": 10.0}} | arguments)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("dv/dt = a*xi : 1\ndw/dt = a*xi : 1", "noise that two equations share"),
        ("dv/dt = a*xi_1 + a*xi_2 : 1", "one equation takes one noise"),
        ("dv/dt = sqrt(xi*xi)*second**-0.5*1e-3 : 1", "white noise can only be added"),
        ("dv/dt = a*n : 1\nn = xi : second**-0.5\ndw/dt = a*n : 1", "noise that two equations"),
        ("dv/dt = -v/tau : 1 (shared)\ndw/dt = -w/tau : 1 (shared)\ndu/dt=-u/tau:1", None),
        ("dv/dt = (t - lastspike)/tau**2 : 1", "lastspike needs a threshold"),
        ("dv/dt = -u/tau : 1 (shared)\ndu/dt = -u/tau : 1", "v is shared, but u is not"),
    ],
)
def test_noise_and_sharing_that_are_refused(text, problem):
    given = {"a": 1.0, "tau": 10 * ms}
    if problem is None:
        assert from_equations(text, parameters=given, shape=(2,)).initial_state()["v"].shape == ()
        return
    with pytest.raises(EquationError, match=problem):
        from_equations(text, parameters=given)


@pytest.mark.parametrize("x64", [False, True])
def test_exprel_and_its_derivative(x64):
    exprel = FUNCTIONS["exprel"].apply
    with jax.enable_x64(x64):
        slope_of = jax.jit(jax.vmap(jax.grad(exprel)))
        x = np.concatenate([-np.logspace(1.9, -9, 60), [0.0], np.logspace(-9, 1.9, 60)])
        wide = x.astype(np.float32 if not x64 else np.float64).astype(np.float64)
        nonzero = np.where(wide == 0, 1.0, wide)
        truth = np.where(wide == 0, 1.0, np.expm1(wide) / nonzero)
        tail = sum(wide**k * (k + 1) / float(np.prod(np.arange(1.0, k + 3))) for k in range(18))
        closed = (np.exp(wide) - truth) / nonzero
        slope = np.where(np.abs(wide) < 0.5, tail, closed)
        given = jnp.asarray(x, jnp.result_type(float))
        rtol = 1e-14 if x64 else 2e-6
        np.testing.assert_allclose(exprel(given), truth, rtol=rtol)
        np.testing.assert_allclose(slope_of(given), slope, rtol=4 * rtol)
        assert exprel(0.0) == 1 and jax.grad(exprel)(0.0) == 0.5


def test_units_are_importable_and_unknown_ones_are_not():
    assert (10 * units.ms).to("second").magnitude == pytest.approx(0.01)
    assert nj.equations.units.usiemens == units.uS
    with pytest.raises(AttributeError, match="no unit is named 'furlong'"):
        units.furlong  # noqa: B018
