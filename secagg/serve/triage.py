"""Where decisions from the page go."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Protocol

from secagg.model.problem import State


class TriageSink(Protocol):
    """The store, as far as the page may change it."""

    def decide(
        self,
        identities: Sequence[str],
        *,
        state: State,
        reason: str,
        by: str,
        owner: str | None = None,
        expires: datetime.date | None = None,
    ) -> None:
        """Record one decision on every problem named, all or none.

        Raises :class:`secagg.errors.SecaggError` where one of them is not known or the store
        cannot be written.
        """
        ...
