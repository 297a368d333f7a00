"""Point neurons."""

from ._adaptive_lif import AdaptiveLIF as AdaptiveLIF, AdaptiveLIFState as AdaptiveLIFState
from ._adex import AdEx as AdEx, AdExState as AdExState
from ._conductance_based import (
    ConductanceBased as ConductanceBased,
    HodgkinHuxleyState as HodgkinHuxleyState,
)
from ._conductance_lif import (
    ConductanceLIF as ConductanceLIF,
    ConductanceLIFState as ConductanceLIFState,
)
from ._current_lif import (
    AlphaLIF as AlphaLIF,
    AlphaLIFState as AlphaLIFState,
    CurrentLIF as CurrentLIF,
    CurrentLIFState as CurrentLIFState,
)
from ._escape_noise import EscapeNoise as EscapeNoise
from ._fitzhugh_nagumo import (
    FitzHughNagumo as FitzHughNagumo,
    FitzHughNagumoState as FitzHughNagumoState,
)
from ._glif import GLIF as GLIF, GLIFState as GLIFState
from ._hindmarsh_rose import (
    HindmarshRose as HindmarshRose,
    HindmarshRoseState as HindmarshRoseState,
)
from ._hodgkin_huxley import HodgkinHuxley as HodgkinHuxley
from ._integrate_and_fire import IntegrateAndFire as IntegrateAndFire
from ._integrator import Integrator as Integrator, IntegratorState as IntegratorState
from ._izhikevich import Izhikevich as Izhikevich, IzhikevichState as IzhikevichState
from ._leaky import LeakyIntegrateAndFire as LeakyIntegrateAndFire
from ._leaky_integrator import (
    LeakyIntegrator as LeakyIntegrator,
    LeakyIntegratorState as LeakyIntegratorState,
)
from ._lif import LIF as LIF, LIFState as LIFState
from ._morris_lecar import MorrisLecar as MorrisLecar
from ._noise import OrnsteinUhlenbeck as OrnsteinUhlenbeck
from ._nonlinear_if import (
    ExponentialIF as ExponentialIF,
    NonlinearIFState as NonlinearIFState,
    QuadraticIF as QuadraticIF,
)
from ._perfect_integrator import IF as IF
from ._poisson_neuron import (
    PoissonNeuron as PoissonNeuron,
    PoissonNeuronState as PoissonNeuronState,
)
from ._pospischil import Pospischil as Pospischil
from ._rate_neurons import RateNeurons as RateNeurons, RateState as RateState
from ._threshold_crossing import ThresholdCrossing as ThresholdCrossing
from ._traub_miles import TraubMiles as TraubMiles
from ._wang_buzsaki import WangBuzsaki as WangBuzsaki
from ._wilson_cowan import WilsonCowan as WilsonCowan, WilsonCowanState as WilsonCowanState
