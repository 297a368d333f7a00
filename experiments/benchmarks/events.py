"""Training steps on first spikes with exact gradients, beside jaxsnn and eventax."""

from itertools import product

from experiments.benchmarks._frame import Case, Worker

SETTINGS = {"jaxsnn": ("eventprop", "analytical"), "eventax": ("eventprop", "checkpoint")}
SIZES = ((30, 32), (120, 64))
"""Hidden neurons, and samples in a batch."""
TARGETS = {"run": 0.5, "compile": 1.0}
# How far the sides may differ in the mean: in output spikes (tau_syn), and in how far the weights
# have moved (of Adam's largest way). jaxsnn is exact but for rounding; eventax takes Heun's steps.
AGREEMENT = {
    "jaxsnn": (("spikes", 1e-3), ("learned", 0.01)),
    "eventax": (("spikes", 3e-3), ("learned", 0.05)),
}


def _workers(side: str, hidden: int, batch: int) -> tuple[Worker, ...]:
    size = ("--hidden", str(hidden), "--batch", str(batch))
    if side == "neurojax":
        return (Worker("events_neurojax.py", size),)
    return tuple(
        Worker(f"events_{side}.py", (*size, "--setting", setting), side)
        for setting in SETTINGS[side]
    )


CASES = tuple(
    Case(
        name=f"events-5-{hidden}-3-{'step' if measure == 'run' else measure}-{peer}",
        peer=peer,
        ours=_workers("neurojax", hidden, batch),
        theirs=_workers(peer, hidden, batch),
        target=TARGETS[measure],
        measures=(measure, measure),
        rounds=3 if measure == "compile" else None,
        agreement=AGREEMENT[peer],
    )
    for (hidden, batch), measure, peer in product(SIZES, TARGETS, SETTINGS)
    if (hidden, measure) != (30, "compile")
)
