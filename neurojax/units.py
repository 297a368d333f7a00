"""Units as floats: `10 * ms` is 10.0, `0.5 * nA` is 0.5.

The base of NeuroJAX is ms, mV, µm, nA, µS, mS/cm², µF/cm², Ω·cm and mM; a quantity times its unit
is its value in that base. Nothing is checked here.
"""

ms = 1.0
second = 1e3
us = 1e-3
Hz = 1.0
kHz = 1e3
mV = 1.0
volt = 1e3
uV = 1e-3
um = 1.0
mm = 1e3
cm = 1e4
nA = 1.0
uA = 1e3
pA = 1e-3
uS = 1.0
mS = 1e3
nS = 1e-3
pF = 1e-3
nF = 1.0
MOhm = 1.0
GOhm = 1e3
mS_per_cm2 = 1.0
S_per_cm2 = 1e3
uF_per_cm2 = 1.0
uA_per_cm2 = 1.0
ohm_cm = 1.0
mM = 1.0
uM = 1e-3
