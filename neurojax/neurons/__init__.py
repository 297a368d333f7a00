"""Point neurons."""

from ._adex import AdEx as AdEx
from ._adex import AdExState as AdExState
from ._conductance_based import ConductanceBased as ConductanceBased
from ._conductance_based import HodgkinHuxleyState as HodgkinHuxleyState
from ._current_lif import CurrentLIF as CurrentLIF
from ._current_lif import CurrentLIFState as CurrentLIFState
from ._hodgkin_huxley import HodgkinHuxley as HodgkinHuxley
from ._integrate_and_fire import IntegrateAndFire as IntegrateAndFire
from ._lif import LIF as LIF
from ._lif import LIFState as LIFState
from ._threshold_crossing import ThresholdCrossing as ThresholdCrossing
