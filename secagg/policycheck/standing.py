"""Exceptions that are worth nothing on a day."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from secagg.decisions import load_exceptions, work_tree
from secagg.decisions.dates import Ceiling
from secagg.decisions.load import masked
from secagg.decisions.ownfile import NAME, ExceptionFile
from secagg.decisions.policygaps import policy_gaps
from secagg.decisions.source import text_of
from secagg.policy.exception import ExceptionState, PolicyException
from secagg.policy.load import Layer, named_text
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
        where = places.get(exception.source) or _where(exception, root)
        yield from _message(exception, where, today)


def check_gaps(
    chain: Sequence[Layer], max_days: int, today: datetime.date, mask: Callable[[str], str]
) -> Iterator[CheckMessage]:
    """Messages on the gaps that a policy's own files accept, by the policy's ``max_days``."""
    ceiling = Ceiling(max_days=max_days, today=today)
    for layer in chain:
        if named_text(layer.name) is not None:
            continue
        for number, entry in enumerate(policy_gaps(layer.written.value.gaps, ceiling)):
            where = layer.written.where("gaps", number, "expires")
            yield from _message(masked(entry, mask).exception, where, today)


def _message(
    exception: PolicyException, where: str, today: datetime.date
) -> Iterator[CheckMessage]:
    standing = exception.standing(today)
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
