"""Ion channels, what drives their currents, and calcium inside the cell."""

from ._calcium_pool import CalciumPool as CalciumPool
from ._channel import (
    Channel as Channel,
    Current as Current,
    Ions as Ions,
    linearised as linearised,
    ohmic as ohmic,
)
from ._electrodiffusion import ghk_current as ghk_current, nernst as nernst
from ._h_current import HCurrent as HCurrent
from ._hay_calcium import Ca_HVA as Ca_HVA, Ca_LVAst as Ca_LVAst
from ._hay_potassium import (
    SK_E2 as SK_E2,
    Ih as Ih,
    Im as Im,
    K_Pst as K_Pst,
    K_Tst as K_Tst,
    SKv3_1 as SKv3_1,
)
from ._hay_sodium import Nap_Et2 as Nap_Et2, NaTa_t as NaTa_t
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
