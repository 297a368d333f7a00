"""Pytrees to files and back: safetensors, which hold arrays and text and can run nothing."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes

Tree = TypeVar("Tree")
FORMAT = "neurojax 1"


def save(path: str | os.PathLike, tree: PyTree, metadata: dict[str, Any] | None = None) -> None:
    """Write the arrays of a pytree (a model, a `RunState`, both in a tuple) to one file.

    The file appears whole or not at all, and carries a checksum. `metadata` is any JSON.
    """
    arrays = {name: _plain(leaf) for name, leaf in _named_arrays(tree).items()}
    text = json.dumps(metadata or {})
    notes = {"format": FORMAT, "checksum": _checksum(arrays, text), "metadata": text}
    path = Path(path)
    part = path.with_name(f"{path.name}.part")
    with part.open("wb") as file:
        file.write(to_bytes(arrays, notes))
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def load(path: str | os.PathLike, like: Tree) -> Tree:
    """Read what `save` wrote into the structure of `like`, whose arrays tell names, shapes and
    dtypes; everything that is no array is taken from `like`.

    Raises `ValueError` where the file is no checkpoint, is truncated or altered, or holds another
    model than `like`, naming the first array that differs.
    """
    arrays, _ = _read(path)
    due = _named_arrays(like)
    for name in [*due, *arrays]:
        if name not in arrays or name not in due:
            where = "the file" if name not in arrays else "the model it is loaded into"
            raise ValueError(f"{path} is a checkpoint of another model: {where} lacks {name}.")
        given, wanted = arrays[name], _plain(due[name])
        if given.shape != wanted.shape or given.dtype != wanted.dtype:
            raise ValueError(
                f"{path} is a checkpoint of another model: {name} is {given.dtype}"
                f"{list(given.shape)} there, {wanted.dtype}{list(wanted.shape)} is due."
            )
    leaves, structure = jax.tree.flatten(like)
    names = iter(due)
    return structure.unflatten(
        _as_before(arrays[next(names)], leaf) if eqx.is_array(leaf) else leaf for leaf in leaves
    )


def metadata_of(path: str | os.PathLike) -> dict[str, Any]:
    """The metadata of a checkpoint."""
    return json.loads(_read(path)[1]["metadata"])


def _read(path: str | os.PathLike) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    if not Path(path).is_file():
        raise ValueError(f"no checkpoint at {path}.")
    try:
        with safe_open(path, framework="numpy") as file:
            notes = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"{path} is no checkpoint, or a truncated one ({error}).") from None
    if notes.get("format") != FORMAT:
        raise ValueError(f"{path} was not written by neurojax.save (format {notes.get('format')}).")
    if notes.get("checksum") != _checksum(arrays, notes.get("metadata", "")):
        raise ValueError(f"{path} was altered after it was written: its checksum does not match.")
    return arrays, notes


def _named_arrays(tree: PyTree) -> dict[str, Any]:
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {jax.tree_util.keystr(path): leaf for path, leaf in leaves if eqx.is_array(leaf)}


def _plain(leaf: Any) -> np.ndarray:
    """As numpy, a random key by its data."""
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        leaf = jax.random.key_data(leaf)
    return np.ascontiguousarray(leaf).reshape(leaf.shape)


def _as_before(array: np.ndarray, like: Any) -> Any:
    """As the kind of array that `like` is."""
    if jnp.issubdtype(like.dtype, jax.dtypes.prng_key):
        return jax.random.wrap_key_data(jnp.asarray(array), impl=jax.random.key_impl(like))
    return array if isinstance(like, np.ndarray) else jnp.asarray(array)


def _checksum(arrays: dict[str, np.ndarray], metadata: str) -> str:
    digest = hashlib.sha256(metadata.encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
