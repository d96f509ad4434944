"""A group as it is compared with a baseline."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from secagg.change.keys import (
    Key,
    Seen,
    content_keys,
    detector_keys,
    line_keys,
    message_keys,
    other_rule_keys,
)
from secagg.change.model import Diff
from secagg.change.within import touched
from secagg.merge.groups import Group
from secagg.merge.secret import still_in_head
from secagg.model.finding import Finding, Kind, replace
from secagg.model.identity import place_of
from secagg.packages.keys import version_key

# A tool, and its own id of a rule.
Rule = tuple[str, str]
# Lines of a file, the first and the last.
Span = tuple[str, int, int]


class Level(IntEnum):
    """How a group was known again; the surest comes first."""

    CONTENT = 0
    IDENTITY = 1
    LINE = 2
    MESSAGE = 3
    OTHER_RULE = 4
    OTHER_KEY = 5


@dataclass(slots=True, kw_only=True)
class Sighting:
    """A group and its keys, by level.

    ``line`` and ``column`` are those after the change (0 if gone or unknown). ``values`` are the
    keyed hashes of a secret, and ``hmac_keys`` name the keys they were made with. ``in_head`` is
    False for a secret that is only in history, and ``added`` is True where the change adds lines
    of the work tree that it is on. ``spans`` are its lines in the file as the change leaves it: of
    a group of the baseline what is left of them, None where that is not known. ``rules`` are the
    tools' rules that see a secret, and ``masked`` those of them that its tool has masked, with the
    hash of the line: such a one may be another secret than the one it is joined with.
    """

    group: Group
    keys: Sequence[frozenset[Key]]
    line: int = 0
    column: int = 0
    versions: frozenset[str] = frozenset()
    values: frozenset[str] = frozenset()
    hmac_keys: frozenset[str] = frozenset()
    in_head: bool = True
    added: bool = False
    spans: Sequence[Span] | None = None
    rules: Counter[Rule] = field(default_factory=Counter)
    masked: Counter[tuple[Rule, str | None]] = field(default_factory=Counter)


def current_sighting(group: Group, diff: Diff | None) -> Sighting:
    """How a group of this scan is known."""
    seen = []
    added = False
    for finding in group.members:
        hit = None if diff is None else touched(finding, diff)
        here = finding.location.commit is None
        carried = hit is False and here
        seen.append(Seen(finding, finding.location, carried, hit is True, current=True))
        added |= hit is True and here
    made = _sighting(group, seen, current=True)
    made.added = added
    made.spans = None if diff is None else _spans(group.members, None)
    return made


def baseline_sightings(group: Group, diff: Diff | None) -> list[Sighting]:
    """How a group of the baseline would be known in this scan.

    A secret is known in two ways: where its file is now, and in the history of where it was.
    """
    here = [f for f in group.members if f.secret is None or not f.secret.in_history]
    moved = [_moved(finding, diff) for finding in here or group.members]
    found = _sighting(group, moved, current=False)
    found.spans = None if diff is None else _spans(here or group.members, diff)
    if not found.values:
        return [found]
    # Whichever member knows the value: it is that of all of them.
    places = {place_of(seen.place) for seen in moved}
    own = {("secret", place, value) for place in places for value in found.values}
    found.keys = (found.keys[0] | own, *found.keys[1:])
    past = dataclasses.replace(
        found, keys=(_past(group.members), *[frozenset[Key]()] * (len(Level) - 1)), in_head=False
    )
    return [found, past]


def _moved(finding: Finding, diff: Diff | None) -> Seen:
    """A finding of the baseline where the change has moved it."""
    place = finding.location
    if diff is None or place.uri is None or place.commit is not None or place.image is not None:
        return Seen(finding, place, carried=False, touched=False, current=False)
    line = None if place.start_line is None else diff.new_line(place.uri, place.start_line)
    now = replace(place, uri=diff.now(place.uri), start_line=line)
    return Seen(finding, now, carried=line is not None, touched=False, current=False)


def _sighting(group: Group, members: Sequence[Seen], *, current: bool) -> Sighting:
    in_head = still_in_head(group)
    content = {key for seen in members for key in content_keys(seen)}
    if current and not in_head:
        content |= _past(group.members)
    keys = (
        frozenset(content),
        _identity(group, members),
        frozenset(key for seen in members for key in line_keys(seen)),
        frozenset(key for seen in members for key in message_keys(seen)),
        frozenset(key for seen in members for key in other_rule_keys(seen)),
        frozenset(key for seen in members for key in detector_keys(seen)),
    )
    place = next((s.place for s in members if s.place.start_line is not None), None)
    return Sighting(
        group=group,
        keys=keys,
        line=0 if place is None else place.start_line or 0,
        column=0 if place is None else place.start_column or 0,
        versions=frozenset(_version(finding) for finding in group.members),
        values=frozenset(_values(group.members)),
        hmac_keys=frozenset(
            f.secret.key for f in group.members if f.secret is not None and f.secret.key is not None
        ),
        in_head=in_head,
        rules=Counter(_rule(f) for f in group.members if f.kind is Kind.SECRET),
        masked=Counter(
            (_rule(seen.finding), _line_of(seen))
            for seen in members
            if seen.finding.secret is not None and seen.finding.secret.id is None
        ),
    )


def _identity(group: Group, members: Sequence[Seen]) -> frozenset[Key]:
    """The group's identity, with the code it rests on where a place alone would say too little."""
    finding = group.representative
    known = finding.misconfiguration
    if finding.kind in (Kind.VULNERABILITY, Kind.LICENSE) or _values(group.members):
        return frozenset({(group.identity,)})
    if known is not None and known.resource:
        return frozenset({(group.identity,)})
    code = min((f.line_hash for f in group.members if f.line_hash), default="")
    if not code and any(seen.touched for seen in members):
        return frozenset()
    return frozenset({(group.identity, code)})


def _spans(members: Sequence[Finding], diff: Diff | None) -> list[Span] | None:
    """The lines of failed checks, of the baseline as ``diff`` has left them.

    None for other kinds, which are known by other things, and where a member tells no lines.
    """
    found: list[Span] = []
    for finding in members:
        place = finding.location
        first, last = place.start_line, max(place.end_line or 0, place.start_line or 0)
        if finding.kind is not Kind.MISCONFIGURATION or first is None or place.uri is None:
            return None
        if diff is None:
            found.append((place_of(place), first, last))
            continue
        now = place_of(replace(place, uri=diff.now(place.uri)))
        found += [(now, *span) for span in diff.kept(place.uri, first, last)]
    return found


def _rule(finding: Finding) -> Rule:
    return finding.tool, finding.rule_id


def _line_of(seen: Seen) -> str | None:
    """The hash of the line of a masked secret: None where the change has touched an unknown one."""
    if seen.finding.line_hash:
        return seen.finding.line_hash.partition(":")[0]
    return None if seen.touched else ""


def _past(members: Sequence[Finding]) -> frozenset[Key]:
    return frozenset(
        ("past", place_of(f.location), f.secret.id)
        for f in members
        if f.secret is not None and f.secret.id is not None
    )


def _values(members: Sequence[Finding]) -> set[str]:
    return {f.secret.id for f in members if f.secret is not None and f.secret.id is not None}


def _version(finding: Finding) -> str:
    package = finding.package
    return "" if package is None else version_key(package.type, package.version)
