"""Calcium in a shell beneath the membrane."""

from typing import final

import equinox as eqx
from jaxtyping import Array, Float

from ..core import as_parameter, positive
from ._electrodiffusion import FARADAY


@final
class CalciumPool(eqx.Module):
    """`dca/dt = −I_ca gamma / (2 F depth) − (ca − minimum) / decay`.

    ca and minimum in mM, I_ca in µA/cm² (outward positive), depth of the shell in µm, decay in ms;
    gamma is the share that no buffer binds. Defaults of gamma and decay are those of the model's
    soma; its apical dendrite has 0.000509 and 122 ms.

    Source: Destexhe et al. 1994, J. Neurophysiol. 72, 803–818; Hay et al. 2011, PLoS Comput.
    Biol. 7, e1002107, Methods.
    """

    gamma: Array = eqx.field(converter=as_parameter, default=0.000501)
    decay: Array = eqx.field(converter=as_parameter, default=460.0)
    depth: Array = eqx.field(converter=as_parameter, default=0.1)
    minimum: Array = eqx.field(converter=as_parameter, default=1e-4)

    def __check_init__(self) -> None:
        values = {"gamma": self.gamma, "decay": self.decay, "depth": self.depth}
        positive("CalciumPool", **values, minimum=self.minimum)

    def rate(
        self, ca: Float[Array, "*shape"], current: Float[Array, "*shape"]
    ) -> Float[Array, "*shape"]:
        """dca/dt (mM/ms) at calcium ca (mM) and calcium current (µA/cm²)."""
        # µA/cm² over C/mol and µm: 1e-6 / 1e-4 mol/(s cm³), of which 1 is 1e6 mM/s, 1e3 mM/ms.
        entering = -current * (10 / (2 * FARADAY)) * (self.gamma / self.depth)
        return entering - (ca - self.minimum) / self.decay
