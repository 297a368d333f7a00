"""Figures of morphologies: what is drawn where, how wide and in which colour."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba
from PIL import Image, ImageSequence

from neurojax.dendrites import (
    Branch,
    animate_morphology,
    build_morphology,
    discretise,
    plot_morphology,
    random_morphology,
)

matplotlib.use("agg")


@pytest.fixture(autouse=True)
def figures_are_closed():
    yield
    plt.close("all")


def y_shaped():
    """Upwards 100 µm of radius 2, which forks; 12 compartments on a soma of radius 10."""
    branches = [Branch(None, 100.0, 2.0, "apical"), Branch(0, 40.0, 1.0), Branch(0, 60.0, 0.5)]
    return discretise(build_morphology(10.0, branches), compartments={"apical": 10})


def test_lines_are_as_wide_as_cables_in_the_units_of_the_axes():
    axes = plot_morphology(y_shaped())
    figure, (lines,) = axes.figure, axes.collections
    assert isinstance(lines, LineCollection)
    for zoom in (1, 2):
        axes.set(xlim=(-100 / zoom, 100 / zoom), ylim=(-100 / zoom, 100 / zoom))
        figure.canvas.draw()
        (left, _), (right, _) = axes.transData.transform([(0, 0), (1, 0)])
        widths = np.array(lines.get_linewidth()) / 72 * figure.dpi / (right - left)
        np.testing.assert_allclose(np.unique(widths.round(9)), [1, 2, 4, 20], rtol=1e-6)
    ends = np.array(lines.get_segments())
    assert np.abs(ends[-1]).max() < 0.1  # the soma, a disc, is drawn last
    assert ends[:, :, 1].max() > 110


def test_a_sphere_is_a_disc():
    axes = plot_morphology(y_shaped())
    canvas = axes.figure.canvas
    assert isinstance(canvas, FigureCanvasAgg)
    canvas.draw()
    picture = np.asarray(canvas.buffer_rgba())[::-1]
    soma = to_rgba("C0")
    for at, is_soma in [((0.0, 0.0), True), ((-9.0, 0.0), True), ((-11.5, 0.0), False)]:
        x, y = axes.transData.transform(at).round().astype(int)
        assert np.allclose(picture[y, x] / 255, soma, atol=0.01) == is_soma


def legend_of(axes):
    legend = axes.get_legend()
    assert legend is not None
    return [text.get_text() for text in legend.get_texts()]


def test_numbers_have_a_bar_and_names_a_legend():
    c = y_shaped()
    axes = plot_morphology(c, c.distance, label="distance (µm)", limits=(0, 50))
    (lines,), bar = axes.collections, axes.figure.axes[1]
    shown = np.asarray(lines.get_array())
    assert bar.get_ylabel() == "distance (µm)"
    assert lines.get_clim() == (0, 50)
    np.testing.assert_allclose(np.unique(shown), np.unique(c.distance))

    axes = plot_morphology(c)
    assert legend_of(axes) == ["soma", "apical", "basal"]
    own = plot_morphology(c, ["near" if d < 50 else "far" for d in c.distance])
    assert legend_of(own) == ["near", "far"]


def test_planes_sites_and_axes_that_are_there():
    c = discretise(random_morphology(np.random.default_rng(0), tips=3))
    figure, axes = plt.subplots()
    assert plot_morphology(c, plane="yz", sites={"tip": 2}, axes=axes) is axes
    assert axes.figure is figure
    np.testing.assert_allclose(np.concatenate(axes.lines[0].get_data()), c.xyz[2, 1:])
    assert axes.texts[0].get_text() == "tip"
    assert axes.get_xlabel() == "y (µm)"


def test_a_film_has_a_picture_for_each_time(tmp_path):
    c = y_shaped()
    wave = np.exp(-((c.distance[None] - np.array([[0.0], [60.0], [120.0]])) ** 2) / 500)
    film = animate_morphology(c, wave, np.array([0.0, 0.5, 1.0]), label="v")
    film.save(tmp_path / "wave.gif", writer="pillow", dpi=40)
    with Image.open(tmp_path / "wave.gif") as gif:
        assert len(list(ImageSequence.Iterator(gif))) == 3
    assert film.to_jshtml().count("data:image/png") == 3


def test_wrong_input_is_named():
    c = y_shaped()
    with pytest.raises(ValueError, match=r"one for each of the 13 compartments.*\(2,\)"):
        plot_morphology(c, [1.0, 2.0])
    with pytest.raises(ValueError, match="plane must be one of xy, xz, yz, got 'zx'"):
        plot_morphology(c, plane="zx")
    with pytest.raises(ValueError, match=r"sites\['tuft'\] is 99, there are 13"):
        plot_morphology(c, sites={"tuft": 99})
    with pytest.raises(ValueError, match=r"values must have the shape \(2, 13\).*got \(13, 2\)"):
        animate_morphology(c, np.zeros((13, 2)), np.arange(2.0))
