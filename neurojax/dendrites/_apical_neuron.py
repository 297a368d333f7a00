"""The graded pyramidal neuron of Sacramento et al.: a soma between two dendrites."""

from collections.abc import Callable
from typing import Any, NamedTuple, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ..core import Affine, System, as_parameter, non_negative, positive
from ._cell import injected
from ._sites import SOMA

APICAL, BASAL = "apical", "basal"

Gain = Callable[[Float[Array, "..."]], Float[Array, "..."]]


class ApicalNeuronState(NamedTuple):
    """Somatic potential (mV above rest)."""

    u: Float[Array, "*shape"]


@final
class ApicalNeuron(System):
    """A neuron without spikes, of a soma and two dendrites:

    `C_m du/dt = −g_leak u + g_basal (v_basal − u) + g_apical (v_apical − u) + I`.

    The dendrites follow their synapses at once: the drive is a dict by site, the potentials "basal"
    and "apical" (mV above rest; at rest where left out) and the current "soma" (nA, or `Affine`); a
    bare drive is the current. With g_apical = 0 it is the paper's interneuron. The output is the
    rate φ(u), `gain`.

    C_m in nF, conductances in µS, potentials in mV above rest; parameters are scalars, or arrays of
    the population's `shape`.

    Raises `ValueError` for a C_m, g_leak or g_basal that is not positive, a negative g_apical,
    parameters of another shape, and a drive with another site.
    Source: Sacramento, Costa, Bengio & Senn 2018, NeurIPS 31, where C_m is 1.
    """

    shape: tuple[int, ...] = eqx.field(static=True, default=())
    C_m: Array = eqx.field(converter=as_parameter, default=1.0)
    g_leak: Array = eqx.field(converter=as_parameter, default=0.1)
    g_basal: Array = eqx.field(converter=as_parameter, default=1.0)
    g_apical: Array = eqx.field(converter=as_parameter, default=0.8)
    gain: Gain = eqx.field(static=True, default=jax.nn.softplus)

    default_record = ("u",)

    def __check_init__(self) -> None:
        name = type(self).__name__
        positive(name, C_m=self.C_m, g_leak=self.g_leak, g_basal=self.g_basal)
        non_negative(name, g_apical=self.g_apical)
        for what in ("C_m", "g_leak", "g_basal", "g_apical"):
            own = getattr(self, what).shape
            if own not in ((), self.shape):
                raise ValueError(f"{name}: {what} has shape {own}, the population {self.shape}.")

    def initial_state(self, key: PRNGKeyArray | None = None) -> ApicalNeuronState:
        return ApicalNeuronState(jnp.zeros(self.shape, self.C_m.dtype))

    def vector_field(self, t: Any, state: ApicalNeuronState, drive: Any) -> ApicalNeuronState:
        conductance, source = self._membrane(drive)
        return ApicalNeuronState((source - conductance * state.u) / self.C_m)

    def output(self, state: ApicalNeuronState) -> Float[Array, "..."]:
        return self.gain(state.u)

    def steady_state(self, drive: Any) -> Float[Array, "..."]:
        """The potential u (mV) at which the neuron comes to rest under a constant drive."""
        conductance, source = self._membrane(drive)
        return source / conductance

    @property
    def attenuation(self) -> Float[Array, "*shape"]:
        """The somatic potential that a basal potential of 1 makes, all else at rest:
        `g_basal / (g_leak + g_basal + g_apical)`."""
        return self.g_basal / (self.g_leak + self.g_basal + self.g_apical)

    def _membrane(self, drive: Any) -> tuple[Array, Array]:
        """The total conductance (µS), and the current (nA) at u = 0."""
        sites = injected(drive)
        for site in sites:
            if site not in (SOMA, BASAL, APICAL):
                raise ValueError(
                    f"ApicalNeuron: drive has no site {site!r}, only {SOMA}, {BASAL} and {APICAL}."
                )
        current = sites.get(SOMA, 0.0)
        if not isinstance(current, Affine):
            current = Affine(0.0, current)
        conductance = self.g_leak + self.g_basal + self.g_apical + current.conductance
        dendrites = self.g_basal * sites.get(BASAL, 0.0) + self.g_apical * sites.get(APICAL, 0.0)
        return conductance, dendrites + current.source
