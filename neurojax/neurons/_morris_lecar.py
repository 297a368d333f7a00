"""The barnacle muscle fibre of Morris & Lecar."""

from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..channels import Rates
from ..core import as_parameter, positive
from ._conductance_based import ConductanceBased, Currents


@final
class MorrisLecar(ConductanceBased):
    """`C_m dv/dt = I − g_Ca m∞ (v − E_Ca) − g_K w (v − E_K) − g_leak (v − E_leak)`,
    `dw/dt = phi cosh((v − v_3)/(2 v_4)) (w∞ − w)`,
    with `m∞ = (1 + tanh((v − v_1)/v_2))/2` and `w∞ = (1 + tanh((v − v_3)/v_4))/2`.

    C_m in µF/cm², g in mS/cm², E, v and v_1 to v_4 in mV, phi in 1/ms, the drive I in µA/cm²; the
    one gate is w. `class_2`, the defaults, begins to fire at a frequency above zero (a Hopf
    bifurcation); `class_1` from zero on (a saddle-node on a circle).

    Source: Morris & Lecar 1981, Biophys. J. 35, 193–213, eqs. 2 and 9; parameters of Rinzel &
    Ermentrout 1998, in Koch & Segev, Methods in Neuronal Modeling, 2nd ed., ch. 7, appendix A.
    """

    C_m: Array = eqx.field(converter=as_parameter, default=20.0)
    g_Ca: Array = eqx.field(converter=as_parameter, default=4.4)
    g_K: Array = eqx.field(converter=as_parameter, default=8.0)
    g_leak: Array = eqx.field(converter=as_parameter, default=2.0)
    E_Ca: Array = eqx.field(converter=as_parameter, default=120.0)
    E_K: Array = eqx.field(converter=as_parameter, default=-84.0)
    E_leak: Array = eqx.field(converter=as_parameter, default=-60.0)
    v_1: Array = eqx.field(converter=as_parameter, default=-1.2)
    v_2: Array = eqx.field(converter=as_parameter, default=18.0)
    v_3: Array = eqx.field(converter=as_parameter, default=2.0)
    v_4: Array = eqx.field(converter=as_parameter, default=30.0)
    phi: Array = eqx.field(converter=as_parameter, default=0.04)
    v_init: Array = eqx.field(converter=as_parameter, default=-60.0, kw_only=True)

    def __check_init__(self) -> None:
        positive("MorrisLecar", v_2=self.v_2, v_4=self.v_4, phi=self.phi)

    @classmethod
    def class_1(cls, shape: tuple[int, ...] = (), **parameters: Any) -> "MorrisLecar":
        """Fires from zero frequency on, from 39.96 µA/cm²."""
        own: dict[str, Any] = {"g_Ca": 4.0, "v_3": 12.0, "v_4": 17.4, "phi": 1 / 15}
        return cls(shape, **own | parameters)

    @classmethod
    def class_2(cls, shape: tuple[int, ...] = (), **parameters: Any) -> "MorrisLecar":
        """Its rest is unstable from 93.9 to 212.0 µA/cm²."""
        return cls(shape, **parameters)

    def rates(self, v: Float[Array, "*shape"]) -> Rates:
        x = (v - self.v_3) / self.v_4
        speed = self.phi * jnp.cosh(x / 2)
        w = jax.nn.sigmoid(2 * x)
        return (speed * w)[None], (speed * (1 - w))[None]

    def currents(self, v: Float[Array, "*shape"], gates: Float[Array, "1 *shape"]) -> Currents:
        m = jax.nn.sigmoid(2 * (v - self.v_1) / self.v_2)
        return (
            (self.g_Ca * m, self.E_Ca),
            (self.g_K * gates[0], self.E_K),
            (self.g_leak, self.E_leak),
        )
