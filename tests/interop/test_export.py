"""Networks as programs: in any process, of any number of steps and samples, the very same."""

import subprocess
import sys

import equinox as eqx
import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import load_file

import neurojax as nj
from neurojax.interop import export, load_export
from neurojax.spiking import Node, OverTime, Previous, SpikingNetwork, run, sequential

ELSEWHERE = """
import sys
import jax
import jax.export
import numpy as np
from neurojax.interop import load_export

program, inputs, results = sys.argv[1:]
output, state = load_export(program)(np.load(inputs))
np.savez(results, output, *state)
"""


def network():
    """A convolution, a cycle that looks two steps back, a refractory neuron, synapses, a skip."""
    keys = iter(jax.random.split(jax.random.key(1), 9))
    linear = lambda n, m: eqx.nn.Linear(n, m, key=next(keys))  # noqa: E731
    neuron = nj.LIF(tau_m=5.0, v_threshold=0.1, v_rest=0.05, refractory=2.0)
    return SpikingNetwork(
        {
            "conv": Node(eqx.nn.Conv2d(2, 3, 3, key=next(keys)), "input"),
            "first": Node(nj.LIF(v_threshold=0.1, soft_reset=True), "conv"),
            "flat": Node(jnp.ravel, "first"),
            "in": Node(linear(27, 8), "flat"),
            "lif": Node(nj.core.kept_positive(neuron, lambda n: n.tau_m), "in", "back"),
            "back": Node(linear(8, 8), Previous("lif", 2)),
            "out": Node(linear(8, 4), "lif"),
            "synapses": Node(nj.neurons.CurrentLIF(tau_m=8.0, v_threshold=0.1), "out"),
        },
        "synapses",
    )


def spikes(getkey, steps=30, samples=5):
    return jax.random.bernoulli(getkey(), 0.4, (steps, samples, 2, 5, 5)).astype(jnp.float32)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    made, path = network(), tmp_path_factory.mktemp("exported") / "network"
    export(path, made, dt=1.0, input_shape=(2, 5, 5))
    return made, path


def test_any_number_of_steps_and_samples(getkey, exported):
    made, path = exported
    program = load_export(path)

    for steps, samples in ((1, 1), (17, 300)):
        x = spikes(getkey, steps, samples)
        output, _ = program(x)
        np.testing.assert_array_equal(output, run(made, x, dt=1.0).output)
        assert steps == 1 or bool(jnp.any(output > 0))


def test_another_process_computes_the_same_bits(getkey, exported, tmp_path):
    _, path = exported
    x = np.asarray(spikes(getkey))
    np.save(tmp_path / "x.npy", x)
    paths = (path, tmp_path / "x.npy", tmp_path / "y.npz")
    subprocess.run([sys.executable, "-c", ELSEWHERE, *paths], check=True)

    output, state = load_export(path)(x)
    with np.load(tmp_path / "y.npz") as elsewhere:
        assert len(elsewhere.files) == 1 + len(state)
        for there, here in zip(elsewhere.values(), (output, *state), strict=True):
            np.testing.assert_array_equal(there, here)


def test_going_on_is_as_never_having_stopped(getkey, exported):
    _, path = exported
    program, x = load_export(path), spikes(getkey)
    whole, end = program(x)
    first, state = program(x[:13])
    rest, last = program(x[13:], state)

    np.testing.assert_array_equal(jnp.concatenate([first, rest]), whole)
    jax.tree.map(np.testing.assert_array_equal, last, end)


def test_weights_are_arguments(getkey, exported):
    made, path = exported
    x = spikes(getkey)
    weight = lambda n: n.nodes["out"].module.weight  # noqa: E731
    other = eqx.tree_at(weight, made, 2 * weight(made))
    name = ".nodes['out'].module.weight"
    program = load_export(path)
    changed = eqx.tree_at(lambda p: p.weights[name], program, 2 * program.weights[name])

    expected = run(other, x, dt=1.0).output
    assert not np.array_equal(expected, program(x)[0])
    np.testing.assert_array_equal(changed(x)[0], expected)


def test_one_file_for_all_platforms(exported):
    _, path = exported
    program = load_export(path)

    assert program.platforms == ("cpu", "cuda", "tpu")
    assert program.dt == 1.0
    assert program.inputs == {"input": ((2, 5, 5), "float32")}
    for name in ("begun", "continued"):
        code = jax.export.deserialize(bytearray(load_file(path)[f"['programs']['{name}']"]))
        assert code.platforms == ("cpu", "cuda", "tpu")
        text = code.mlir_module()
        assert "while" in text  # a loop over time
        assert "small_call" not in text and "inlineable" not in text and "callback" not in text


def test_several_inputs_in_double_precision(x64, getkey, tmp_path):
    made = SpikingNetwork({"lif": Node(nj.LIF(), "left", "right")}, "lif", ("left", "right"))
    shapes = {"left": (3,), "right": (3,)}
    export(tmp_path / "two", made, dt=0.5, input_shape=shapes, platforms=("cpu",))
    program = load_export(tmp_path / "two")
    x = {name: 3 * jax.random.uniform(getkey(), (20, 2, 3)) for name in shapes}

    output, _ = program(x)
    assert output.dtype == jnp.float64
    np.testing.assert_array_equal(output, run(made, x, dt=0.5).output)
    with pytest.raises(ValueError, match="inputs must be of left, right, got left"):
        program({"left": x["left"]})


class _Whole(OverTime):
    """Needs all steps at once."""

    @property
    def needs_all_time(self):
        return True

    def initial_state(self, key=None):
        return ()

    def over_time(self, state, x, key):
        return state, x


def test_refused(exported, tmp_path):
    lif = sequential(nj.LIF())
    path = tmp_path / "a"
    with pytest.raises(TypeError, match="SpikingNetwork"):
        export(path, nj.LIF(), dt=1.0, input_shape=(3,))  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="export: dt must be positive, got 0"):
        export(path, lif, dt=0, input_shape=(3,))
    with pytest.raises(ValueError, match="platforms must be of cpu, cuda, tpu, got 'abacus'"):
        export(path, lif, dt=1.0, input_shape=(3,), platforms=("abacus",))
    with pytest.raises(ValueError, match="input_shape must be of input, got x"):
        export(path, lif, dt=1.0, input_shape={"x": (3,)})
    with pytest.raises(ValueError, match=r"export: node '0\._Whole' needs all steps at once"):
        export(path, sequential(_Whole()), dt=1.0, input_shape=(3,))
    noise = nj.neurons.EscapeNoise(rate=100.0, width=0.1)
    with pytest.raises(ValueError, match="random"):
        export(path, sequential(nj.LIF(escape=noise)), dt=1.0, input_shape=(3,))
    assert not path.exists()

    program = load_export(exported[1])
    for shape in ((4, 2, 5, 5, 2), (4, 0, 2, 5, 5), (4, 1, 2, 5, 6)):
        with pytest.raises(ValueError, match=r"'input' must be \[time, samples, 2, 5, 5\], got"):
            program(jnp.zeros(shape))


def test_files_that_are_something_else(exported, tmp_path):
    nj.save(tmp_path / "weights", {"w": jnp.ones(3)})
    with pytest.raises(ValueError, match="weights is no program written by export"):
        load_export(tmp_path / "weights")
    _, path = exported
    code = bytearray(path.read_bytes())
    code[-100] ^= 1
    (tmp_path / "altered").write_bytes(code)
    with pytest.raises(ValueError, match="was altered after it was written"):
        load_export(tmp_path / "altered")
