"""Secrets that a tool masked before we could see them: which known secret each of them is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Generic, TypeVar

from secagg.merge.rules import families_agree, family
from secagg.merge.sameplace import region
from secagg.model.finding import Finding

# A key in PEM form has some 50 lines; a longer region says nothing of where the secret is.
_LONGEST = 200
_MOST_CONTENDERS = 4
# Of more than these on one line nobody can tell which are one.
_MOST_ON_A_LINE = 32

K = TypeVar("K")


class Masked:
    """What one tool's rule masked at one place; several findings if it was said twice."""

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
        """One sighting of ``findings`` that say the same."""
        made = cls(findings[0])
        made.members = list(findings)
        return made

    @property
    def lines(self) -> range:
        """The lines on which the secret can be; none where no line is known."""
        return _lines(self.first, self.last) if self.first else range(0)


def masked_sightings(findings: Sequence[Finding]) -> list[Masked]:
    """``findings`` (of one file, in order); what one rule says twice of a place is put together."""
    if len(findings) == 1:
        return [Masked(findings[0])]
    at: dict[tuple[object, ...], dict[tuple[int | None, ...], list[Finding]]] = {}
    for finding in findings:
        place = finding.location
        key = (finding.tool, finding.rule_id, place.start_line, place.end_line or place.start_line)
        at.setdefault(key, {}).setdefault(region(place), []).append(finding)
    sightings: list[Masked] = []
    for regions in at.values():
        # One report of a tool has the columns that another of the same scan lacks.
        regions_with_end = [where for where in regions if where[3] is not None]
        if len(regions_with_end) == 1:
            sightings.append(Masked.of([f for held in regions.values() for f in held]))
        else:
            sightings += [Masked.of(held) for held in regions.values()]
    return sorted(sightings, key=lambda m: (m.first, m.last, m.tool, m.detector))


def could_be(sighting: Masked, findings: Iterable[Finding]) -> bool:
    """Whether ``sighting`` can be the secret of ``findings``: on its lines, of no other sort.

    Where a file has one masked and one known secret this is all that :func:`assign` asks.
    """
    lines = sighting.lines
    for finding in findings:
        first, last = finding.location.start_line, finding.location.end_line
        if first is None or first >= lines.stop:
            continue
        if first >= lines.start or _lines(first, last or first).stop > lines.start:
            return _agrees(sighting, _sorts(findings)) and not _beside(sighting, findings)
    return False


def assign(
    sightings: Sequence[Masked], known: Mapping[K, Sequence[Finding]]
) -> Iterator[tuple[Masked, K | None, Sequence[K]]]:
    """Each sighting with the known secret that it is, or None, and the others that it could be.

    A sighting is a known secret if that is the only one on its lines, of no other sort, and
    the only sighting of its tool that could be that one. Linear in the lines covered.
    """
    at_line: dict[int, dict[K, None]] = {line: {} for s in sightings for line in s.lines}
    _lie_on(at_line, known)
    facts = _Facts(known)
    options = [_contenders(sighting, at_line, facts) for sighting in sightings]
    claims: dict[tuple[str, K], list[int]] = {}
    for index, (contenders, _) in enumerate(options):
        if len(contenders) == 1:
            claims.setdefault((sightings[index].tool, contenders[0]), []).append(index)
    granted: dict[int, K] = {}
    for (_, key), claimants in claims.items():
        if len(claimants) > 1:
            # Of several rules of one tool on one line, the one for this sort of secret.
            claimants = [i for i in claimants if sightings[i].family in facts.sorts(key) - {None}]
        if len(claimants) == 1:
            granted[claimants[0]] = key
    for index, sighting in enumerate(sightings):
        contenders, passed_over = options[index]
        yield sighting, granted.get(index), passed_over if index in granted else contenders


def joint(
    left: Sequence[tuple[Masked, Sequence[K]]],
) -> Iterator[list[tuple[Masked, Sequence[K]]]]:
    """Put masked sightings of different tools together: one of each on a line, of one sort.

    Where a tool has several of one sort on a line, it is left out, and the others are one. What
    can be of any sort joins where the line has one sort only.
    """
    by_line: dict[int, list[tuple[Masked, Sequence[K]]]] = {}
    for pair in left:
        by_line.setdefault(pair[0].first, []).append(pair)
    for line, pairs in by_line.items():
        families = {sighting.family for sighting, _ in pairs} - {None}
        together: dict[str | None, list[tuple[Masked, Sequence[K]]]] = {}
        counts = Counter((_sort_of(pair[0], families), pair[0].tool) for pair in pairs)
        for pair in pairs:
            sort = _sort_of(pair[0], families)
            unsure = sort is None and len(families) > 1
            lone = len(pairs) > _MOST_ON_A_LINE or any(
                _beside(pair[0], other.members) for other, _ in pairs if other is not pair[0]
            )
            if not line or unsure or lone or counts[sort, pair[0].tool] > 1:
                yield [pair]
            else:
                together.setdefault(sort, []).append(pair)
        yield from together.values()


def _sort_of(sighting: Masked, families: Collection[str | None]) -> str | None:
    """The sort of a masked secret on a line that has these ``families``."""
    return sighting.family if len(families) > 1 else None


def _lie_on(at_line: Mapping[int, dict[K, None]], known: Mapping[K, Sequence[Finding]]) -> None:
    """Put on each line which secrets lie there; no more of them than tell that it is unclear."""
    for key, findings in known.items():
        for finding in findings:
            first, last = finding.location.start_line, finding.location.end_line
            if first is None:
                continue
            for line in _lines(first, last) if last is not None and last > first else (first,):
                here = at_line.get(line)
                if here is not None and len(here) < 64:
                    here[key] = None


def _lines(first: int, last: int) -> range:
    return range(first, min(max(last, first), first + _LONGEST) + 1)


class _Facts(Generic[K]):
    """What all sightings of a known secret say of it, asked of them once for each secret."""

    def __init__(self, known: Mapping[K, Sequence[Finding]]) -> None:
        self.known = known
        self._sorts: dict[K, frozenset[str | None]] = {}
        self._here: dict[K, bool] = {}

    def sorts(self, key: K) -> frozenset[str | None]:
        """Return what its detectors look for."""
        if key not in self._sorts:
            self._sorts[key] = _sorts(self.known[key])
        return self._sorts[key]

    def here(self, key: K) -> bool:
        """Return whether it is in the work tree."""
        if key not in self._here:
            self._here[key] = any(map(_in_work_tree, self.known[key]))
        return self._here[key]


def _contenders(
    sighting: Masked, at_line: Mapping[int, Mapping[K, None]], facts: _Facts[K]
) -> tuple[list[K], list[K]]:
    """The secrets that a sighting can be, and those that less speaks for."""
    keys: dict[K, None] = {}
    for line in sighting.lines:
        keys.update(at_line[line])
        if len(keys) >= 64:
            break
    all_agreeing = agreeing = [
        key
        for key in keys
        if _agrees(sighting, facts.sorts(key)) and not _beside(sighting, facts.known[key])
    ]
    if len(agreeing) > 1 and sighting.family is not None:
        agreeing = [key for key in agreeing if sighting.family in facts.sorts(key)] or agreeing
    if len(agreeing) > 1:
        here = [key for key in agreeing if facts.here(key)]
        agreeing = here if len(here) == 1 else agreeing
    passed_over = [key for key in all_agreeing if key not in agreeing]
    return agreeing[:_MOST_CONTENDERS], passed_over[:_MOST_CONTENDERS]


def _beside(sighting: Masked, findings: Iterable[Finding]) -> bool:
    """Whether ``findings`` stand on the line of ``sighting``, and all in other columns of it.

    Where a tool gives no columns, they may be its own.
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
    own = sighting.family
    if own is None or own in sorts or None in sorts:
        return True
    return any(families_agree(own, sort) for sort in sorts)


def _sorts(findings: Iterable[Finding]) -> frozenset[str | None]:
    """What the detectors of a secret look for."""
    return frozenset(map(family, {_detector(finding) for finding in findings}))


def _in_work_tree(finding: Finding) -> bool:
    return finding.secret is not None and not finding.secret.in_history


def _detector(finding: Finding) -> str:
    return finding.rule_id if finding.secret is None else finding.secret.detector
