"""Sparsely connected neurons that excite and inhibit, in balance: their states of activity.

Source: Brunel 2000, J. Comput. Neurosci. 8, 183–208, model A; the mean rate of the asynchronous
state by its eqs. 19–21.
"""

import math
from dataclasses import dataclass

from scipy.integrate import quad
from scipy.optimize import root_scalar
from scipy.special import erfcx

import neurojax as nj
from neurojax.networks import FixedInDegree, Network, Projection

TAU_M, THETA, REFRACTORY = 20.0, 20.0, 2.0  # ms, mV above rest, ms
J = 0.1  # mV


@dataclass(frozen=True)
class Brunel:
    """`g` is how much stronger inhibition is; `eta` the rate of the outside in that which alone
    brings neurons to threshold; `delay` in ms, `v_reset` in mV above rest (10 in the paper, 0 in
    NEST's example). A tenth of all neurons project to each."""

    g: float = 5.0
    eta: float = 2.0
    delay: float = 1.5
    v_reset: float = 10.0
    excitatory: int = 10_000
    inhibitory: int = 2_500

    @property
    def external_rate(self) -> float:
        """Of all spikes from outside into a neuron, Hz."""
        threshold = THETA / (J * TAU_M) * 1e3  # of all together
        return self.eta * threshold

    def mean_field_rate(self) -> float:
        """Of the asynchronous state with many neurons, Hz: each is driven by white noise of the
        mean and variance that all others' spikes and those from outside have together."""
        incoming_exc, incoming_inh = self.excitatory // 10, self.inhibitory // 10

        def excess(rate: float) -> float:
            mean = J * (rate * (incoming_exc - self.g * incoming_inh) + self.external_rate)
            square = J**2 * (rate * (incoming_exc + self.g**2 * incoming_inh) + self.external_rate)
            sd = math.sqrt(square * TAU_M / 1e3)
            return _driven_rate(mean * TAU_M / 1e3, sd, self.v_reset) - rate

        return root_scalar(excess, bracket=(1e-3, 1e3 / REFRACTORY - 1e-3)).root

    def network(self, dt: float, *, seed: int = 0) -> Network:
        """Spikes move potentials by J, or −g J."""
        total = self.excitatory + self.inhibitory
        cells = nj.LIF(
            shape=(total,),
            tau_m=TAU_M,
            v_threshold=THETA,
            v_reset=self.v_reset,
            refractory=REFRACTORY,
        )
        exc, inh = f"cells[:{self.excitatory}]", f"cells[{self.excitatory}:]"
        steps = round(self.delay / dt)
        projections = {
            "exc": Projection(exc, "cells", FixedInDegree(self.excitatory // 10), J, steps),
            "inh": Projection(
                inh, "cells", FixedInDegree(self.inhibitory // 10), -self.g * J, steps
            ),
        }
        return Network({"cells": cells}, projections, seed=seed)


def _driven_rate(mean: float, sd: float, v_reset: float) -> float:
    """Of a neuron under white noise (mV), Hz. Source: Siegert 1951; Brunel 2000, eq. 21."""
    low, high = (v_reset - mean) / sd, (THETA - mean) / sd
    passage = quad(lambda u: erfcx(-u), low, high)[0]  # exp(u²) (1 + erf u)
    return 1e3 / (REFRACTORY + TAU_M * math.sqrt(math.pi) * passage)
