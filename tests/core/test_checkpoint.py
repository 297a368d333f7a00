"""Checkpoints: what comes back is what went in, and nothing else is taken for one."""

import pickle

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import neurojax as nj


def tree():
    return {
        "weights": jnp.arange(6.0).reshape(2, 3),
        "deep": [{"half": jnp.array([1.5, -2.5], jnp.bfloat16)}, (np.array(7), "text", 3)],
        "flags": jnp.array([True, False]),
        "empty": jnp.zeros((0, 4)),
        "key": jax.random.key(3),
    }


def blank():
    return {
        "weights": jnp.zeros((2, 3)),
        "deep": [{"half": jnp.zeros(2, jnp.bfloat16)}, (np.array(0), "text", 3)],
        "flags": jnp.zeros(2, bool),
        "empty": jnp.zeros((0, 4)),
        "key": jax.random.key(0),
    }


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "checkpoint"
    nj.save(path, tree(), {"epoch": 3})
    return path


def test_it_comes_back(file):
    back, sent = nj.load(file, blank()), tree()

    np.testing.assert_array_equal(
        jax.random.key_data(back.pop("key")), jax.random.key_data(sent.pop("key"))
    )
    assert jax.tree.structure(back) == jax.tree.structure(sent)
    for a, b in zip(jax.tree.leaves(back), jax.tree.leaves(sent), strict=True):
        if eqx.is_array(b):
            assert a.dtype == b.dtype and a.shape == b.shape
            np.testing.assert_array_equal(np.asarray(a), np.asarray(b))
        else:
            assert a == b
    assert nj.core.metadata_of(file) == {"epoch": 3}


def test_a_key_that_comes_back_draws_the_same(file):
    drawn = jax.random.normal(nj.load(file, blank())["key"], (4,))
    np.testing.assert_array_equal(drawn, jax.random.normal(jax.random.key(3), (4,)))


def test_saving_again_replaces_the_file_and_leaves_nothing_else(file):
    changed = tree() | {"weights": jnp.ones((2, 3))}
    nj.save(str(file), changed)

    assert np.all(nj.load(str(file), blank())["weights"] == 1)
    assert [p.name for p in file.parent.iterdir()] == [file.name]


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ValueError, match=r"no checkpoint at .*nowhere"):
        nj.load(tmp_path / "nowhere", blank())
    with pytest.raises(ValueError, match="no checkpoint at"):
        nj.load(tmp_path, blank())  # a folder


def test_truncated_anywhere_it_is_refused(file):
    whole = file.read_bytes()
    for size in [0, 1, 7, 8, 50, len(whole) // 2, len(whole) - 1]:
        file.write_bytes(whole[:size])
        with pytest.raises(ValueError, match=f"{file.name} is no checkpoint, or a truncated one"):
            nj.load(file, blank())


def test_with_any_byte_changed_it_is_refused(file):
    """Every byte of the file, header and data: one bit flipped in each."""
    whole = file.read_bytes()
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 1
        file.write_bytes(changed)
        with pytest.raises(ValueError, match=file.name):
            nj.load(file, blank())
            pytest.fail(f"byte {place} of {len(whole)} changed, and nobody saw it")


def test_a_pickle_is_refused_and_not_run(tmp_path):
    ran = tmp_path / "ran"

    class Harmful:
        def __reduce__(self):
            return (open, (str(ran), "w"))

    path = tmp_path / "pickle"
    path.write_bytes(pickle.dumps(Harmful()))
    with pytest.raises(ValueError, match="pickle is no checkpoint"):
        nj.load(path, blank())
    np.save(tmp_path / "objects.npy", np.array([Harmful()], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match=r"objects\.npy is no checkpoint"):
        nj.load(tmp_path / "objects.npy", blank())
    assert not ran.exists()


def test_the_safetensors_of_others_are_refused(tmp_path):
    from safetensors.numpy import save_file

    save_file({"['weights']": np.zeros((2, 3), np.float32)}, tmp_path / "other")
    with pytest.raises(ValueError, match=r"other was not written by neurojax\.save"):
        nj.load(tmp_path / "other", {"weights": jnp.zeros((2, 3))})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"weights": jnp.zeros((3, 2))},
            r"\['weights'\] is float32\[2, 3\] there, float32\[3, 2\]",
        ),
        ({"weights": jnp.zeros((2, 3), jnp.int32)}, r"\['weights'\] is float32.* there, int32"),
        ({"bias": jnp.zeros(3)}, r"the file lacks \['bias'\]"),
        ({"flags": None}, r"the model it is loaded into lacks \['flags'\]"),
    ],
)
def test_another_models_is_refused_naming_the_array(file, change, message):
    with pytest.raises(ValueError, match=f"checkpoint of another model: {message}"):
        nj.load(file, blank() | change)


def test_another_neurons_is_refused(tmp_path):
    nj.save(tmp_path / "lif", nj.LIF(shape=(3,), tau_m=np.full(3, 9.0)))
    with pytest.raises(ValueError, match=r"\.tau_m is float32\[3\] there, float32\[\] is due"):
        nj.load(tmp_path / "lif", nj.LIF())
    with pytest.raises(ValueError, match=r"another model: the file lacks \.C_m"):
        nj.load(tmp_path / "lif", nj.HodgkinHuxley())
