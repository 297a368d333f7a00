"""The twenty neuro-computational features of Izhikevich's simple model.

Izhikevich 2004, IEEE Trans. Neural Networks 15, 1063-1070: fig. 1, with the parameters and currents
of the program that he published beside it (figure1.m). Its steps of 0.1 to 0.5 ms belong to the
features: in steps of 0.01 ms the bistable neuron is not switched off, the one with a depolarising
after-potential fires again, and the burst that inhibition induces does not end.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import diffrax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

import neurojax as nj
from neurojax.core import StepSolver, where_spiked
from neurojax.neurons import IntegrateAndFire, Izhikevich, IzhikevichState

Current = Callable[[Any], Any]


class Pattern(NamedTuple):
    """Parameters of the neuron, potential at the start (mV), step and duration (ms), current."""

    a: float
    b: float
    c: float
    d: float
    v: float
    dt: float
    t1: float
    current: Current
    linear: float = 5.0
    constant: float = 140.0


def pulses(amplitude: float, length: float, *starts: float) -> Current:
    """A current while `start < t < start + length` (ms), after each start."""

    def current(t: Any) -> Any:
        inside = [(t > start + 1e-3) & (t < start + length - 1e-3) for start in starts]
        return jnp.where(jnp.any(jnp.stack(inside), 0), amplitude, 0.0)

    return current


def step(amplitude: float, start: float) -> Current:
    return pulses(amplitude, math.inf, start)


def ramp(slope: float, start: float) -> Current:
    return lambda t: slope * jnp.maximum(t - start, 0)


def plus(*currents: Current) -> Current:
    return lambda t: sum(current(t) for current in currents)


INHIBITION = plus(step(80.0, -1.0), pulses(-5.0, 200.5, 49.75))

PATTERNS = {
    "tonic spiking": Pattern(0.02, 0.2, -65, 6, -70, 0.25, 100, step(14.0, 10.0)),
    "phasic spiking": Pattern(0.02, 0.25, -65, 6, -64, 0.25, 200, step(0.5, 20.0)),
    "tonic bursting": Pattern(0.02, 0.2, -50, 2, -70, 0.25, 220, step(15.0, 22.0)),
    "phasic bursting": Pattern(0.02, 0.25, -55, 0.05, -64, 0.2, 200, step(0.6, 20.0)),
    "mixed mode": Pattern(0.02, 0.2, -55, 4, -70, 0.25, 160, step(10.0, 16.0)),
    "spike frequency adaptation": Pattern(0.01, 0.2, -65, 8, -70, 0.25, 85, step(30.0, 8.5)),
    "class 1 excitability": Pattern(
        0.02, -0.1, -55, 6, -60, 0.25, 300, ramp(0.075, 30.0), 4.1, 108
    ),
    "class 2 excitability": Pattern(
        0.2, 0.26, -65, 0, -64, 0.25, 300, plus(step(-0.5, -1.0), ramp(0.015, 30.0))
    ),
    "spike latency": Pattern(0.02, 0.2, -65, 6, -70, 0.2, 100, pulses(7.04, 3.0, 10.0)),
    "subthreshold oscillations": Pattern(
        0.05, 0.26, -60, 0, -62, 0.25, 200, pulses(2.0, 5.0, 20.0)
    ),
    "resonator": Pattern(
        0.1, 0.26, -60, -1, -62, 0.25, 400, pulses(0.65, 4.0, 40.0, 60.0, 280.0, 320.0)
    ),
    "integrator": Pattern(
        0.02, -0.1, -55, 6, -60, 0.25, 100, pulses(9.0, 2.0, 9.09, 14.09, 70.0, 80.0), 4.1, 108
    ),
    "rebound spike": Pattern(0.03, 0.25, -60, 4, -64, 0.2, 200, pulses(-15.0, 5.0, 20.0)),
    "rebound burst": Pattern(0.03, 0.25, -52, 0, -64, 0.2, 200, pulses(-15.0, 5.0, 20.0)),
    "threshold variability": Pattern(
        0.03,
        0.25,
        -60,
        4,
        -64,
        0.25,
        100,
        plus(pulses(1.0, 5.0, 10.0, 80.0), pulses(-6.0, 5.0, 70.0)),
    ),
    "bistability": Pattern(
        0.1, 0.26, -60, 0, -61, 0.25, 300, plus(step(0.24, -1.0), pulses(1.0, 5.0, 37.5, 216.0))
    ),
    "depolarizing after-potential": Pattern(1, 0.2, -60, -21, -70, 0.1, 50, pulses(20.0, 2.0, 9.0)),
    "inhibition-induced spiking": Pattern(-0.02, -1, -60, 8, -63.8, 0.5, 350, INHIBITION),
    "inhibition-induced bursting": Pattern(-0.026, -1, -45, -2, -63.8, 0.5, 350, INHIBITION),
}


class StaggeredEuler(StepSolver):
    """Izhikevich's step: Euler's for v, then Euler's for u at the new v."""

    def step(
        self,
        terms: Any,
        t0: Any,
        t1: Any,
        y0: IzhikevichState,
        args: PyTree,
        solver_state: None,
        made_jump: Any,
    ) -> tuple[PyTree, None, dict, None, diffrax.RESULTS]:
        h = terms.contr(t0, t1)
        moved = y0._replace(v=y0.v + h * terms.vf(t0, y0, args).v)
        y1 = moved._replace(u=y0.u + h * terms.vf(t0, moved, args).u)
        return y1, None, {"y0": y0, "y1": y1}, None, diffrax.RESULTS.successful


def firing_patterns(names: Sequence[str], dt: float | None = None) -> nj.Solution:
    """These patterns side by side, each under its own current, to the end of the longest.

    In steps of dt (ms), or else those of the program, which must be the same for all.
    """
    chosen = [PATTERNS[name] for name in names]
    steps = {pattern.dt for pattern in chosen}
    if dt is None and len(steps) > 1:
        raise ValueError(f"names: these patterns differ in their steps, {sorted(steps)}: give dt.")
    columns = zip(*([p.a, p.b, p.c, p.d, p.linear, p.constant, p.v] for p in chosen), strict=True)
    a, b, c, d, linear, constant, v = (jnp.array(column, float) for column in columns)
    cells = Izhikevich(a=a, b=b, c=c, d=d, linear=linear, constant=constant)
    return nj.simulate(
        cells,
        lambda t: jnp.stack([pattern.current(t) for pattern in chosen]),
        t1=max(pattern.t1 for pattern in chosen),
        dt=dt or steps.pop(),
        solver=StaggeredEuler(),
        state=IzhikevichState(v, b * v, None),
    )


class Accommodating(IntegrateAndFire):
    """The twentieth has a recovery variable of another kind, without decay: `du/dt = a b (v + 65)`,
    a b = 0.02."""

    def initial_state(self, key: PRNGKeyArray | None = None) -> IzhikevichState:
        return IzhikevichState(jnp.array(-65.0), jnp.array(-16.0), None)

    def vector_field(self, t: Any, state: IzhikevichState, drive: Any) -> IzhikevichState:
        rate = 0.04 * state.v**2 + 5 * state.v + 140 - state.u + drive
        return state._replace(v=rate, u=0.02 * (state.v + 65), frozen=None)

    def distance(self, state: IzhikevichState) -> Float[Array, ""]:
        return state.v - 30

    def reset(self, state: IzhikevichState, spikes: Float[Array, ""]) -> IzhikevichState:
        return state._replace(
            v=where_spiked(spikes, jnp.array(-55.0), state.v), u=state.u + 4 * spikes
        )


def accommodation(dt: float = 0.5) -> nj.Solution:
    """A slow ramp of current to 8 that fires nothing, and a fast one to 4 that does."""

    def current(t: Any) -> Any:
        fast = jnp.where((t >= 300) & (t < 312.5), (t - 300) / 12.5 * 4, 0.0)
        return jnp.where(t < 200, t / 25, fast)

    return nj.simulate(Accommodating(), current, t1=400.0, dt=dt, solver=StaggeredEuler())
