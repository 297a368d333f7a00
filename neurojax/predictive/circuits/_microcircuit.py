"""Dendritic cortical microcircuits: prediction errors as the potentials of apical dendrites."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, final

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from ...core import Affine, System, as_parameter, is_known, positive
from ...dendrites import ApicalNeuron, ApicalNeuronState

Layers = tuple[Float[Array, "..."], ...]
Weights = tuple[Float[Array, "_ _"], ...]
Gain = Callable[[Float[Array, "..."]], Float[Array, "..."]]


class MicrocircuitState(NamedTuple):
    """Somatic potentials (mV above rest), each [width] or [batch, width]: of the pyramidal neurons
    from the first hidden layer to the output, and of the interneurons of each hidden layer."""

    pyramidal: Layers
    interneuron: Layers


class DendriticPotentials(NamedTuple):
    """Potentials (mV above rest): of the basal dendrites of each layer, the apical dendrites of
    each hidden layer, and the dendrites of its interneurons."""

    basal: Layers
    apical: Layers
    interneuron: Layers


def _as_weights(weights: Sequence[Any]) -> Weights:
    return tuple(as_parameter(each) for each in weights)


@final
class Microcircuit(System):
    """Layers of pyramidal neurons, the hidden ones with interneurons that predict the layer above.

    The basal dendrites of layer k have `W_k φ(u_{k−1})`, from the rates of the layer below; those
    of hidden layers have apical dendrites with `B_k φ(u_{k+1}) + L_k φ(u^I_k)`, feedback from above
    and what the interneurons take from it. Layer k has an interneuron for each neuron of the layer
    above, with `P_k φ(u_k)` on its dendrite and the current `g_som (u_{k+1} − u^I_k)` at its soma.
    The output layer gets the current `g_target (target − u)`, where there is a target. What the
    interneurons do not foresee stays in the apical dendrites: the error.

    - `forward` W_k [width_k, width_{k−1}] of each layer; `feedback` B_k [width_k, width_{k+1}],
      `to_interneurons` P_k [width_{k+1}, width_k] and `from_interneurons` L_k
      [width_k, width_{k+1}] of each hidden layer.
    - `pyramidal`, `output_neuron`, `interneuron`: one neuron each, for all of its kind; of one gain
      φ, and the latter two without apical dendrite. Conductances g_som and g_target in µS.

    The drive is a dict: "input", rates [in], and, if taught, "target", potentials [out] (mV above
    rest); with samples in front, [batch, in], for a state of [batch, width]. There are no biases:
    an input that is constant makes one. Starts at rest.

    Raises `ValueError` for weights or neurons that do not fit, and for another drive.
    Source: Sacramento, Costa, Bengio & Senn 2018, NeurIPS 31, neuron and network model, without
    noise.
    """

    forward: Weights = eqx.field(converter=_as_weights)
    feedback: Weights = eqx.field(converter=_as_weights)
    to_interneurons: Weights = eqx.field(converter=_as_weights)
    from_interneurons: Weights = eqx.field(converter=_as_weights)
    pyramidal: ApicalNeuron
    output_neuron: ApicalNeuron
    interneuron: ApicalNeuron
    g_som: Array = eqx.field(converter=as_parameter, default=0.8)
    g_target: Array = eqx.field(converter=as_parameter, default=0.8)

    default_record = ("output",)

    def __check_init__(self) -> None:
        positive("Microcircuit", g_som=self.g_som, g_target=self.g_target)
        if not self.forward:
            raise ValueError("Microcircuit: forward needs the weights of a layer at least, got ().")
        below, above = self.widths[:-1], self.widths[1:]
        hidden = list(itertools.pairwise(above))
        due = {
            "forward": list(zip(above, below, strict=True)),
            "feedback": hidden,
            "to_interneurons": [(post, pre) for pre, post in hidden],
            "from_interneurons": hidden,
        }
        for name, shapes in due.items():
            given = [weights.shape for weights in getattr(self, name)]
            if given != shapes:
                raise ValueError(f"Microcircuit: {name} must have shapes {shapes}, got {given}.")
        neurons = (self.pyramidal, self.output_neuron, self.interneuron)
        if any(neuron.shape or neuron.gain is not self.pyramidal.gain for neuron in neurons):
            raise ValueError("Microcircuit: its neurons must be of shape () and have one gain.")
        for name in ("output_neuron", "interneuron"):
            g_apical = getattr(self, name).g_apical
            if is_known(g_apical) and float(g_apical) != 0:
                raise ValueError(f"Microcircuit: {name} must have g_apical 0, got {g_apical}.")

    @property
    def widths(self) -> tuple[int, ...]:
        """Neurons of each layer, input first."""
        return (self.forward[0].shape[-1], *(weights.shape[0] for weights in self.forward))

    def neuron(self, layer: int) -> ApicalNeuron:
        """The pyramidal neuron of a layer, counted from 0, the first hidden one."""
        return self.output_neuron if layer == len(self.forward) - 1 else self.pyramidal

    def initial_state(self, key: PRNGKeyArray | None = None) -> MicrocircuitState:
        rest = tuple(jnp.zeros(width, self.forward[0].dtype) for width in self.widths[1:])
        return MicrocircuitState(rest, rest[1:])

    def dendrites(
        self, state: MicrocircuitState, input: Float[Array, "*batch in"]
    ) -> DendriticPotentials:
        """What the synapses make of the rates of the others."""
        gain = self.pyramidal.gain
        rates, interneurons = ([gain(u) for u in layers] for layers in state)
        below = [input, *rates[:-1]]
        return DendriticPotentials(
            basal=_through(self.forward, below),
            apical=tuple(
                fed + taken
                for fed, taken in zip(
                    _through(self.feedback, rates[1:]),
                    _through(self.from_interneurons, interneurons),
                    strict=True,
                )
            ),
            interneuron=_through(self.to_interneurons, rates[:-1]),
        )

    def vector_field(self, t: Any, state: MicrocircuitState, drive: Any) -> MicrocircuitState:
        self._check_drive(drive)
        dendrites = self.dendrites(state, drive["input"])
        layers = []
        for k, (u, basal) in enumerate(zip(state.pyramidal, dendrites.basal, strict=True)):
            onto: dict[str, Any] = {"basal": basal}
            if k < len(dendrites.apical):
                onto["apical"] = dendrites.apical[k]
            elif "target" in drive:
                onto["soma"] = Affine(self.g_target, self.g_target * drive["target"])
            layers.append(self.neuron(k).vector_field(t, ApicalNeuronState(u), onto).u)
        interneurons = []
        for u, v, twin in zip(
            state.interneuron, dendrites.interneuron, state.pyramidal[1:], strict=True
        ):
            onto = {"basal": v, "soma": Affine(self.g_som, self.g_som * twin)}
            interneurons.append(self.interneuron.vector_field(t, ApicalNeuronState(u), onto).u)
        return MicrocircuitState(tuple(layers), tuple(interneurons))

    def output(self, state: MicrocircuitState) -> Float[Array, "..."]:
        """The potentials of the output layer."""
        return state.pyramidal[-1]

    def predictions(self, dendrites: DendriticPotentials) -> MicrocircuitState:
        """The somatic potentials that the basal dendrites, and those of the interneurons, predict:
        an untaught soma's, with its apical dendrite at rest."""
        return MicrocircuitState(
            tuple(self.neuron(k).attenuation * v for k, v in enumerate(dendrites.basal)),
            tuple(self.interneuron.attenuation * v for v in dendrites.interneuron),
        )

    def feedforward(self, input: Float[Array, "*batch in"]) -> MicrocircuitState:
        """The state where each soma is as its basal dendrite predicts: the steady state of a
        self-predicting circuit without a target."""
        rates, pyramidal = input, []
        for k, weights in enumerate(self.forward):
            pyramidal.append(self.neuron(k).attenuation * (rates @ weights.T))
            rates = self.pyramidal.gain(pyramidal[-1])
        state = MicrocircuitState(tuple(pyramidal), tuple(pyramidal[1:]))
        return state._replace(
            interneuron=self.predictions(self.dendrites(state, input)).interneuron
        )

    def _check_drive(self, drive: Any) -> None:
        due = {"input": self.widths[0], "target": self.widths[-1]}
        if not isinstance(drive, dict) or "input" not in drive or not drive.keys() <= due.keys():
            raise ValueError(
                f"Microcircuit: drive must be a dict of 'input' and perhaps 'target', got {drive}."
            )
        for name, value in drive.items():
            if jnp.shape(value)[-1:] != (due[name],):
                raise ValueError(
                    f"Microcircuit: drive[{name!r}] has shape {jnp.shape(value)}, for {due[name]} "
                    "neurons."
                )


def microcircuit(
    widths: Sequence[int],
    key: PRNGKeyArray,
    *,
    gain: Gain = jax.nn.softplus,
    symmetric: bool = False,
    **conductances: float,
) -> Microcircuit:
    """A fresh circuit in the self-predicting state; `widths` has the input first.

    Forward weights are uniform, of the variance at which an untaught soma varies as the rates below
    it; feedback weights are uniform of variance 1/width above, or, where `symmetric`, the forward
    weights transposed. `gain` is the neurons' φ; `conductances` may give g_som and g_target.
    """
    if len(widths) < 2 or min(widths) < 1:
        raise ValueError(f"widths must be at least two positive numbers, got {tuple(widths)}.")
    pairs = list(itertools.pairwise(widths))
    keys = iter(jr.split(key, 2 * len(pairs)))

    def drawn(post: int, pre: int) -> Float[Array, "_ _"]:
        return jr.uniform(next(keys), (post, pre), minval=-1.0, maxval=1.0) * (3 / pre) ** 0.5

    forward = [drawn(above, below) for below, above in pairs]
    feedback = [drawn(below, above) for below, above in pairs[1:]]
    lateral = [jnp.zeros_like(weights) for weights in feedback]
    without_apical = ApicalNeuron(g_apical=0.0, gain=gain)
    circuit = Microcircuit(
        forward,
        feedback,
        [each.T for each in lateral],
        lateral,
        pyramidal=ApicalNeuron(gain=gain),
        output_neuron=without_apical,
        interneuron=without_apical,
        **conductances,
    )
    scaled = tuple(w / circuit.neuron(k).attenuation for k, w in enumerate(circuit.forward))
    back = tuple(w.T for w in scaled[1:]) if symmetric else circuit.feedback
    circuit = eqx.tree_at(lambda c: (c.forward, c.feedback), circuit, (scaled, back))
    return self_predicting(circuit)


def self_predicting(circuit: Microcircuit) -> Microcircuit:
    """The circuit with the lateral weights that foresee the layer above exactly: untaught, its
    apical dendrites stay at rest.

    `P_k = a_{k+1}/a_I W_{k+1}` with a the `attenuation` of a neuron, and `L_k = −B_k`.
    Source: Sacramento et al. 2018, supplement, the self-predicting state.
    """
    inner = enumerate(circuit.forward[1:], start=1)
    own = circuit.interneuron.attenuation
    lateral = (
        tuple(circuit.neuron(k).attenuation / own * weights for k, weights in inner),
        tuple(-weights for weights in circuit.feedback),
    )
    return eqx.tree_at(lambda c: (c.to_interneurons, c.from_interneurons), circuit, lateral)


def _through(weights: Weights, rates: Sequence[Array]) -> Layers:
    """Each layer's rates through its weights."""
    return tuple(r @ w.T for w, r in zip(weights, rates, strict=True))
