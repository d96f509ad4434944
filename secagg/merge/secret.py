"""Merge secrets: a group is one value in one file, by any tools and in any number of commits.

Values are compared by their keyed hashes. Detectors may report different parts of one secret:
these are joined by their location. In one text (the work tree's, or that of one commit)
overlapping columns of a line are one secret, and a match of several lines is the secret inside of
it, if there is exactly one.

A tool that masks the value (Trivy) reports no hash: its finding joins the only known secret that
may be on its lines. The same value in another file is linked and not merged, because both places
must be cleaned.
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
from secagg.merge.masked import Masked, assign, join_by_line, masked_sightings, may_be_same
from secagg.merge.matching import join, root
from secagg.model.finding import Finding, Kind
from secagg.model.identity import place_of
from secagg.packages.keys import SEPARATOR

# Lines of a region; a longer one does not locate a secret.
_LONGEST = 200
# Columns of a secret whose end is not known.
_UNKNOWN_LENGTH = 1
# Passes over the matches of several lines: each may allow another join in another text.
_PASSES = 8
# Other places to which a copied secret is linked.
MOST_RELATED = 32

VALUE = "secret-value"
_PREFIX = PREFIX[Kind.SECRET]

# The id of a secret, and its file.
Place = tuple[str, str]
# First line and column, last line and the column behind it.
Span = tuple[int, int, int, int]
# A masked secret, and known secrets that it may be.
Sighting = tuple[Masked, Sequence[Place]]
# A finding, after the fields that order the findings of one secret.
Entry = tuple[str, str, int, str, str, Finding]


def overlapping(known: Mapping[Place, Sequence[Finding]]) -> Iterator[list[Place]]:
    """Yield lists of secrets of ``known`` (by value and file) that are one secret.

    The first of a list is the most exact match, whose value identifies the secret.
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
    matches = [
        _MultiLineMatches(texts[text]) for text in sorted(texts, key=lambda text: text or "")
    ]
    for _ in range(_PASSES):
        # A join in one text may leave only one secret inside of a match in another text.
        joined = [text.join(parent) for text in matches]
        if True not in joined:
            break
    sets: dict[int, list[int]] = {}
    for number in range(len(keys)):
        sets.setdefault(root(parent, number), []).append(number)
    for numbers in sets.values():
        if len(numbers) > 1:
            numbers.sort(key=lambda number: (widths.get(number, 0), keys[number]))
            yield [keys[number] for number in numbers]


def _span(finding: Finding) -> Span | None:
    """Return the span of a finding; None if no column is known."""
    place = finding.location
    if place.start_line is None or place.start_column is None:
        return None
    last = max(place.end_line or place.start_line, place.start_line)
    # For a decoded secret only the first column is known.
    end = place.end_column if place.end_column is not None else place.start_column + _UNKNOWN_LENGTH
    return place.start_line, place.start_column, last, end


def _join_columns(spans: Sequence[tuple[Span, int]], parent: list[int]) -> None:
    """Join secrets that overlap within a line; ``spans`` are sorted."""
    line, end, current = 0, 0, -1
    for (first, start, last, behind), number in spans:
        if last != first:
            continue
        if first == line and start < end:
            join(parent, current, number)
            end = max(end, behind)
        else:
            line, end, current = first, behind, number


class _MultiLineMatches:
    """The matches of several lines in one text, and the secrets within single lines of it."""

    def __init__(self, spans: Sequence[tuple[Span, int]]) -> None:
        self._wide = [(span, number) for span, number in spans if span[2] != span[0]]
        self._at_line: dict[int, set[int]] = {}
        if self._wide:
            for (first, _, last, _), number in spans:
                if first == last:
                    self._at_line.setdefault(first, set()).add(number)

    def join(self, parent: list[int]) -> bool:
        """Join each match of several lines with the only secret inside; tell whether any joined."""
        at_line = {
            line: {root(parent, number) for number in numbers}
            for line, numbers in self._at_line.items()
        }
        any_joined = False
        for (first, _, last, _), number in self._wide:
            lines = range(first, min(last, first + _LONGEST) + 1)
            inside = _only_secret([at_line[line] for line in lines if line in at_line], parent)
            if inside is not None and inside != root(parent, number):
                join(parent, inside, number)
                any_joined = True
        return any_joined


def _only_secret(lines: Iterable[Iterable[int]], parent: list[int]) -> int | None:
    """Return the only secret on ``lines``; None if there is none or more than one."""
    index: int | None = None
    for numbers in lines:
        for number in numbers:
            one = root(parent, number)
            if index is not None and one != index:
                return None
            index = one
    return index


def join_secrets(findings: Iterable[Finding], out: MergeOutcome) -> None:
    """Add groups of ``findings`` (all secrets) to ``out``."""
    entries: dict[Place, list[Entry]] = {}
    masked: dict[str, list[Finding]] = {}
    for finding in findings:
        secret, location = finding.secret, finding.location
        place = location.uri
        if place is None or location.image is not None:
            place = place_of(location)
        if secret is None or secret.id is None:
            masked.setdefault(place, []).append(finding)
            continue
        entry = (
            finding.tool,
            finding.rule_id,
            location.start_line or 0,
            location.commit or "",
            secret.decoder or "",
            finding,
        )
        key = (secret.id, place)
        if key in entries:
            entries[key].append(entry)
        else:
            entries[key] = [entry]
    by_key = {key: _sorted(members) for key, members in entries.items()}
    partial_matches = _join_overlapping(by_key)
    joined_masked = _join_masked(by_key, partial_matches, masked, out) if masked else {}
    first_group: dict[str, Group] = {}
    copies: dict[str, list[Group]] = {}
    for key, members in by_key.items():
        value, place = key
        identity = hashed(f"{_PREFIX}{value}{SEPARATOR}{place}")
        if identity == members[0].identity:
            # Saves the memory of an equal text.
            identity = members[0].identity
        if key in partial_matches or key in joined_masked:
            group = _add_group(
                identity,
                key,
                members,
                partial_matches.get(key, ()),
                joined_masked.get(key, ()),
                out,
            )
        else:
            group = out.group(identity, members, _reason_of_value if len(members) > 1 else ())
        if value in first_group:
            copies.setdefault(value, [first_group[value]]).append(group)
        else:
            first_group[value] = group
    for groups in copies.values():
        _link_places(groups)


def _sorted(entries: list[Entry]) -> list[Finding]:
    """Return the findings of ``entries`` in an order that does not depend on the reports."""
    if len(entries) > 1:
        try:
            entries.sort()
        except TypeError:
            # Two entries are equal except for the findings, which cannot be compared.
            return in_order([entry[5] for entry in entries])
    return [entry[5] for entry in entries]


def still_in_head(group: Group) -> bool:
    """Tell whether a member is in the work tree; False if all are in history only."""
    return any(f.secret is None or not f.secret.in_history for f in group.members)


def _join_overlapping(known: dict[Place, list[Finding]]) -> dict[Place, list[list[Finding]]]:
    """Remove the partial matches of secrets from ``known``; return them by their secret."""
    partial_matches: dict[Place, list[list[Finding]]] = {}
    for exact, *others in list(overlapping(known)):
        partial_matches[exact] = [known.pop(other) for other in others]
    return partial_matches


def _add_group(
    identity: str,
    key: Place,
    findings: list[Finding],
    partial_matches: Sequence[list[Finding]],
    masked_secrets: Sequence[Sighting],
    out: MergeOutcome,
) -> Group:
    """Add the group of a secret with its partial matches and masked findings."""
    sightings = [sighting for sighting, _ in masked_secrets]
    members = list(findings)
    for additional in (*partial_matches, *[sighting.members for sighting in sightings]):
        members += additional
    group = out.group(
        identity, members, partial(_reasons, key, len(findings), partial_matches, sightings)
    )
    if any(candidates for _, candidates in masked_secrets):
        group.near_misses = _near_misses(masked_secrets)
    return group


def _reason_of_value(members: Sequence[Finding]) -> Sequence[Reason]:
    """Return the reason of members with the same value."""
    secret = members[0].secret
    return joined(VALUE, (secret and secret.id) or "", len(members))


def _reasons(
    key: Place,
    count: int,
    partial_matches: Sequence[list[Finding]],
    masked: Sequence[Masked],
    members: Sequence[Finding],
) -> list[Reason]:
    """Return why ``count`` findings of one value, partial matches and masked ones are a group."""
    reasons = [*joined(VALUE, key[0], count)] if count > 1 else []
    start = count
    others = [("overlapping-secret", cut, cut[0].location.start_line) for cut in partial_matches]
    others += [("masked-secret-on-its-lines", one.members, one.first) for one in masked]
    for rule, additional, line in others:
        indices = (0, *range(start, start + len(additional)))
        reasons.append(Reason(rule=rule, key=f"{key[1]}:{line}", members=indices))
        start += len(additional)
    return reasons


def _join_masked(
    known: Mapping[Place, list[Finding]],
    partial_matches: Mapping[Place, list[list[Finding]]],
    masked: Mapping[str, list[Finding]],
    out: MergeOutcome,
) -> dict[Place, list[Sighting]]:
    """Return the masked sightings of each known secret; add groups of the others to ``out``."""
    joined: dict[Place, list[Sighting]] = {}
    in_file: dict[str, list[Place]] = {place: [] for place in masked}
    for key in known:
        if key[1] in in_file:
            in_file[key[1]].append(key)
    # A partial match locates its secret too.
    with_partial_matches = {
        key: [f for cut in (known[key], *additional) for f in cut]
        for key, additional in partial_matches.items()
    }
    for place, members in masked.items():
        keys = in_file[place]
        sightings = masked_sightings(in_order(members))
        secrets = {key: with_partial_matches.get(key) or known[key] for key in sorted(keys)}
        if len(keys) == len(sightings) == 1 and may_be_same(sightings[0], secrets[keys[0]]):
            joined[keys[0]] = [(sightings[0], ())]
            continue
        unmatched: list[Sighting] = []
        owner_on_line: dict[int, Place] = {}
        for sighting, owner, candidates in assign(sightings, secrets):
            if owner is not None:
                joined.setdefault(owner, []).append((sighting, candidates))
                owner_on_line.setdefault(sighting.first, owner)
            else:
                unmatched.append((sighting, candidates))
        if unmatched:
            _add_masked_groups(
                place, [_with_neighbour(one, owner_on_line) for one in unmatched], out
            )
    return joined


def _with_neighbour(one: Sighting, owner_on_line: Mapping[int, Place]) -> Sighting:
    """Add to an unmatched sighting's candidates the secret of another sighting on its line.

    The two sightings would be one group if that secret were not known.
    """
    sighting, candidates = one
    owner = owner_on_line.get(sighting.first)
    if owner is None or owner in candidates:
        return one
    return sighting, [*candidates, owner]


def _add_masked_groups(place: str, unmatched: Sequence[Sighting], out: MergeOutcome) -> None:
    """Add groups of sightings of no known secret, numbered by sort of secret, then by line."""
    by_sort: dict[str, list[list[Sighting]]] = {}
    for joined_sightings in join_by_line(unmatched):
        sort = min(sighting.sort for sighting, _ in joined_sightings)
        by_sort.setdefault(sort, []).append(joined_sightings)
    on_line: dict[int, Group] = {}
    for sort, of_sort in by_sort.items():
        for number, joined_sightings in enumerate(of_sort):
            ordinal = (str(number + 1),) if number else ()
            members = [f for sighting, _ in joined_sightings for f in sighting.members]
            group = out.group(
                identity_of(Kind.SECRET, "masked", sort, place, *ordinal),
                members,
                _masked_reasons(place, joined_sightings, members),
            )
            group.near_misses = _near_misses(joined_sightings)
            line = joined_sightings[0][0].first
            if line and line in on_line:
                _link_as_near_misses(on_line[line], group)
            on_line[line] = group


def _link_as_near_misses(one: Group, other: Group) -> None:
    """Make two groups of masked secrets on one line near misses of each other."""
    why = "masked too, on the same line"
    one.near_misses = [*one.near_misses, NearMiss(identity=other.identity, why=why)]
    other.near_misses = [*other.near_misses, NearMiss(identity=one.identity, why=why)]


def _near_misses(masked: Sequence[Sighting]) -> list[NearMiss]:
    """Return near misses: the known secrets that masked sightings may be."""
    keys = dict.fromkeys(key for _, candidates in masked for key in candidates)
    why = "on the same lines; the masked value may be that one or another"
    return [NearMiss(identity=identity_of(Kind.SECRET, *key), why=why) for key in keys]


def _masked_reasons(
    place: str, joined_sightings: Sequence[tuple[Masked, object]], members: Sequence[Finding]
) -> list[Reason]:
    if len(members) < 2:
        return []
    key = f"{place}:{joined_sightings[0][0].first}"
    return [Reason(rule="masked-secrets-on-one-line", key=key, members=tuple(range(len(members))))]


def _link_places(groups: Sequence[Group]) -> None:
    """Link the groups of one value with each other, if many with the first ones by identity."""
    identities = sorted(group.identity for group in groups)[: MOST_RELATED + 1]
    for group in groups:
        others = [identity for identity in identities if identity != group.identity]
        group.related = tuple(others[:MOST_RELATED])
