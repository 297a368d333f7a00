"""SWC files: what is kept, what the conventions mean, and what is said of faults."""

import math
import os
from pathlib import Path

import numpy as np
import pytest

from neurojax.dendrites._discretise import discretise
from neurojax.dendrites._swc import read_swc, write_swc

DATA = Path(os.environ.get("NEUROJAX_DATA", "")) / "morphologies"
REAL = sorted(DATA.glob("*.swc"))


@pytest.fixture
def swc(tmp_path):
    def write(text, newline="\n"):
        path = tmp_path / "cell.swc"
        path.write_text(text, newline=newline)
        return path

    return write


def test_ids_types_places_and_radii_are_kept(swc):
    m = read_swc(swc("# a cell\n\n 10 1 0 0 0 5 -1 # soma\n12 7 8.5 1e1 -3 0.25 11\n"
                     "11 3 0 5 0 0.5 10\n"))  # fmt: skip
    np.testing.assert_array_equal(m.ids, [10, 12, 11])
    np.testing.assert_array_equal(m.types, [1, 7, 3])
    np.testing.assert_array_equal(m.xyz, [[0, 0, 0], [8.5, 10, -3], [0, 5, 0]])
    np.testing.assert_array_equal(m.radii, [5, 0.25, 0.5])
    np.testing.assert_array_equal(m.parents, [-1, 2, 0])
    assert m.names == ("soma", "custom_7", "basal")
    assert repr(m) == "Morphology(3 points, 3 sections, {'soma': 1, 'custom_7': 1, 'basal': 1})"


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_ends_of_lines_and_the_mark_of_utf8_do_not_matter(newline, start, swc):
    m = read_swc(swc(start + "# x\n1 1 0 0 0 5 -1\n2 3 9 0 0 1 1", newline))
    np.testing.assert_array_equal(m.ids, [1, 2])
    np.testing.assert_array_equal(m.radii, [5, 1])


def test_a_point_that_stands_twice_has_the_parent(swc):
    m = read_swc(swc("1 3 0 0 0 1 -1\n2 3 5 0 0 1 1\n3 3 2 0 0 1 -1\n4 3 3 0 0 1 3\n"
                     "3 3 2 0 0 1 2\n"))  # fmt: skip
    np.testing.assert_array_equal(m.ids, [1, 2, 4, 3])
    np.testing.assert_array_equal(m.parents, [-1, 0, 3, 1])
    assert len(m.sections) == 1 and discretise(m).length[0] == 5 + 3 + 1


ROOT = "# one\n1 1 0 0 0 1 -1\n"
FAULTS = {
    "": r"cell\.swc has no points",
    "# nothing\n\n": r"cell\.swc has no points",
    ROOT + "2 3 1 0 0 1\n": r"line 3: expected 7 columns .*, got 6",
    ROOT + "2 3 1 0 0 1 1 9\n": r"line 3: expected 7 columns .*, got 8",
    ROOT + "2 3 1 0 zero 1 1\n": r"line 3: expected numbers, got '2 3 1 0 zero 1 1'",
    ROOT + "2 3 1 0 0 0 1\n": r"line 3: radius must be positive, got 0\.0",
    ROOT + "2 3 1 0 0 -1 1\n": r"line 3: radius must be positive, got -1\.0",
    ROOT + "2 3 1 0 0 nan 1\n": r"line 3: radius must be finite, got nan",
    ROOT + "2 3 inf 0 0 1 1\n": r"line 3: x must be finite, got inf",
    ROOT + "2.5 3 1 0 0 1 1\n": r"line 3: id must be a whole number, got 2\.5",
    ROOT + "2 -3 1 0 0 1 1\n": r"line 3: type must be 0 or more, got -3",
    ROOT + "-2 3 1 0 0 1 1\n": r"line 3: id must be 0 or more, got -2",
    ROOT + "2 3 1 0 0 1 7\n": r"line 3: the parent 7 of point 2 is not there",
    ROOT + "2 3 1 0 0 1 1\n\n2 3 2 0 0 1 1\n": r"line 5: the id 2 is that of line 3 already",
    ROOT + "2 3 1 0 0 1 -1\n2 3 2 0 0 1 1\n": r"line 4: the id 2 is that of line 3 already",
    ROOT + "2 3 1 0 0 1 2\n": r"line 3: point 2 is its own ancestor",
    ROOT + "5 3 1 0 0 1 4\n3 3 1 0 0 1 4\n2 3 1 0 0 1 3\n4 3 1 0 0 1 2\n": (
        r"line 4: point 3 is its own ancestor"
    ),
    "1 1 0 0 0 1 2\n2 1 0 0 0 1 1\n": r"line 1: point 1 is its own ancestor",
}


@pytest.mark.parametrize("text", FAULTS)
def test_faults_are_named_with_their_line(text, swc):
    with pytest.raises(ValueError, match=FAULTS[text]):
        read_swc(swc(text))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no file .*none\.swc"):
        read_swc(tmp_path / "none.swc")


def same(a, b):
    for name in ("ids", "types", "xyz", "radii", "parents"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


def test_what_is_written_is_read_back_equal(swc, tmp_path):
    m = read_swc(swc(f"7 1 0 0 0 5 -1\n3 3 {math.pi} 1e-7 0 0.1 9\n9 3 0 {1 / 3} 0 1e-3 7\n"
                     "8 12 1 2 3 4 -1\n"))  # fmt: skip
    write_swc(m, tmp_path / "copy.swc")
    same(read_swc(tmp_path / "copy.swc"), m)


def test_the_files_in_the_data_folder(tmp_path):
    for path in REAL:
        table = {int(row[0]): row for row in np.loadtxt(path, ndmin=2)}
        m = read_swc(path)
        assert sorted(m.ids) == sorted(table), path
        rows = np.array([table[point] for point in m.ids.tolist()])
        np.testing.assert_array_equal(m.types, rows[:, 1])
        np.testing.assert_array_equal(m.xyz, rows[:, 2:5])
        np.testing.assert_array_equal(m.radii, rows[:, 5])
        write_swc(m, tmp_path / "copy.swc")
        same(read_swc(tmp_path / "copy.swc"), m)

        one, four = discretise(m), discretise(m, compartments=4)
        assert len(four.ends) == four.nodes - 1
        # Sums of thousands of parts, all positive.
        np.testing.assert_allclose(four.area.sum(), one.area.sum(), rtol=1e-12)
        of_region = np.array(four.region)[four.of_point]
        neurites = m.types != 1
        np.testing.assert_array_equal(of_region[neurites], np.array(m.names)[neurites])
