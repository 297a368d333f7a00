"""Point neurons."""

from ._hodgkin_huxley import HodgkinHuxley as HodgkinHuxley
from ._hodgkin_huxley import HodgkinHuxleyState as HodgkinHuxleyState
from ._lif import LIF as LIF
from ._lif import LIFState as LIFState
