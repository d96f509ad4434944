"""Compare a scan with a baseline: which problems are new, were there before, or are gone.

One problem of the baseline matches one problem of this scan: if a flaw is now there twice, one is
old and one is new. A problem without a certain match is new.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import product

from msgspec import Struct, field

from secagg.change.groupkeys import (
    KeyedGroup,
    MatchLevel,
    RuleKey,
    baseline_group_keys,
    current_group_keys,
)
from secagg.change.keys import MatchKey
from secagg.change.model import Diff
from secagg.merge.groups import Group, MergedSet
from secagg.merge.secret import still_in_head
from secagg.model.context import message_context
from secagg.model.finding import Finding, Kind
from secagg.model.place import more_places
from secagg.policy.decision import BaselineState

# The indexes of two groups.
Pair = tuple[int, int]
# Where one key has more pairs than this, only those in the same order are compared.
_MOST_PAIRS = 2_500
# Kinds of result that report no problem (SARIF 2.1.0, 3.27.9).
_NO_PROBLEM = ("pass", "notApplicable", "informational")
# Most results contain none of these words, and need not be decoded.
_RULED_OUT_WORDS = tuple(f'"{word}"'.encode() for word in (*_NO_PROBLEM, "absent"))

_WHY = {
    MatchLevel.CONTENT: "the baseline has the same problem at the same place",
    MatchLevel.IDENTITY: "the baseline has it under the same identity",
    MatchLevel.LINE: "the baseline has it on the same line, which the change has left as it was",
    MatchLevel.MESSAGE: "the baseline has the same check failing on these lines, in the same words",
    MatchLevel.OTHER_RULE: "the baseline has the same weakness in the same code under another rule",
    MatchLevel.OTHER_KEY: (
        "the baseline has a secret of this kind at this place; its value was hashed with another "
        "key, so that the two cannot be compared"
    ),
}

# The note on secrets that were matched without their values.
OTHER_KEY_NOTE = (
    "the SECAGG_HMAC_KEY is another than before, so secrets cannot be compared by their values: "
    "those of one detector in one file count as the same, and keep their ids"
)


def describe_changes(now: Group, before: Group) -> tuple[str, ...]:
    """Describe how a group differs from before, in sentences without a full stop.

    Other tools or moved lines are no difference.
    """
    finding, old_finding = now.representative, before.representative
    changes = []
    if finding.severity is not old_finding.severity:
        changes.append(f"severity is {finding.severity}, was {old_finding.severity}")
    versions, old_versions = _versions(now), _versions(before)
    if versions != old_versions:
        changes.append(f"version is {_listed(versions)}, was {_listed(old_versions)}")
    fixed, old_fixed = _fixed_versions(now), _fixed_versions(before)
    if bool(fixed) != bool(old_fixed):
        changes.append(f"there is a fix: {_listed(fixed)}" if fixed else "there is no fix any more")
    if finding.kind is Kind.SECRET:
        if _verified(now) and not _verified(before):
            changes.append("the secret is now known to work")
        if still_in_head(now) != still_in_head(before):
            changes.append(
                "it is in the work tree again" if still_in_head(now) else "it is only in history"
            )
    if finding.suppressed != old_finding.suppressed:
        changes.append(
            "it is now suppressed" if finding.suppressed else "it is no longer suppressed"
        )
    more = _place_count(now) - _place_count(before)
    if more > 0:
        changes.append("it is at 1 more place" if more == 1 else f"it is at {more} more places")
    if _has_new_message(now, before):
        changes.append("the message is another")
    return tuple(changes)


class BaselineMatch(Struct, frozen=True):
    """The matching group of the baseline; ``changes`` are sentences, empty if nothing changed."""

    before: Group
    level: MatchLevel
    changes: tuple[str, ...] = ()

    @property
    def why(self) -> str:
        """What the match rests on, as a sentence without a full stop."""
        return _WHY[self.level]


class Comparison(Struct, kw_only=True):
    """A scan compared with its baseline.

    ``states`` has every group of the scan by identity, ``matches`` those that the baseline has.
    ``before`` are the groups of the baseline, ``absent`` those that are gone. ``notes`` are
    sentences on what makes the comparison doubtful.
    """

    states: Mapping[str, BaselineState]
    matches: Mapping[str, BaselineMatch] = field(default_factory=dict)
    absent: Sequence[Group] = ()
    before: Sequence[Group] = ()
    notes: Sequence[str] = ()

    def count(self, state: BaselineState) -> int:
        """Count the groups of the scan (for ``absent``, of the baseline) in ``state``."""
        if state == BaselineState.ABSENT:
            return len(self.absent)
        return sum(other == state for other in self.states.values())


def compare(
    current: MergedSet,
    baseline_groups: Sequence[Group],
    diff: Diff | None = None,
    *,
    looked_at: Callable[[Group], bool] = lambda group: True,
) -> Comparison:
    """Compare the groups of a scan with those of its baseline.

    With ``diff`` (from the baseline to this scan) problems match in renamed files and on moved
    lines. Groups that were absent in the baseline already do not count; those that this scan did
    not look for (``looked_at``) do not count as absent.
    """
    before = [group for group in map(_present, baseline_groups) if group is not None]
    matches: dict[str, BaselineMatch] = {}
    by_identity = {group.identity: group for group in current.groups}
    for identity, (old, level) in _matches(current.groups, before, diff).items():
        changes = describe_changes(by_identity[identity], old)
        if level in (MatchLevel.LINE, MatchLevel.MESSAGE) and not changes:
            changes = ("the code around it has changed",)
        matches[identity] = BaselineMatch(old, level, changes)
    matched_before = {id(match.before) for match in matches.values()}
    return Comparison(
        states={
            group.identity: _state(group, matches.get(group.identity)) for group in current.groups
        },
        matches=matches,
        absent=tuple(g for g in before if id(g) not in matched_before and looked_at(g)),
        before=tuple(before),
        notes=tuple(_notes(current.groups, before, matches)),
    )


def match_groups(
    groups: Sequence[Group], baseline_groups: Sequence[Group], diff: Diff | None = None
) -> dict[str, BaselineMatch]:
    """Match ``groups`` with those of the baseline as :func:`compare` does, without the changes."""
    before = [group for group in map(_present, baseline_groups) if group is not None]
    matches = _matches(groups, before, diff)
    return {identity: BaselineMatch(old, level) for identity, (old, level) in matches.items()}


def _matches(
    groups: Sequence[Group], before: Sequence[Group], diff: Diff | None
) -> dict[str, tuple[Group, MatchLevel]]:
    """Return the matching group of the baseline, by identity, and how it was matched."""
    unmatched = [current_group_keys(group, diff) for group in groups if not is_gone(group)]
    candidates = [keyed for group in before for keyed in baseline_group_keys(group, diff)]
    matches: dict[str, tuple[Group, MatchLevel]] = {}
    for level in MatchLevel:
        matched = _nearest_pairs(_pairs(unmatched, candidates, level), unmatched, candidates)
        for index, candidate_index in matched.items():
            matches[unmatched[index].group.identity] = candidates[candidate_index].group, level
        used = set(matched.values())
        unmatched = [keyed for index, keyed in enumerate(unmatched) if index not in matched]
        candidates = [keyed for index, keyed in enumerate(candidates) if index not in used]
    return matches


def is_gone(group: Group) -> bool:
    """Tell whether every report of ``group`` says that it is no problem, or absent."""
    return all(_ruled_out(finding) for finding in group.members)


def _versions(group: Group) -> list[str]:
    return sorted({f.package.version for f in group.members if f.package and f.package.version})


def _fixed_versions(group: Group) -> list[str]:
    return sorted(
        {v for f in group.members if f.vulnerability for v in f.vulnerability.fixed_versions}
    )


def _place_count(group: Group) -> int:
    """The number of places, by the tool that reports most."""
    return 1 + len(more_places(group.members))


def _verified(group: Group) -> bool:
    return any(f.secret is not None and f.secret.verified for f in group.members)


def _has_new_message(now: Group, before: Group) -> bool:
    """Whether a rule that reported the group before reports it with another message now."""
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
    """The words of the message, without the name of its file."""
    text = finding.message
    return message_context(text.replace(finding.location.uri, "") if finding.location.uri else text)


def _listed(values: list[str]) -> str:
    return ", ".join(values) or "unknown"


def _state(group: Group, match: BaselineMatch | None) -> BaselineState:
    if is_gone(group):
        return BaselineState.ABSENT
    if match is None:
        return BaselineState.NEW
    return BaselineState.UPDATED if match.changes else BaselineState.UNCHANGED


def _present(group: Group) -> Group | None:
    """``group`` without the members that the baseline calls no problem or absent."""
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
    if origin is None or not any(word in origin.encoded for word in _RULED_OUT_WORDS):
        return False
    result = origin.result
    return result.get("baselineState") == "absent" or result.get("kind") in _NO_PROBLEM


def _pairs(
    current: Sequence[KeyedGroup], before: Sequence[KeyedGroup], level: MatchLevel
) -> Iterator[Pair]:
    """Pairs of indexes of groups that can be one problem."""
    by_key: dict[MatchKey, list[int]] = {}
    for index, keyed in enumerate(before):
        for key in keyed.keys(level):
            by_key.setdefault(key, []).append(index)
    current_by_key: dict[MatchKey, list[int]] = {}
    for index, keyed in enumerate(current):
        for key in keyed.keys(level):
            if key in by_key:
                current_by_key.setdefault(key, []).append(index)
    for key, indexes in current_by_key.items():
        before_indexes = by_key[key]
        if level is MatchLevel.OTHER_RULE and (len(indexes) > 1 or len(before_indexes) > 1):
            continue
        pairs: Iterable[tuple[int, int]] = product(indexes, before_indexes)
        if len(indexes) * len(before_indexes) > _MOST_PAIRS:
            pairs = zip(
                sorted(indexes, key=lambda index: current[index].line),
                sorted(before_indexes, key=lambda index: before[index].line),
                strict=False,
            )
        for index, before_index in pairs:
            if _can_match(current[index], before[before_index], level):
                yield index, before_index


def _can_match(now: KeyedGroup, before: KeyedGroup, level: MatchLevel) -> bool:
    """Whether nothing rules out that two groups are one problem."""
    if level is MatchLevel.MESSAGE and not _share_lines(now, before):
        return False
    if level is MatchLevel.OTHER_KEY:
        return bool(now.hmac_keys and before.hmac_keys) and not now.hmac_keys & before.hmac_keys
    if now.values and before.values and not now.values & before.values:
        return False
    if now.values and not _masked_were_there(now, before):
        return False
    # A secret that was removed before and that the change adds again is a new problem.
    return not (now.added and now.in_head and now.values and not before.in_head)


def _share_lines(now: KeyedGroup, before: KeyedGroup) -> bool:
    """Whether the failed checks share a line, or their lines are not known.

    Otherwise the change fixed one and brought the other, which fails in the same words.
    """
    if now.spans is None or before.spans is None:
        return True
    return any(
        place == other and first <= end and start <= last
        for place, first, last in now.spans
        for other, start, end in before.spans
    )


def _masked_were_there(now: KeyedGroup, before: KeyedGroup) -> bool:
    """Whether the baseline has every masked secret that is joined with one of known value.

    A tool that masks gives no value: only the same rule, on a line that is not known to differ,
    matches the secret of the baseline.
    """
    masked_by_rule: Counter[RuleKey] = Counter()
    for (rule, line_hash), count in now.masked.items():
        if line_hash is None:
            return False
        masked_by_rule[rule] += count
        old_hashes = {old_hash for old_rule, old_hash in before.masked if old_rule == rule}
        if line_hash and old_hashes and not old_hashes & {line_hash, "", None}:
            return False
    return all(before.rules[rule] >= count for rule, count in masked_by_rule.items())


def _distance(now: KeyedGroup, before: KeyedGroup) -> tuple[object, ...]:
    return (
        not now.versions & before.versions,
        abs(now.line - before.line),
        abs(now.column - before.column),
        now.group.identity != before.group.identity,
    )


def _nearest_pairs(
    pairs: Iterable[Pair], current: Sequence[KeyedGroup], before: Sequence[KeyedGroup]
) -> dict[int, int]:
    """Match each group with at most one of the baseline, by indexes, the nearest first."""
    distinct = set(pairs)
    counts = Counter(index for index, _ in distinct)
    counts_before = Counter(index for _, index in distinct)
    matched: dict[int, int] = {}
    rivals: list[tuple[tuple[object, ...], int, int]] = []
    for index, before_index in distinct:
        if counts[index] == counts_before[before_index] == 1:
            # Most groups have one that matches them, and need no distance.
            matched[index] = before_index
        else:
            rivals.append((_distance(current[index], before[before_index]), index, before_index))
    used = set()
    for _, index, before_index in sorted(rivals):
        if index not in matched and before_index not in used:
            matched[index] = before_index
            used.add(before_index)
    return matched


def _notes(
    groups: Sequence[Group],
    before: Sequence[Group],
    matches: Mapping[str, BaselineMatch],
) -> Iterator[str]:
    if any(match.level is MatchLevel.OTHER_KEY for match in matches.values()):
        yield OTHER_KEY_NOTE
    values, old_values = _secret_values(groups), _secret_values(before)
    keys_known = _hmac_keys(groups) and _hmac_keys(before)
    if values and old_values and not values & old_values and not keys_known:
        yield (
            "no secret of the baseline is known here by its value: the baseline may have been "
            "made with another SECAGG_HMAC_KEY, and then every secret counts as new"
        )
    tools = {tool for group in before for tool in group.tools}
    new_tools = {tool for g in groups if g.identity not in matches for tool in g.tools}
    for tool in sorted(new_tools - tools) if tools else ():
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
