"""How a dendritic microcircuit learns: each synapse by its own rule, beside backpropagation."""

from collections.abc import Sequence
from typing import NamedTuple, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ...core import simulate
from ...dendrites import ApicalNeuron
from ._microcircuit import Microcircuit, MicrocircuitState, Weights

Batch = tuple[Float[Array, "batch in"], Float[Array, "batch out"]]
Metrics = dict[str, Float[Array, ""]]


class LocalUpdates(NamedTuple):
    """What the rules of plastic synapses ask for, as the fields of `Microcircuit`."""

    forward: Weights
    to_interneurons: Weights
    from_interneurons: Weights


def local_updates(
    circuit: Microcircuit, state: MicrocircuitState, input: Float[Array, "batch in"]
) -> LocalUpdates:
    """The change of each weight by its own rule, mean over samples.

    Basal synapses, and those onto interneurons, learn what the soma does beyond their prediction,
    `(φ(u) − φ(v̂)) rᵀ`; those from interneurons bring the apical dendrite to rest, `−v_apical rᵀ`.
    Source: Sacramento, Costa, Bengio & Senn 2018, NeurIPS 31, synaptic learning rules.
    """
    gain = circuit.pyramidal.gain
    dendrites = circuit.dendrites(state, input)
    rates, interneurons = ([gain(u) for u in layers] for layers in state)
    foreseen, foreseen_inside = ([gain(v) for v in x] for x in circuit.predictions(dendrites))
    below, to_rest = [input, *rates[:-1]], [-v for v in dendrites.apical]
    return LocalUpdates(
        forward=_products(_differences(rates, foreseen), below),
        to_interneurons=_products(_differences(interneurons, foreseen_inside), rates[:-1]),
        from_interneurons=_products(to_rest, interneurons),
    )


class LearningRates(NamedTuple):
    """Learning rates of the layers: of basal synapses, and of those onto interneurons."""

    forward: tuple[Float[Array, ""], ...]
    to_interneurons: tuple[Float[Array, ""], ...]


def gradient_rates(circuit: Microcircuit) -> LearningRates:
    """The learning rates at which the local rules descend the output's error.

    A layer's somatic error is what backpropagation has there, times a factor that falls from layer
    to layer, as long as it is small, the circuit self-predicting and its feedback symmetric. These
    rates undo that, and those onto interneurons keep step with the layer above: with W_k as fast as
    by gradient descent, P_k stays at its self-predicting value.
    """
    taught = _share(circuit.g_target, circuit.output_neuron)
    copied = _share(circuit.g_som, circuit.interneuron)
    apical = circuit.pyramidal.g_apical / circuit.pyramidal.g_basal  # over a layer's attenuation
    factor, forward, to_interneurons = taught, [], []
    for k in reversed(range(len(circuit.forward))):
        own = circuit.neuron(k).attenuation
        forward.append(own / factor)
        if k > 0:
            to_interneurons.append(own / circuit.interneuron.attenuation / copied * forward[-1])
            factor = factor * (1 - copied) / own * apical * circuit.pyramidal.attenuation
    return LearningRates(tuple(reversed(forward)), tuple(reversed(to_interneurons)))


@final
class DendriticLearning(eqx.Module):
    """Settle with input and target, then change each weight by its own rule.

    A source of gradients for `learning.fit`: minus `local_updates`, after `t1` ms in steps of `dt`
    ms from the feed-forward state, times `gradient_rates`, and `lateral_rate` for the synapses from
    interneurons. There are no phases; feedback is fixed. Optimizers that scale each weight's steps
    by itself (Adam) break the balance of interneurons and layer above.
    """

    t1: float = eqx.field(static=True, default=20.0)
    dt: float = eqx.field(static=True, default=0.5)
    lateral_rate: float = eqx.field(static=True, default=0.01)

    def __check_init__(self) -> None:
        if self.lateral_rate < 0:
            raise ValueError(
                f"DendriticLearning: lateral_rate must not be negative, got {self.lateral_rate}."
            )

    def __call__(
        self, model: Microcircuit, batch: Batch, key: PRNGKeyArray | None = None
    ) -> tuple[Microcircuit, Metrics]:
        x, target = batch
        state = self.settled(model, {"input": x, "target": target})
        asked, rates = local_updates(model, state, x), gradient_rates(model)
        updates = _of_weights(
            model,
            forward=_scaled(asked.forward, rates.forward),
            to_interneurons=_scaled(asked.to_interneurons, rates.to_interneurons),
            from_interneurons=tuple(self.lateral_rate * each for each in asked.from_interneurons),
        )
        error = _error(model.feedforward(x), target)
        return jax.tree.map(jnp.negative, updates), {"error": error}

    def settled(
        self, model: Microcircuit, drive: dict[str, Float[Array, "batch _"]]
    ) -> MicrocircuitState:
        """The state after t1 ms under this drive, from the feed-forward one."""
        start = model.feedforward(drive["input"])
        run = simulate(model, drive, t1=self.t1, dt=self.dt, state=start, record=())
        return run.final.state


@final
class DendriticBackprop(eqx.Module):
    """The output's error backpropagated through the feed-forward network, mean over samples.

    The gradient of the error that the circuit descends, `∂E/∂v̂ = −φ′(v̂) (target − v̂)`; v̂ are the
    potentials of `Microcircuit.feedforward`. A source of gradients for `learning.fit`.
    """

    def __call__(
        self, model: Microcircuit, batch: Batch, key: PRNGKeyArray | None = None
    ) -> tuple[Microcircuit, Metrics]:
        x, target = batch

        def output(forward: Weights) -> tuple[Float[Array, "batch out"], MicrocircuitState]:
            state = eqx.tree_at(lambda m: m.forward, model, forward).feedforward(x)
            return state.pyramidal[-1], state

        v, pull_back, state = jax.vjp(output, model.forward, has_aux=True)
        _, slope = jax.jvp(model.pyramidal.gain, (v,), (jnp.ones_like(v),))
        (gradient,) = pull_back(-slope * (target - v) / x.shape[0])
        return _of_weights(model, forward=gradient), {"error": _error(state, target)}


def alignment(a: Microcircuit, b: Microcircuit) -> Float[Array, " layers"]:
    """The cosine between two updates of each layer's forward weights."""
    tiny = jnp.finfo(a.forward[0].dtype).tiny
    return jnp.stack(
        [
            jnp.vdot(p, q) / jnp.maximum(jnp.linalg.norm(p) * jnp.linalg.norm(q), tiny)
            for p, q in zip(a.forward, b.forward, strict=True)
        ]
    )


def _error(state: MicrocircuitState, target: Float[Array, "batch out"]) -> Float[Array, ""]:
    return jnp.mean((target - state.pyramidal[-1]) ** 2)


def _share(g: Array, neuron: ApicalNeuron) -> Array:
    """How far a conductance pulls an otherwise settled soma."""
    return g / (g + neuron.g_leak + neuron.g_basal + neuron.g_apical)


def _differences(a: Sequence[Array], b: Sequence[Array]) -> list[Array]:
    return [x - y for x, y in zip(a, b, strict=True)]


def _products(post: Sequence[Array], pre: Sequence[Array]) -> Weights:
    """The mean over samples of post times pre, for each layer."""
    return tuple(p.T @ r / r.shape[0] for p, r in zip(post, pre, strict=True))


def _scaled(updates: Weights, rates: Sequence[Array]) -> Weights:
    return tuple(rate * each for rate, each in zip(rates, updates, strict=True))


def _of_weights(circuit: Microcircuit, **updates: Weights) -> Microcircuit:
    """These updates in the circuit's structure, zero for all else."""
    nothing = jax.tree.map(jnp.zeros_like, eqx.filter(circuit, eqx.is_inexact_array))
    return eqx.tree_at(
        lambda m: [getattr(m, name) for name in updates], nothing, list(updates.values())
    )
