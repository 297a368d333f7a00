"""A training step of spiking networks on a clock, beside torch, spyx, jaxpike and bare jax."""

import math
from typing import Any

from experiments.benchmarks._frame import Case, Worker

# How far the losses of the first training steps may differ in the mean; they are of 2 to 3. A sum
# rounded otherwise moves spikes by a step, and Adam multiplies what that does to small gradients.
LOSS = {"dense": 4e-3, "small": 1e-4, "recurrent": 4e-3, "conv": 3e-3}
# Of the first gradient's norm, which is of 3 to 30; without that of the reset it is 0.026 to 0.2
# other in all but the last, in which neurons seldom spike twice.
SLOPE = {"dense": 1e-3, "small": 1e-4, "recurrent": 3e-3, "conv": 1e-2}

SETTINGS = {
    "torch": ("loop, MKL", "hand, MKL", "loop, oneDNN", "hand, oneDNN"),
    "spyx": ("",),
    "jaxpike": ("keep", "remat"),
}


def _worker(side: str, task: str, setting: str = "", peer: str | None = None) -> Worker:
    options = ("--setting", setting) if setting else ()
    return Worker(f"snn_{side}.py", ("--task", task, *options), peer)


def _against(task: str, peer: str, target: float, **more: Any) -> Case:
    """Our step on a task beside a peer's, at the best of its settings."""
    described: dict[str, Any] = {
        "name": f"snn-{task}-{peer}",
        "peer": peer,
        "ours": (_worker("neurojax", task),),
        "theirs": tuple(_worker(peer, task, each, peer) for each in SETTINGS.get(peer, ())),
        "target": target,
        "agreement": (("loss", LOSS[task]), ("slope", SLOPE[task])),
    }
    return Case(**described | more)


# In one scan over all layers jax's convolutions are many times slower.
_SCAN = [
    _against(
        task,
        "hand-written scan",
        1.1,
        name=f"snn-{task}-scan",
        theirs=tuple(_worker("scan", task, setting) for setting in settings),
    )
    for task, settings in {
        "dense": ("layer", "steps"),
        "small": ("layer", "steps"),
        "recurrent": ("layer", "steps"),
        "conv": ("layer",),
    }.items()
]

_STEPS = [
    _against("dense", "torch", 1.05),
    _against("dense", "spyx", 1.05),
    _against(
        "dense",
        "its matrix products",
        1.3,
        name="snn-dense-products",
        theirs=(_worker("scan", "dense", "products"),),
        agreement=(),
    ),
    _against("small", "spyx", 0.55),
    _against("recurrent", "spyx", 0.95),
    _against("recurrent", "jaxpike", 0.6),
    _against("conv", "torch", 1.0),
    _against("conv", "spyx", 0.2, rounds=5),
]

_FIRST_CALLS = [
    _against(
        task,
        "spyx",
        1.5,
        name=f"snn-{task}-first-call",
        measures=("first", "first"),
        rounds=3,
        limits=(("cpu", 3.0),),
    )
    for task in LOSS
]

CHUNKS = {64: 8, 128: 16, 256: 16, 512: 32, 1024: 32}
"""Time steps, and how many of them the gradient keeps at a time: about their square root."""


def _over_time(*options: str) -> tuple[Worker, ...]:
    return (Worker("snn_memory.py", options),)


_MEMORY = [
    Case(
        name=f"snn-memory-{time_steps}-steps",
        peer="all steps kept",
        ours=_over_time("--time-steps", str(time_steps), "--chunk", str(chunk)),
        theirs=_over_time("--time-steps", str(time_steps)),
        target=1.5,
        measures=("gradient", "gradient"),
        rounds=5,
        agreement=(("loss", 1e-4), ("slope", 1e-3)),
        limits=(("temp_bytes", 1.2e6 * math.sqrt(time_steps)),),
        curve="in chunks of about the square root",
        their_curve="all steps kept",
        over="time steps",
    )
    for time_steps, chunk in CHUNKS.items()
]

CASES = (*_SCAN, *_STEPS, *_FIRST_CALLS, *_MEMORY)
