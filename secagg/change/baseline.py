"""Compare a scan with a baseline: which problems are new, were there before, or are gone.

One problem of the baseline explains one problem of this scan: two new copies of an old flaw are
one old flaw and a new one. What cannot be told to be the same is new.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from secagg.change.keys import Key
from secagg.change.model import Diff
from secagg.change.sighting import Level, Rule, Sighting, baseline_sightings, current_sighting
from secagg.merge.groups import Group, MergedSet
from secagg.merge.secret import still_in_head
from secagg.model.context import message_context
from secagg.model.finding import Finding, Kind
from secagg.model.place import more_places
from secagg.policy.decision import BaselineState


def updates(now: Group, before: Group) -> tuple[str, ...]:
    """Sentences (without a full stop) on what is different; empty if nothing is.

    That other tools see it, or that its lines moved, is no difference.
    """
    one, other = now.representative, before.representative
    changes = []
    if one.severity is not other.severity:
        changes.append(f"severity is {one.severity}, was {other.severity}")
    mine, theirs = _versions(now), _versions(before)
    if mine != theirs:
        changes.append(f"version is {_listed(mine)}, was {_listed(theirs)}")
    mine, theirs = _fixed(now), _fixed(before)
    if bool(mine) != bool(theirs):
        changes.append(f"there is a fix: {_listed(mine)}" if mine else "there is no fix any more")
    if one.kind is Kind.SECRET:
        if _verified(now) and not _verified(before):
            changes.append("the secret is now known to work")
        if still_in_head(now) != still_in_head(before):
            changes.append(
                "it is in the work tree again" if still_in_head(now) else "it is only in history"
            )
    if one.suppressed != other.suppressed:
        changes.append("it is now suppressed" if one.suppressed else "it is no longer suppressed")
    more = _places(now) - _places(before)
    if more > 0:
        changes.append("it is at 1 more place" if more == 1 else f"it is at {more} more places")
    if _says_otherwise(now, before):
        changes.append("the message is another")
    return tuple(changes)


def _versions(group: Group) -> list[str]:
    return sorted({f.package.version for f in group.members if f.package and f.package.version})


def _fixed(group: Group) -> list[str]:
    return sorted(
        {v for f in group.members if f.vulnerability for v in f.vulnerability.fixed_versions}
    )


def _places(group: Group) -> int:
    """How many places the results of the tool that names most of them have."""
    return 1 + len(more_places(group.members))


def _verified(group: Group) -> bool:
    return any(f.secret is not None and f.secret.verified for f in group.members)


def _says_otherwise(now: Group, before: Group) -> bool:
    """Whether a tool that reported it with a rule before says something else of it now."""
    messages: dict[tuple[str, str], set[str]] = {}
    for finding in before.members:
        key = finding.tool, finding.rule_id
        messages.setdefault(key, set()).add(_message(finding))
    for finding in now.members:
        earlier_messages = messages.get((finding.tool, finding.rule_id))
        if earlier_messages is not None and _message(finding) in earlier_messages:
            return False
    return any((f.tool, f.rule_id) in messages for f in now.members)


def _message(finding: Finding) -> str:
    """What is said, whatever the file is called by now."""
    text = finding.message
    return message_context(text.replace(finding.location.uri, "") if finding.location.uri else text)


def _listed(values: list[str]) -> str:
    return ", ".join(values) or "unknown"


# Of more pairs than this with one key only those in the same order are looked at.
_MOST_PAIRS = 2_500


# Kinds of result that say that nothing is wrong (SARIF 2.1.0, 3.27.9).
_NO_PROBLEM = ("pass", "notApplicable", "informational")


# Most results hold none of these, and need not be decoded.
_RULING_OUT = tuple(f'"{word}"'.encode() for word in (*_NO_PROBLEM, "absent"))


_WHY = {
    Level.CONTENT: "the baseline has the same problem at the same place",
    Level.IDENTITY: "the baseline has it under the same identity",
    Level.LINE: "the baseline has it on the same line, which the change has left as it was",
    Level.MESSAGE: "the baseline has the same check failing on these lines, in the same words",
    Level.OTHER_RULE: "the baseline has the same weakness in the same code under another rule",
    Level.OTHER_KEY: (
        "the baseline has a secret of this kind at this place; its value was hashed with another "
        "key, so that the two cannot be compared"
    ),
}


OTHER_KEY = (
    "the SECAGG_HMAC_KEY is another than before, so secrets cannot be compared by their values: "
    "those of one detector in one file count as the same, and keep their ids"
)


"""What is said where secrets were matched without their values."""


@dataclass(frozen=True, slots=True)
class BaselineMatch:
    """What a group was in the baseline. ``changes`` are sentences, empty if it is unchanged."""

    before: Group
    level: Level
    changes: tuple[str, ...] = ()

    @property
    def why(self) -> str:
        """By what it was known again, as a sentence without a full stop."""
        return _WHY[self.level]


@dataclass(slots=True, kw_only=True)
class Comparison:
    """``states`` has every group of the scan by identity, and ``matches`` those known before.

    ``before`` are the groups of the baseline, and ``absent`` those that are gone. ``notes`` are
    sentences on what
    makes the comparison doubtful.
    """

    states: Mapping[str, BaselineState]
    matches: Mapping[str, BaselineMatch] = field(default_factory=dict)
    absent: Sequence[Group] = ()
    before: Sequence[Group] = ()
    notes: Sequence[str] = ()

    def count(self, state: BaselineState) -> int:
        """Return how many groups of the scan (or, absent, of the baseline) are in ``state``."""
        if state == BaselineState.ABSENT:
            return len(self.absent)
        return sum(own == state for own in self.states.values())


def compare(
    current: MergedSet,
    baseline_groups: Sequence[Group],
    diff: Diff | None = None,
    *,
    looked_at: Callable[[Group], bool] = lambda group: True,
) -> Comparison:
    """Compare the groups of a scan with those of its baseline.

    With ``diff`` (from the baseline to this scan) problems are known again in renamed files and
    on moved lines. Groups of the baseline that were absent in it already do not count, and those
    that this scan has not ``looked_at`` are neither there nor absent. Pure.
    """
    before = [group for group in map(_present, baseline_groups) if group is not None]
    left = [current_sighting(group, diff) for group in current.groups if not is_gone(group)]
    sightings = [sighting for group in before for sighting in baseline_sightings(group, diff)]
    matches: dict[str, BaselineMatch] = {}
    for level in Level:
        pairs = list(_pairs(left, sightings, level))
        matched, used = _assign(pairs)
        for one, other in matched:
            mine, theirs = left[one], sightings[other]
            changes = updates(mine.group, theirs.group)
            if level in (Level.LINE, Level.MESSAGE) and not changes:
                changes = ("the code around it has changed",)
            matches[mine.group.identity] = BaselineMatch(theirs.group, level, changes)
        gone = {one for one, _ in matched}
        left = [sighting for at, sighting in enumerate(left) if at not in gone]
        sightings = [sighting for at, sighting in enumerate(sightings) if at not in used]
    explained = {id(match.before) for match in matches.values()}
    return Comparison(
        states={
            group.identity: _state(group, matches.get(group.identity)) for group in current.groups
        },
        matches=matches,
        absent=tuple(g for g in before if id(g) not in explained and looked_at(g)),
        before=tuple(before),
        notes=tuple(_notes(current.groups, before, matches)),
    )


def is_gone(group: Group) -> bool:
    """Return whether every report of ``group`` says itself that it is no problem, or is gone."""
    return all(_ruled_out(finding) for finding in group.members)


def _state(group: Group, match: BaselineMatch | None) -> BaselineState:
    if is_gone(group):
        return BaselineState.ABSENT
    if match is None:
        return BaselineState.NEW
    return BaselineState.UPDATED if match.changes else BaselineState.UNCHANGED


def _present(group: Group) -> Group | None:
    """``group`` without members of which the baseline says that they are no problem."""
    members = [finding for finding in group.members if not _ruled_out(finding)]
    if len(members) == len(group.members):
        return group
    if not members:
        return None
    return Group(
        identity=group.identity,
        representative=group.representative,
        members=members,
        reasons=group.reasons,
        related=group.related,
    )


def _ruled_out(finding: Finding) -> bool:
    origin = finding.sarif
    if origin is None or not any(word in origin.encoded for word in _RULING_OUT):
        return False
    result = origin.result
    return result.get("baselineState") == "absent" or result.get("kind") in _NO_PROBLEM


Pair = tuple[tuple[object, ...], int, int]


def _pairs(left: Sequence[Sighting], known: Sequence[Sighting], level: Level) -> Iterator[Pair]:
    """Pairs of indices that can be the same problem, with how far they are apart."""
    by_key: dict[Key, list[int]] = {}
    for at, sighting in enumerate(known):
        for key in sighting.keys[level]:
            by_key.setdefault(key, []).append(at)
    wanting: dict[Key, list[int]] = {}
    for at, sighting in enumerate(left):
        for key in sighting.keys[level]:
            if key in by_key:
                wanting.setdefault(key, []).append(at)
    for key, ours in wanting.items():
        theirs = by_key[key]
        if level is Level.OTHER_RULE and (len(ours) > 1 or len(theirs) > 1):
            continue
        candidates: Iterable[tuple[int, int]] = ((one, other) for one in ours for other in theirs)
        if len(ours) * len(theirs) > _MOST_PAIRS:
            ours = sorted(ours, key=lambda at: left[at].line)
            theirs = sorted(theirs, key=lambda at: known[at].line)
            candidates = zip(ours, theirs, strict=False)
        for one, other in candidates:
            if _can_be(left[one], known[other], level):
                yield _distance(left[one], known[other]), one, other


def _can_be(mine: Sighting, theirs: Sighting, level: Level) -> bool:
    """Whether nothing rules out that two sightings being one problem."""
    if level is Level.MESSAGE and not _share_lines(mine, theirs):
        return False
    if level is Level.OTHER_KEY:
        return bool(mine.hmac_keys and theirs.hmac_keys) and not mine.hmac_keys & theirs.hmac_keys
    if mine.values and theirs.values and not mine.values & theirs.values:
        return False
    if mine.values and not _masked_are_known(mine, theirs):
        return False
    # A secret that had been taken out and was put in again by the change is a new problem.
    return not (mine.added and mine.in_head and mine.values and not theirs.in_head)


def _share_lines(mine: Sighting, theirs: Sighting) -> bool:
    """Whether lines of the baseline's failed check are lines of this one, as far as is known.

    Else the change has mended the one and brought the other, which fails in the same words.
    """
    if mine.spans is None or theirs.spans is None:
        return True
    return any(
        place == other and first <= end and start <= last
        for place, first, last in mine.spans
        for other, start, end in theirs.spans
    )


def _masked_are_known(mine: Sighting, theirs: Sighting) -> bool:
    """Whether every masked secret that is joined with a known one was there before.

    A tool that masks says nothing of the value: only its own rule, at a line that is the same as
    far as anybody knows, speaks for the secret of the baseline.
    """
    of_rule: Counter[Rule] = Counter()
    for (rule, code), count in mine.masked.items():
        if code is None:
            return False
        of_rule[rule] += count
        masked = {other for name, other in theirs.masked if name == rule}
        if code and masked and not masked & {code, "", None}:
            return False
    return all(theirs.rules[rule] >= count for rule, count in of_rule.items())


def _distance(mine: Sighting, theirs: Sighting) -> tuple[object, ...]:
    return (
        not mine.versions & theirs.versions,
        abs(mine.line - theirs.line),
        abs(mine.column - theirs.column),
        mine.group.identity != theirs.group.identity,
    )


def _assign(pairs: list[Pair]) -> tuple[list[tuple[int, int]], set[int]]:
    """One partner for each, the nearest first; and the partners that are taken."""
    taken: set[int] = set()
    used: set[int] = set()
    matched = []
    for _, one, other in sorted(pairs):
        if one not in taken and other not in used:
            taken.add(one)
            used.add(other)
            matched.append((one, other))
    return matched, used


def _notes(
    groups: Sequence[Group],
    before: Sequence[Group],
    matches: Mapping[str, BaselineMatch],
) -> Iterator[str]:
    if any(match.level is Level.OTHER_KEY for match in matches.values()):
        yield OTHER_KEY
    ours, theirs = _secret_values(groups), _secret_values(before)
    named = _hmac_keys(groups) and _hmac_keys(before)
    if ours and theirs and not ours & theirs and not named:
        yield (
            "no secret of the baseline is known here by its value: the baseline may have been "
            "made with another SECAGG_HMAC_KEY, and then every secret counts as new"
        )
    tools = {tool for group in before for tool in group.tools}
    new = {tool for g in groups if g.identity not in matches for tool in g.tools}
    for tool in sorted(new - tools) if tools else ():
        yield (
            f"nothing in the baseline comes from {tool}: if it did not run there, what only "
            f"{tool} reports counts as new"
        )


def _hmac_keys(groups: Sequence[Group]) -> set[str]:
    return {
        f.secret.key
        for group in groups
        for f in group.members
        if f.secret is not None and f.secret.key is not None
    }


def _secret_values(groups: Sequence[Group]) -> set[str]:
    return {
        f.secret.id
        for group in groups
        for f in group.members
        if f.secret is not None and f.secret.id is not None
    }
