"""What one batch does to a model: gradients from any source, taken through optax."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, cast, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
from jax.sharding import Mesh
from jax.typing import DTypeLike
from jaxtyping import Array, PRNGKeyArray, PyTree

from ..core import with_fast_convolutions
from ._devices import DIVIDED, kept

Metrics = dict[str, Array]
Gradient = Callable[[Any, PyTree, PRNGKeyArray], tuple[PyTree, Metrics]]


@runtime_checkable
class IncrementalGradient(Protocol):
    """A source of gradients that updates the model several times on each batch, with a state of its
    own that goes from one update to the next."""

    @property
    def updates(self) -> int: ...

    def start(self, model: Any, batch: Any, /) -> Any: ...

    def __call__(
        self, model: Any, batch: Any, key: PRNGKeyArray, state: Any, /
    ) -> tuple[PyTree, Metrics, Any]: ...


Augment = Callable[[PyTree, PRNGKeyArray], PyTree]


class Training(NamedTuple):
    """How a model is updated: the arguments of `fit` that a batch meets."""

    gradient: Gradient | IncrementalGradient
    optimizer: optax.GradientTransformation
    trainable: PyTree
    augment: Augment | None
    compute_dtype: np.dtype | None
    mesh: Mesh | None


class Keys(NamedTuple):
    """Of one batch."""

    gradient: PRNGKeyArray
    augment: PRNGKeyArray


def on_batch(
    training: Training, model: Any, optimizer_state: PyTree, batch: PyTree, keys: Keys
) -> tuple[Any, PyTree, PyTree]:
    """The model and the optimizer's state after a batch, and its metrics."""
    arrays, rest = eqx.partition(model, eqx.is_array)

    def after(arrays: PyTree, optimizer_state: PyTree, batch: PyTree, keys: Keys) -> Any:
        batch = kept(batch, training.mesh, DIVIDED)
        if training.augment is not None:
            batch = training.augment(batch, keys.augment)
        model = eqx.combine(arrays, rest)
        update = _incrementally if isinstance(training.gradient, IncrementalGradient) else _once
        model, state, metrics = update(
            training, model, optimizer_state, in_dtype(batch, training.compute_dtype), keys.gradient
        )
        return eqx.filter(model, eqx.is_array), state, metrics

    run = with_fast_convolutions(after)
    arrays, optimizer_state, metrics = run(arrays, optimizer_state, batch, keys)
    return eqx.combine(arrays, rest), optimizer_state, metrics


def _once(
    training: Training, model: Any, optimizer_state: PyTree, batch: PyTree, key: PRNGKeyArray
) -> tuple[Any, PyTree, Metrics]:
    gradient = cast(Gradient, training.gradient)
    slope, metrics = gradient(in_dtype(model, training.compute_dtype), batch, key)
    return *_updated(training, model, optimizer_state, slope), _precise(metrics)


def _incrementally(
    training: Training, model: Any, optimizer_state: PyTree, batch: PyTree, key: PRNGKeyArray
) -> tuple[Any, PyTree, Metrics]:
    gradient = cast(IncrementalGradient, training.gradient)
    arrays, rest = eqx.partition(model, eqx.is_array)

    def next_update(carry: PyTree, number: Array) -> tuple[PyTree, Metrics]:
        arrays, optimizer_state, state = carry
        model = eqx.combine(arrays, rest)
        slope, metrics, state = gradient(
            in_dtype(model, training.compute_dtype), batch, jr.fold_in(key, number), state
        )
        model, optimizer_state = _updated(training, model, optimizer_state, slope)
        return (eqx.filter(model, eqx.is_array), optimizer_state, state), _precise(metrics)

    state = gradient.start(in_dtype(model, training.compute_dtype), batch)
    (arrays, optimizer_state, _), metrics = jax.lax.scan(
        next_update, (arrays, optimizer_state, state), jnp.arange(gradient.updates)
    )
    return eqx.combine(arrays, rest), optimizer_state, mean_over_first(metrics)


def _updated(
    training: Training, model: Any, optimizer_state: PyTree, slope: PyTree
) -> tuple[Any, PyTree]:
    if training.compute_dtype is not None:
        slope = _in_dtypes_of(model, slope)
    with jax.numpy_dtype_promotion("standard"):  # optax counts steps in integers
        updates, optimizer_state = training.optimizer.update(
            eqx.filter(slope, training.trainable),
            optimizer_state,
            eqx.filter(model, training.trainable),
        )
    return kept((eqx.apply_updates(model, updates), optimizer_state), training.mesh)


def as_compute_dtype(dtype: DTypeLike | None) -> np.dtype | None:
    """A dtype to compute in: bfloat16, or None for that of the arrays."""
    if dtype is None or jnp.dtype(dtype) == jnp.bfloat16:
        return None if dtype is None else jnp.dtype(dtype)
    why = ", whose range is so small that losses would have to be scaled"
    raise ValueError(
        f"compute_dtype must be bfloat16 or None, got {jnp.dtype(dtype)}"
        f"{why if jnp.dtype(dtype) == jnp.float16 else ''}."
    )


def in_dtype(tree: PyTree, dtype: np.dtype | None) -> PyTree:
    """The tree with its arrays of real numbers in that dtype; integers and keys as they are."""

    def cast(x: Any) -> Any:
        real = eqx.is_array(x) and jnp.issubdtype(x.dtype, jnp.floating)
        return x.astype(dtype) if real else x

    return tree if dtype is None else jax.tree.map(cast, tree)


def _in_dtypes_of(model: Any, slope: PyTree) -> PyTree:
    """A gradient as precise as the parameters that it is of."""

    def cast(slope: Any, parameter: Any) -> Any:
        return slope.astype(parameter.dtype) if eqx.is_array(slope) else slope

    return jax.tree.map(cast, slope, model, is_leaf=lambda x: x is None)


def _precise(metrics: Metrics) -> Metrics:
    """In single precision at least, so that a mean over batches is not rounded to bfloat16."""
    low = lambda x: getattr(x, "dtype", None) == jnp.bfloat16  # noqa: E731
    return {name: x.astype(jnp.float32) if low(x) else x for name, x in metrics.items()}


def mean_over_first(metrics: Metrics) -> Metrics:
    return jax.tree.map(lambda x: jnp.mean(x, axis=0), metrics)
