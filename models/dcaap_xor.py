"""One human layer 2/3 neuron that tells whether exactly one of two pathways is active.

Gidon et al. 2020, Science 367, 83-87: calcium action potentials of the apical dendrite (dCaAPs) are
highest for an input just above their threshold, and dampened by a stronger one. Two pathways X and
Y that each reach threshold alone are therefore an exclusive or (their figs. 2 and 3); a dendrite
whose spikes do not shrink makes only AND and OR of them.

The neuron is reduced to a dendrite and a soma that follows it. What a dCaAP looks like in time, its
threshold, refractory period and tuning are those of the mechanism that the authors published
(ModelDB 254217, dCaAP.mod and xor.hoc), but for two things: they fix its height at its onset, and
leave out the first after a stimulus; here the height follows the input all along. Its largest
height and what the soma sees of the dendrite are set by hand, as theirs are.
"""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

import neurojax as nj
from neurojax.core import Clock, as_parameter, non_negative, positive, where_spiked
from neurojax.learning import Fit, by_backprop, fit
from neurojax.neurons import IntegrateAndFire

INPUTS = jnp.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
GATES = {"and": (0, 0, 0, 1), "or": (0, 1, 1, 1), "xor": (0, 1, 1, 0)}
T1, DT = 120.0, 0.25  # ms: one dCaAP


class DCaAPState(NamedTuple):
    """Soma's potential (mV), what the synapses alone depolarise the dendrite by (mV), time since
    the last dCaAP began (ms), steps of refractoriness left."""

    v: Float[Array, "*shape"]
    depolarisation: Float[Array, "*shape"]
    since: Float[Array, "*shape"]
    frozen: Int[Array, "*shape"]


class DCaAPNeuron(IntegrateAndFire):
    """`tau_d du/dt = −u + (g_X x + g_Y y) (E_syn − E_leak − u)` in the dendrite,
    `tau_s dv/dt = E_leak − v + coupling (u + dCaAP)` in the soma, a leaky integrate-and-fire unit.

    A dCaAP begins when u rises above `onset`, at most once in `recovery` ms. Its height is
    `height · exp(−damping · max(0, u/onset − 1))`, of which the time course reaches six tenths;
    without damping it is a dendrite whose spikes do not shrink. The drive is the activity x, y of
    the pathways, [2, *shape]; conductances are in units of the leak. It needs a clock.
    """

    g_X: Array = eqx.field(converter=as_parameter, default=1.2)
    g_Y: Array = eqx.field(converter=as_parameter, default=1.2)
    damping: Array = eqx.field(converter=as_parameter, default=1 / 0.3)
    onset: Array = eqx.field(converter=as_parameter, default=39.0)
    height: Array = eqx.field(converter=as_parameter, default=100.0)
    recovery: Array = eqx.field(converter=as_parameter, default=200.0)
    coupling: Array = eqx.field(converter=as_parameter, default=0.37)
    tau_d: Array = eqx.field(converter=as_parameter, default=16.65)  # 0.45 µF/cm² at 37 kΩ·cm²
    tau_s: Array = eqx.field(converter=as_parameter, default=5.0)
    E_leak: Array = eqx.field(converter=as_parameter, default=-75.0)
    E_syn: Array = eqx.field(converter=as_parameter, default=0.0)
    v_threshold: Array = eqx.field(converter=as_parameter, default=-50.0)

    def __check_init__(self) -> None:
        non_negative("DCaAPNeuron", damping=self.damping)
        positive("DCaAPNeuron", onset=self.onset, tau_d=self.tau_d, tau_s=self.tau_s)

    def initial_state(self, key: PRNGKeyArray | None = None) -> DCaAPState:
        v = jnp.broadcast_to(self.E_leak, self.shape)
        since = jnp.broadcast_to(self.recovery, self.shape)
        return DCaAPState(v, jnp.zeros_like(v), since, jnp.zeros(self.shape, jnp.int32))

    def vector_field(
        self, t: Any, state: DCaAPState, drive: Float[Array, "2 *shape"]
    ) -> DCaAPState:
        u = state.depolarisation
        synaptic = (self.g_X * drive[0] + self.g_Y * drive[1]) * (self.E_syn - self.E_leak - u)
        arriving = self.coupling * (u + self.dcaap(state))
        rate = (self.E_leak - state.v + arriving) / self.tau_s
        return DCaAPState(
            v=self.unless_refractory(state, rate),
            depolarisation=(synaptic - u) / self.tau_d,
            since=jnp.ones_like(u),
            frozen=None,  # pyright: ignore[reportArgumentType]
        )

    def dcaap(self, state: DCaAPState) -> Float[Array, "*shape"]:
        """What the dCaAP adds to the dendrite's potential (mV): up by one sigmoid of time, down by
        another that begins 21 ms later."""
        begun = jnp.log(999.0)  # sigmoids begin at 0.001
        up = jax.nn.sigmoid(state.since / 3.0 - begun)
        down = jax.nn.sigmoid((state.since - 21.0) / 0.4 - begun)
        excess = jnp.maximum(state.depolarisation / self.onset - 1, 0)
        return self.height * jnp.exp(-self.damping * excess) * (up - down)

    def distance(self, state: DCaAPState) -> Float[Array, "*shape"]:
        return state.v - self.v_threshold

    def reset(self, state: DCaAPState, spikes: Float[Array, "*shape"]) -> DCaAPState:
        return state._replace(v=where_spiked(spikes, self.E_leak, state.v))

    def jump(
        self, clock: Clock, state: DCaAPState, incoming: Any, key: PRNGKeyArray | None
    ) -> tuple[DCaAPState, Float[Array, "*shape"]]:
        begins = (state.depolarisation > self.onset) & (state.since >= self.recovery)
        state = state._replace(since=jnp.where(begins, 0.0, state.since))
        return super().jump(clock, state, incoming, key)


def neuron(gate: str) -> DCaAPNeuron:
    """Set by hand, one for each of `INPUTS`: "xor" by dCaAPs; "or" and "and" by spikes that do not
    shrink, whose onset one pathway reaches, or only both."""
    settings = {"xor": {}, "or": {"damping": 0.0}, "and": {"damping": 0.0, "onset": 47.0}}
    return DCaAPNeuron((len(INPUTS),), **settings[gate])


def respond(cell: DCaAPNeuron, inputs: Float[Array, "*shape 2"] = INPUTS) -> nj.Solution:
    """The neuron's response to pathways that are active from time 0 on: `sol["v"]`,
    `sol["depolarisation"]`, `sol["dcaap"]` and spikes."""
    record: dict[str, Any] = {name: name for name in ("v", "depolarisation", "spikes")}
    record["dcaap"] = lambda t, state: cell.dcaap(state)
    return nj.simulate(cell, jnp.moveaxis(inputs, -1, 0), t1=T1, dt=DT, record=record)


def truth_table(
    cell: DCaAPNeuron, inputs: Float[Array, "*shape 2"] = INPUTS
) -> Bool[np.ndarray, "*shape"]:
    """Whether the soma spikes, for each of the inputs."""
    return np.asarray(respond(cell, inputs).spikes.counts()) > 0


def peaks(cell: DCaAPNeuron, inputs: Float[Array, "*shape 2"] = INPUTS) -> Float[Array, "*shape"]:
    """How far past threshold the soma gets (mV), were it not reset."""
    silent = eqx.tree_at(lambda c: c.v_threshold, cell, jnp.asarray(jnp.inf))
    return respond(silent, inputs)["v"].max(axis=0) - cell.v_threshold


def loss(cell: DCaAPNeuron, batch: tuple[Array, Array], key: PRNGKeyArray):
    """Cross-entropy of a soma that is sure of its answer some mV from threshold.

    The pathways' activity varies by a tenth: otherwise training balances a lone pathway on the
    onset, where dCaAPs are highest.
    """
    inputs, wanted = batch
    inputs = inputs * (1 + 0.1 * jax.random.normal(key, inputs.shape))
    return optax.sigmoid_binary_cross_entropy(peaks(cell, inputs), wanted).mean(), {}


def trained(start: DCaAPNeuron, gate: str, *, key: PRNGKeyArray, epochs: int = 400) -> Fit:
    """Synaptic conductances and tuning, by gradient descent on a gate's four examples."""
    nothing = jax.tree.map(lambda _: False, start)
    moving = eqx.tree_at(lambda c: (c.g_X, c.g_Y, c.damping), nothing, (True, True, True))
    return fit(
        start,
        (INPUTS, jnp.array(GATES[gate], float)),
        by_backprop(loss),
        optimizer=optax.adam(0.02),
        epochs=epochs,
        batch_size=4,
        key=key,
        trainable=moving,
    )
