"""A scan into the history, where there is to be one."""

from __future__ import annotations

import logging
import os

from secagg.errors import StoreError
from secagg.pipeline.gate import Gate
from secagg.pipeline.origin import ENVIRONMENT
from secagg.pipeline.outcome import Outcome
from secagg.pipeline.record import record_outcome

_log = logging.getLogger(__name__)


def remember(outcome: Outcome, gate: Gate, *, since: str | None) -> list[str]:
    """Record ``outcome``; what went wrong in sentences.

    A store that was named and cannot be written is an error (:class:`StoreError`): a history
    that quietly ends looks like one in which nothing happens. The default one in the checkout,
    which may be read-only, is a warning.
    """
    store = gate.options.store
    if store == "" or outcome.interrupted:
        return []
    try:
        run = record_outcome(outcome, url=store, root=gate.root, origin=gate.origin, since=since)
        _log.debug("recorded on branch %s: %r", gate.origin.branch, run)
    except StoreError as error:
        if store is not None or os.environ.get(ENVIRONMENT):
            raise
        return [f"this scan is not in the history: {error.message}"]
    return []
