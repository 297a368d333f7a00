"""Systems that can go through time at once."""

import abc
from typing import Any

from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from ...core import System


class OverTime(System):
    """A System of which all steps can be computed together: a delay, a normalisation."""

    @property
    def needs_all_time(self) -> bool:
        """Whether it cannot go step by step."""
        return False

    @abc.abstractmethod
    def over_time(
        self,
        state: PyTree,
        x: Float[Array, "time samples *shape"],
        key: PRNGKeyArray | None,
    ) -> tuple[PyTree, Float[Array, "time samples ..."]]:
        """The states [samples, ...] after all steps, and what it gives in each."""

    def vector_field(self, t: Any, state: PyTree, drive: Any) -> PyTree:
        return None
