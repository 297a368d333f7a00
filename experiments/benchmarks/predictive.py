"""A training step of predictive coding, beside hand-written scans, pcx, jpc and FabricPC."""

from typing import Any

from experiments.benchmarks._frame import Case, Worker

# How far the errors after the same training may differ. They are of 0.02 to 0.5; what convolutions
# round otherwise is multiplied at the kinks of relu and max-pooling, and by Adam.
ERROR = (("error", 1e-4),)
ERROR_OF_CONVOLUTIONS = (("error", 2e-3),)


def _ours(task: str, *options: str) -> tuple[Worker, ...]:
    return (Worker("pc_neurojax.py", ("--task", task, *options)),)


def _theirs(peer: str, task: str, *settings: str) -> tuple[Worker, ...]:
    return tuple(
        Worker(f"pc_{peer}.py", ("--task", task, "--setting", setting), peer)
        for setting in settings
    )


_BARE_STEP = tuple(
    Worker("pc_scan.py", ("--setting", setting)) for setting in ("autodiff", "local")
)


def _against(
    name: str, peer: str, task: str, settings: tuple[str, ...], target: float, **more: Any
) -> Case:
    """Our step on a task beside a peer's, at the best of its settings."""
    return Case(
        name=f"pc-{name}",
        peer=peer,
        theirs=_theirs(peer.lower(), task, *settings),
        target=target,
        **{"ours": _ours(task), "agreement": ERROR} | more,
    )


_SCAN = [
    Case(
        name=name,
        peer="hand-written scan",
        ours=_ours("mlp"),
        theirs=_BARE_STEP,
        target=target,
        measures=(measure, measure),
        agreement=ERROR,
    )
    for name, measure, target in (("pc-step-scan", "run", 1.2), ("pc-step-compile", "compile", 1.5))
]

_DENSE = [
    _against("mlp-pcx", "pcx", "mlp", ("scan", "unrolled"), 0.9),
    _against("mlp-jpc", "jpc", "mlp", ("unrolled", "scan", "euler"), 0.9),
    _against(
        "mlp-fabricpc",
        "FabricPC",
        "mlp",
        ("autodiff", "explicit"),
        0.9,
        ours=_ours("mlp", "--relu-behind"),
    ),
    _against("small-pcx", "pcx", "small", ("scan", "unrolled"), 0.85),
    _against("small-jpc-euler", "jpc", "small", ("euler",), 0.5),
]

_DEEP = [
    _against("deep-jpc", "jpc", "deep", ("scan", "euler"), 0.4),
    _against(
        "deep-first-call",
        "jpc",
        "deep",
        ("scan", "euler"),
        0.4,
        measures=("first", "first"),
        rounds=3,
        limits=(("cpu", 3.0),),
    ),
]

# In a scan pcx's convolutions are fifteen times slower than unrolled, as its own examples have it.
_CONVOLUTIONS = [
    _against(
        "conv-pcx",
        "pcx",
        "conv",
        ("unrolled",),
        0.9,
        rounds=5,
        agreement=ERROR_OF_CONVOLUTIONS,
    )
]

STEPS = {"1e-2": 15, "3e-3": 62, "1e-3": 121}
"""What the slowest batch of the training takes to each tolerance."""

_TOLERANCE = [
    Case(
        name=f"pc-tolerance-{tolerance}",
        peer=f"its own {steps} steps",
        ours=(Worker("pc_tolerance.py", ("--steps", "200", "--tolerance", tolerance)),),
        theirs=(Worker("pc_tolerance.py", ("--steps", str(steps))),),
        target=0.9,
        rounds=3,
        agreement=(("accuracy", 0.015),),
        curve="until the tolerance",
        their_curve="fixed steps",
        over="energy left to fall, before training (%)",
    )
    for tolerance, steps in STEPS.items()
]

CASES = (*_SCAN, *_DENSE, *_DEEP, *_CONVOLUTIONS, *_TOLERANCE)
