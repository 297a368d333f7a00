"""`python -m experiments.benchmarks`: one JSON line per case, and figures of all."""

import argparse
import importlib
import json
import pkgutil
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from experiments.benchmarks import _figure, _frame, _venvs


def main(argv: Sequence[str]) -> int:
    """0 when every case was measured or is absent, held or lost; 1 when one failed; 2 on misuse."""
    parser = _parser()
    options = parser.parse_args(argv)
    rooms = [options.room] if options.room else _rooms()
    cases = [case for room in rooms for case in _cases(room)]
    if options.setup_peers:
        return _set_up(cases)
    if options.list:
        print(_listing(cases))
        return 0
    if options.room is None:
        parser.error(f"name a room ({', '.join(_rooms())}), --list or --setup-peers")
    if options.case:
        unknown = set(options.case) - {case.name for case in cases}
        if unknown:
            parser.error(f"--case {min(unknown)}: {options.room} has no such case; see --list")
        cases = [case for case in cases if case.name in options.case]
    folder = options.out or Path("runs") / time.strftime(f"bench-{options.room}-%Y%m%d-%H%M%S")
    if (folder / "results.jsonl").exists():
        parser.error(f"--out {folder}: it holds results already")
    return run(cases, folder, options.rounds)


def run(cases: Sequence[_frame.Case], folder: Path, rounds: int) -> int:
    """Run the cases one after another; results.jsonl and figures go to `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    with (folder / "results.jsonl").open("x") as file:
        for case in cases:
            print(f"{case.name} against {case.peer} ...", file=sys.stderr)
            lines.append(_frame.run(case, rounds))
            for stream in (sys.stdout, file):
                print(json.dumps(lines[-1]), file=stream, flush=True)
    _figure.draw(lines, folder / "ratios.png")
    _figure.draw_curves(lines, folder / "curves.png")
    print(f"all in {folder}", file=sys.stderr)
    return int(any(line["status"] == "failed" for line in lines))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.benchmarks",
        description="Compare speed with hand-written code and with other simulators.",
    )
    parser.add_argument("room", nargs="?", choices=_rooms(), help="whose cases are run")
    parser.add_argument("--case", action="append", metavar="NAME", help="only this one; repeatable")
    parser.add_argument("--list", action="store_true", help="list the cases and the peers")
    parser.add_argument(
        "--setup-peers",
        action="store_true",
        help="make the peers' venvs in .peers/ (NEUROJAX_PEERS: elsewhere)",
    )
    parser.add_argument("--rounds", type=_positive, default=9, help="samples of each side (9)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="default: runs/bench-ROOM-TIME")
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _rooms() -> list[str]:
    """The modules of this package that hold cases."""
    modules = pkgutil.iter_modules([str(Path(__file__).parent)])
    return [m.name for m in modules if not m.ispkg and not m.name.startswith("_")]


def _cases(room: str) -> tuple[_frame.Case, ...]:
    return importlib.import_module(f"experiments.benchmarks.{room}").CASES


def _peers(cases: Iterable[_frame.Case]) -> list[str]:
    workers = (worker for case in cases for worker in (*case.ours, *case.theirs))
    return sorted({worker.peer for worker in workers if worker.peer is not None})


def _listing(cases: Sequence[_frame.Case]) -> str:
    width = max(len(case.name) for case in cases)
    lines = [f"{c.name:{width}}  {c.peer}: at most {c.target:.3g} x" for c in cases]
    lines += [_state(peer) for peer in _peers(cases)]
    return "\n".join(lines)


def _set_up(cases: Iterable[_frame.Case]) -> int:
    """Make what is missing; a peer that fails does not keep the others from being made."""
    failed = False
    for peer in _peers(cases):
        try:
            if _venvs.interpreter(peer) is None and not _venvs.needs_checkout(peer):
                _venvs.set_up(peer)
        except _venvs.SetUpError as error:
            failed = True
            print(error, file=sys.stderr)
        print(_state(peer))
    return int(failed)


def _state(peer: str) -> str:
    ready = _venvs.interpreter(peer) is not None
    return f"{peer}: " + ("ready" if ready else f"absent; {_venvs.how_to_set_up(peer)}")
