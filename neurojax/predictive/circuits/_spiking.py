"""Predictive coding with spikes: value and error neurons that fire, and their limit of rates."""

import abc
import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, final

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from ...core import Clock, System, as_parameter, positive
from ...neurons import LIF, LIFState

Layers = tuple[Float[Array, "..."], ...]
Weights = tuple[Float[Array, "_ _"], ...]


def firing_rate(neuron: LIF, current: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Spikes per ms under a constant current.

    Source: Gerstner et al. 2014, Neuronal Dynamics, sec. 1.3, with a refractory period.
    """
    above = neuron.v_rest + neuron.resistance * current - neuron.v_threshold
    rate = _rate_above(neuron, jnp.where(above > 0, above, 1.0))
    return jnp.where(above > 0, rate, 0.0)


def _rate_above(neuron: LIF, above: Array) -> Array:
    """Where the potential that is headed for is so far above threshold."""
    climb = jnp.log1p((neuron.v_threshold - neuron.v_reset) / above)
    return 1 / (neuron.refractory_period + neuron.tau_m * climb)


def _unit(neuron: LIF) -> Array:
    """Firing rate (spikes per ms) for each unit of current, far above threshold."""
    return neuron.resistance / (neuron.tau_m * (neuron.v_threshold - neuron.v_reset))


def _as_weights(weights: Sequence[Any]) -> Weights:
    return tuple(as_parameter(each) for each in weights)


def _held_at_threshold(tau_m: float, resistance: float) -> Callable[[], LIF]:
    return lambda: LIF(tau_m=tau_m, v_rest=1.0, resistance=resistance)


class LIFHierarchy(System):
    """Predictive coding whose activities are currents into integrate-and-fire neurons.

    The value neurons of layer l are driven by a_l, those of the input by the data; what others hear
    of them is r, their firing rate over that at a current of 1, by the asymptote of their
    frequency-current curve φ. Layers from the second on have two error neurons for each value
    neuron, driven by the error `ε_l = a_l − W_l r_{l−1}` and by −ε_l; what is heard of these is
    ε̂_l, the difference of their rates in the same way. Then

    `tau da_l/dt = W_l r_{l−1} − a_l + φ′(a_l) W_{l+1}ᵀ ε̂_{l+1}`.

    The output's error is target − W r, and its current goes to the target; where there is none, to
    W r, and its error is zero. φ′ is the slope of the curve smoothed over currents of about
    `softness`. Synapses learn by `dW_l ∝ ε_l r_{l−1}`, the error of the neuron that they are on.

    `weights` W_l are [width_l, width_{l−1}]. The drive is a dict: "input", currents [in], and, if
    taught, "target", currents [out]; with samples in front for a state with samples in front.
    `value` and `error` are one neuron each, for all of its kind, by default held at threshold: any
    current above zero makes them fire. tau and tau_trace, the time constant of filtered spikes,
    in ms. There are no biases: an input that is constant makes one.

    Raises `ValueError` for weights or neurons that do not fit, and for another drive.
    Source: Whittington & Bogacz 2017, Neural Computation 29(5), eqs. 2.7–2.15, whose activities are
    these currents; error neurons of two signs: Lee et al. 2024, Front. Comput. Neurosci. 18,
    1338280; the smoothed slope: Hunsberger & Eliasmith 2015, arXiv:1510.08829.
    """

    weights: Weights = eqx.field(converter=_as_weights)
    value: LIF = eqx.field(default_factory=_held_at_threshold(20.0, 2.0))
    error: LIF = eqx.field(default_factory=_held_at_threshold(50.0, 20.0))
    tau: Array = eqx.field(converter=as_parameter, default=20.0)
    tau_trace: Array = eqx.field(converter=as_parameter, default=20.0)
    softness: Array = eqx.field(converter=as_parameter, default=0.1)

    def __check_init__(self) -> None:
        name = type(self).__name__
        positive(name, tau=self.tau, tau_trace=self.tau_trace, softness=self.softness)
        shapes = [each.shape for each in self.weights]
        if not shapes or any(len(shape) != 2 for shape in shapes):
            raise ValueError(f"{name}: weights needs a matrix for each layer, got {shapes}.")
        for below, above in itertools.pairwise(shapes):
            if below[0] != above[1]:
                raise ValueError(f"{name}: weights of shapes {below} and {above} do not follow.")
        for what in ("value", "error"):
            neuron = getattr(self, what)
            if neuron.shape or neuron.random:
                raise ValueError(f"{name}: {what} must be of shape () and without escape noise.")
            rise = {"v_threshold − v_reset": neuron.v_threshold - neuron.v_reset}
            positive(f"{name}.{what}", resistance=neuron.resistance, **rise)

    @property
    def widths(self) -> tuple[int, ...]:
        """Neurons of each layer, input first."""
        return (self.weights[0].shape[1], *(each.shape[0] for each in self.weights))

    @abc.abstractmethod
    def currents(self, state: Any) -> Layers:
        """a, from the first hidden layer to the output."""

    @abc.abstractmethod
    def activities(self, state: Any, input: Float[Array, "..."]) -> Layers:
        """r of each layer, from the input to the output."""

    def output(self, state: Any) -> Float[Array, "..."]:
        """The currents of the output layer."""
        return self.currents(state)[-1]

    def errors(self, state: Any, drive: Any) -> Layers:
        """ε, from the first hidden layer to the output."""
        *hidden, output = self._predictions(state, drive)
        own = [a - mu for a, mu in zip(self.currents(state), hidden, strict=False)]
        untaught = jnp.zeros_like(output)
        return (*own, drive["target"] - output if "target" in drive else untaught)

    def _predictions(self, state: Any, drive: Any) -> Layers:
        below = self.activities(state, drive["input"])[:-1]
        return tuple(r @ w.T for r, w in zip(below, self.weights, strict=True))

    def _flow(self, state: Any, drive: Any, heard: Layers) -> Layers:
        """da/dt, where `heard` are errors of the layers from the second on."""
        currents = self.currents(state)
        *toward, output = self._predictions(state, drive)
        for k, error in enumerate(heard):
            toward[k] = toward[k] + self._slope(currents[k]) * (error @ self.weights[k + 1])
        toward.append(drive.get("target", output))
        return tuple((to - a) / self.tau for to, a in zip(toward, currents, strict=True))

    def _slope(self, current: Array) -> Array:
        """The smoothed φ′, 1 far above threshold."""

        def smoothed(current: Array) -> Array:
            above = self.value.resistance * self.softness
            above = above * jax.nn.softplus(self._over_rheobase(current) / self.softness)
            return _rate_above(self.value, jnp.maximum(above, 1e-6)) / _unit(self.value)

        return jax.jvp(smoothed, (current,), (jnp.ones_like(current),))[1]

    def _over_rheobase(self, current: Array) -> Array:
        return current - (self.value.v_threshold - self.value.v_rest) / self.value.resistance

    def _check_drive(self, drive: Any) -> None:
        name, due = type(self).__name__, {"input": self.widths[0], "target": self.widths[-1]}
        if not isinstance(drive, dict) or "input" not in drive or not drive.keys() <= due.keys():
            raise ValueError(
                f"{name}: drive must be a dict of 'input' and perhaps 'target', got {drive}."
            )
        for part, value in drive.items():
            if jnp.shape(value)[-1:] != (due[part],):
                shape = f"drive[{part!r}] has shape {jnp.shape(value)}"
                raise ValueError(f"{name}: {shape}, for {due[part]} neurons.")


class FiringRateState(NamedTuple):
    """Currents a, from the first hidden layer to the output."""

    a: Layers


@final
class FiringRateHierarchy(LIFHierarchy):
    """The hierarchy without spikes: each neuron is its frequency-current curve. `LIFHierarchy`
    says the rest."""

    default_record = ("output",)

    @property
    def default_solver(self) -> diffrax.AbstractSolver:
        # The curves are infinitely steep at threshold, where a step that is exact for the slope
        # there leaps; an Euler step does not.
        return diffrax.Euler()

    def initial_state(self, key: PRNGKeyArray | None = None) -> FiringRateState:
        return FiringRateState(tuple(jnp.zeros(n, self.weights[0].dtype) for n in self.widths[1:]))

    def vector_field(self, t: Any, state: FiringRateState, drive: Any) -> FiringRateState:
        self._check_drive(drive)
        own = self.errors(state, drive)[1:]
        heard = tuple(_heard(self.error, e) - _heard(self.error, -e) for e in own)
        return FiringRateState(self._flow(state, drive, heard))

    def currents(self, state: FiringRateState) -> Layers:
        return state.a

    def activities(self, state: FiringRateState, input: Float[Array, "..."]) -> Layers:
        return tuple(_heard(self.value, current) for current in (input, *state.a))


class SpikingState(NamedTuple):
    """Currents a; the value neurons of each layer, input first, and their filtered spikes; the
    error neurons of each layer from the second on, [.., sign, width], and their filtered spikes."""

    a: Layers
    value: tuple[LIFState, ...]
    r: Layers
    error: tuple[LIFState, ...]
    e: Layers


@final
class SpikingHierarchy(LIFHierarchy):
    """The hierarchy with spikes: value and error neurons fire, and between layers go only their
    spikes, filtered: `tau_trace dr/dt = −r`, and a jump of 1 over tau_trace and the rate at a
    current of 1 at a spike. `LIFHierarchy` says the rest.

    Within a layer, an error neuron takes the current of its value neuron, which is no spike, and
    a synapse the error of the neuron it is on. It emits the spikes of all neurons [.., neurons]:
    value neurons from the input to the output, then each layer's error neurons, positive ones
    first. Starts without currents, all neurons as after a spike.
    """

    default_record = ("output",)

    def initial_state(self, key: PRNGKeyArray | None = None) -> SpikingState:
        zeros = lambda *shape: jnp.zeros(shape, self.weights[0].dtype)  # noqa: E731
        after_spike = lambda neuron, *shape: LIFState(  # noqa: E731
            zeros(*shape) + neuron.v_reset,
            None if neuron.refractory is None else jnp.zeros(shape, jnp.int32),
        )
        with_errors = self.widths[2:]
        return SpikingState(
            a=tuple(zeros(n) for n in self.widths[1:]),
            value=tuple(after_spike(self.value, n) for n in self.widths),
            r=tuple(zeros(n) for n in self.widths),
            error=tuple(after_spike(self.error, 2, n) for n in with_errors),
            e=tuple(zeros(2, n) for n in with_errors),
        )

    def vector_field(self, t: Any, state: SpikingState, drive: Any) -> SpikingState:
        self._check_drive(drive)
        heard = tuple(e[..., 0, :] - e[..., 1, :] for e in state.e)
        onto_errors = [jnp.stack([e, -e], axis=-2) for e in self.errors(state, drive)[1:]]
        return SpikingState(
            a=self._flow(state, drive, heard),
            value=self._driven(self.value, state.value, [drive["input"], *state.a]),
            r=tuple(-r / self.tau_trace for r in state.r),
            error=self._driven(self.error, state.error, onto_errors),
            e=tuple(-e / self.tau_trace for e in state.e),
        )

    def jump(
        self, clock: Clock, state: SpikingState, incoming: Any, key: PRNGKeyArray | None
    ) -> tuple[SpikingState, Float[Array, "*batch neurons"]]:
        value, r, spikes = self._fired(clock, self.value, state.value, state.r)
        error, e, error_spikes = self._fired(clock, self.error, state.error, state.e)
        flat = [s.reshape(*s.shape[:-2], -1) for s in error_spikes]
        return SpikingState(state.a, value, r, error, e), jnp.concatenate([*spikes, *flat], axis=-1)

    def currents(self, state: SpikingState) -> Layers:
        return state.a

    def activities(self, state: SpikingState, input: Float[Array, "..."]) -> Layers:
        return state.r

    def _driven(
        self, neuron: LIF, states: Sequence[LIFState], currents: Sequence[Array]
    ) -> tuple[LIFState, ...]:
        pairs = zip(states, currents, strict=True)
        return tuple(neuron.vector_field(0.0, state, current) for state, current in pairs)

    def _fired(
        self, clock: Clock, neuron: LIF, states: Sequence[LIFState], traces: Layers
    ) -> tuple[tuple[LIFState, ...], Layers, Layers]:
        """The neurons after a step, their traces, and their spikes."""
        jumps = [neuron.jump(clock, state, None, None) for state in states]
        spikes = tuple(fired for _, fired in jumps)
        step = 1 / (self.tau_trace * _unit(neuron))
        raised = tuple(x + step * s for x, s in zip(traces, spikes, strict=True))
        return tuple(state for state, _ in jumps), raised, spikes


def uniform_weights(widths: Sequence[int], key: PRNGKeyArray) -> Weights:
    """Weights for a `LIFHierarchy`, input width first: uniform, of variance 1/width below."""
    if len(widths) < 2 or min(widths) < 1:
        raise ValueError(f"widths must be at least two positive numbers, got {tuple(widths)}.")
    pairs = list(itertools.pairwise(widths))
    return tuple(
        jr.uniform(k, (above, below), minval=-1.0, maxval=1.0) * (3 / below) ** 0.5
        for k, (below, above) in zip(jr.split(key, len(pairs)), pairs, strict=True)
    )


def _heard(neuron: LIF, current: Array) -> Array:
    """Its firing rate in the unit in which that is the current, far above threshold."""
    return firing_rate(neuron, current) / _unit(neuron)
