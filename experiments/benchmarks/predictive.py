"""A training step of predictive coding, beside hand-written scans, pcx, jpc and FabricPC."""

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

_SCAN = [
    Case(
        name="pc-step-scan",
        peer="hand-written scan",
        ours=_ours("mlp"),
        theirs=_BARE_STEP,
        target=1.2,
        agreement=ERROR,
    ),
    Case(
        name="pc-step-compile",
        peer="hand-written scan",
        ours=_ours("mlp"),
        theirs=_BARE_STEP,
        target=1.5,
        measures=("compile", "compile"),
        agreement=ERROR,
    ),
]

_DENSE = [
    Case(
        name="pc-mlp-pcx",
        peer="pcx",
        ours=_ours("mlp"),
        theirs=_theirs("pcx", "mlp", "scan", "unrolled"),
        target=0.9,
        agreement=ERROR,
    ),
    Case(
        name="pc-mlp-jpc",
        peer="jpc",
        ours=_ours("mlp"),
        theirs=_theirs("jpc", "mlp", "unrolled", "scan", "euler"),
        target=0.9,
        agreement=ERROR,
    ),
    Case(
        name="pc-mlp-fabricpc",
        peer="FabricPC",
        ours=_ours("mlp", "--relu-behind"),
        theirs=_theirs("fabricpc", "mlp", "autodiff", "explicit"),
        target=0.9,
        agreement=ERROR,
    ),
    Case(
        name="pc-small-pcx",
        peer="pcx",
        ours=_ours("small"),
        theirs=_theirs("pcx", "small", "scan", "unrolled"),
        target=0.85,
        agreement=ERROR,
    ),
    Case(
        name="pc-small-jpc-euler",
        peer="jpc",
        ours=_ours("small"),
        theirs=_theirs("jpc", "small", "euler"),
        target=0.5,
        agreement=ERROR,
    ),
]

_DEEP = [
    Case(
        name="pc-deep-jpc",
        peer="jpc",
        ours=_ours("deep"),
        theirs=_theirs("jpc", "deep", "scan", "euler"),
        target=0.4,
        agreement=ERROR,
    ),
    Case(
        name="pc-deep-first-call",
        peer="jpc",
        ours=_ours("deep"),
        theirs=_theirs("jpc", "deep", "scan", "euler"),
        target=0.4,
        measures=("first", "first"),
        rounds=3,
        agreement=ERROR,
        limits=(("cpu", 3.0),),
    ),
]

# In a scan pcx's convolutions are fifteen times slower than unrolled, as its own examples have it.
_CONVOLUTIONS = [
    Case(
        name="pc-conv-pcx",
        peer="pcx",
        ours=_ours("conv"),
        theirs=_theirs("pcx", "conv", "unrolled"),
        target=0.9,
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
