"""The frame of the benchmarks, with workers of known times; what they time is not tested here."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from experiments.benchmarks import _command, _figure, _frame, _venvs
from experiments.benchmarks._frame import Case, Worker
from neurojax.dendrites import random_morphology, read_swc, write_swc

HERE = Path(__file__).parent
FIRST = ["case", "peer", "status", "ours", "theirs", "ratio", "unit", "target", "holds"]


def toy(cpu: float, wall: float = 1.0, dies_at: int = -1, **about) -> Worker:
    options = (str(cpu), str(wall), json.dumps(about), str(dies_at))
    return Worker(HERE / "worker.py", options)


def case(*theirs: Worker, **changes) -> Case:
    described = {
        "name": "toy",
        "peer": "another toy",
        "ours": (toy(0.5, wall=0.9, spikes=7),),
        "theirs": theirs or (toy(2.0, wall=0.3, version="1.2"),),
        "target": 0.3,
    }
    return Case(**(described | changes))


def test_line_has_both_sides_the_ratio_and_what_the_workers_say():
    line = _frame.run(case(), rounds=3)
    assert list(line)[: len(FIRST)] == FIRST
    assert line["status"] == "measured"
    assert (line["ours"], line["theirs"], line["ratio"]) == (0.5, 2.0, 0.25)
    assert (line["unit"], line["target"], line["holds"]) == ("s (cpu)", 0.3, True)
    assert (line["ours_wall"], line["theirs_wall"], line["rounds"]) == (0.9, 0.3, 3)
    assert line["ours_cpu_range"] == [0.5, 0.5]
    assert (line["ours_spikes"], line["theirs_version"]) == (7, "1.2")
    assert json.loads(json.dumps(line)) == line


def test_a_lost_case_is_reported_lost():
    assert _frame.run(case(target=0.2), rounds=1)["holds"] is False


def test_wall_time_is_compared_where_the_case_says_so():
    line = _frame.run(case(time="wall"), rounds=1)
    assert (line["ours"], line["theirs"], line["unit"]) == (0.9, 0.3, "s (wall)")


def test_each_side_is_asked_for_its_own_measure():
    line = _frame.run(case(measures=("twice", "run")), rounds=1)
    assert (line["ours"], line["theirs"]) == (1.0, 2.0)


def test_the_fastest_setting_stands_for_its_side():
    line = _frame.run(case(toy(3.0, setting="a"), toy(1.0, setting="b")), rounds=1)
    assert (line["theirs"], line["theirs_setting"]) == (1.0, "b")
    assert line["theirs_settings"] == {"a": 3.0, "b": 1.0}


def test_an_absent_peer_is_named_with_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setenv("NEUROJAX_PEERS", str(tmp_path))
    theirs = Worker("hh_neuron.py", peer="neuron")
    line = _frame.run(case(theirs), rounds=1)
    assert list(line)[: len(FIRST)] == FIRST
    assert (line["status"], line["ratio"], line["holds"]) == ("absent", None, None)
    assert line["set_up"] == "python -m experiments.benchmarks --setup-peers"


def test_a_peer_without_a_registry_asks_for_a_checkout(monkeypatch, tmp_path):
    monkeypatch.setenv("NEUROJAX_PEERS", str(tmp_path))
    line = _frame.run(case(Worker("pc_jpc.py", peer="jpc")), rounds=1)
    assert line["status"] == "absent"
    assert line["set_up"].startswith("NEUROJAX_JPC=CHECKOUT python")


@pytest.mark.parametrize("dies_at", [0, 2])
def test_a_side_that_crashes_leaves_its_last_words(dies_at):
    line = _frame.run(case(toy(1.0, dies_at=dies_at)), rounds=3)
    assert list(line)[: len(FIRST)] == FIRST
    assert (line["status"], line["error"]) == ("failed", "ValueError: what went wrong")
    assert line["ratio"] is None


def test_a_side_that_never_starts_is_a_failure(tmp_path):
    line = _frame.run(case(Worker(tmp_path / "no_such_script.py")), rounds=1)
    assert line["status"] == "failed"
    assert "no_such_script" in line["error"]


def test_a_side_that_hangs_is_ended(monkeypatch, tmp_path):
    monkeypatch.setattr(_frame, "PATIENCE", 0.5)
    (tmp_path / "hangs.py").write_text("import time\ntime.sleep(60)\n")
    line = _frame.run(case(Worker(tmp_path / "hangs.py")), rounds=1)
    assert (line["status"], line["error"]) == ("failed", "no answer within 0.5 s")


def test_a_worker_times_its_calls_and_keeps_stdout_for_answers(tmp_path):
    (tmp_path / "prints.py").write_text(
        f"import sys\nsys.path.insert(0, {str(_frame.WORKERS)!r})\n"
        "from serve import serve\nprint('a banner')\n"
        "serve({'run': lambda: sum(range(1000))}, version='3')\n"
    )
    line = _frame.run(case(Worker(tmp_path / "prints.py"), target=1e9), rounds=2)
    assert (line["status"], line["theirs_version"]) == ("measured", "3")
    assert 0 < line["theirs"] < 1


def test_a_worker_may_time_itself(tmp_path):
    (tmp_path / "child.py").write_text(
        f"import sys\nsys.path.insert(0, {str(_frame.WORKERS)!r})\n"
        "from serve import Timed, serve\nserve({'run': lambda: Timed(cpu=7.0, wall=9.0)})\n"
    )
    line = _frame.run(case(Worker(tmp_path / "child.py")), rounds=2)
    assert (line["theirs_cpu"], line["theirs_wall"]) == (7.0, 9.0)


def results(tmp_path, name: str, spikes: list[int]) -> Worker:
    (tmp_path / name).write_text(
        f"import sys\nsys.path.insert(0, {str(_frame.WORKERS)!r})\n"
        f"from serve import serve\nserve({{'run': lambda: None}}, results={{'spikes': {spikes}}})\n"
    )
    return Worker(tmp_path / name)


@pytest.mark.parametrize(("bound", "status"), [(0.5, "measured"), (0.4, "failed")])
def test_sides_that_computed_something_else_fail(tmp_path, bound, status):
    ours, theirs = results(tmp_path, "a.py", [3, 5]), results(tmp_path, "b.py", [3, 6])
    claim = case(theirs, ours=(ours,), target=1e9, rounds=1, agreement=(("spikes", bound),))
    line = _frame.run(claim, rounds=5)
    assert line["status"] == status
    if status == "measured":
        assert line["spikes_differ"] == {"mean": 0.5, "most": 1, "bound": 0.5}
        assert line["rounds"] == 1
    else:
        assert line["error"] == "the sides' spikes differ by 0.5 in the mean"


def test_sides_of_unequal_length_fail(tmp_path):
    ours, theirs = results(tmp_path, "a.py", [3, 5]), results(tmp_path, "b.py", [3])
    line = _frame.run(case(theirs, ours=(ours,), agreement=(("spikes", 9.0),)), rounds=1)
    assert line["error"] == "the sides have 2 and 1 spikes"


@pytest.mark.parametrize(("used", "holds"), [(1e6, True), (2e6, False)])
def test_what_our_side_says_of_itself_can_be_bounded(used, holds):
    ours = (toy(0.5, temp_bytes=used),)
    line = _frame.run(case(ours=ours, limits=(("temp_bytes", 1e6),)), rounds=1)
    assert (line["ours_temp_bytes"], line["temp_bytes_limit"]) == (used, 1e6)
    assert line["holds"] is holds


def test_cases_of_a_curve_are_drawn_over_their_sizes(tmp_path):
    cases = [
        case(ours=(toy(size / 1000, size=size),), name=str(size), curve="forward")
        for size in (100, 1000)
    ]
    assert _command.run(cases, tmp_path / "run", rounds=1) == 0
    assert (tmp_path / "run" / "curves.png").stat().st_size > 1000


def test_curves_of_both_sides_are_drawn_over_what_the_case_says(tmp_path):
    cases = [
        case(
            toy(2 * size, size=size),
            ours=(toy(size, size=size),),
            name=str(size),
            curve="until",
            their_curve="fixed",
            over="energy",
        )
        for size in (1, 2)
    ]
    lines = [_frame.run(each, rounds=1) for each in cases]
    drawn = [[line[key] for key in ("curve", "their_curve", "over")] for line in lines]
    assert drawn == [["until", "fixed", "energy"]] * 2
    assert [line["theirs_size"] for line in lines] == [1, 2]
    _figure.draw_curves(lines, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").stat().st_size > 1000


def test_a_run_writes_lines_and_a_figure_and_fails_only_on_a_crash(tmp_path, capsys):
    absent = Worker("hh_neuron.py", peer="no-such-peer")
    cases = [case(), case(name="lost", target=0.1), case(absent, name="absent")]
    assert _command.run(cases, tmp_path / "fine", rounds=1) == 0
    printed = capsys.readouterr().out
    assert printed == (tmp_path / "fine" / "results.jsonl").read_text()
    assert [json.loads(line)["holds"] for line in printed.splitlines()] == [True, False, None]
    assert (tmp_path / "fine" / "ratios.png").stat().st_size > 1000
    assert not (tmp_path / "fine" / "curves.png").exists()

    crash = case(toy(1.0, dies_at=0))
    assert _command.run([crash, case()], tmp_path / "crash", rounds=1) == 1
    lines = (tmp_path / "crash" / "results.jsonl").read_text().splitlines()
    assert [json.loads(line)["status"] for line in lines] == ["failed", "measured"]


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["no-such-room"], "no-such-room"),
        ([], "name a room (core, dendrites, events, neurons, predictive, spiking)"),
        (["core", "--case", "no-such-case"], "no-such-case"),
        (["core", "--rounds", "0"], "'0' is not a whole number above 0"),
    ],
)
def test_misuse_is_explained(argv, said, capsys):
    with pytest.raises(SystemExit, match="2"):
        _command.main(argv)
    assert said in capsys.readouterr().err


def test_results_are_not_overwritten(tmp_path, capsys):
    (tmp_path / "results.jsonl").touch()
    with pytest.raises(SystemExit, match="2"):
        _command.main(["core", "--out", str(tmp_path)])
    assert f"--out {tmp_path}: it holds results already" in capsys.readouterr().err


def test_listing_names_cases_and_peers(capsys):
    assert _command.main(["--list"]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in ("hh-1000-scan", "pc-mlp-pcx", "jpc:", "neuron:"))


def test_every_case_has_its_worker_and_every_peer_its_pins():
    cases = [each for room in _command._rooms() for each in _command._cases(room)]
    workers = {worker for each in cases for worker in (*each.ours, *each.theirs)}
    assert len({each.name for each in cases}) == len(cases)
    assert all((_frame.WORKERS / worker.script).exists() for worker in workers)
    pins = {path.stem for path in _venvs.REQUIREMENTS.glob("*.txt")}
    assert pins == {worker.peer for worker in workers if worker.peer}


DENDRITES = """
import json
from pathlib import Path
from experiments.benchmarks import dendrites
path = Path(dendrites.CELL[1])
print(json.dumps([path.name, path.exists()]))
"""


def test_without_data_the_cell_is_a_random_tree(monkeypatch):
    monkeypatch.delenv("NEUROJAX_DATA", raising=False)
    command = [sys.executable, "-c", DENDRITES]
    said = subprocess.run(command, check=True, capture_output=True, text=True, cwd=_frame.ROOT)
    assert json.loads(said.stdout) == ["random_tree.swc", True]


@pytest.mark.parametrize("tips", [1, 7, 80])
def test_peers_read_our_sections(tips, tmp_path, monkeypatch):
    """What NEURON and Arbor are given is what we make of the same file."""
    monkeypatch.syspath_prepend(_frame.WORKERS)
    task = importlib.import_module("dendrites_task")
    write_swc(random_morphology(np.random.default_rng(0), tips), tmp_path / "tree.swc")
    found, expected = task.sections(tmp_path / "tree.swc"), read_swc(tmp_path / "tree.swc").sections
    np.testing.assert_array_equal([s.parent for s in found], expected.before)
    np.testing.assert_array_equal(np.concatenate([s.xyz for s in found]), expected.xyz)
    np.testing.assert_array_equal(np.concatenate([s.radii for s in found]), expected.radii)
    assert [s.at for s in found[1:]] == [1.0 if s.parent else 0.5 for s in found[1:]]
    assert [s.compartments(4) for s in found] == [1] + [4] * (len(found) - 1)


def test_a_peer_is_ready_when_its_venv_is_complete_and_of_these_pins(monkeypatch, tmp_path):
    monkeypatch.setattr(_venvs, "REQUIREMENTS", tmp_path)
    monkeypatch.setenv("NEUROJAX_PEERS", str(tmp_path / "peers"))
    (tmp_path / "toy.txt").write_text("# nothing\n")
    assert _venvs.interpreter("toy") is None
    _venvs.set_up("toy")
    python = _venvs.interpreter("toy")
    assert python is not None and python.exists() and str(python) != sys.executable
    (tmp_path / "toy.txt").write_text("# other pins\n")
    assert _venvs.interpreter("toy") is None


def test_setting_up_asks_for_a_checkout_and_refuses_what_is_none(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("NEUROJAX_PEERS", str(tmp_path))
    cases = [case(Worker("pc_jpc.py", peer="jpc"))]
    assert _command._set_up(cases) == 0
    assert "jpc: absent; NEUROJAX_JPC=CHECKOUT" in capsys.readouterr().out
    monkeypatch.setenv("NEUROJAX_JPC", str(tmp_path))
    assert _command._set_up(cases) == 1
    assert f"NEUROJAX_JPC: there is no pyproject.toml in {tmp_path}" in capsys.readouterr().err
