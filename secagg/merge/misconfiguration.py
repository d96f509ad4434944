"""Misconfigurations: one check on one resource, or on one place where none is named."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter

from secagg.merge.groups import PREFIX, MergeOutcome, Ordinals, by_place, hashed, in_order
from secagg.merge.matching import Matching
from secagg.merge.neighbours import Placed, link_neighbours, link_whole_file, nested
from secagg.merge.rules import checks_of, main_check, one_setting, own_checks, whole_file_checks
from secagg.merge.sameplace import (
    WHOLE_FILE,
    Order,
    Problem,
    Spot,
    match_places,
    order_of,
    own_reasons,
    problems_of,
    region,
    told_apart,
)
from secagg.model.context import message_context
from secagg.model.finding import Finding, Kind
from secagg.model.identity import resource_key
from secagg.packages.keys import SEPARATOR

RESOURCE = "same-check-same-resource"
FILE = "same-check-whole-file"
# Trivy: Container 'web' of Deployment 'shop' should set ...
_CONTAINER = re.compile(r"\b[Cc]ontainer '[^']*' of \w+ '[^']*'")
_PREFIX = PREFIX[Kind.MISCONFIGURATION]


def join_misconfigurations(findings: Iterable[Finding], out: MergeOutcome) -> None:
    """Put groups of ``findings`` (all of them misconfigurations) into ``out``."""
    for place, in_place in by_place(findings).items():
        if len(in_place) == 1:
            first = in_place[0].location.start_line or 0
            out.group(
                hashed(_text(place, in_place, checks_of(in_place[0]), first)), tuple(in_place)
            )
        else:
            _join_file(place, in_place, out)


def _join_file(place: str, held: list[Finding], out: MergeOutcome) -> None:
    ordinals = Ordinals()
    placed: list[Placed] = []
    for spots, labels, reasons in _problems(_spots(held)):
        one = spots[0]
        first, last, members = one.first, one.last, one.members
        if len(spots) > 1:
            members = [finding for spot in spots for finding in spot.members]
            last = max([spot.last for spot in spots])
        identity = hashed(ordinals.told(_text(place, members, labels, first)))
        group = out.group(identity, members, reasons)
        # What has no line is about the whole file, and so near all of it.
        placed.append((first, last if first else WHOLE_FILE, identity, group, labels))
    if len(placed) > 1:
        link_neighbours(placed)
        link_whole_file(placed)


def _text(place: str, members: Sequence[Finding], labels: frozenset[str], first: int) -> str:
    """What the identity of a problem rests on: check, file, and resource or else its line."""
    resource = context = ""
    for finding in members:
        named = _resource(finding)
        if named and (not resource or named < resource):
            resource = named
    if not resource and first > 1:
        # Where no resource tells one place from another, the hash of the line does.
        context = min([f.line_hash for f in members if f.line_hash], default="")
    parts = (main_check(labels), place, resource, context)
    return _PREFIX + SEPARATOR.join(parts)


def _problems(spots: Sequence[Spot]) -> list[Problem]:
    """What the spots of a file come down to."""
    spots = nested(_of_whole_file(spots), one_setting)
    if len({spot.tool for spot in spots}) == 1:
        return [([spot], spot.labels, own_reasons(spot)) for spot in spots]
    matching = match_places(spots)
    _match_resources(spots, matching)
    return problems_of(spots, matching)


def _of_whole_file(spots: Sequence[Spot]) -> Sequence[Spot]:
    """Make one spot of what different rules of one tool say of the file as a whole."""
    spots_of_file: dict[tuple[str, str], list[Spot]] = {}
    for spot in spots:
        for check in spot.labels & whole_file_checks():
            spots_of_file.setdefault((spot.tool, check), []).append(spot)
    taken: set[int] = set()
    made: list[Spot] = []
    for (_, check), parts in sorted(spots_of_file.items(), key=lambda item: item[0]):
        rules = [own_checks(part.finding) for part in parts]
        named = {resource for part in parts if (resource := _resource(part.finding))}
        apart = len(frozenset().union(*rules)) == sum(map(len, rules))
        if len(parts) > 1 and apart and len(named) < 2:
            made.append(Spot.of_parts(parts, frozenset([check])))
            taken.update(map(id, parts))
    if not made:
        return spots
    kept = [spot for spot in spots if id(spot) not in taken]
    return sorted([*made, *kept], key=attrgetter("order"))


def _match_resources(spots: Sequence[Spot], matching: Matching) -> None:
    """Join what fails one check on one resource, or on the file as a whole."""
    by_resource: dict[str, list[int]] = {}
    whole: dict[str, list[int]] = {}
    for node, spot in enumerate(spots):
        resource = _resource(spot.finding)
        for check in sorted(spot.labels):
            whole.setdefault(check, []).append(node)
            if resource:
                by_resource.setdefault(f"{check} on {resource}", []).append(node)
    matching.classes(RESOURCE, by_resource)
    for check, nodes in whole.items():
        named = {r for node in nodes if (r := _resource(spots[node].finding))}
        # Some tools give no place for what is missing from a file.
        everywhere = check in whole_file_checks() or any(not spots[node].first for node in nodes)
        if len(named) < 2 and everywhere:
            matching.one_class(FILE, check, nodes, check)


def _spots(held: list[Finding]) -> list[Spot]:
    """The spots of a file's findings, in the order of their places."""
    alone = {order_of(finding): finding for finding in held}
    # Rules of two names can make one check.
    if len(alone) == len(held) and told_apart(alone) and _differ(alone):
        return [Spot(alone[order], checks_of(alone[order]), order) for order in sorted(alone)]
    spots: dict[tuple[object, ...], Spot] = {}
    for finding in in_order(held):
        resource = _resource(finding)
        key: tuple[object, ...] = (
            finding.tool,
            own_checks(finding),
            region(finding.location),
            resource,
            _container(finding),
        )
        if not resource and finding.location.start_line is None:
            key = (*key, finding.location.logical, message_context(finding.message))
        spot = spots.get(key)
        if spot is None:
            spots[key] = Spot(finding, checks_of(finding), order_of(finding))
        else:
            spot.members.append(finding)
    return sorted(spots.values(), key=attrgetter("order"))


def _differ(alone: Mapping[Order, Finding]) -> bool:
    """Whether no two findings are one check at one place."""
    checks = {own_checks(finding) for finding in alone.values()}
    if len(checks) == len(alone):
        return True
    return len({(own_checks(f), order[:4]) for order, f in alone.items()}) == len(alone)


def _container(finding: Finding) -> str:
    """The container that a message names; several can stand on one line, or in one template."""
    named = _CONTAINER.search(finding.message)
    return "" if named is None else named[0]


def _resource(finding: Finding) -> str:
    """The resource's name with generated parts made equal; empty where none is named."""
    check = finding.misconfiguration
    return resource_key(check.resource) if check is not None and check.resource else ""
