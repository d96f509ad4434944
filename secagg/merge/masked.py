"""Match secrets that a tool masked in its report with the secrets whose value is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Generic, TypeVar

from secagg.merge.rules import families_agree, family
from secagg.merge.sameplace import region
from secagg.model.finding import Finding

# Lines of a region. A key in PEM form has some 50; a longer region does not locate a secret.
_LONGEST = 200
_MOST_CANDIDATES = 4
# With more masked secrets on one line none of them join.
_MOST_ON_A_LINE = 32

K = TypeVar("K")


class Masked:
    """A secret that a rule of one tool masked at one place, with its finding or equal findings."""

    __slots__ = ("detector", "family", "first", "last", "members", "sort", "tool")

    def __init__(self, finding: Finding) -> None:
        place, sighting = finding.location, finding.secret
        self.members = [finding]
        self.tool = finding.tool
        self.detector = finding.rule_id if sighting is None else sighting.detector
        self.family = family(self.detector) or family(finding.rule_id)
        self.sort = self.family or finding.rule_id
        self.first = place.start_line or 0
        self.last = max(place.end_line or self.first, self.first)

    @classmethod
    def of(cls, findings: Sequence[Finding]) -> Masked:
        """Make one sighting of equal ``findings``."""
        sighting = cls(findings[0])
        sighting.members = list(findings)
        return sighting

    @property
    def lines(self) -> range:
        """The lines on which the secret can be; empty if no line is known."""
        return _lines(self.first, self.last) if self.first else range(0)


def masked_sightings(findings: Sequence[Finding]) -> list[Masked]:
    """Make sightings of ``findings`` (of one file, in order), joining equal results of a rule."""
    if len(findings) == 1:
        return [Masked(findings[0])]
    at: dict[tuple[object, ...], dict[tuple[int | None, ...], list[Finding]]] = {}
    for finding in findings:
        place = finding.location
        key = (finding.tool, finding.rule_id, place.start_line, place.end_line or place.start_line)
        at.setdefault(key, {}).setdefault(region(place), []).append(finding)
    sightings: list[Masked] = []
    for regions in at.values():
        # One report of a tool may have columns that another report of the same scan lacks.
        regions_with_end = [where for where in regions if where[3] is not None]
        if len(regions_with_end) == 1:
            sightings.append(Masked.of([f for equal in regions.values() for f in equal]))
        else:
            sightings += [Masked.of(equal) for equal in regions.values()]
    return sorted(sightings, key=lambda m: (m.first, m.last, m.tool, m.detector))


def may_be_same(sighting: Masked, findings: Iterable[Finding]) -> bool:
    """Tell whether ``sighting`` can be the secret of ``findings``: on its lines, of no other sort.

    For a file with one masked and one known secret this is the whole of :func:`assign`.
    """
    lines = sighting.lines
    for finding in findings:
        first, last = finding.location.start_line, finding.location.end_line
        if first is None or first >= lines.stop:
            continue
        if first >= lines.start or _lines(first, last or first).stop > lines.start:
            return _agrees(sighting, _sorts(findings)) and not _in_other_columns(sighting, findings)
    return False


def assign(
    sightings: Sequence[Masked], known: Mapping[K, Sequence[Finding]]
) -> Iterator[tuple[Masked, K | None, Sequence[K]]]:
    """Yield each sighting with the known secret that it is (or None) and others that it may be.

    A sighting is a known secret if that is the only one on its lines, of no other sort, and if no
    other sighting of its tool may be that secret. The time is linear in the lines.
    """
    at_line: dict[int, dict[K, None]] = {line: {} for s in sightings for line in s.lines}
    _add_to_lines(at_line, known)
    secrets = _KnownSecrets(known)
    matches = [_candidates(sighting, at_line, secrets) for sighting in sightings]
    claims: dict[tuple[str, K], list[int]] = {}
    for index, (candidates, _) in enumerate(matches):
        if len(candidates) == 1:
            claims.setdefault((sightings[index].tool, candidates[0]), []).append(index)
    owners: dict[int, K] = {}
    for (_, key), claiming in claims.items():
        if len(claiming) > 1:
            # Of several rules of one tool on a line, the rule for this sort of secret counts.
            claiming = [i for i in claiming if sightings[i].family in secrets.sorts(key) - {None}]
        if len(claiming) == 1:
            owners[claiming[0]] = key
    for index, sighting in enumerate(sightings):
        candidates, less_likely = matches[index]
        yield sighting, owners.get(index), less_likely if index in owners else candidates


def join_by_line(
    unmatched: Sequence[tuple[Masked, Sequence[K]]],
) -> Iterator[list[tuple[Masked, Sequence[K]]]]:
    """Join masked sightings of different tools: one of each tool on a line, of one sort.

    If a tool has several of one sort on a line, these do not join. A sighting of any sort joins
    only if the line has one sort.
    """
    by_line: dict[int, list[tuple[Masked, Sequence[K]]]] = {}
    for pair in unmatched:
        by_line.setdefault(pair[0].first, []).append(pair)
    for line, pairs in by_line.items():
        families = {sighting.family for sighting, _ in pairs} - {None}
        by_sort: dict[str | None, list[tuple[Masked, Sequence[K]]]] = {}
        counts = Counter((_sort_of(pair[0], families), pair[0].tool) for pair in pairs)
        for pair in pairs:
            sort = _sort_of(pair[0], families)
            unsure = sort is None and len(families) > 1
            lone = len(pairs) > _MOST_ON_A_LINE or any(
                _in_other_columns(pair[0], other.members)
                for other, _ in pairs
                if other is not pair[0]
            )
            if not line or unsure or lone or counts[sort, pair[0].tool] > 1:
                yield [pair]
            else:
                by_sort.setdefault(sort, []).append(pair)
        yield from by_sort.values()


def _sort_of(sighting: Masked, families: Collection[str | None]) -> str | None:
    """Return the sort of a masked secret on a line that has these ``families``."""
    return sighting.family if len(families) > 1 else None


def _add_to_lines(
    at_line: Mapping[int, dict[K, None]], known: Mapping[K, Sequence[Finding]]
) -> None:
    """Add to each line the known secrets on it; more than 64 are not needed."""
    for key, findings in known.items():
        for finding in findings:
            first, last = finding.location.start_line, finding.location.end_line
            if first is None:
                continue
            for line in _lines(first, last) if last is not None and last > first else (first,):
                on_line = at_line.get(line)
                if on_line is not None and len(on_line) < 64:
                    on_line[key] = None


def _lines(first: int, last: int) -> range:
    return range(first, min(max(last, first), first + _LONGEST) + 1)


class _KnownSecrets(Generic[K]):
    """The known secrets of a file, with cached facts about each."""

    def __init__(self, known: Mapping[K, Sequence[Finding]]) -> None:
        self.known = known
        self._sorts: dict[K, frozenset[str | None]] = {}
        self._in_work_tree: dict[K, bool] = {}

    def sorts(self, key: K) -> frozenset[str | None]:
        """Return the sorts that the detectors of a secret look for."""
        if key not in self._sorts:
            self._sorts[key] = _sorts(self.known[key])
        return self._sorts[key]

    def in_work_tree(self, key: K) -> bool:
        """Tell whether a secret is in the work tree."""
        if key not in self._in_work_tree:
            self._in_work_tree[key] = any(map(_in_work_tree, self.known[key]))
        return self._in_work_tree[key]


def _candidates(
    sighting: Masked, at_line: Mapping[int, Mapping[K, None]], secrets: _KnownSecrets[K]
) -> tuple[list[K], list[K]]:
    """Return the secrets that a sighting most likely is, and the less likely ones."""
    keys: dict[K, None] = {}
    for line in sighting.lines:
        keys.update(at_line[line])
        if len(keys) >= 64:
            break
    all_agreeing = agreeing = [
        key
        for key in keys
        if _agrees(sighting, secrets.sorts(key))
        and not _in_other_columns(sighting, secrets.known[key])
    ]
    if len(agreeing) > 1 and sighting.family is not None:
        agreeing = [key for key in agreeing if sighting.family in secrets.sorts(key)] or agreeing
    if len(agreeing) > 1:
        in_work_tree = [key for key in agreeing if secrets.in_work_tree(key)]
        agreeing = in_work_tree if len(in_work_tree) == 1 else agreeing
    less_likely = [key for key in all_agreeing if key not in agreeing]
    return agreeing[:_MOST_CANDIDATES], less_likely[:_MOST_CANDIDATES]


def _in_other_columns(sighting: Masked, findings: Iterable[Finding]) -> bool:
    """Tell whether ``findings`` are on the line of ``sighting``, and all in other columns.

    A finding without columns may be in the same ones.
    """
    first, start, last, behind = region(sighting.members[0].location)
    if first != last or start is None or behind is None:
        return False
    on_line = False
    for finding in findings:
        line, column, end, after = region(finding.location)
        if line != first or end != first:
            continue
        if column is None or after is None or (start < after and column < behind):
            return False
        on_line = True
    return on_line


def _agrees(sighting: Masked, sorts: Collection[str | None]) -> bool:
    family = sighting.family
    if family is None or family in sorts or None in sorts:
        return True
    return any(families_agree(family, sort) for sort in sorts)


def _sorts(findings: Iterable[Finding]) -> frozenset[str | None]:
    """Return the sorts of secret that the detectors of ``findings`` look for."""
    return frozenset(map(family, {_detector(finding) for finding in findings}))


def _in_work_tree(finding: Finding) -> bool:
    return finding.secret is not None and not finding.secret.in_history


def _detector(finding: Finding) -> str:
    return finding.rule_id if finding.secret is None else finding.secret.detector
