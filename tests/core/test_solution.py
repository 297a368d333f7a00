"""What simulate returns: spikes, names, a text and a figure of it."""

import builtins

import jax
import numpy as np
import pytest

import neurojax as nj

CELLS = nj.LIF(shape=(2, 3), refractory=1.0)
CURRENTS = np.array([[0.5, 1.2, 2.0], [3.0, 0.9, 5.0]], np.float32)


@pytest.fixture(scope="module")
def sol():
    return nj.simulate(
        CELLS, nj.Constant(CURRENTS), t1=30.0, dt=0.1, record=["v", "spikes", "raster"]
    )


def test_spikes_are_the_raster(sol):
    raster = np.asarray(sol["raster"]) > 0

    np.testing.assert_array_equal(sol.spikes.raster(), raster)
    np.testing.assert_array_equal(sol.spikes.counts(), raster.sum(0))
    steps, neurons = np.nonzero(raster.reshape(300, 6))
    np.testing.assert_allclose(sol.spikes.times, steps * 0.1)
    np.testing.assert_array_equal(sol.spikes.indices, neurons)
    for i in range(6):
        np.testing.assert_allclose(sol.spikes.of(i), steps[neurons == i] * 0.1)
    assert len(sol.spikes.times) > 10


def test_spikes_are_kept_as_bits():
    """Nine neurons are two bytes a step."""
    sol = nj.simulate(nj.LIF(shape=(9,)), 50.0, t1=1.0, dt=0.1, record=["spikes"])
    assert sol.spikes.bits.shape == (10, 2) and sol.spikes.bits.dtype == np.uint8  # pyright: ignore[reportAttributeAccessIssue]
    assert sol.spikes.counts().shape == (9,) and sol.spikes.counts().min() > 0


def test_spikes_by_events_and_their_indices():
    cells = nj.LIF(shape=(3,), refractory=100.0)
    sol = nj.simulate(cells, np.array([2.0, 0.5, 4.0]), t1=20.0, max_spikes=5)

    assert sol.spikes.indices.tolist() == [2, 0]
    times = np.asarray(sol.spikes.times)
    np.testing.assert_allclose(times[:2], [10 * np.log(4 / 3), 10 * np.log(2)], atol=1e-3)
    assert sol.spikes.of(2) == times[0] and sol.spikes.of(1).size == 0
    np.testing.assert_array_equal(sol.spikes.counts(), [1, 0, 1])


def test_spikes_that_were_not_recorded():
    sol = nj.simulate(CELLS, 1.2, t1=1.0, dt=0.1, record=["v"])
    with pytest.raises(ValueError, match=r"spikes were not recorded \(LIF, 10 steps"):
        _ = sol.spikes


def test_an_unknown_recording_lists_the_known(sol):
    with pytest.raises(KeyError, match=r"'w' was not recorded; recorded: (v, raster|raster, v)"):
        sol["w"]


def test_it_tells_what_it_is(sol):
    text = repr(sol)

    assert text.startswith("Solution of LIF, 300 steps of 0.1 ms by ExponentialEuler")
    assert "v: float32[300, 2, 3] from 0 to 0.9" in text
    assert f"spikes: {len(sol.spikes.times)} in 6 neurons" in text
    alone = nj.simulate(nj.LIF(), 1.2, t1=20.0, max_spikes=3)
    assert "spikes: 1 in 1 neuron" in repr(alone) and "Tsit5" in repr(alone)


def test_it_tells_what_it_is_while_traced():
    seen = []

    @jax.jit
    def run(current):
        sol = nj.simulate(CELLS, current, t1=1.0, dt=0.1)
        seen.append(repr(sol))
        return sol["v"]

    run(1.2)
    assert "v: float32[10, 2, 3]" in seen[0] and "spikes: traced" in seen[0]


def test_it_tells_that_it_failed():
    sol = jax.jit(lambda i: nj.simulate(nj.LIF(), i, t1=60.0, max_spikes=2))(3.0)
    assert "failed: max_spikes was reached before t1" in repr(sol)


def test_its_figure_has_a_panel_for_each(sol):
    figure = sol.plot()

    labels = [axis.get_ylabel() for axis in figure.axes]
    assert sorted(labels[:-1]) == ["raster", "v"] and labels[-1] == "neuron"
    assert figure.axes[-1].get_xlabel() == "time (ms)"
    lines = figure.axes[labels.index("v")].get_lines()
    assert len(lines) == 6
    np.testing.assert_allclose(lines[5].get_ydata(), sol["v"][:, 1, 2])
    np.testing.assert_allclose(lines[5].get_xdata(), sol.ts)
    times, rows = strokes(figure)
    np.testing.assert_allclose(times, sol.spikes.times, rtol=1e-6)
    np.testing.assert_allclose(rows, sol.spikes.indices, atol=1e-6)


def test_its_figure_of_some(sol):
    assert [a.get_ylabel() for a in sol.plot("v").axes] == ["v"]
    assert [a.get_ylabel() for a in sol.plot("spikes").axes] == ["neuron"]
    with pytest.raises(KeyError, match="'w' was not recorded"):
        sol.plot("w")


def test_its_figure_by_events():
    sol = nj.simulate(nj.LIF(shape=(2,)), np.array([1.2, 3.0]), t1=20.0, max_spikes=9)
    figure = sol.plot()
    times, rows = strokes(figure)
    assert np.bincount(np.round(rows).astype(int)).tolist() == sol.spikes.counts().tolist()
    np.testing.assert_allclose(times[np.round(rows) == 1], sol.spikes.of(1), rtol=1e-6)


def strokes(figure):
    """When each stroke of a raster is, and about which row."""
    (lines,) = figure.axes[-1].collections
    segments = np.array(lines.get_segments())
    return segments[:, 0, 0], segments[:, :, 1].mean(1)


def test_a_raster_of_many_neurons_has_points():
    sol = nj.simulate(nj.LIF(shape=(300,)), np.linspace(0.9, 5.0, 300), t1=20.0, dt=0.1)
    (points,) = sol.plot("spikes").axes[-1].get_lines()
    np.testing.assert_allclose(np.asarray(points.get_xdata()), sol.spikes.times)
    np.testing.assert_allclose(np.asarray(points.get_ydata()), sol.spikes.indices)


def test_nothing_to_plot_is_told():
    sol = nj.simulate(CELLS, 1.2, t1=1.0, dt=0.1, record={"n": nj.SpikeCount()})
    with pytest.raises(ValueError, match="nothing to plot"):
        sol.plot()


def test_without_matplotlib_it_tells_how_to_get_it(sol, monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"needs matplotlib, .*pip install matplotlib"):
        sol.plot()
