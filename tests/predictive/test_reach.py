"""Stacks settled in stages end where they end whole."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from neurojax.predictive import Dense, Edge, Gaussian, Hierarchy, Node, infer, residual_mlp
from neurojax.predictive._reach import divided, first_moves, longest_stack, stages
from neurojax.predictive._settling import settling

pytestmark = pytest.mark.usefixtures("x64")
LENGTH = 18


def with_more_above() -> Hierarchy:
    """A stack between nodes, two of them above it."""
    model = residual_mlp(4, 6, 6, LENGTH, jr.key(0), activation=jnp.tanh)
    above = Dense(jr.normal(jr.key(1), (3, 6)) / 6**0.5, None, jnp.tanh)
    nodes = [n if n.name != "output" else Node("top", 6) for n in model.nodes]
    edges = [e if e.target != "output" else Edge("h", "top", e.module) for e in model.edges]
    return Hierarchy([*nodes, Node("output", 3)], [*edges, Edge("top", "output", above)])


def clamps() -> dict:
    return {"input": jr.normal(jr.key(2), (5, 4)), "output": jr.normal(jr.key(3), (5, 3))}


def step_by_step(hierarchy: Hierarchy, steps: int) -> dict:
    """Euler's method on the whole energy, by hand."""
    z = hierarchy.feedforward(clamps())
    flow = jax.jit(lambda z: hierarchy.vector_field(0.0, z, clamps()))
    for _ in range(steps):
        rates = flow(z)
        z = {k: v if rates[k] is None else v + 0.1 * rates[k] for k, v in z.items()}
    return z


@pytest.mark.parametrize("steps", [1, 2, 7, 19, 20, 30])
def test_it_ends_where_the_whole_does(steps):
    hierarchy = with_more_above()
    settled = infer(hierarchy, clamps(), steps=steps, step_size=0.1)
    assert int(settled.steps) == steps
    for name, due in step_by_step(hierarchy, steps).items():
        np.testing.assert_allclose(settled.activities[name], due, rtol=1e-11, atol=1e-13)
    whole = infer(hierarchy, clamps(), steps=steps, step_size=0.1, record_energy=True)
    np.testing.assert_allclose(settled.energy, whole.energy, rtol=1e-10)


def test_a_sample_without_a_batch():
    one = {name: value[0] for name, value in clamps().items()}
    settled = infer(with_more_above(), one, steps=12, step_size=0.1)
    due = step_by_step(with_more_above(), 12)
    np.testing.assert_allclose(settled.activities["h"], due["h"][0], rtol=1e-11, atol=1e-13)


def test_nothing_moves_before_it_is_said_to():
    hierarchy = with_more_above()
    moves = first_moves(settling(hierarchy, clamps())) or {}
    assert moves == {"top": 1, "h": 2, "h0": 2 + LENGTH}
    forward = hierarchy.feedforward(clamps())
    for steps in (1, 2, 5, 2 + LENGTH - 1, 2 + LENGTH):
        z = step_by_step(hierarchy, steps)
        for name, move in moves.items():
            part = z[name][:, -1] if name == "h" else z[name]
            start = forward[name][:, -1] if name == "h" else forward[name]
            # Far down, what moves is less than rounding.
            assert bool((part != start).any()) == (move <= min(steps, 5))


def test_stages_hold_no_layer_that_an_error_reaches():
    for first, length, steps in ((1, 16, 16), (3, 20, 5), (1, 30, 100), (2, 17, 18), (1, 16, 1)):
        done = 0
        for stage in stages(first, length, steps):
            done += stage.steps
            reached = min(length, max(1, done - first + 1))
            assert stage.steps > 0 and length - stage.held == reached
        assert done == steps


def test_a_divided_stack_is_the_same():
    model = with_more_above()
    parts = divided(model, model.by_name["h"], 5)
    z = model.feedforward(clamps())
    lower, upper = jnp.split(z["h"], [5], axis=1)
    due = parts.feedforward(clamps())
    np.testing.assert_allclose(due["h/lower"], lower, rtol=1e-12)
    np.testing.assert_allclose(due["h"], upper, rtol=1e-12)


def test_no_stages_where_errors_do_not_only_go_down():
    model = with_more_above()
    down = Edge("h", "h0", lambda z: z, energy=Gaussian())
    assert first_moves(settling(Hierarchy(model.nodes, [*model.edges, down]), clamps())) is None
    part = settling(model, clamps(), known={"output": jnp.array([True, False, True])})
    assert first_moves(part) is None
    short = residual_mlp(4, 6, 3, 4, jr.key(0))
    assert longest_stack(settling(short, clamps())) is None
    assert longest_stack(settling(model, {"input": clamps()["input"]})) is None  # it rests
