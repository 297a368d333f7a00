"""Point neurons."""

from ._hodgkin_huxley import HodgkinHuxley as HodgkinHuxley, HodgkinHuxleyState as HodgkinHuxleyState
from ._lif import LIF as LIF, LIFState as LIFState
