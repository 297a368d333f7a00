"""Cases of the first floor: `simulate` on Hodgkin-Huxley cells."""

from itertools import product

from experiments.benchmarks._frame import Case, Time, Worker

_GRADIENT_BOUNDS: tuple[tuple[Time, float], ...] = (("wall", 4.0), ("cpu", 6.0))


def _hh(script: str, cells: int, *options: str, dtype: str = "float32", peer: str | None = None):
    return Worker(f"{script}.py", ("--cells", str(cells), "--dtype", dtype, *options), peer)


_BARE_SCAN = [
    Case(
        name=f"hh-{cells}-scan",
        peer="hand-written scan",
        ours=(_hh("hh_neurojax", cells),),
        theirs=(_hh("hh_scan", cells),),
        target=1.2,
    )
    for cells in (1, 1000)
]

_GRADIENT = [
    Case(
        name=f"hh-{cells}-gradient-{time}",
        peer="its own forward",
        ours=(_hh("hh_neurojax", cells, "--loss"),),
        theirs=(_hh("hh_neurojax", cells, "--loss"),),
        target=target,
        measures=("gradient", "forward"),
        time=time,
    )
    for cells, (time, target) in product((1, 1000), _GRADIENT_BOUNDS)
]

_SIMULATORS = [
    *(
        Case(
            name=f"hh-1000-neuron-{dtype}",
            peer="NEURON",
            ours=(_hh("hh_neurojax", 1000, dtype=dtype),),
            theirs=(Worker("hh_neuron.py", ("--cells", "1000"), "neuron"),),
            target=target,
        )
        for dtype, target in (("float32", 1 / 15), ("float64", 1 / 5))
    ),
    Case(
        name="hh-1000-jaxley-float32",
        peer="Jaxley",
        ours=(_hh("hh_neurojax", 1000),),
        theirs=tuple(
            _hh("hh_jaxley", 1000, "--setting", setting, peer="jaxley")
            for setting in ("integrate", "step")
        ),
        target=1 / 5,
    ),
]

CASES = (*_BARE_SCAN, *_GRADIENT, *_SIMULATORS)
