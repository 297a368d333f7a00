"""The weights of a pretrained network from a file."""

import os
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
from flax import nnx
from jaxtyping import PyTree

from ...core import first_line, load

NUMPY_MAGIC = b"\x93NUMPY"  # an Equinox file is numpy arrays, one after another


def read_pretrained(
    path: str | os.PathLike, like: Any, state: Any, variables: PyTree
) -> tuple[Any, Any, PyTree]:
    """The model `like`, its state and its variables with what the file holds of them."""
    if like is None:
        raise ValueError(f"a file needs like, a model of the same structure: {path}.")
    if variables is not None:
        return like, state, _read(path, variables)
    if isinstance(like, nnx.Module):
        graph, weights = nnx.split(like)
        return nnx.merge(graph, _read(path, weights)), state, None
    if state is not None:
        return *_read(path, (like, state)), None
    return _read(path, like), None, None


def _read(path: str | os.PathLike, like: Any) -> Any:
    """What Equinox or neurojax wrote, told apart by how the file begins."""
    if not Path(path).is_file():
        raise ValueError(f"no file at {path}.")
    with Path(path).open("rb") as file:
        if file.read(len(NUMPY_MAGIC)) != NUMPY_MAGIC:
            return load(path, like)
        file.seek(0)
        return _read_equinox(file, path, like)


def _read_equinox(file: Any, path: str | os.PathLike, like: Any) -> Any:
    wrong = f"{path} is a file of another model, or a truncated one"
    leaves, structure = jax.tree_util.tree_flatten_with_path(like)
    read = []
    for place, leaf in leaves:
        name = jax.tree_util.keystr(place)
        try:
            read.append(eqx.default_deserialise_filter_spec(file, leaf))
        except Exception as error:
            raise ValueError(f"{wrong}: at {name}: {first_line(error)}") from error
        if eqx.is_array(leaf) and (read[-1].shape, read[-1].dtype) != (leaf.shape, leaf.dtype):
            raise ValueError(
                f"{wrong}: {name} is {read[-1].dtype}{list(read[-1].shape)} there, "
                f"{leaf.dtype}{list(leaf.shape)} is due."
            )
    if file.read(1):
        raise ValueError(f"{wrong}: it goes on after {jax.tree_util.keystr(leaves[-1][0])}.")
    return structure.unflatten(read)
