"""The columns of the tables of current problems, made of a problem and read back.

:mod:`secagg.history.current` writes them, and :mod:`secagg.report.stored` selects by them.
"""

from __future__ import annotations

import datetime
import math
import re
import struct
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from secagg.history.engine import to_text
from secagg.model.finding import Kind, Severity
from secagg.model.problem import Problem, ProblemPlace, Source, State, Triage
from secagg.report.filters import searchable
from secagg.report.query import severity_key
from secagg.report.standing import (
    ShownState,
    age_days,
    excepted,
    has_fix,
    owners_of,
    severity_label,
    standing,
)

EACH = "\x01"
"""Stands before and after each name of a column that has several, so that one can be looked up."""
NO_PLACE = "\U0010ffff"
"""The place of a problem without file and image: it comes after all others."""
OWN = "\x02"
"""Stands before each id of a problem in the column ``names``."""

# No text column holds these: NUL and lone surrogates no database stores, and two are ours.
_SPECIAL = re.compile("[\x00-\x02\ud800-\udfff]")
# The greatest number of a column.
_LARGEST = 2**63 - 1
# An index holds a part of a place only, which may be as long as a path.
_PLACE_IN_KEY = 100
# No decision has expired on that day, and every exception is in force.
BEFORE_ALL = datetime.date.min


class CurrentDecision(NamedTuple):
    """A decision on a problem, its id, and the last day on which it counts; None for always."""

    decision: Triage
    number: int
    last_day: datetime.date | None


def current_rows(
    key: tuple[int, int, str, str],
    problem: Problem,
    on_it: CurrentDecision | None,
    *,
    missing: bool,
) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Return the values of both tables for a problem without decision, and the decision on it.

    ``key`` are the ids of branch and finding, and the names of repository and branch. ``missing``:
    a tool that reported the problem earlier did not look again.
    """
    order: Any = severity_key(problem)
    place, line, rule = order[-3:]
    assert problem.first_seen is not None
    first_seen = to_text(problem.first_seen)
    reopened_at = None if problem.reopened_at is None else to_text(problem.reopened_at)
    owners = owners_of(problem)
    texts = _words(problem)
    covered = excepted(problem, BEFORE_ALL)
    exception = None
    if covered:
        exception = str(standing(replace(problem, fixed_at=None), BEFORE_ALL))
    decided: tuple[int | str | None, ...] = (None, None, None, None)
    decided_texts = None
    if on_it is not None:
        problem.triage = on_it.decision
        state = standing(replace(problem, fixed_at=None, exception=None), BEFORE_ALL)
        owner = on_it.decision.owner or None
        decided = (
            on_it.number,
            None if state is ShownState.OPEN else str(state),
            None if owner is None else _several([owner]),
            None if on_it.last_day is None else on_it.last_day.isoformat(),
        )
        decided_texts = _words(problem)
        problem.triage = None
    values = (
        *key[:2],
        *map(clean, (*key[2:], problem.identity)),
        "".join(f"{OWN}{clean(name)}" for name in sorted(ids_of(problem))),
        *map(clean, (_worst(order), place)),
        # A hostile report may name a line that no column of numbers holds.
        max(-_LARGEST, min(line, _LARGEST)),
        clean(rule),
        problem.severity.rank,
        severity_label(problem),
        str(problem.kind),
        _files(problem),
        _ids(problem),
        clean(problem.component or "."),
        *(None if name is None else clean(name) for name in _package(problem)),
        packaged(problem),
        _several(problem.tools),
        len(problem.tools),
        _several(owners),
        _number(problem.score),
        _number(problem.epss),
        has_fix(problem),
        first_seen,
        reopened_at,
        None if problem.fixed_at is None else to_text(problem.fixed_at),
        max(first_seen, reopened_at or first_seen),
        None if problem.fixed_at is None else age_days(problem, BEFORE_ALL),
        None if problem.due is None else problem.due.isoformat(),
        exception,
        None
        if exception is None or problem.exception_expires is None
        else problem.exception_expires.isoformat(),
        *decided,
        missing or (on_it is not None and on_it.decision.state is State.FIXED),
    )
    return (
        values,
        (*key[:2], clean(texts), None if decided_texts is None else clean(decided_texts)),
    )


def _words(problem: Problem) -> str:
    """Return each word that a person may search for once; no word searched for has a space."""
    return " ".join(dict.fromkeys(searchable(problem).split()))


def _files(problem: Problem) -> str:
    """Join the files that a problem is in; files inside an image are none of the repository."""
    if problem.image is not None:
        return ""
    uris = {problem.uri, *(p.uri for p in problem.places), *(s.uri for s in problem.sources)}
    return _several(sorted(uri for uri in uris if uri is not None))


def _ids(problem: Problem) -> str:
    """Join the kind, advisories, weaknesses and rules of a problem."""
    rules = sorted({problem.rule_id, *(source.rule_id for source in problem.sources)})
    groups = map(_several, ([problem.kind], problem.aliases, problem.cwes, rules))
    return OWN.join(groups)


def _package(problem: Problem) -> tuple[str | None, ...]:
    return problem.package, problem.package_type, problem.version


def packaged(problem: Problem) -> str | None:
    """Join the type, name, version and purl of a package; None without one."""
    if problem.package is None:
        return None
    parts = (problem.package_type, problem.package, problem.version, problem.purl)
    return EACH.join(clean(part or "") for part in parts)


def problem_of_ids(value: str) -> Problem:
    """Make a problem of what the column ``ids`` holds, and nothing else."""
    (kind,), aliases, cwes, (first, *rules) = map(names_in, value.split(OWN))
    problem = _blank(kind=Kind(kind), rule_id=first)
    problem.aliases, problem.cwes = tuple(aliases), tuple(cwes)
    problem.sources = tuple(Source(tool="", rule_id=rule, severity=Severity.NONE) for rule in rules)
    return problem


def problem_of_package(value: str) -> Problem:
    """Make a problem of what the column ``packaged`` holds."""
    problem = _blank()
    parts = [part or None for part in value.split(EACH)]
    problem.package_type, problem.package, problem.version, problem.purl = parts
    return problem


def problem_of_files(value: str) -> Problem:
    """Make a problem of what the column ``files`` holds."""
    problem = _blank()
    problem.places = tuple(ProblemPlace(uri=uri) for uri in names_in(value))
    return problem


def problem_of_tools(value: str) -> Problem:
    """Make a problem of what the column ``tools`` holds."""
    problem = _blank()
    problem.tools = tuple(names_in(value))
    return problem


def problem_of_component(value: str) -> Problem:
    """Make a problem of what the column ``component`` holds."""
    problem = _blank()
    problem.component = value
    return problem


def problem_of_owners(value: str) -> Problem:
    """Make a problem of what the column ``owners`` holds."""
    problem = _blank()
    problem.owners = tuple(names_in(value))
    return problem


def _blank(kind: Kind = Kind.CODE, rule_id: str = "") -> Problem:
    return Problem(
        identity="", kind=kind, severity=Severity.NONE, title="", rule_id=rule_id, tools=()
    )


def names_in(joined: str) -> list[str]:
    """Return the names that a column of several holds."""
    return joined.split(EACH)[1:-1]


def _several(names: Iterable[str]) -> str:
    """Join ``names`` so that each can be looked up, and that they sort as a tuple does."""
    joined = EACH.join(map(clean, names))
    return f"{EACH}{joined}{EACH}" if joined else ""


def clean(value: str) -> str:
    """Escape what the database cannot store, and what separates names."""
    if value.isprintable() or _SPECIAL.search(value) is None:
        return value
    return _SPECIAL.sub(lambda match: f"\\x{ord(match[0]):02x}", value)


def _number(value: float | None) -> float:
    """Return what an order takes for ``value``; SQLite takes "not a number" for NULL."""
    return 0.0 if value is None or math.isnan(value) else float(value)


def _worst(order: Sequence[Any]) -> str:
    """Return a text that sorts as the beginning of ``order``, by :func:`severity_key`, does."""
    rank, unknown, unexploited, unverified, score, epss, kind, place = order[:8]
    return (
        f"{rank + 4}{unknown:d}{unexploited:d}{unverified:d}{_sortable(score)}{_sortable(epss)}"
        f"{kind:02d}{place[:_PLACE_IN_KEY]}"
    )


def _sortable(number: float) -> str:
    """Return 16 hexadecimal digits that sort as numbers do (IEEE 754, 5.10)."""
    # Adding 0.0 makes the negative zero a positive one, which equals it.
    value = 0.0 if math.isnan(number) else float(number) + 0.0
    (bits,) = struct.unpack(">Q", struct.pack(">d", value))
    return f"{bits ^ (0xFFFFFFFFFFFFFFFF if bits >> 63 else 1 << 63):016x}"


def ids_of(problem: Problem) -> frozenset[str]:
    """Return the ids that a problem goes by: its identity, and those it had before."""
    return frozenset((problem.identity, *problem.known_as))
