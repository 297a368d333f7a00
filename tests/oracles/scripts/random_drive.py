"""Noise, Poisson spike trains and Poisson input, that agree in their statistics (after examples of
noise and of input stimuli)."""

# ruff: noqa: F403, F405
# pyright: reportMissingImports=false, reportUndefinedVariable=false
# pyright: reportIndexIssue=false, reportOperatorIssue=false
from brian2 import *

seed(7)
tau = 10 * ms
sigma = 2 * mV
noisy = NeuronGroup(1000, "dx/dt = -x / tau + sigma * sqrt(2/tau) * xi : volt")
scaled = NeuronGroup(1000, "dy/dt = -y/(50*ms) + 0.1*y/sqrt(tau)*xi : 1", method="milstein")
scaled.y = 1
levels = TimedArray([20, 80] * Hz, dt=50 * ms)
trains = PoissonGroup(1000, rates="levels(t)")
fixed = PoissonGroup(500, rates=linspace(0, 200, 500) * Hz)
driven = NeuronGroup(500, "dv/dt = -v / tau : volt")
synapses = Synapses(fixed, driven, on_pre="v_post += 1*mV")
synapses.connect(j="i")
inputs = PoissonInput(driven, "v", 100, 5 * Hz, weight=0.2 * mV)
counts = SpikeMonitor(trains)
fixed_counts = SpikeMonitor(fixed)
first = PopulationRateMonitor(trains)
run(100 * ms)

rate = first.rate / Hz
results = {
    "deviation of x": std(noisy.x / mV),
    "mean of y": mean(scaled.y[:]),
    "early rate": mean(rate[:500]),
    "late rate": mean(rate[500:]),
    "counts": array(fixed_counts.num_spikes),
    "mean of v": mean(driven.v / mV),
}
