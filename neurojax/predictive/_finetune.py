"""Fine-tune a hierarchy by predictive coding or by backprop, from the same start."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PyTree

from ..learning import Fit, Gradient, IncrementalGradient, Record, fit
from ._energies import Energy
from ._hierarchy import Hierarchy, predict
from ._rules import Batch, rule_named


def finetune(
    hierarchy: Hierarchy,
    data: Batch,
    *,
    rule: str | Gradient | IncrementalGradient = "pc",
    freeze: Sequence[int | str] = (),
    **how: Any,
) -> Fit:
    """Train a hierarchy's weights on `(inputs, targets)`, samples first, or on a dict of clamps.

    - `rule`: a name that `rule_named` takes ("pc", "epc", "ipc", "pn", "nn", "cn", "ep" or "bp"),
      whose fields (`steps`, `step_size`, `tolerance`, ...) may be given too; or any gradient that
      `learning.fit` takes.
    - `freeze`: edges, by number from 0 or by target, whose weights stay.
    - the rest is `learning.fit`'s: optimizer, epochs, batch_size, key, validation, checkpoint, ...

    Raises `FloatingPointError` in the first epoch in which inference, on average over batches,
    raised the energy: its steps are then too large for the weights.
    """
    of_rule = {name: how.pop(name) for name in FIELDS if name in how}
    if isinstance(rule, str):
        rule = rule_named(rule, **of_rule)
    elif of_rule:
        raise ValueError(f"{', '.join(of_rule)} are for a rule by name: set them in the rule.")
    watch = _Watch(how.pop("on_epoch", None))
    spec = weights_of(hierarchy, freeze)
    return fit(hierarchy, data, rule, trainable=spec, on_epoch=watch, **how)


FIELDS = ("steps", "step_size", "tolerance", "solver", "coordinates", "start", "nudging", "penalty")


class _Watch(NamedTuple):
    """Passes an epoch's record on, unless inference diverged in it."""

    then: Callable[[Record], None] | None

    def __call__(self, record: Record) -> None:
        if record.get("train/relaxation", 0) < 0:
            raise FloatingPointError(
                f"inference raised the energy by {-record['train/relaxation']:.3g} % on average in "
                f"epoch {record['epoch']}: give a smaller step_size."
            )
        if self.then is not None:
            self.then(record)


def accuracy(
    hierarchy: Hierarchy, x: Float[Array, "samples ..."], labels: Int[Array, " samples"]
) -> Float[Array, ""]:
    """The fraction of samples whose highest predicted output is their label (feed-forward)."""
    return jnp.mean(jnp.argmax(predict(hierarchy, x), axis=-1) == labels)


def weights_of(hierarchy: Hierarchy, freeze: Sequence[int | str] = ()) -> PyTree[bool]:
    """Which leaves learn: the arrays of edges' modules but the frozen ones', and the parameters of
    energies that are learned."""
    targets = {edge.target for edge in hierarchy.edges}
    unknown = [x for x in freeze if x not in targets and x not in range(len(hierarchy.edges))]
    if unknown:
        raise ValueError(
            f"freeze has no edge {unknown[0]!r}: edges are 0 to {len(hierarchy.edges) - 1}, to "
            f"{', '.join(sorted(targets))}."
        )

    def of_energies(part: Any) -> PyTree[bool]:
        learned = isinstance(part, Energy) and part.learned
        return jax.tree.map(lambda leaf: learned and eqx.is_inexact_array(leaf), part)

    spec = jax.tree.map(of_energies, hierarchy, is_leaf=lambda x: isinstance(x, Energy))
    free = [
        number
        for number, edge in enumerate(hierarchy.edges)
        if number not in freeze and edge.target not in freeze
    ]
    return eqx.tree_at(
        lambda h: [h.edges[n].module for n in free],
        spec,
        [jax.tree.map(eqx.is_inexact_array, hierarchy.edges[n].module) for n in free],
    )
