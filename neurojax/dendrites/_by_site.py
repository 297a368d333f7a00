"""What a drive puts into a reduced neuron, by site."""

from typing import Any

from ._cell import injected
from ._sites import SOMA

DENDRITE = "dendrite"


def by_site(owner: str, drive: Any) -> dict[str, Any]:
    """The drive by site: a bare one is the soma's. `ValueError` for a site that is not there."""
    currents = injected(drive)
    for site in currents:
        if site not in (SOMA, DENDRITE):
            raise ValueError(f"{owner}: drive has no site {site!r}, only {SOMA} and {DENDRITE}.")
    return currents
