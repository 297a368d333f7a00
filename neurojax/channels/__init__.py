"""Ion channels, what drives their currents, and calcium inside the cell."""

from ._channel import (
    Channel as Channel,
    Current as Current,
    Ions as Ions,
    linearised as linearised,
    ohmic as ohmic,
)
from ._hodgkin_huxley import HodgkinHuxley as HodgkinHuxley, squid_gates as squid_gates
from ._leak import Leak as Leak
from ._pospischil import (
    CaL as CaL,
    CaT as CaT,
    Km as Km,
    l_current_gates as l_current_gates,
    m_current_gate as m_current_gate,
    t_current_activation as t_current_activation,
    t_current_gate as t_current_gate,
)
from ._rates import (
    Gate as Gate,
    Rates as Rates,
    exp_for_powers as exp_for_powers,
    opening_and_closing as opening_and_closing,
    stacked as stacked,
    x_over_expm1 as x_over_expm1,
)
from ._temperature import q10 as q10
from ._traub_miles import TraubMiles as TraubMiles, traub_miles_gates as traub_miles_gates
