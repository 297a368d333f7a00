"""Units that send changes: where they end, how far off they are, what was sent, by hand."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import neurojax as nj
from neurojax import metrics
from neurojax.predictive import (
    Categorical,
    Dense,
    Edge,
    EventDriven,
    EventState,
    Gaussian,
    Hierarchy,
    Node,
    StateDependentGaussian,
    chain,
    infer,
    mlp,
    predict,
    residual_mlp,
    weight_gradient,
)

relu = eqx.nn.Lambda(jax.nn.relu)
ravel = eqx.nn.Lambda(jnp.ravel)


def dense(**how) -> Hierarchy:
    return mlp((6, 9, 7, 4), jr.key(0), activation=jnp.tanh, **how)


def convolutional() -> Hierarchy:
    """Activations before the weights and behind them, and pooling where activities are sent."""
    keys = jr.split(jr.key(0), 3)
    return chain(
        [
            eqx.nn.Sequential([eqx.nn.Conv2d(1, 3, 3, padding=1, key=keys[0]), relu]),
            eqx.nn.Sequential([eqx.nn.AvgPool2d(2, 2), eqx.nn.Conv2d(3, 4, 3, 2, 1, key=keys[1])]),
            eqx.nn.Sequential([relu, ravel, eqx.nn.Linear(16, 5, key=keys[2])]),
        ],
        (1, 8, 8),
        output=Categorical(),
    )


CASES = {"dense": (dense, (6,), 4), "convolutional": (convolutional, (1, 8, 8), 5)}


def data(case: str, samples: int = 3) -> tuple[Hierarchy, jax.Array, jax.Array]:
    make, shape, classes = CASES[case]
    x = jnp.maximum(jr.uniform(jr.key(1), (samples, *shape), minval=-0.5), 0)
    return make(), x, jax.nn.one_hot(jnp.arange(samples), classes)


def run(system: EventDriven, steps: int, dt: float = 1.0, state=None) -> EventState:
    return nj.simulate(system, t1=steps * dt, dt=dt, state=state).final.state


@pytest.mark.parametrize("case", CASES)
def test_without_a_threshold_one_step_is_the_feedforward_prediction(case: str):
    hierarchy, x, _ = data(case)
    system = EventDriven(hierarchy, {"input": x}, threshold=0.0)
    np.testing.assert_allclose(
        system.output(run(system, 1)), predict(hierarchy, x), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("case", CASES)
def test_without_a_threshold_it_settles_as_infer_does_step_by_step(case: str):
    """From the feed-forward activities, with the output clamped: its first errors are felt in the
    second step."""
    hierarchy, x, y = data(case)
    forward = run(EventDriven(hierarchy, {"input": x}, threshold=0.0), 1)
    clamps = {"input": x, "output": y}
    for steps in (1, 20):
        end = run(EventDriven(hierarchy, clamps, threshold=0.0), steps + 1, 0.1, forward)
        due = infer(hierarchy, clamps, steps=steps, step_size=0.1)
        for name, z in due.activities.items():
            np.testing.assert_allclose(end.activities[name], z, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("case", CASES)
def test_without_a_threshold_it_learns_what_predictive_coding_learns(case: str):
    hierarchy, x, y = data(case)
    clamps = {"input": x, "output": y}
    system = EventDriven(hierarchy, clamps, threshold=0.0)
    end = run(system, 21, 0.1)
    due = weight_gradient(hierarchy, end.activities, clamps)[1]
    pairs = zip(jax.tree.leaves(system.gradient(end)), jax.tree.leaves(due), strict=True)
    for found, expected in pairs:
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert max(float(jnp.abs(g).max()) for g in jax.tree.leaves(due)) > 0.01


def test_a_gradient_is_the_error_times_what_was_sent():
    hierarchy, x, y = data("dense")
    system = EventDriven(hierarchy, {"input": x, "output": y}, threshold=0.1, mode="ternary")
    end = run(system, 15, 0.1)
    error = y - end.predictions[2].received
    due = -error.T @ end.predictions[2].sent / 3
    np.testing.assert_allclose(system.gradient(end).edges[2].module.weight, due, atol=1e-6)
    forward = EventDriven(hierarchy, {"input": x}, threshold=0.1)
    assert not any(g.any() for g in jax.tree.leaves(forward.gradient(run(forward, 3))))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("mode", ["graded", "ternary"])
def test_a_smaller_threshold_comes_closer_to_infer(case: str, mode):
    hierarchy, x, y = data(case)
    clamps = {"input": x, "output": y}
    due = infer(hierarchy, clamps, steps=400, step_size=0.1).activities

    def error(threshold: float) -> float:
        end = run(EventDriven(hierarchy, clamps, threshold=threshold, mode=mode), 800, 0.1)
        return max(float(jnp.max(jnp.abs(end.activities[name] - due[name]))) for name in due)

    assert error(0.003) < min(0.3 * error(0.1), 0.02)


@pytest.mark.parametrize("mode", ["graded", "ternary"])
@pytest.mark.parametrize("threshold", [0.03, 0.2])
def test_the_deviation_is_bounded_by_the_threshold(mode, threshold: float):
    """What is known of a unit is off by at most θ, so a prediction by |W| (θ + what its source is
    off by), tanh being 1-Lipschitz."""
    hierarchy, x, _ = data("dense")
    end = run(EventDriven(hierarchy, {"input": x}, threshold=threshold, mode=mode), 100)
    due = hierarchy.feedforward({"input": x})
    off = np.zeros(6)
    for edge, messages in zip(hierarchy.edges, end.predictions, strict=True):
        value = edge.module.activation(end.activities[edge.source[0]])
        assert float(jnp.max(jnp.abs(value - messages.sent))) <= threshold + 1e-6
        off = np.abs(edge.module.weight) @ (threshold + off)
        difference = np.abs(end.activities[edge.target] - due[edge.target])
        assert (difference <= off + 1e-5).all()
    assert float(difference.max()) > 1e-4  # the threshold does something


@pytest.mark.parametrize("mode", ["graded", "ternary"])
def test_a_dense_chain_against_loops_over_units(mode):
    """Each unit, message and synapse by itself, in double precision."""
    hierarchy, x, _ = data("dense", 2)
    hierarchy = eqx.tree_at(
        lambda h: h.edges[1].module.weight, hierarchy, replace_fn=lambda w: w.at[::2, 1:4].set(0)
    )
    theta, steps = 0.15, 7
    system = EventDriven(hierarchy, {"input": x}, threshold=theta, mode=mode)
    end = run(system, steps)
    counted = system.operations(end)
    as64 = lambda x: np.asarray(x, np.float64)  # noqa: E731
    layers = [(as64(e.module.weight), as64(e.module.bias)) for e in hierarchy.edges]
    for sample in range(2):
        blank, sent, received = np.zeros(6), [], []
        for n, (w, b) in enumerate(layers):
            sent.append(blank if n == 0 else np.tanh(blank))
            received.append(w @ sent[-1] + b)
            blank = received[-1]
        events, operations, looks = np.zeros(3, int), np.zeros(3, int), np.zeros(3, int)
        last: dict = {}
        for _ in range(steps):
            below = as64(x[sample])
            for n, (w, _) in enumerate(layers):
                value = below if n == 0 else np.tanh(below)
                for unit in range(len(value)):
                    change = value[unit] - sent[n][unit]
                    if (n, unit) not in last or abs(change - last[n, unit]) > 1e-7:
                        looks[n] += 1
                    last[n, unit] = change
                    if abs(change) <= theta:
                        continue
                    message = change if mode == "graded" else 2 * theta * np.sign(change)
                    sent[n][unit] += message
                    events[n] += 1
                    for receiver in range(len(w)):
                        if w[receiver, unit] != 0:
                            received[n][receiver] += w[receiver, unit] * message
                            operations[n] += 1
                below = received[n]
        np.testing.assert_allclose(system.output(end)[sample], below, atol=1e-5)
        for n, edge in enumerate(hierarchy.edges):
            assert end.predictions[n].events[sample] == events[n] > 0
            assert counted[edge.name].effective[sample] == operations[n]
            assert system.comparisons(end)[edge.name][sample] == looks[n]
            assert counted[edge.name].dense == steps * layers[n][0].size


def test_a_convolution_against_loops_over_taps():
    """Up and down, of what was sent in each step."""
    hierarchy, x, y = data("convolutional", 2)
    clamps, theta, steps = {"input": x, "output": y}, 0.02, 12
    system = EventDriven(hierarchy, clamps, threshold=theta, mode="ternary")
    watch = {
        "up": lambda t, state: state.predictions[1].sent,
        "down": lambda t, state: state.feedback[1].sent,
    }
    solution = nj.simulate(system, t1=0.5 * steps, dt=0.5, record=watch)
    end = solution.final.state
    counted = system.operations(end)
    for name, last, what in (
        ("h1 to h2", end.predictions[1], "up"),
        ("errors of h2 to h1", end.feedback[1], "down"),
    ):
        known = np.concatenate([solution[what], last.sent[None]])
        messages = np.rint(np.diff(known, axis=0) / (2 * theta)).astype(int)
        assert {0, 1} <= set(messages.flat) <= {-1, 0, 1}
        taps = np.zeros(2, int)
        for step, sample, c, i, j in np.argwhere(messages):
            del step, c
            for row in range(2):  # outputs of a 4x4 image, stride 2, padding 1
                for column in range(2):
                    a, b = (i + 1 - 2 * row, j + 1 - 2 * column)
                    if what == "up" and 0 <= a < 3 and 0 <= b < 3:
                        taps[sample] += 4
            if what == "down":
                rows = sum(0 <= 2 * i + k - 1 < 4 for k in range(3))
                taps[sample] += 3 * rows * sum(0 <= 2 * j + k - 1 < 4 for k in range(3))
        np.testing.assert_array_equal(counted[name].effective, taps)
        assert (taps > 0).all()
        assert bool(counted[name].ternary.all())


def test_messages_of_one_size_are_accumulates_and_graded_ones_are_not():
    hierarchy, x, _ = data("dense")
    for mode, kind, other in (("ternary", "acs", "macs"), ("graded", "macs", "acs")):
        system = EventDriven(hierarchy, {"input": x}, threshold=0.1, mode=mode)
        counted = system.operations(run(system, 5))
        assert list(counted) == ["input to h1", "h1 to h2", "h2 to output"]
        layers = {name: metrics.per_sample(c, samples=3) for name, c in counted.items()}
        total = metrics.estimate_energy(layers).total
        assert getattr(total, kind) > 0 and getattr(total, other) == 0


@pytest.mark.parametrize("mode", ["graded", "ternary"])
def test_a_blank_input_and_one_that_stays_cost_nothing(mode):
    hierarchy, x, _ = data("convolutional")
    blank = EventDriven(hierarchy, {"input": 0 * x}, threshold=0.05, mode=mode)
    system = EventDriven(hierarchy, {"input": x}, threshold=0.05, mode=mode)
    start = run(blank, 3)
    assert all(int(m.events.sum()) == 0 for m in (*start.predictions, *start.feedback))
    settled = run(system, 30)
    later = run(system, 10, state=settled)
    for name, count in system.operations(later).items():
        energy = metrics.estimate_energy(metrics.per_sample(count, samples=3))
        assert energy.low > 0
        np.testing.assert_array_equal(count.effective, system.operations(settled)[name].effective)


def test_it_stops_when_all_are_silent():
    hierarchy, x, y = data("convolutional")
    for clamps, dt in (({"input": x}, 1.0), ({"input": x, "output": y}, 0.1)):
        system = EventDriven(hierarchy, clamps, threshold=0.1, mode="ternary")
        stopped = nj.simulate(system, t1=500 * dt, dt=dt, until=system.silent).final.state
        assert 3 < int(stopped.steps) < 500
        before = run(system, int(stopped.steps) - 2, dt)
        events = lambda s: sum(int(m.events.sum()) for m in (*s.predictions, *s.feedback))  # noqa: E731
        assert events(before) < events(stopped)
        if dt == 1.0:  # nothing flows: what is silent remains so
            assert events(run(system, 500)) == events(stopped)


def test_values_between_two_quanta_do_not_keep_units_sending():
    """Odd multiples of θ and their neighbours, where rounding could make of one quantum too few one
    too many, and so on for ever."""
    theta = np.float32(0.0731)
    x = theta * np.arange(1, 400, 2, dtype=np.float32)
    x = np.concatenate([x, np.nextafter(x, np.float32(0)), np.nextafter(x, np.float32(99))])
    hierarchy = chain([weights(1, 1)], 1)
    system = EventDriven(
        hierarchy, {"input": jnp.asarray(x[:, None])}, threshold=float(theta), mode="ternary"
    )
    end = nj.simulate(system, t1=1000.0, dt=1.0, until=system.silent).final.state
    assert int(end.steps) < 300
    off = np.abs(end.predictions[0].sent[:, 0] - x)
    assert (off <= theta + 400 * np.finfo(np.float32).eps * x).all()


def test_less_is_sent_above_a_higher_threshold():
    hierarchy, x, y = data("convolutional")
    for clamps in ({"input": x}, {"input": x, "output": y}):
        totals = []
        for threshold in (0.01, 0.1, 1.0, 100.0):
            system = EventDriven(hierarchy, clamps, threshold=threshold, error_threshold=threshold)
            end = run(system, 40, 0.1)
            totals.append(sum(int(c.effective.sum()) for c in system.operations(end).values()))
        assert totals[0] > totals[1] > totals[2] >= totals[3] == 0


def test_a_sample_is_the_same_alone_and_in_a_batch():
    hierarchy, x, y = data("convolutional")
    how = {"threshold": {"input": 0.1, "h1": 0.05, "h2": 0.1}, "error_threshold": 0.02}
    whole = EventDriven(hierarchy, {"input": x, "output": y}, **how)
    alone = EventDriven(hierarchy, {"input": x[1], "output": y[1]}, **how)
    a, b = run(whole, 20, 0.1), run(alone, 20, 0.1)
    np.testing.assert_allclose(a.activities["h1"][1], b.activities["h1"], atol=1e-5)
    for name, count in alone.operations(b).items():
        assert int(count.effective) == int(whole.operations(a)[name].effective[1])


def test_a_free_input_is_inferred():
    """The output clamped alone: errors go down to an input that nothing predicts."""
    hierarchy, _, y = data("dense")
    end = run(EventDriven(hierarchy, {"output": y}, threshold=0.0), 101, 0.1)
    due = infer(hierarchy, {"output": y}, steps=100, step_size=0.1).activities
    assert float(jnp.linalg.norm(end.activities["input"])) > 0.1
    for name, z in due.items():
        np.testing.assert_allclose(end.activities[name], z, rtol=1e-4, atol=2e-5)


def test_x64(x64):
    hierarchy = mlp((6, 9, 4), jr.key(0))
    x = jr.normal(jr.key(1), (3, 6))
    system = EventDriven(hierarchy, {"input": x}, threshold=0.0)
    np.testing.assert_allclose(system.output(run(system, 1)), predict(hierarchy, x), rtol=1e-12)


X = jnp.ones((2, 6))


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"threshold": -0.1}, "threshold of node 'input' .* at least zero .* -0.1"),
        ({"threshold": 0.0, "mode": "ternary"}, "threshold of node 'input' .* above zero"),
        ({"threshold": float("inf")}, "must be a finite number"),
        ({"threshold": jnp.ones(3)}, "threshold of node 'input'"),
        ({"threshold": {"input": 0.1, "h1": 0.1}}, "threshold has none for node 'h2'"),
        ({"threshold": 0.1, "mode": "binary"}, "mode must be one of graded, ternary, got 'binary'"),
    ],
)
def test_bad_arguments_are_named(how: dict, words: str):
    with pytest.raises(ValueError, match=words):
        EventDriven(dense(), {"input": X}, **how)


def test_errors_need_a_threshold_where_they_are_sent():
    clamps = {"input": X, "output": jnp.ones((2, 4))}
    threshold = {"input": 0.1, "h1": 0.1, "h2": 0.1}
    with pytest.raises(ValueError, match="threshold has none for node 'output'"):
        EventDriven(dense(), clamps, threshold=threshold)
    with pytest.raises(ValueError, match="error_threshold of node 'h2'"):
        EventDriven(dense(), clamps, threshold=threshold, error_threshold=-1.0)


def test_bad_clamps_are_named():
    with pytest.raises(ValueError, match=r"clamps\['input'\] has shape \(2, 5\)"):
        EventDriven(dense(), {"input": jnp.ones((2, 5))}, threshold=0.1)
    with pytest.raises(ValueError, match="clamps is empty"):
        EventDriven(dense(), {}, threshold=0.1)


def weights(above: int, below: int) -> Dense:
    return Dense(jnp.ones((above, below)), None)


def test_what_is_no_chain_is_refused():
    branching = Hierarchy(
        [Node("input", 6), Node("a", 3), Node("output", 3)],
        [Edge("input", "a", weights(3, 6)), Edge("input", "output", weights(3, 6))],
    )
    prior = Hierarchy(
        [Node("input", 6), Node("output", 3)],
        [
            Edge("input", "output", weights(3, 6)),
            Edge((), "output", lambda: jnp.zeros(()), Gaussian()),
        ],
    )
    stack = residual_mlp(6, 5, 3, 2, jr.key(0))
    for hierarchy, words in (
        (branching, "must be a chain, got edges input to a, input to output"),
        (prior, "edge prior to output must have one source"),
        (stack, "node 'h' is a stack"),
    ):
        with pytest.raises(ValueError, match=words):
            EventDriven(hierarchy, {"input": X}, threshold=0.1)


def test_modules_that_are_not_weights_between_functions_are_refused():
    key, image = jr.key(0), (1, 6, 6)
    two = eqx.nn.Sequential([eqx.nn.Linear(6, 3, key=key), eqx.nn.Linear(3, 3, key=key)])
    dilated = eqx.nn.Conv2d(1, 2, 2, dilation=2, key=key)
    for module, shape, words in (
        (two, 6, "edge input to output: the module must be one Dense"),
        (eqx.nn.MLP(6, 3, 4, 1, key=key), 6, "got MLP"),
        (dilated, image, "no dilation"),
    ):
        with pytest.raises(ValueError, match=words):
            EventDriven(chain([module], shape), {"input": jnp.ones(shape)}, threshold=0.1)


def test_a_prediction_of_several_parts_is_refused():
    pair = lambda x: (x, x)  # noqa: E731
    hierarchy = chain([eqx.nn.Sequential([eqx.nn.Linear(6, 3, key=jr.key(0))])], 6)
    hierarchy = Hierarchy(
        [Node("input", 6), Node("output", 3, StateDependentGaussian())],
        [
            Edge(
                "input",
                "output",
                eqx.nn.Sequential([*hierarchy.edges[0].module.layers, eqx.nn.Lambda(pair)]),
            )
        ],
    )
    with pytest.raises(ValueError, match="StateDependentGaussian takes several predictions"):
        EventDriven(hierarchy, {"input": X}, threshold=0.1)
