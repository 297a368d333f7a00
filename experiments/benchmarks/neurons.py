"""Populations of point neurons beside Brian2 and NEST, and equations as text beside the class."""

from itertools import product

from experiments.benchmarks._frame import Case, Worker

BRIAN2_TARGETS = {(100_000, "float32"): 0.5, (100_000, "float64"): 1.0}
"""Ours against Brian2's in the same precision; at most the same elsewhere."""

NEST_MS = {("adex", 100_000): 50, ("hh", 100_000): 20}
"""NEST's adaptive steps would take minutes for each second of so many."""

# How far the sides may differ in the mean over neurons: in spikes, and in the last v (mV). Where
# both take the same steps it is rounding, which now and then moves a spike by a step, and with it
# all that follow; the v of such a neuron differs by up to a whole spike.
SAME_STEPS = {
    "float32": (("spikes", 0.03), ("v", 0.3)),
    "float64": (("spikes", 1e-3), ("v", 1e-3)),
}
# Where the steps differ (NEST's are adaptive but for LIF): the error of steps of 0.1 ms; that of
# semi-implicit HH is a spike in fifty.
OTHER_STEPS = {
    "lif": SAME_STEPS["float64"],
    "adex": (("spikes", 0.3),),
    "hh": (("spikes", 4.0),),
}


def _ours(model: str, neurons: int, ms: int, dtype: str, *options: str) -> tuple[Worker, ...]:
    return (Worker("neurons_neurojax.py", (*_task(model, neurons, ms, dtype), *options)),)


def _task(model: str, neurons: int, ms: int, dtype: str | None = None) -> tuple[str, ...]:
    told = ("--model", model, "--neurons", str(neurons), "--ms", str(ms))
    return (*told, "--dtype", dtype) if dtype else told


def _brian2(model: str, neurons: int, dtype: str) -> tuple[Worker, ...]:
    settings = ("default",)
    if model == "hh":  # a run of so many takes minutes: only what is faster at 1,000
        settings = ("exprel", "quotient") if neurons <= 1000 else ("quotient",)
    told = _task(model, neurons, 1000, dtype)
    return tuple(
        Worker("neurons_brian2.py", (*told, "--setting", setting), "brian2") for setting in settings
    )


def _rounds(neurons: int) -> int | None:
    return 3 if neurons > 1000 else None


_MODELS = ("lif", "adex", "hh")
_SIZES = (1000, 100_000)

_BRIAN2 = [
    Case(
        name=f"{model}-{neurons}-brian2-{dtype}",
        peer="Brian2",
        ours=_ours(model, neurons, 1000, dtype, "--scheme", "brian2"),
        theirs=_brian2(model, neurons, dtype),
        target=BRIAN2_TARGETS.get((neurons, dtype), 1.0),
        rounds=_rounds(neurons),
        agreement=SAME_STEPS[dtype],
    )
    for model, neurons, dtype in product(_MODELS, _SIZES, ("float32", "float64"))
]

_OWN_SOLVER = [
    Case(
        name=f"{model}-{neurons}-brian2-float32-own-solver",
        peer="Brian2",
        ours=_ours(model, neurons, 1000, "float32"),
        theirs=_brian2(model, neurons, "float32"),
        target=0.5,
        rounds=_rounds(neurons),
        agreement=OTHER_STEPS[model],
    )
    for model, neurons in (("adex", 100_000), ("hh", 1000))
]

_NEST = [
    Case(
        name=f"{model}-{neurons}-nest",
        peer="NEST",
        ours=_ours(model, neurons, ms, "float64", "--scheme", "nest"),
        theirs=(Worker("neurons_nest.py", _task(model, neurons, ms), "nest"),),
        target=1.0,
        rounds=_rounds(neurons),
        agreement=OTHER_STEPS[model],
    )
    for model, neurons in product(_MODELS, _SIZES)
    for ms in [NEST_MS.get((model, neurons), 1000)]
]

_TEXT = [
    Case(
        name=f"{model}-{neurons}-text",
        peer="the class",
        ours=_ours(model, neurons, 1000, "float32", "--text"),
        theirs=_ours(model, neurons, 1000, "float32"),
        target=1.2,
        rounds=_rounds(neurons),
        agreement=SAME_STEPS["float32"],
    )
    for model, neurons in product(("lif", "adex"), _SIZES)
]

CASES = (*_BRIAN2, *_OWN_SOLVER, *_NEST, *_TEXT)
