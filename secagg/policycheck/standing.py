"""Exceptions that are worth nothing on a day."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from secagg.decisions import load_exceptions, work_tree
from secagg.decisions.ownfile import NAME, ExceptionFile
from secagg.decisions.source import text_of
from secagg.policy.exception import ExceptionState, PolicyException
from secagg.policycheck.message import CheckMessage
from secagg.system.yamlfile import load_placed


def check_exceptions(
    root: Path, max_days: int, today: datetime.date, mask: Callable[[str], str]
) -> Iterator[CheckMessage]:
    """Messages on the exceptions of the repository, by a policy's ``max_days``.

    Raises :class:`secagg.errors.ConfigError` for a file of them that cannot be used.
    """
    places = _places(root)
    found = load_exceptions(root, max_days=max_days, today=today, mask=mask)
    for exception in found.all():
        standing = exception.standing(today)
        where = places.get(exception.source) or _where(exception, root)
        if standing is ExceptionState.EXPIRED:
            yield CheckMessage(
                where=where,
                code="exception-expired",
                text=f"the exception {exception.target} expired on {exception.expires}",
                advice=f"take it out{_prune(exception)}, or decide anew until when it holds",
            )
        elif standing is ExceptionState.REFUSED:
            yield CheckMessage(
                where=where,
                code="exception-refused",
                text=f"the exception {exception.target} {exception.refusal}",
                advice="correct it: until then, what it covers counts",
            )


def _places(root: Path) -> dict[str, str]:
    """For each exception of our own file, by its source, where its last day stands."""
    data = work_tree(root)(NAME)
    if data is None:
        return {}
    placed = load_placed(text_of(NAME, data), ExceptionFile, name=str(root / NAME))
    return {
        f"{NAME}:{entry.line}": placed.where("exceptions", number, "expires")
        for number, entry in enumerate(placed.value.exceptions)
    }


def _prune(exception: PolicyException) -> str:
    return " (secagg except prune)" if exception.source.startswith(NAME) else ""


def _where(exception: PolicyException, root: Path) -> str:
    known = re.fullmatch(r"(.*?)(?::(\d+))?", exception.source)
    assert known is not None
    return f"{root / known[1]}:{known[2] or 1}:1"
