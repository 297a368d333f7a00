"""Neurons of NIR and ours, both ways.

What NIR does not say of a neuron (reset by subtraction, refractory period, surrogate, which
parameters all neurons share) is in its metadata.
"""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from .. import spiking
from ..core import Surrogate, superspike
from ..neurons import IF, LIF, CurrentLIF, LeakyIntegrator
from ._nir_discretisation import SECOND, Discretisation

SURROGATES = {
    kind.__name__: kind
    for kind in (
        spiking.fast_sigmoid,
        spiking.arctan,
        spiking.triangle,
        spiking.gaussian,
        spiking.straight_through,
    )
}
SPIKING = (LIF, IF, CurrentLIF)
OUT_OF_FILE = ("shape", "soft_reset", "refractory", "convention", "surrogate", "escape")

Notes = dict[str, Any]


def neuron_to_nir(
    nir: Any, name: str, neuron: Any, shape: tuple[int, ...], time: Discretisation
) -> tuple[Any, Notes]:
    """The node of a neuron, of a population of this shape, and the notes to go with it."""
    p = _parameters(neuron, shape)
    notes = _notes(name, neuron)
    match neuron:
        case LIF():
            made = nir.LIF(
                tau=time.seconds(p["tau_m"]),
                r=p["resistance"],
                v_leak=p["v_rest"],
                v_threshold=p["v_threshold"],
                v_reset=p["v_reset"],
            )
        case LeakyIntegrator():
            tau = time.seconds(p["tau_m"])
            made = nir.LI(tau=tau, r=p["resistance"], v_leak=p["v_rest"])
        case IF():
            made = nir.IF(
                r=SECOND * time.stretch() / p["C_m"],
                v_threshold=p["v_threshold"],
                v_reset=p["v_reset"],
            )
            notes["v_start"] = np.asarray(neuron.v_start).tolist()
        case _:
            made = nir.CubaLIF(
                tau_syn=time.seconds(p["tau_syn"]),
                tau_mem=time.seconds(p["tau_m"]),
                r=p["resistance"],
                v_leak=p["v_rest"],
                v_threshold=p["v_threshold"],
                v_reset=p["v_reset"],
                w_in=_weight_of_arrivals(p, time),
            )
            notes["class"] = "CurrentLIF"
    return made, notes


def pair_to_nir(
    nir: Any,
    names: tuple[str, str],
    synapse: LeakyIntegrator,
    neuron: LIF,
    shape: tuple[int, ...],
    time: Discretisation,
) -> tuple[Any, Notes]:
    """The CubaLIF that a leaky integrator from 0 is together with the LIF that it drives."""
    s, p = _parameters(synapse, shape), _parameters(neuron, shape)
    made = nir.CubaLIF(
        tau_syn=time.seconds(s["tau_m"]),
        tau_mem=time.seconds(p["tau_m"]),
        r=p["resistance"],
        v_leak=p["v_rest"],
        v_threshold=p["v_threshold"],
        v_reset=p["v_reset"],
        w_in=s["resistance"],
    )
    notes = _notes(names[1], neuron)
    notes["synapse"] = {"name": names[0], "shared": _shared(synapse)}
    return made, notes


def neuron_from_nir(name: str, node: Any, notes: Notes, time: Discretisation) -> Any:
    """The neuron of a node LIF, LI, IF, or of a CubaLIF that was a CurrentLIF."""
    kind = type(node).__name__
    if kind == "LI":
        p = {"tau_m": time.milliseconds(name, "tau", node.tau)}
        p |= {"resistance": node.r, "v_rest": node.v_leak}
        return LeakyIntegrator(**_read(p, notes.get("shared", ())))
    p = {"v_threshold": node.v_threshold, "v_reset": node.v_reset}
    if kind == "IF":
        C_m = SECOND * time.stretch() / np.asarray(node.r, np.float64)
        p |= {"C_m": C_m, "v_start": np.asarray(notes.get("v_start", 0.0))}
        return IF(**_read(p, notes.get("shared", ())), **_unwritten(name, notes))
    p |= {"resistance": node.r, "v_rest": node.v_leak}
    if kind == "LIF":
        p["tau_m"] = time.milliseconds(name, "tau", node.tau)
        return LIF(**_read(p, notes.get("shared", ())), **_unwritten(name, notes))
    p["tau_m"] = time.milliseconds(name, "tau_mem", node.tau_mem)
    p["tau_syn"] = time.milliseconds(name, "tau_syn", node.tau_syn)
    return CurrentLIF(**_read(p, notes.get("shared", ())), **_unwritten(name, notes))


def pair_from_nir(
    name: str, node: Any, notes: Notes, time: Discretisation
) -> tuple[LeakyIntegrator, LIF]:
    """The leaky integrator and the LIF that a CubaLIF is made of."""
    tau = time.milliseconds(name, "tau_syn", node.tau_syn)
    synapse = {"tau_m": tau, "resistance": node.w_in, "v_rest": np.zeros(())}
    neuron = {
        "tau_m": time.milliseconds(name, "tau_mem", node.tau_mem),
        "resistance": node.r,
        "v_rest": node.v_leak,
        "v_threshold": node.v_threshold,
        "v_reset": node.v_reset,
    }
    shared = notes.get("synapse", {}).get("shared", ())
    return (
        LeakyIntegrator(**_read(synapse, shared)),
        LIF(**_read(neuron, notes.get("shared", ())), **_unwritten(name, notes)),
    )


def surrogate_to_notes(name: str, kind: str, surrogate: Surrogate) -> Notes:
    """Raises `ValueError` for a surrogate that has no name."""
    if surrogate is superspike:
        return {}
    if type(surrogate) not in SURROGATES.values():
        raise ValueError(
            f"to_nir: node {name!r}, {kind}: surrogate must be superspike or one of "
            f"nj.spiking's, {', '.join(SURROGATES)}, got {surrogate!r}."
        )
    given = dataclasses.asdict(surrogate)  # pyright: ignore[reportArgumentType]
    return {"surrogate": [type(surrogate).__name__, given]}


def surrogate_from_notes(name: str, notes: Notes) -> Surrogate:
    if "surrogate" not in notes:
        return superspike
    kind, given = notes["surrogate"]
    if kind not in SURROGATES:
        raise ValueError(
            f"from_nir: node {name!r}: surrogate must be one of {', '.join(SURROGATES)}, got "
            f"{kind!r}."
        )
    return SURROGATES[kind](**given)


def as_text(notes: Notes) -> dict[str, str]:
    """Notes as the metadata of a node or graph."""
    return {"neurojax": json.dumps(notes)} if notes else {}


def notes_of(node: Any) -> Notes:
    """The notes in the metadata of a node or graph."""
    metadata = getattr(node, "metadata", None)
    text = metadata.get("neurojax", "{}") if isinstance(metadata, Mapping) else "{}"
    return json.loads(text.decode() if isinstance(text, bytes) else text)


def _weight_of_arrivals(p: dict[str, np.ndarray], time: Discretisation) -> np.ndarray:
    """The w_in of a CurrentLIF, to whose current a spike adds 1 at once: the charge of a spike of
    height 1 and length dt. In Euler's steps it is such that they move v as ours do one step later.
    """
    dt, kind = time.step(), p["tau_syn"].dtype
    if time.euler_dt is None:
        return p["tau_syn"] / kind.type(dt)
    tau_m, tau_syn = (np.asarray(p[tau], np.float64) for tau in ("tau_m", "tau_syn"))
    z = dt / tau_m - dt / tau_syn
    phi1 = np.where(z == 0, 1.0, np.expm1(z) / np.where(z == 0, 1.0, z))
    per_current = dt / tau_m * np.exp(-dt / tau_m) * phi1
    return (per_current / (time.decay(tau_m) * time.decay(tau_syn))).astype(kind)


def _parameters(neuron: Any, shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Those of NIR's kind, one for each neuron."""
    return {
        field.name: np.broadcast_to(np.asarray(getattr(neuron, field.name)), shape).copy()
        for field in dataclasses.fields(neuron)
        if field.name not in OUT_OF_FILE
    }


def _shared(neuron: Any) -> list[str]:
    """The parameters of which all neurons have one."""
    names = [f.name for f in dataclasses.fields(neuron) if f.name not in OUT_OF_FILE]
    return [name for name in names if np.shape(getattr(neuron, name)) == ()]


def _notes(name: str, neuron: Any) -> Notes:
    """What NIR does not say of a neuron.

    Raises `ValueError` for what cannot be said either.
    """
    notes: Notes = {"shared": _shared(neuron)}
    if not isinstance(neuron, SPIKING):
        return notes
    kind = type(neuron).__name__
    if neuron.escape is not None:
        raise ValueError(f"to_nir: node {name!r}, {kind}: NIR has no escape noise.")
    if neuron.convention != "brian2":
        raise ValueError(
            f'to_nir: node {name!r}, {kind}: convention must be "brian2" (a spike where v is above '
            f"threshold), got {neuron.convention!r}."
        )
    if neuron.soft_reset:
        notes["soft_reset"] = True
    if neuron.refractory is not None:
        notes["refractory"] = np.asarray(neuron.refractory).tolist()
    return notes | surrogate_to_notes(name, kind, neuron.surrogate)


def _unwritten(name: str, notes: Notes) -> dict[str, Any]:
    """A spiking neuron's arguments that NIR does not have."""
    refractory = notes.get("refractory")
    return {
        "soft_reset": bool(notes.get("soft_reset", False)),
        "refractory": None if refractory is None else jnp.asarray(refractory),
        "surrogate": surrogate_from_notes(name, notes),
    }


def _read(parameters: dict[str, Any], shared: Any) -> dict[str, Any]:
    """Parameters as ours: of one element, or shared by all, a scalar."""
    read = {}
    for name, value in parameters.items():
        value = np.asarray(value)
        one = value.size == 1 or name in shared
        read[name] = jnp.asarray(value.flat[0] if one else value, jnp.result_type(float))
    return read
