"""Secrets: one value in one file is one problem, whoever reports it in however many commits.

The value is known by its keyed hash. Detectors that cut one secret differently are joined by
where it stands (:mod:`secagg.merge.secret`). A tool that masks what it found (Trivy) gives
none: its finding joins the one known secret on its lines, if there is only one that it can
mean. The same value in another file is linked and not merged, for both places need cleaning.

In one text (the work tree's, or that of one commit) overlapping columns of a line are one
secret, and a match of several lines is the one secret that lies inside, if it is just one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial

from secagg.merge.groups import (
    PREFIX,
    Group,
    MergeOutcome,
    NearMiss,
    Reason,
    hashed,
    identity_of,
    in_order,
    joined,
)
from secagg.merge.masked import Masked, assign, could_be, joint, masked_sightings
from secagg.merge.matching import join, root
from secagg.model.finding import Finding, Kind
from secagg.model.identity import place_of
from secagg.packages.keys import SEPARATOR

# A longer region says nothing of where in it the secret is.
_LONGEST = 200


_UNKNOWN_END = 1


# Each time costs as much as the first; more of them take a chain of blocks in as many commits.
_PASSES = 8


Place = tuple[str, str]


Span = tuple[int, int, int, int]


def overlapping(known: Mapping[Place, Sequence[Finding]]) -> Iterator[list[Place]]:
    """The secrets of ``known`` (by value and file) that are one: each time two or more of them.

    The first of a list is the most exact one, by which the secret goes.
    """
    in_file: dict[str, list[Place]] = {}
    for key in known:
        in_file.setdefault(key[1], []).append(key)
    for keys in in_file.values():
        if len(keys) > 1:
            yield from _in_one_file(sorted(keys), known)


def _in_one_file(
    keys: list[Place], known: Mapping[Place, Sequence[Finding]]
) -> Iterator[list[Place]]:
    texts: dict[str | None, list[tuple[Span, int]]] = {}
    widths: dict[int, int] = {}
    for number, key in enumerate(keys):
        for finding in known[key]:
            span = _span(finding)
            if span is not None and finding.secret is not None:
                text = finding.location.commit if finding.secret.in_history else None
                texts.setdefault(text, []).append((span, number))
                width = (span[2] - span[0]) * 1000 + span[3] - span[1]
                widths[number] = min(width, widths.get(number, width))
    parent = list(range(len(keys)))
    for spans in texts.values():
        spans.sort()
        _join_columns(spans, parent)
    around = [_Around(texts[text]) for text in sorted(texts, key=lambda text: text or "")]
    for _ in range(_PASSES):
        # What is one in one text may leave just one secret inside of a match in another.
        joined = [text.join(parent) for text in around]
        if True not in joined:
            break
    sets: dict[int, list[int]] = {}
    for number in range(len(keys)):
        sets.setdefault(root(parent, number), []).append(number)
    for together in sets.values():
        if len(together) > 1:
            together.sort(key=lambda number: (widths.get(number, 0), keys[number]))
            yield [keys[number] for number in together]


def _span(finding: Finding) -> Span | None:
    """First line and column, last line and the column behind; None where no column is known."""
    place = finding.location
    if place.start_line is None or place.start_column is None:
        return None
    last = max(place.end_line or place.start_line, place.start_line)
    # Of a decoded secret only the first column is known.
    end = place.end_column if place.end_column is not None else place.start_column + _UNKNOWN_END
    return place.start_line, place.start_column, last, end


def _join_columns(spans: Sequence[tuple[Span, int]], parent: list[int]) -> None:
    """Join what overlaps within a line; ``spans`` are sorted."""
    line, end, held = 0, 0, -1
    for (first, start, last, behind), number in spans:
        if last != first:
            continue
        if first == line and start < end:
            join(parent, held, number)
            end = max(end, behind)
        else:
            line, end, held = first, behind, number


class _Around:
    """Matches of several lines in one text, and the secrets within single lines of it."""

    def __init__(self, spans: Sequence[tuple[Span, int]]) -> None:
        self._wide = [(span, number) for span, number in spans if span[2] != span[0]]
        self._at_line: dict[int, set[int]] = {}
        if self._wide:
            for (first, _, last, _), number in spans:
                if first == last:
                    self._at_line.setdefault(first, set()).add(number)

    def join(self, parent: list[int]) -> bool:
        """Join each match of several lines with the one secret inside of it; True if any was.

        A match that is known to be one of two inside of it is not the other as well.
        """
        at_line = {
            line: {root(parent, number) for number in numbers}
            for line, numbers in self._at_line.items()
        }
        any_joined = False
        for (first, _, last, _), number in self._wide:
            lines = range(first, min(last, first + _LONGEST) + 1)
            inside = _only([at_line[line] for line in lines if line in at_line], parent)
            if inside is not None and inside != root(parent, number):
                join(parent, inside, number)
                any_joined = True
        return any_joined


def _only(lines: Iterable[Iterable[int]], parent: list[int]) -> int | None:
    """The one secret that stands on ``lines``; None if there are more of them, or none."""
    index: int | None = None
    for numbers in lines:
        for number in numbers:
            one = root(parent, number)
            if index is not None and one != index:
                return None
            index = one
    return index


VALUE = "secret-value"


# A secret that was copied everywhere is linked to so many of its other places.
MOST_RELATED = 32


# What a tool masked, and the known secrets that it could be (too).
Sighting = tuple[Masked, Sequence[Place]]


# A finding behind what orders those of one secret: tool, rule, line, commit and decoder.
Entry = tuple[str, str, int, str, str, Finding]


_PREFIX = PREFIX[Kind.SECRET]


def join_secrets(findings: Iterable[Finding], out: MergeOutcome) -> None:
    """Put groups of ``findings`` (all of them secrets) into ``out``."""
    entries: dict[Place, list[Entry]] = {}
    hidden: dict[str, list[Finding]] = {}
    for finding in findings:
        sighting, location = finding.secret, finding.location
        place = location.uri
        if place is None or location.image is not None:
            place = place_of(location)
        if sighting is None or sighting.id is None:
            hidden.setdefault(place, []).append(finding)
            continue
        entry = (
            finding.tool,
            finding.rule_id,
            location.start_line or 0,
            location.commit or "",
            sighting.decoder or "",
            finding,
        )
        key = (sighting.id, place)
        if key in entries:
            entries[key].append(entry)
        else:
            entries[key] = [entry]
    by_key = {key: _sorted(members) for key, members in entries.items()}
    cuts = _join_overlapping(by_key)
    joined = _join_masked(by_key, cuts, hidden, out) if hidden else {}
    first: dict[str, Group] = {}
    copied: dict[str, list[Group]] = {}
    for key, members in by_key.items():
        value, place = key
        identity = hashed(f"{_PREFIX}{value}{SEPARATOR}{place}")
        if identity == members[0].identity:
            # There is no need of another object that reads the same.
            identity = members[0].identity
        if key in cuts or key in joined:
            group = _emit(identity, key, members, cuts.get(key, ()), joined.get(key, ()), out)
        else:
            group = out.group(identity, members, _value if len(members) > 1 else ())
        if value in first:
            copied.setdefault(value, [first[value]]).append(group)
        else:
            first[value] = group
    for groups in copied.values():
        _relate(groups)


def _sorted(held: list[Entry]) -> list[Finding]:
    """The findings of ``held`` so that the order in which they came does not matter."""
    if len(held) > 1:
        try:
            held.sort()
        except TypeError:
            # Two are alike in all that comes before the finding, and findings have no order.
            return in_order([entry[5] for entry in held])
    return [entry[5] for entry in held]


def still_in_head(group: Group) -> bool:
    """True if a member was seen in the work tree, False if all were seen in history only."""
    return any(f.secret is None or not f.secret.in_history for f in group.members)


def _join_overlapping(known: dict[Place, list[Finding]]) -> dict[Place, list[list[Finding]]]:
    """Take what is another cut of a secret out of ``known``, and give it by that secret."""
    cuts: dict[Place, list[list[Finding]]] = {}
    for exact, *others in list(overlapping(known)):
        cuts[exact] = [known.pop(other) for other in others]
    return cuts


def _emit(
    identity: str,
    key: Place,
    held: list[Finding],
    cuts: Sequence[list[Finding]],
    masked: Sequence[Sighting],
    out: MergeOutcome,
) -> Group:
    """The group of a secret that has other cuts too, or for which masked ones are taken."""
    sightings = [sighting for sighting, _ in masked]
    members = list(held)
    for more in (*cuts, *[sighting.members for sighting in sightings]):
        members += more
    group = out.group(identity, members, partial(_reasons, key, len(held), cuts, sightings))
    if any(contenders for _, contenders in masked):
        group.near_misses = _could_be(masked)
    return group


def _value(members: Sequence[Finding]) -> Sequence[Reason]:
    """The reason of members that are sightings of one value."""
    seen = members[0].secret
    return joined(VALUE, (seen and seen.id) or "", len(members))


def _reasons(
    key: Place,
    count: int,
    cuts: Sequence[list[Finding]],
    masked: Sequence[Masked],
    members: Sequence[Finding],
) -> list[Reason]:
    """Why ``count`` findings of one value, its other cuts and what is masked are one group."""
    reasons = [*joined(VALUE, key[0], count)] if count > 1 else []
    start = count
    others = [("overlapping-secret", cut, cut[0].location.start_line) for cut in cuts]
    others += [("masked-secret-on-its-lines", one.members, one.first) for one in masked]
    for rule, more, line in others:
        indices = (0, *range(start, start + len(more)))
        reasons.append(Reason(rule=rule, key=f"{key[1]}:{line}", members=indices))
        start += len(more)
    return reasons


def _join_masked(
    known: Mapping[Place, list[Finding]],
    cuts: Mapping[Place, list[list[Finding]]],
    hidden: Mapping[str, list[Finding]],
    out: MergeOutcome,
) -> dict[Place, list[Sighting]]:
    """Which masked sightings belong to which known secret; groups of the others go to ``out``."""
    joined: dict[Place, list[Sighting]] = {}
    in_file: dict[str, list[Place]] = {place: [] for place in hidden}
    for key in known:
        if key[1] in in_file:
            in_file[key[1]].append(key)
    # Where another cut of a secret lies, there the secret lies.
    whole = {key: [f for cut in (known[key], *more) for f in cut] for key, more in cuts.items()}
    for place, members in hidden.items():
        keys = in_file[place]
        sightings = masked_sightings(in_order(members))
        candidates = {key: whole.get(key) or known[key] for key in sorted(keys)}
        if len(keys) == len(sightings) == 1 and could_be(sightings[0], candidates[keys[0]]):
            joined[keys[0]] = [(sightings[0], ())]
            continue
        left: list[Sighting] = []
        taken: dict[int, Place] = {}
        for sighting, owner, contenders in assign(sightings, candidates):
            if owner is not None:
                joined.setdefault(owner, []).append((sighting, contenders))
                taken.setdefault(sighting.first, owner)
            else:
                left.append((sighting, contenders))
        if left:
            _emit_masked(place, [_beside(one, taken) for one in left], out)
    return joined


def _beside(one: Sighting, taken: Mapping[int, Place]) -> Sighting:
    """A sighting left over, with the secret for which another on its line was taken.

    The two would be one if that secret were not known.
    """
    sighting, contenders = one
    owner = taken.get(sighting.first)
    if owner is None or owner in contenders:
        return one
    return sighting, [*contenders, owner]


def _emit_masked(place: str, left: Sequence[Sighting], out: MergeOutcome) -> None:
    """Groups of sightings that belong to no known secret: by sort of secret, then by line."""
    alike: dict[str, list[list[Sighting]]] = {}
    for together in joint(left):
        sort = min(sighting.sort for sighting, _ in together)
        alike.setdefault(sort, []).append(together)
    on_line: dict[int, Group] = {}
    for sort, each in alike.items():
        for number, together in enumerate(each):
            ordinal = (str(number + 1),) if number else ()
            members = [f for sighting, _ in together for f in sighting.members]
            group = out.group(
                identity_of(Kind.SECRET, "masked", sort, place, *ordinal),
                members,
                _masked_reasons(place, together, members),
            )
            group.near_misses = _could_be(together)
            line = together[0][0].first
            if line and line in on_line:
                _tell_apart(on_line[line], group)
            on_line[line] = group


def _tell_apart(one: Group, other: Group) -> None:
    """Two masked secrets of one line are near misses of each other."""
    why = "masked too, on the same line"
    one.near_misses = [*one.near_misses, NearMiss(identity=other.identity, why=why)]
    other.near_misses = [*other.near_misses, NearMiss(identity=one.identity, why=why)]


def _could_be(masked: Sequence[Sighting]) -> list[NearMiss]:
    """The known secrets that masked sightings were not taken for."""
    keys = dict.fromkeys(key for _, contenders in masked for key in contenders)
    why = "on the same lines; the masked value may be that one or another"
    return [NearMiss(identity=identity_of(Kind.SECRET, *key), why=why) for key in keys]


def _masked_reasons(
    place: str, together: Sequence[tuple[Masked, object]], members: Sequence[Finding]
) -> list[Reason]:
    if len(members) < 2:
        return []
    key = f"{place}:{together[0][0].first}"
    return [Reason(rule="masked-secrets-on-one-line", key=key, members=tuple(range(len(members))))]


def _relate(groups: Sequence[Group]) -> None:
    """Link the places of one value with each other, the first ones by identity if many."""
    identities = sorted(group.identity for group in groups)[: MOST_RELATED + 1]
    for group in groups:
        others = [identity for identity in identities if identity != group.identity]
        group.related = tuple(others[:MOST_RELATED])
