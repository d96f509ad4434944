"""Which of some exceptions cover a group: each on its own, or a scanner's own files together."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from secagg.decisions.entry import ScopedException
from secagg.decisions.sarif import SarifSuppressions
from secagg.decisions.scope import Scope
from secagg.decisions.toolscope import Atom, ToolScope, width
from secagg.merge.groups import Group
from secagg.model.finding import Finding
from secagg.policy.exception import ExceptionState, PolicyException

_SHOWN = 3


def covered_by(
    entries: Sequence[ScopedException],
    group: Group,
    sarif: SarifSuppressions,
    today: datetime.date,
    partly: dict[PolicyException, str] | None = None,
) -> list[PolicyException]:
    """The exceptions of ``entries`` that name ``group``, in their order, then suppressions.

    What tools' own files and suppressions say of single members counts only if together they
    cover every member. Those in force are given if they alone do; if it takes expired or refused
    ones as well, only these are given: the row counts, and they are why. Those in force that
    cover a part of the row only go into ``partly``, with a sentence on the rest of it.
    """
    parts: list[tuple[int, PolicyException, frozenset[Atom]]] = []
    found: dict[int, PolicyException] = {}
    for number, entry in enumerate(entries):
        if isinstance(entry.scope, Scope):
            if entry.scope.covers(group):
                found[number] = entry.exception
        elif isinstance(entry.scope, ToolScope):
            atoms = entry.scope.atoms(group.members)
            if atoms:
                parts.append((number, entry.exception, atoms))
    for offset, (exception, atoms) in enumerate(sarif.parts(group.members)):
        parts.append((len(entries) + offset, exception, atoms))
    if parts:
        covering = _together(parts, group, today)
        found |= covering
        if not found and partly is not None:
            for _, exception, atoms in parts:
                if exception.standing(today) is ExceptionState.IN_FORCE:
                    partly.setdefault(exception, _rest(exception, group, atoms))
    return [found[number] for number in sorted(found)]


def _rest(exception: PolicyException, group: Group, atoms: frozenset[Atom]) -> str:
    """Say which sightings of a row an exception leaves, and that these still count."""
    covered = {index for index, _ in atoms}
    left = [f for index, f in enumerate(group.members) if index not in covered]
    if not left:
        return f"{exception.source} covers some of the dependency paths only: the row still counts"
    places = dict.fromkeys(map(_place, left))
    shown = ", ".join(list(places)[:_SHOWN]) + (", ..." if len(places) > _SHOWN else "")
    return (
        f"{exception.source} ({exception.target}) covers {len(covered)} of {len(group.members)} "
        f"sightings; the row still counts for what it does not name: {shown}"
    )


def _place(finding: Finding) -> str:
    place = finding.location
    line = f":{place.start_line}" if place.start_line else ""
    where = f"commit {place.commit[:12]}" if place.commit else "the work tree"
    return f"{finding.tool} at {place.uri or place.image or place.logical}{line} in {where}"


def _together(
    parts: Sequence[tuple[int, PolicyException, frozenset[Atom]]],
    group: Group,
    today: datetime.date,
) -> dict[int, PolicyException]:
    wanted = {(i, path) for i, f in enumerate(group.members) for path in range(width(f))}
    live = [part for part in parts if part[1].standing(today) is ExceptionState.IN_FORCE]
    if wanted <= frozenset().union(*(atoms for _, _, atoms in live)):
        return {number: exception for number, exception, _ in parts}
    if wanted <= frozenset().union(*(atoms for _, _, atoms in parts)):
        return {
            number: exception
            for number, exception, _ in parts
            if exception.standing(today) is not ExceptionState.IN_FORCE
        }
    return {}
