"""Secrets: one value in one file is one problem, whoever saw it and in how many commits.

The value is known by its keyed hash. Detectors that cut one secret differently are joined by
where it stands (:mod:`secagg.merge.overlap`). A tool that masks what it found (Trivy) gives
none: its finding joins the one known secret on its lines, if there is only one that it can
mean. The same value in another file is linked and not merged, for both places need cleaning.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from secagg.merge.collect import MergeOutcome, in_order
from secagg.merge.groups import Group, NearMiss, Reason, joined
from secagg.merge.identity import PREFIX, hashed, identity_of
from secagg.merge.masked import Masked, assign, could_be, joint, masked_sightings
from secagg.merge.overlap import overlapping
from secagg.model.finding import Finding, Kind
from secagg.model.identity import place_of
from secagg.packages.bucket import SEPARATOR

VALUE = "secret-value"

# A secret that was copied everywhere is linked to so many of its other places.
MOST_RELATED = 32

Place = tuple[str, str]
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
    known = {key: _sorted(held) for key, held in entries.items()}
    cuts = _join_overlapping(known)
    joined = _join_masked(known, cuts, hidden, out) if hidden else {}
    first: dict[str, Group] = {}
    copied: dict[str, list[Group]] = {}
    for key, held in known.items():
        value, place = key
        identity = hashed(f"{_PREFIX}{value}{SEPARATOR}{place}")
        if identity == held[0].identity:
            # There is no need of another object that reads the same.
            identity = held[0].identity
        if key in cuts or key in joined:
            group = _emit(identity, key, held, cuts.get(key, ()), joined.get(key, ()), out)
        else:
            group = out.group(identity, held, _value if len(held) > 1 else ())
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
    for place, held in hidden.items():
        keys = in_file[place]
        sightings = masked_sightings(in_order(held))
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
