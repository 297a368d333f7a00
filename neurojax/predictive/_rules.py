"""How a hierarchy learns: by the local gradient where it settles, or by backpropagation."""

from collections.abc import Callable, Mapping
from typing import cast, final

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ._energies import Energy, Weighted
from ._hierarchy import INPUT, OUTPUT, Activities, Clamps, Hierarchy, predict
from ._inference import Settled, Solver, Start, infer
from ._settling import settling

Pair = tuple[Float[Array, "..."], Float[Array, "..."]]
Batch = Pair | Mapping[str, Float[Array, "..."]]
Metrics = dict[str, Float[Array, ""]]
Penalty = Callable[[Hierarchy], Float[Array, ""]]


@final
class Nudging(eqx.Module):
    """The output pushed towards its target instead of held at it.

    - `of="target"`: it is clamped at `p + beta (y − p)`, p being what is predicted of it. At
      `beta = 1` this is clamping. Source: Pinchetti et al. 2025, Benchmarking predictive coding
      networks, sec. 3 (positive, negative and centred nudging).
    - `of="energy"`: it is free, and its energy weighs `beta`: equilibrium propagation, which is
      backpropagation as beta goes to 0. Source: Scellier & Bengio 2017, Front. Comput. Neurosci.
      11, 24, eq. 8; Laborieux et al. 2021, Front. Neurosci. 15, 633674 (centred).

    `sign`: "positive", "negative" (pushed away, and the gradient reversed) or "centred", half the
    difference of the gradients at +beta and −beta, in which odd orders of beta cancel. Gradients
    are divided by beta. Settling away from the target, an energy need not have a minimum: take beta
    small and few steps.
    """

    beta: float = eqx.field(static=True, default=0.1)
    sign: str = eqx.field(static=True, default="centred")
    of: str = eqx.field(static=True, default="target")

    def __check_init__(self) -> None:
        if not self.beta > 0:
            raise ValueError(f"Nudging: beta must be positive, got {self.beta}.")
        for name, value, known in (
            ("sign", self.sign, ("positive", "negative", "centred")),
            ("of", self.of, ("target", "energy")),
        ):
            if value not in known:
                raise ValueError(f"Nudging: {name} must be one of {known}, got {value!r}.")

    @property
    def pushes(self) -> tuple[float, ...]:
        """The signed betas at which it settles."""
        signs = {"positive": (1,), "negative": (-1,), "centred": (1, -1)}
        return tuple(sign * self.beta for sign in signs[self.sign])


@final
class PredictiveCoding(eqx.Module):
    """Settle with the batch clamped, then follow the energy's gradient in the weights.

    A source of gradients for `learning.fit`: of the mean over samples, local to each edge. A batch
    is a pair (input, output) or a dict of clamps. `steps`, `step_size`, `tolerance`, `solver`,
    `coordinates` and `start` are `infer`'s; `nudging` is of the output; `penalty`, a function of
    the hierarchy such as `weight_decay(1e-4)`, is added to the mean energy.
    Source: Whittington & Bogacz 2017, Neural Computation 29(5), eq. 2.15.
    """

    steps: int = eqx.field(static=True, default=20)
    step_size: float | None = eqx.field(static=True, default=None)
    tolerance: float | None = eqx.field(static=True, default=None)
    solver: Solver | None = eqx.field(static=True, default=None)
    coordinates: str = eqx.field(static=True, default="activities")
    start: Start | None = None
    nudging: Nudging | None = None
    penalty: Penalty | None = None

    def __call__(
        self, model: Hierarchy, batch: Batch, key: PRNGKeyArray | None = None
    ) -> tuple[Hierarchy, Metrics]:
        clamps = as_clamps(batch)
        if self.nudging is None:
            settled = self.settle(model, clamps)
            energy, gradient = weight_gradient(model, settled.activities, clamps)
            relaxation = settled.relaxation
        else:
            gradient, energy, relaxation = self._nudged(model, clamps, self.nudging)
        gradient = _penalised(gradient, model, self.penalty)
        return gradient, {"energy": energy, "relaxation": relaxation}

    def settle(self, model: Hierarchy, clamps: Clamps) -> Settled:
        """Where inference ends."""
        return infer(
            model,
            clamps,
            steps=self.steps,
            step_size=self.step_size,
            tolerance=self.tolerance,
            solver=self.solver,
            coordinates=self.coordinates,
            start=self.start,
        )

    def _nudged(
        self, model: Hierarchy, clamps: Clamps, nudging: Nudging
    ) -> tuple[Hierarchy, Array, Array]:
        found = []
        for push in nudging.pushes:
            pushed, to = nudged(model, clamps, push, nudging.of)
            settled = self.settle(pushed, to)
            energy, gradient = weight_gradient(pushed, settled.activities, to)
            if nudging.of == "energy":
                gradient = _unweighted(gradient)
            found.append((jax.tree.map(lambda g, push=push: g / push, gradient), energy, settled))
        gradients, energies, ends = zip(*found, strict=True)
        mean = jax.tree.map(lambda *gs: sum(gs[1:], start=gs[0]) / len(gs), *gradients)
        # A push away from the target may raise the energy without divergence.
        return mean, energies[0], ends[0].relaxation


@final
class IncrementalPredictiveCoding(eqx.Module):
    """Activities and weights follow the energy together: each of the `steps` inference steps (of
    Euler's method) on a batch is an update of the weights too.

    `learning.fit` makes that many updates for each batch.
    Source: Salvatori et al. 2024, A stable, fast, and fully automatic learning algorithm for
    predictive coding networks (iPC), algorithm 1.
    """

    steps: int = eqx.field(static=True, default=20)
    step_size: float = eqx.field(static=True, default=0.1)
    penalty: Penalty | None = None

    def __check_init__(self) -> None:
        if self.steps < 1 or self.step_size <= 0:
            raise ValueError(
                "IncrementalPredictiveCoding: steps and step_size must be positive, got "
                f"{self.steps} and {self.step_size}."
            )

    @property
    def updates(self) -> int:
        """Of the weights, for each batch."""
        return self.steps

    def start(self, model: Hierarchy, batch: Batch) -> Activities:
        """The feed-forward activities."""
        return model.feedforward(as_clamps(batch))

    def __call__(
        self, model: Hierarchy, batch: Batch, key: PRNGKeyArray | None, activities: Activities
    ) -> tuple[Hierarchy, Metrics, Activities]:
        """The weights' gradient at given activities, and these one step further."""
        clamps = as_clamps(batch)
        samples = next(iter(clamps.values())).shape[0]
        free = settling(model, clamps).to_state(activities)

        def mean_energy(parts: tuple[Hierarchy, Activities]) -> Float[Array, ""]:
            system = settling(hold_fixed(parts[0]), clamps)
            z = jax.lax.stop_gradient(system.hierarchy.clamped(activities, clamps))
            return (system.energy(parts[1]) + system.hierarchy.amortised_cost(z)) / samples

        energy, (gradient, slope) = eqx.filter_value_and_grad(mean_energy)((model, free))
        size = self.step_size * samples  # activities follow the sum over samples, not the mean
        moved = jax.tree.map(lambda z, s: z - size * s, free, slope)
        gradient = _penalised(gradient, model, self.penalty)
        return gradient, {"energy": energy}, {**activities, **moved}


@final
class BackpropRule(eqx.Module):
    """Backpropagation of the output energy of the feed-forward prediction, mean over samples."""

    penalty: Penalty | None = None

    def __call__(
        self, model: Hierarchy, batch: Batch, key: PRNGKeyArray | None = None
    ) -> tuple[Hierarchy, Metrics]:
        clamps = as_clamps(batch)
        x, y = clamps[INPUT], clamps[OUTPUT]

        def loss(model: Hierarchy) -> Float[Array, ""]:
            held = hold_fixed(model)
            return held.by_name[OUTPUT].energy(y, predict(held, x)) / x.shape[0]

        value, gradient = eqx.filter_value_and_grad(loss)(model)
        return _penalised(gradient, model, self.penalty), {"energy": value}


def as_clamps(batch: Batch) -> Clamps:
    """A batch's clamps: a pair is of the input and the output."""
    if isinstance(batch, Mapping):
        return batch
    x, y = batch
    return {INPUT: x, OUTPUT: y}


def nudged(
    model: Hierarchy, clamps: Clamps, push: float, of: str = "target"
) -> tuple[Hierarchy, Clamps]:
    """The hierarchy and the clamps with the output pushed by `push` towards its target."""
    if OUTPUT not in clamps:
        raise ValueError(f"nudging needs the {OUTPUT!r} clamped, got {sorted(clamps)}.")
    if of == "energy":
        place = list(model.by_name).index(OUTPUT)
        weighted = Weighted(model.nodes[place].energy, push)
        return eqx.tree_at(lambda m: m.nodes[place].energy, model, weighted), clamps
    others = {name: value for name, value in clamps.items() if name != OUTPUT}
    energy, predicted = model.by_name[OUTPUT].energy, model.feedforward(others)[OUTPUT]
    expected = energy.mean(predicted)
    return model, {**clamps, OUTPUT: expected + push * (clamps[OUTPUT] - expected)}


def _unweighted(gradient: Hierarchy) -> Hierarchy:
    """A gradient in the structure of the hierarchy before its output's energy was weighted."""
    place = list(gradient.by_name).index(OUTPUT)
    inner = cast(Weighted, gradient.nodes[place].energy).energy
    return eqx.tree_at(lambda m: m.nodes[place].energy, gradient, inner)


def weight_gradient(
    model: Hierarchy, activities: Activities, clamps: Clamps
) -> tuple[Float[Array, ""], Hierarchy]:
    """Mean energy over samples at given activities, and its gradient in the model's weights.

    Parameters of energies are held, unless they are learned: an energy without its normalisation
    would always lower its precision.
    """
    samples = next(iter(clamps.values())).shape[0]
    held = jax.lax.stop_gradient(activities)

    def mean_energy(model: Hierarchy) -> Float[Array, ""]:
        fixed = hold_fixed(model)
        z = fixed.clamped(held, clamps)
        return (fixed.energy(held, clamps) + fixed.amortised_cost(z)) / samples

    return eqx.filter_value_and_grad(mean_energy)(model)


def hold_fixed(model: Hierarchy) -> Hierarchy:
    """The hierarchy with no gradient through the parameters of energies that are not learned."""

    def hold(part: object) -> object:
        fixed = isinstance(part, Energy) and not part.learned
        return jax.lax.stop_gradient(part) if fixed else part

    return jax.tree.map(hold, model, is_leaf=lambda x: isinstance(x, Energy))


def weight_decay(strength: float) -> Penalty:
    """`strength/2 · Σ w²` over the weights of edges: arrays of two axes and more, so not biases."""

    def penalty(model: Hierarchy) -> Float[Array, ""]:
        leaves = jax.tree.leaves(eqx.filter([edge.module for edge in model.edges], eqx.is_array))
        squares = [jnp.sum(x**2) for x in leaves if x.ndim > 1]
        return 0.5 * strength * sum(squares, start=jnp.zeros((), model.dtype))

    return penalty


def _penalised(gradient: Hierarchy, model: Hierarchy, penalty: Penalty | None) -> Hierarchy:
    if penalty is None:
        return gradient
    return eqx.apply_updates(gradient, eqx.filter_grad(penalty)(model))


RULES = {
    "pc": lambda how: PredictiveCoding(**how),
    "epc": lambda how: PredictiveCoding(**how | {"coordinates": "errors"}),
    "ipc": lambda how: IncrementalPredictiveCoding(**how),
    "pn": lambda how: PredictiveCoding(**how, nudging=Nudging(sign="positive")),
    "nn": lambda how: PredictiveCoding(**how, nudging=Nudging(sign="negative")),
    "cn": lambda how: PredictiveCoding(**how, nudging=Nudging(sign="centred")),
    "ep": lambda how: PredictiveCoding(**how, nudging=Nudging(of="energy")),
    "bp": lambda how: BackpropRule(),
}


def rule_named(rule: str, **how: object) -> Callable:
    """The rule of a name: predictive coding ("pc"), in errors ("epc"), incremental ("ipc"),
    with positive, negative or centred nudging ("pn", "nn", "cn"), equilibrium propagation ("ep"),
    or backprop ("bp"). `how` are its fields.
    """
    if rule not in RULES:
        raise ValueError(f"rule must be one of {', '.join(RULES)}, or a gradient, got {rule!r}.")
    return RULES[rule](how)
