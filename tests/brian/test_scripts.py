"""Whole scripts, as a user has them: in single precision, looked at through what they print."""

from typing import Any

import numpy as np
import pytest

from neurojax import brian

FIRST = """
from neurojax.brian import *
tau = 10*ms
eqs = '''
dv/dt = (I - v) / tau : 1 (unless refractory)
I : 1
'''
G = NeuronGroup(1, eqs, threshold='v>1', reset='v=0', refractory=5*ms)
G.I = 1.2
M = SpikeMonitor(G)
run(100*ms)
print('Spikes:', M.count)
"""


def script(text):
    """The names that a script leaves."""
    brian.start_scope()
    names: dict[str, Any] = {"__name__": "script"}
    exec(compile(text, "script", "exec"), names)
    return names


def test_the_script_of_the_docs(capsys):
    names = script(FIRST)

    assert capsys.readouterr().out == "Spikes: [4]\n"
    times = names["M"].t / brian.ms
    assert type(times) is np.ndarray
    np.testing.assert_allclose(times, [17.9, 40.8, 63.7, 86.6], rtol=0, atol=1e-9)
    assert str(names["M"].t) == "[17.9 40.8 63.7 86.6] ms"


NETWORK = """
from neurojax.brian import *
seed(4)
rates = TimedArray([0, 100]*Hz, dt=10*ms)
P = PoissonGroup(20, rates='rates(t)')
G = NeuronGroup(10, '''
dv/dt = (-v + s*sin(2*pi*50*Hz*t))/(10*ms) + 0.05*xi/sqrt(ms) : 1 (unless refractory)
s : 1 (constant)
''', threshold='v > 0.5 and not (t < 5*ms)', reset='v = -0.2*rand()', refractory='(1 + 2*s)*ms',
method='euler')
G.s = 'i / N'
S = Synapses(P, G, 'w : 1', on_pre='v += w', delay=0.7*ms)
S.connect(p=0.5)
S.w = '0.2 + 0.1*randn()'
spikes = SpikeMonitor(G)
trace = StateMonitor(G, 'v', record=True)
inputs = SpikeMonitor(P)
rate = PopulationRateMonitor(G)
"""


def test_runs_in_a_row_are_one_run():
    whole = script(NETWORK + "run(40*ms)")
    parts = script(NETWORK + "run(23.4*ms); at = defaultclock.t/ms; run(16.6*ms)")

    np.testing.assert_allclose(parts["at"], 23.4)
    assert whole["spikes"].num_spikes > 20
    # Bitwise: random numbers and spikes that are on their way included.
    np.testing.assert_array_equal(parts["trace"].v, whole["trace"].v)
    np.testing.assert_array_equal(parts["spikes"].i, whole["spikes"].i)
    np.testing.assert_array_equal(parts["spikes"].t_, whole["spikes"].t_)
    np.testing.assert_array_equal(parts["rate"].rate_, whole["rate"].rate_)
    assert not np.any(whole["inputs"].t < 10 * brian.ms)
    np.testing.assert_allclose(whole["trace"].t / brian.ms, np.arange(400) * 0.1)


def test_restored_runs_differ_in_noise_alone():
    names = script(NETWORK + "store(); run(15*ms); first = trace.v.copy(); restore(); run(15*ms)")

    again = names["trace"].v
    assert again.shape == names["first"].shape == (10, 150)
    np.testing.assert_array_equal(again[:, 0], names["first"][:, 0])
    assert not np.array_equal(again, names["first"])


def test_namespaces_are_looked_up_where_brian2_looks():
    names = script("""
from neurojax.brian import *
tau = 10*ms
def simulated(tau):
    G = NeuronGroup(1, 'dv/dt = (1 - v)/tau : 1')
    run(5*ms)
    return G.v[0]
fast = simulated(1*ms)
own = NeuronGroup(1, 'dv/dt = (1 - v)/tau : 1', namespace={'tau': 2*ms})
given = NeuronGroup(1, 'dv/dt = (1 - v)/tau : 1')
run(5*ms, namespace={'tau': 5*ms})
""")

    np.testing.assert_allclose(names["fast"], 1 - np.exp(-5), rtol=1e-6)
    np.testing.assert_allclose(names["own"].v, 1 - np.exp(-2.5), rtol=1e-6)
    np.testing.assert_allclose(names["given"].v, 1 - np.exp(-1), rtol=1e-6)


def test_a_new_object_in_a_running_simulation_is_refused():
    with pytest.raises(brian.MagicError, match="some are new"):
        script(
            "from neurojax.brian import *\nG = NeuronGroup(1, 'v : 1')\nrun(1*ms)\n"
            "H = NeuronGroup(1, 'v : 1')\nrun(1*ms)"
        )
