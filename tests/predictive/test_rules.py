"""Rules of learning against their papers' identities, and what inference may start from."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest

from neurojax.predictive import (
    BackpropRule,
    Categorical,
    Dense,
    Edge,
    Gaussian,
    Hierarchy,
    IncrementalPredictiveCoding,
    LearnedGaussian,
    Node,
    Nudging,
    PredictiveCoding,
    StateDependentGaussian,
    equilibrium,
    finetune,
    infer,
    mlp,
    predict,
    weight_decay,
    weight_gradient,
)
from neurojax.predictive._rules import nudged

pytestmark = pytest.mark.usefixtures("x64")


def network(output=None, activation=jnp.tanh) -> Hierarchy:
    return mlp((4, 7, 6, 3), jr.key(0), activation=activation, output=output)


def pair(samples: int = 5):
    return jr.normal(jr.key(1), (samples, 4)), jax.nn.softmax(jr.normal(jr.key(2), (samples, 3)))


def clamped() -> dict:
    x, y = pair()
    return {"input": x, "output": y}


def training(epochs: int = 1, optimizer=None) -> dict:
    optimizer = optimizer or optax.sgd(0.05)
    return {"optimizer": optimizer, "epochs": epochs, "batch_size": 5, "key": jr.key(0)}


def distance(a: Hierarchy, b: Hierarchy) -> float:
    x, y = (np.concatenate([g.ravel() for g in jax.tree.leaves(t.edges)]) for t in (a, b))
    return float(np.linalg.norm(x - y) / np.linalg.norm(y))


def settling(**how) -> PredictiveCoding:
    return PredictiveCoding(steps=600, step_size=0.2, **how)


@pytest.mark.parametrize("output", [Gaussian, Categorical])
def test_equilibrium_propagation_is_backprop_as_beta_vanishes(output):
    """One-sided at first order in beta, centred at second: Laborieux et al. 2021, eqs. 6 and 7."""
    model = network(output())
    due, _ = BackpropRule()(model, pair())

    def off(beta: float, sign) -> float:
        nudging = Nudging(beta, sign, of="energy")
        return distance(settling(nudging=nudging)(model, pair())[0], due)

    for sign, order in (("positive", 1), ("negative", 1), ("centred", 2)):
        far, near = off(0.04, sign), off(0.02, sign)
        assert 1e-7 < near < 0.05
        np.testing.assert_allclose(far / near, 2**order, rtol=0.15)


def test_centred_is_half_the_difference_of_the_pushes():
    model, batch = network(Categorical()), pair()
    for of in ("target", "energy"):
        found = {
            sign: settling(nudging=Nudging(0.1, sign, of))(model, batch)[0]
            for sign in ("positive", "negative", "centred")
        }
        mean = jax.tree.map(lambda a, b: (a + b) / 2, found["positive"], found["negative"])
        assert distance(found["centred"], mean) < 1e-12


def test_a_target_nudged_by_one_is_clamped():
    model, batch = network(Categorical()), pair()
    nudging = Nudging(1.0, "positive", "target")
    whole, _ = settling()(model, batch)
    assert distance(settling(nudging=nudging)(model, batch)[0], whole) < 1e-12


def test_nudged_targets_by_hand():
    x, y = pair()
    model = network(Categorical())
    p = jax.nn.softmax(predict(model, x))
    _, clamps = nudged(model, {"input": x, "output": y}, -0.25)
    np.testing.assert_allclose(clamps["output"], p - 0.25 * (y - p), rtol=1e-12)
    np.testing.assert_allclose(jnp.sum(clamps["output"], axis=1), 1.0, rtol=1e-12)


def test_incremental_updates_by_hand():
    """Both follow the energy from where they are: z ← z − γ ∂E/∂z and W ← W − α ∂E/∂W / batch."""
    model, rate, clamps = network(), 0.05, clamped()
    rule = IncrementalPredictiveCoding(steps=4, step_size=0.1)
    fitted = finetune(model, clamps, rule=rule, **training(optimizer=optax.sgd(rate))).model
    modules = [edge.module for edge in model.edges]
    z = model.feedforward(clamps)

    def energy(modules, hidden):
        edges = [Edge(e.source, e.target, m) for e, m in zip(model.edges, modules, strict=True)]
        return Hierarchy(model.nodes, edges).energy({**z, **hidden}, clamps)

    hidden = {"h1": z["h1"], "h2": z["h2"]}
    for _ in range(4):
        to_modules, to_hidden = jax.grad(energy, argnums=(0, 1))(modules, hidden)
        modules = jax.tree.map(lambda w, g: w - rate * g / 5, modules, to_modules)
        hidden = jax.tree.map(lambda z, g: z - 0.1 * g, hidden, to_hidden)
    for edge, due in zip(fitted.edges, modules, strict=True):
        np.testing.assert_allclose(edge.module.weight, due.weight, rtol=1e-9)
    assert distance(fitted, model) > 1e-4


@pytest.mark.parametrize("activation", [jnp.tanh, lambda x: x])
def test_errors_and_activities_have_the_same_equilibrium(activation):
    model, clamps = network(activation=activation), clamped()
    slow = infer(model, clamps, steps=4000, step_size=0.2)
    fast = infer(model, clamps, steps=400, step_size=0.2, coordinates="errors")
    np.testing.assert_allclose(fast.energy, slow.energy, rtol=1e-9)
    for name, due in slow.activities.items():
        np.testing.assert_allclose(fast.activities[name], due, atol=1e-8)


def test_errors_settle_a_deep_chain_in_few_steps():
    """An error that has 12 layers to go is there in the first step; activities need one each."""
    widths = (4, *[8] * 12, 3)
    model = mlp(widths, jr.key(3), activation=lambda x: x)
    clamps = clamped()
    exact = equilibrium(model, clamps)
    start = float(jnp.sum(infer(model, clamps, steps=1).energy_before))
    possible = 100 * (1 - float(jnp.sum(exact.energy)) / start)
    errors = infer(model, clamps, steps=8, step_size=0.5, coordinates="errors")
    activities = infer(model, clamps, steps=8, step_size=0.5)
    assert float(errors.relaxation) > 0.95 * possible
    assert float(activities.relaxation) < float(errors.relaxation)
    np.testing.assert_array_equal(activities.activities["h1"], model.feedforward(clamps)["h1"])


OPTIMIZERS = {
    "momentum": optax.sgd(0.05, momentum=0.8),
    "nesterov": optax.sgd(0.05, momentum=0.8, nesterov=True),
    "adam": optax.adam(optax.exponential_decay(0.05, 100, 0.5)),
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_any_optax_transformation_settles(optimizer):
    model, clamps = network(activation=lambda x: x), clamped()
    exact = equilibrium(model, clamps)
    settled = infer(model, clamps, steps=1500, solver=optimizer)
    for name, due in exact.activities.items():
        np.testing.assert_allclose(settled.activities[name], due, atol=1e-4)
    stopped = infer(model, clamps, steps=1500, solver=optimizer, tolerance=1e-3)
    assert stopped.converged is not None and stopped.converged.all()
    assert int(stopped.steps.max()) < 1000


def test_gradient_descent_by_optax_is_eulers_method():
    model, clamps = network(), clamped()
    a = infer(model, clamps, steps=15, solver=optax.sgd(0.1))
    b = infer(model, clamps, steps=15, step_size=0.1)
    np.testing.assert_allclose(a.energy, b.energy, rtol=1e-12)
    with pytest.raises(ValueError, match=r"step_size=0.1 .* an optax transformation has its own"):
        infer(model, clamps, solver=optax.sgd(0.1), step_size=0.1)


def test_a_learned_precision_is_the_inverse_of_the_mean_squared_error():
    """At the optimum of `½ Σ [exp(λ) e² − λ]`; a fixed precision does not move."""
    y = 0.3 * jr.normal(jr.key(0), (400, 2)) * jnp.array([[1.0, 3.0]])
    model = Hierarchy(
        [Node("input", 1, Gaussian(2.0)), Node("output", 2, LearnedGaussian(jnp.zeros(2)))],
        [Edge("input", "output", Dense(jnp.zeros((2, 1)), None))],
    )
    fitted = finetune(
        model, (jnp.zeros((400, 1)), y), optimizer=optax.adam(0.05), epochs=200, batch_size=400,
        key=jr.key(1),
    ).model  # fmt: skip
    due = -np.log(np.mean(np.asarray(y) ** 2, axis=0))
    np.testing.assert_allclose(fitted.nodes[1].energy.log_precision, due, atol=1e-3)
    assert float(fitted.nodes[0].energy.precision) == 2.0


def test_a_state_dependent_precision_weighs_each_error_by_its_own():
    def module(x):
        return 2 * x, jnp.log(1 + x**2)

    model = Hierarchy(
        [Node("input", 3), Node("output", 3, StateDependentGaussian())],
        [Edge("input", "output", module)],
    )
    x, y = jr.normal(jr.key(0), (2, 4, 3))
    due = 0.5 * np.sum((1 + x**2) * (y - 2 * x) ** 2 - np.log(1 + x**2))
    found = model.energy({"input": x, "output": y}, {"input": x, "output": y})
    np.testing.assert_allclose(found, due, rtol=1e-12)
    np.testing.assert_allclose(predict(model, x), 2 * x)
    with pytest.raises(ValueError, match=r"gives shapes \[\(3,\)\], node 'output' with energy S"):
        Hierarchy(model.nodes, [Edge("input", "output", lambda x: x)])


def test_any_function_is_an_energy():
    quartic = lambda z, mu: jnp.sum((z - mu) ** 4)  # noqa: E731
    nodes = [Node("input", 3), Node("output", 3, quartic)]
    model = Hierarchy(nodes, [Edge("input", "output", lambda x: x)])
    x, y = jr.normal(jr.key(0), (2, 4, 3))
    found = model.energy({}, {"input": x, "output": y})
    np.testing.assert_allclose(found, jnp.sum((x - y) ** 4))


def amortised() -> Hierarchy:
    """A generator of the input from the output, and the way back that says where to start."""
    up = mlp((4, 6, 3), jr.key(5), activation=jnp.tanh)
    first = Dense(0.5 * jr.normal(jr.key(6), (6, 3)), None)
    second = Dense(0.5 * jr.normal(jr.key(7), (4, 6)), None, jnp.tanh)
    return Hierarchy(
        [Node("input", 4), Node("h", 6), Node("output", 3)],
        [
            Edge("output", "h", first),
            Edge("h", "input", second),
            Edge("input", "h", up.edges[0].module, amortised=True),
            Edge("h", "output", up.edges[1].module, amortised=True),
        ],
    )


def test_amortised_edges_start_inference_and_learn_where_it_ends():
    model, clamps = amortised(), {"input": pair()[0]}
    start = model.feedforward(clamps)
    h = clamps["input"] @ model.edges[2].module.weight.T + model.edges[2].module.bias[None]
    np.testing.assert_allclose(start["h"], h, rtol=1e-12)
    settled = infer(model, clamps, steps=200, step_size=0.1)
    assert float(settled.relaxation) > 10 and model.energy_names == ("input", "h")
    _, gradient = weight_gradient(model, settled.activities, clamps)
    # Of the way back only: its squared error of where inference ended, divided by the samples.
    error = settled.activities["h"] - h
    np.testing.assert_allclose(
        gradient.edges[2].module.weight, -error.T @ clamps["input"] / 5, rtol=1e-9
    )
    fit = finetune(model, clamps, steps=200, **training(150, optax.adam(1e-2))).model
    better = infer(fit, clamps, steps=1)
    assert float(jnp.sum(better.energy_before)) < 0.2 * float(jnp.sum(settled.energy_before))


def test_a_start_may_be_a_function_of_the_clamps():
    model, clamps = network(), clamped()
    settled = infer(model, clamps, steps=400)
    again = infer(model, clamps, steps=1, start=lambda given: {**settled.activities, **given})
    assert float(again.residual.max()) < 1e-3
    cold = infer(model, clamps, steps=1)
    assert float(cold.residual.max()) > 1e-2


def test_weight_decay_pulls_weights_and_leaves_biases():
    model, batch = network(), pair()
    plain, _ = PredictiveCoding()(model, batch)
    decayed, _ = PredictiveCoding(penalty=weight_decay(0.3))(model, batch)
    for a, b, edge in zip(decayed.edges, plain.edges, model.edges, strict=True):
        np.testing.assert_allclose(a.module.weight - b.module.weight, 0.3 * edge.module.weight)
        np.testing.assert_array_equal(a.module.bias, b.module.bias)


WRONG = {
    "beta": (lambda: Nudging(-0.1), "Nudging: beta must be positive, got -0.1"),
    "sign": (lambda: Nudging(0.1, "up"), "Nudging: sign must be one of .* got 'up'"),
    "steps": (lambda: IncrementalPredictiveCoding(steps=0), "must be positive, got 0"),
    "no output": (
        lambda: nudged(network(), {"input": pair()[0]}, 0.1),
        r"nudging needs the 'output' clamped, got \['input'\]",
    ),
    "name": (
        lambda: finetune(network(), pair(), rule="hebb", **training()),
        "rule must be one of pc, epc, ipc, pn, nn, cn, ep, bp, or a gradient, got 'hebb'",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("make", "message"), WRONG.values(), ids=WRONG)
def test_wrong_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()
