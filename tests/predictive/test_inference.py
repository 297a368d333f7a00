"""Inference: no sample feels its batch, stopping keeps its word, what goes wrong is loud."""

import diffrax
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import neurojax as nj
from neurojax.predictive import Categorical, Hierarchy, infer, mlp, predict


def network(**how) -> Hierarchy:
    return mlp((6, 16, 12, 4), jr.key(0), activation=jnp.tanh, **how)


def batch(samples: int = 64) -> dict:
    y = jax.nn.one_hot(jr.randint(jr.key(2), (samples,), 0, 4), 4)
    return {"input": 2 * jr.normal(jr.key(1), (samples, 6)), "output": y}


def part(clamps: dict, rows) -> dict:
    return {name: value[rows] for name, value in clamps.items()}


def pairs(a, b) -> list[tuple]:
    """Activities of two inferences, node by node."""
    return [(a.activities[name], b.activities[name]) for name in b.activities]


def rms_slope(hierarchy: Hierarchy, activities, clamps) -> np.ndarray:
    """Root mean square of dE/dz over each sample's hidden units."""
    hidden = {name: z for name, z in activities.items() if name not in clamps}
    energy = lambda hidden: hierarchy.energy({**activities, **hidden}, clamps)  # noqa: E731
    slopes = np.concatenate(list(jax.grad(energy)(hidden).values()), axis=-1)
    return np.sqrt(np.mean(slopes**2, axis=-1))


def test_a_trajectory_is_the_same_in_a_batch_of_1_and_of_64():
    hierarchy, clamps = network(output=Categorical()), batch()
    steps, size = 30, 0.1

    def trajectory(clamps: dict) -> dict:
        start = hierarchy.feedforward(clamps)
        record = {"activities": lambda t, state: state}
        how = {"t1": steps * size, "dt": size, "solver": diffrax.Euler(), "record": record}
        return nj.simulate(hierarchy, clamps, state=start, **how)["activities"]

    whole = trajectory(clamps)
    for sample in (0, 17, 63):
        alone = trajectory(part(clamps, slice(sample, sample + 1)))
        for z, due in zip(alone.values(), whole.values(), strict=True):
            assert z.shape == (steps, 1, due.shape[-1])
            # As far as a matrix product's rounding depends on its shape.
            np.testing.assert_allclose(z[:, 0], due[:, sample], atol=2e-6)


def test_each_sample_stops_at_its_own_step_whatever_its_batch():
    hierarchy, clamps = network(), batch()
    whole = infer(hierarchy, clamps, steps=400, tolerance=1e-3)
    assert len(set(whole.steps.tolist())) > 5
    for sample in (0, 63):
        alone = infer(hierarchy, part(clamps, slice(sample, sample + 1)), steps=400, tolerance=1e-3)
        assert alone.steps.tolist() == [int(whole.steps[sample])]
        for z, due in pairs(alone, whole):
            np.testing.assert_allclose(z[0], due[sample], atol=2e-6)


def test_a_sample_without_a_batch():
    hierarchy, clamps = network(), batch(3)
    how = {"steps": 400, "tolerance": 1e-3}
    whole, alone = infer(hierarchy, clamps, **how), infer(hierarchy, part(clamps, 1), **how)
    for z, due in pairs(alone, whole):
        np.testing.assert_allclose(z, due[1], atol=2e-6)
    assert alone.residual.shape == alone.steps.shape == ()


def test_it_stops_when_the_slope_is_below_the_tolerance_and_not_before():
    hierarchy, clamps = network(), batch(8)
    settled = infer(hierarchy, clamps, steps=400, tolerance=1e-3)
    assert settled.converged is not None and settled.converged.all()
    residual = rms_slope(hierarchy, settled.activities, clamps)
    np.testing.assert_allclose(settled.residual, residual, rtol=1e-3)
    assert residual.max() < 1e-3
    steps, alone = int(settled.steps[5]), part(clamps, slice(5, 6))
    before = infer(hierarchy, alone, steps=steps - 2)
    assert rms_slope(hierarchy, before.activities, alone) >= 1e-3
    after = infer(hierarchy, alone, steps=steps)
    for z, due in pairs(after, settled):
        np.testing.assert_allclose(z[0], due[5], atol=2e-6)


def test_too_few_steps_are_not_called_converged():
    hierarchy, clamps = network(), batch(8)
    needed = infer(hierarchy, clamps, steps=400, tolerance=1e-3).steps
    few = int(np.median(needed))
    settled = infer(hierarchy, clamps, steps=few, tolerance=1e-3)
    np.testing.assert_array_equal(settled.steps, np.minimum(needed, few))
    assert settled.converged is not None
    assert 0 < int(settled.converged.sum()) < 8
    np.testing.assert_array_equal(settled.converged, settled.residual < 1e-3)
    assert infer(hierarchy, clamps, steps=few).converged is None


def test_fixed_steps_are_counted_and_lower_the_energy_at_each():
    hierarchy, clamps = network(), batch()
    settled = infer(hierarchy, clamps, steps=25, record_energy=True)
    assert int(settled.steps) == 25
    assert settled.energy_trace is not None and settled.energy_trace.shape == (26, 3)
    total = np.asarray(settled.energy_trace).sum(axis=1)
    assert (np.diff(total) < 0).all()
    np.testing.assert_allclose(settled.relaxation, 100 * (1 - total[-1] / total[0]), rtol=1e-5)
    # Feed-forward, every layer but the output is at its prediction.
    np.testing.assert_array_equal(settled.energy_before[:-1], 0.0)
    assert float(settled.energy_before[-1]) > 0


def test_going_on_from_where_it_ended():
    hierarchy, clamps = network(), batch()
    half = infer(hierarchy, clamps, steps=10)
    rest = infer(hierarchy, clamps, steps=15, start=half.activities)
    whole = infer(hierarchy, clamps, steps=25)
    for z, due in pairs(rest, whole):
        np.testing.assert_array_equal(z, due)


def test_a_settled_hierarchy_at_a_kink_is_not_called_diverged():
    """Activities at a corner of a relu hover there, so started there their energy may rise."""
    rises = []
    for seed in range(8):
        hierarchy = mlp((8, 16, 16, 4), jr.key(seed), activation=jax.nn.relu)
        keys = jr.split(jr.key(100 + seed))
        clamps = {"input": jr.normal(keys[0], (1, 8)), "output": jr.normal(keys[1], (1, 4))}
        settled = infer(hierarchy, clamps, steps=1000, step_size=0.3)
        again = infer(hierarchy, clamps, steps=20, step_size=0.3, start=settled.activities)
        rises.append(float(again.relaxation) < 0)
    assert any(rises)


def test_only_the_output_clamped_it_generates():
    hierarchy = network()
    clamps = {"output": predict(hierarchy, batch(5)["input"])}
    settled = infer(hierarchy, clamps, steps=4000, step_size=0.2)
    assert [z.shape for z in settled.activities.values()] == [(5, 16), (5, 12), (5, 6), (5, 4)]
    np.testing.assert_array_equal(settled.activities["output"], clamps["output"])
    blank = jnp.zeros((5, 6))
    error = lambda x: float(jnp.mean((predict(hierarchy, x) - clamps["output"]) ** 2))  # noqa: E731
    assert error(settled.activities["input"]) < 0.05 * error(blank)


def test_steps_that_are_too_large_are_told_with_the_size_that_holds():
    """For one hidden layer the size that is named is exact: 2 / (1 + |W₂|²)."""
    hierarchy = mlp((6, 16, 4), jr.key(0), activation=lambda x: x)
    clamps = part(batch(), slice(4))
    bound = 2 / (1 + float(np.linalg.norm(hierarchy.edges[1].module.weight, 2)) ** 2)
    infer(hierarchy, clamps, steps=400, step_size=0.97 * bound)
    with pytest.raises(RuntimeError, match=f"energy rose .* step_size: .* about {bound:.2g}"):
        infer(hierarchy, clamps, steps=400, step_size=1.03 * bound)


@pytest.mark.parametrize("tolerance", [None, 1e-4])
def test_an_overflow_is_loud(tolerance):
    with pytest.raises(RuntimeError, match="diverged"):
        infer(network(), batch(4), steps=400, step_size=50.0, tolerance=tolerance)


def test_inside_jit_divergence_shows_in_the_relaxation():
    hierarchy, clamps = network(), batch(4)
    relaxation = jax.jit(lambda clamps: infer(hierarchy, clamps, step_size=2.0).relaxation)
    assert float(relaxation(clamps)) < 0
    with pytest.raises(RuntimeError, match="inference diverged"):
        infer(hierarchy, clamps, step_size=2.0)


REFUSED = {
    "empty": ({}, "clamps is empty"),
    "unknown name": (
        {"inputs": (4, 6)},
        "no 'inputs': the nodes are input, h1, h2, output",
    ),
    "input width": (
        {"input": (4, 5)},
        r"\['input'\] has shape \(4, 5\), its node \(6,\) behind",
    ),
    "output width": (
        {"input": (4, 6), "output": (4, 3)},
        r"clamps\['output'\] has shape \(4, 3\), its node \(4,\) behind",
    ),
    "samples": (
        {"input": (1, 6), "output": (5, 4)},
        r"the same samples, got shapes {'input': \(1, 6\), 'output': \(5, 4\)}",
    ),
    "batch and none": ({"input": (6,), "output": (5, 4)}, "the same samples"),
}


@pytest.mark.parametrize(("shapes", "message"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("tolerance", [None, 1e-3])
def test_clamps_that_do_not_fit(shapes, message, tolerance):
    clamps = {name: jnp.ones(shape) for name, shape in shapes.items()}
    with pytest.raises(ValueError, match=message):
        infer(network(), clamps, tolerance=tolerance)


def test_a_clamp_with_nan():
    clamps = batch(3)
    clamps["output"] = clamps["output"].at[1, 2].set(jnp.nan)
    with pytest.raises(ValueError, match=r"'output'.*holds NaN"):
        infer(network(), clamps)


ARGUMENTS = {
    "steps": ({"steps": 0}, "steps and step_size must be positive, got 0 and 0.1"),
    "step_size": ({"step_size": -0.1}, "must be positive, got 20 and -0.1"),
    "tolerance": ({"tolerance": 0.0}, "tolerance=0.0 must be positive"),
    "tolerance and trace": ({"tolerance": 0.1, "record_energy": True}, "neither controller nor"),
    "tolerance and controller": (
        {"tolerance": 0.1, "controller": diffrax.PIDController(1e-3, 1e-3)},
        "neither controller nor",
    ),
}


@pytest.mark.parametrize(("how", "message"), ARGUMENTS.values(), ids=ARGUMENTS)
def test_arguments_that_make_no_sense(how, message):
    with pytest.raises(ValueError, match=message):
        infer(network(), batch(3), **how)


def test_a_start_of_other_shapes():
    hierarchy, clamps = network(), batch(3)
    first = hierarchy.feedforward(clamps)
    few = {name: z for name, z in first.items() if name != "h1"}
    for start in (few, hierarchy.feedforward(part(clamps, slice(1)))):
        with pytest.raises(ValueError, match=r"start has activities of shapes .*, the clamps ask"):
            infer(hierarchy, clamps, start=start)


def test_predicting_from_inputs_of_another_width():
    with pytest.raises(ValueError, match=r"clamps\['input'\] has shape \(2, 7\)"):
        predict(network(), jnp.ones((2, 7)))
