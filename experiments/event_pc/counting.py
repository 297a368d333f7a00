"""What classifying and settling take: operations by NeuroBench's rules, and their energy."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments import datasets
from experiments.datasets import Images

if TYPE_CHECKING:
    from jaxtyping import Array

    from neurojax.metrics import Hardware, Operations
    from neurojax.predictive import EventDriven, EventState, Hierarchy, Messages

BATCH = 250
MOST_STEPS = 1000
SETTLING_STEPS = 20


def conventional(model: Hierarchy, images: Images) -> dict[str, Any]:
    """One feed-forward pass for each image, zeros skipped; hidden units compare once (ReLU)."""
    from neurojax import metrics

    counts, units, right = [], 0, 0
    for batch in batches(images):
        system = of(model, {"input": batch.pixels}, 0.0, "graded")
        state = advance(system, 1)
        values = [messages.sent for messages in state.predictions]
        counts.append(
            {
                name: metrics.synaptic_operations(up, value)
                for name, (up, _), value in zip(
                    system.operations(state), system.connections, values, strict=True
                )
            }
        )
        units = sum(value[0].size for value in values[1:])
        right += correct(system, state, batch)
    samples = len(images.labels)
    comparisons = np.full(samples, units)
    return priced(counts, samples, comparisons) | {"accuracy": right / samples}


def by_events(
    model: Hierarchy,
    scales: dict[str, float],
    images: Images,
    threshold: float,
    mode: str,
    *,
    at_rest: bool = True,
) -> dict[str, Any]:
    """Messages until all units are silent, from rest at a blank image; without `at_rest` receivers
    know nothing at the start, not even what units send at rest. `threshold` is relative to scales.
    """
    thresholds = {name: threshold * scale for name, scale in scales.items()}
    counts, comparisons, right = [], [], 0
    for batch in batches(images):
        system = of(model, {"input": batch.pixels}, thresholds, mode)
        start = None if at_rest else nothing_known(system)
        state = advance(system, MOST_STEPS, start)
        counts.append(system.operations(state))
        comparisons.append(sum(np.asarray(c) for c in system.comparisons(state).values()))
        right += correct(system, state, batch)
    samples = len(images.labels)
    measured = priced(counts, samples, np.concatenate(comparisons))
    return {"threshold": threshold, "accuracy": right / samples} | measured


def scales(model: Hierarchy, images: Images) -> dict[str, float]:
    """The root mean square of what units would send, by node: their differences from rest."""
    system = of(model, {"input": images.pixels}, 0.0, "graded")
    rest, state = system.initial_state(), advance(system, 1)
    return {
        edge.source[0]: rms(there.sent - here.sent)
        for edge, here, there in zip(model.edges, rest.predictions, state.predictions, strict=True)
    }


def settling(
    model: Hierarchy, scales: dict[str, float], images: Images, relative: tuple[float, ...]
) -> dict[str, dict[str, float]]:
    """Energies (nJ for an image) of classifying and then settling with the output clamped: with all
    computed anew in each step, and by messages; and the cosine of the weights' gradient to that
    without thresholds. Backprop's two passes beside them.

    Conventional ones are counted at the activities and errors where settling ends.
    """
    import jax

    from neurojax import metrics

    inputs = {"input": images.pixels}
    clamps = inputs | {"output": jax.nn.one_hot(images.labels, datasets.CLASSES)}
    step_size = stable_step_size(model, clamps)
    exact = of(model, clamps, 0.0, "graded")
    end = settle(exact, advance(of(model, inputs, 0.0, "graded"), 1), step_size)
    due = flat(exact.gradient(end))

    def once(messages: tuple[Messages, ...], direction: int, first: int) -> float:
        """One pass through the edges from the first on, zeros skipped."""
        pairs = list(zip(exact.connections, messages, strict=True))[first:]
        counts = [metrics.synaptic_operations(c[direction], m.sent) for c, m in pairs]
        layers = {
            str(n): metrics.per_sample(x, samples=len(images.labels)) for n, x in enumerate(counts)
        }
        return metrics.estimate_energy(layers).low / 1000

    up, again, down = (
        once(end.predictions, 0, 0),
        once(end.predictions, 0, 1),
        once(end.feedback, 1, 1),
    )
    errors = {e.target: rms(m.sent) for e, m in zip(model.edges, end.feedback, strict=True)}
    found = {
        "backprop, forward and back": {
            "energy": up + down,
            "cosine": cosine(backprop(model, clamps), due),
        },
        f"{SETTLING_STEPS} steps, all computed anew": {
            "energy": up + SETTLING_STEPS * (again + down),
            "cosine": 1.0,
        },
    }
    for mode in ("graded", "ternary"):
        for part in relative:
            thresholds = {name: part * scale for name, scale in scales.items()}
            of_errors = {name: part * scale for name, scale in errors.items()}
            forward = advance(of(model, inputs, thresholds, mode), MOST_STEPS)
            system = of(model, clamps, thresholds, mode, of_errors)
            state = settle(system, forward, step_size)
            counted = priced([system.operations(state)], len(images.labels), np.zeros(1))
            found[f"{mode}, threshold {part:g}"] = {
                "energy": counted["energy"],
                "cosine": cosine(flat(system.gradient(state)), due),
            }
    return found


def stable_step_size(model: Hierarchy, clamps: dict[str, Any]) -> float:
    """The largest of 0.1, 0.05, ... at which inference does not diverge."""
    from neurojax import predictive

    step_size = 0.1
    while step_size > 1e-4:
        try:
            predictive.infer(model, clamps, steps=SETTLING_STEPS, step_size=step_size)
        except RuntimeError:
            step_size /= 2
        else:
            return step_size
    raise RuntimeError("inference diverges at any step size from 0.0001 on")


def settle(system: EventDriven, state: EventState, step_size: float) -> EventState:
    """After the steps of predictive coding; the first errors are felt in the second one."""
    import neurojax as nj

    t1 = (SETTLING_STEPS + 1) * step_size
    return nj.simulate(system, t1=t1, dt=step_size, state=state, record=()).final.state


def backprop(model: Hierarchy, clamps: dict[str, Any]) -> Array:
    from neurojax import predictive

    return flat(predictive.BackpropRule()(model, clamps)[0])


def flat(gradient: Hierarchy) -> Array:
    """In all weights, as one vector."""
    import equinox as eqx
    from jax.flatten_util import ravel_pytree

    modules = [edge.module for edge in gradient.edges]
    return ravel_pytree(eqx.filter(modules, eqx.is_inexact_array))[0]


def cosine(a: Array, b: Array) -> float:
    import jax.numpy as jnp

    return float(a @ b / (jnp.linalg.norm(a) * jnp.linalg.norm(b)))


def rms(x: Array) -> float:
    import jax.numpy as jnp

    return float(jnp.sqrt(jnp.mean(x**2)))


def priced(counts: list[dict[str, Any]], samples: int, comparisons: np.ndarray) -> dict[str, Any]:
    """Of batches of counts by layer: operations and nJ for an image."""
    from neurojax import metrics

    layers: dict[str, Operations] = {
        name: metrics.per_sample([batch[name] for batch in counts], samples=samples)
        for name in counts[0]
    }
    total = metrics.estimate_energy(layers).total
    compared = dataclasses.replace(total, updates=float(comparisons.mean()))
    return {
        "energy": metrics.estimate_energy(layers).low / 1000,
        "dense energy": metrics.estimate_energy(layers, skips_zeros=False).low / 1000,
        "energy with comparisons": metrics.estimate_energy(compared, comparing()).low / 1000,
        "comparisons": compared.updates,
        "macs": total.macs,
        "acs": total.acs,
        "operations": {name: x.macs + x.acs for name, x in layers.items()},
    }


@cache
def comparing() -> Hardware:
    """The hardware of all prices, with a comparison priced as what it is made of, an addition."""
    from neurojax.metrics import HARDWARE

    base = HARDWARE["CMOS fp32"]
    return dataclasses.replace(base, name="CMOS fp32, comparisons too", update=base.ac)


def of(
    model: Hierarchy,
    clamps: dict[str, Any],
    threshold: float | dict[str, float],
    mode: str,
    error_threshold: float | dict[str, float] | None = None,
) -> EventDriven:
    from neurojax.predictive import EventDriven

    return EventDriven(
        model, clamps, threshold=threshold, error_threshold=error_threshold, mode=mode
    )


def advance(system: EventDriven, steps: int, state: EventState | None = None) -> EventState:
    """After so many steps, or when all units are silent."""
    import neurojax as nj

    how: dict[str, Any] = {"state": state, "until": system.silent if steps > 1 else None}
    end = nj.simulate(system, t1=steps, dt=1.0, record=(), **how).final.state
    if steps > 1 and not bool(system.silent(0.0, end)):
        raise RuntimeError(f"units still send after {steps} steps")
    return end


def nothing_known(system: EventDriven) -> EventState:
    """The start of a network whose receivers add all that is sent to their biases."""
    import jax
    import jax.numpy as jnp

    state, edges = system.initial_state(), system.hierarchy.edges
    return state._replace(
        predictions=tuple(
            messages._replace(
                sent=jnp.zeros_like(messages.sent),
                received=jax.vmap(edge.module)(jnp.zeros_like(state.activities[edge.source[0]])),
            )
            for edge, messages in zip(edges, state.predictions, strict=True)
        )
    )


def correct(system: EventDriven, state: EventState, batch: Images) -> int:
    return int((system.output(state).argmax(axis=1) == batch.labels).sum())


def batches(images: Images) -> Iterator[Images]:
    for start in range(0, len(images.labels), BATCH):
        yield images.take(slice(start, start + BATCH))
