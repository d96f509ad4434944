"""Misconfigurations: one check on one resource, or on one place where none is named."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import attrgetter

from secagg.context import message_context
from secagg.finding import Finding, Kind
from secagg.identity import place_of, resource_key
from secagg.merge.check import checks_of, main_check, own_checks
from secagg.merge.collect import Outcome, in_order
from secagg.merge.identity import identity_of
from secagg.merge.matching import Matching
from secagg.merge.neighbours import Placed, link_neighbours
from secagg.merge.sameplace import Problem, match_places, own_reasons, problems_of
from secagg.merge.spot import WHOLE_FILE, Spot, order_of, region

RESOURCE = "same-check-same-resource"
FILE = "same-check-whole-file"


def join_misconfigurations(findings: Iterable[Finding], out: Outcome) -> None:
    """Put groups of ``findings`` (all of them misconfigurations) into ``out``."""
    files: dict[str, list[Finding]] = {}
    for finding in findings:
        files.setdefault(place_of(finding.location), []).append(finding)
    for place, held in files.items():
        if len(held) == 1:
            _single(place, held[0], out)
        else:
            _join_file(place, held, out)


def _single(place: str, finding: Finding, out: Outcome) -> None:
    check, resource = main_check(checks_of(finding)), _resource(finding)
    context = _context([finding], finding.location.start_line or 0, resource)
    identity = identity_of(Kind.MISCONFIGURATION, check, place, resource, context)
    out.single(identity, finding)


def _join_file(place: str, held: list[Finding], out: Outcome) -> None:
    numbers: dict[tuple[str, str, str], int] = {}
    placed: list[Placed] = []
    for spots, labels, reasons in _problems(_spots(held)):
        members = [finding for spot in spots for finding in spot.members]
        first = spots[0].first
        named = [resource for finding in members if (resource := _resource(finding))]
        resource = min(named) if named else ""
        context = _context(members, first, resource)
        check = main_check(labels)
        key = (check, resource, context)
        number = numbers[key] = numbers.get(key, 0) + 1
        ordinal = (str(number),) if number > 1 else ()
        identity = identity_of(Kind.MISCONFIGURATION, check, place, resource, context, *ordinal)
        group = out.group(identity, members, reasons)
        # What has no line is about the whole file, and so near all of it.
        last = max([spot.last for spot in spots]) if first else WHOLE_FILE
        placed.append((first, last, identity, group, labels))
    if len(placed) > 1:
        link_neighbours(placed)


def _problems(spots: Sequence[Spot]) -> list[Problem]:
    """What the spots of a file come down to."""
    if len({spot.tool for spot in spots}) == 1:
        return [([spot], spot.labels, own_reasons(spot)) for spot in spots]
    matching = match_places(spots)
    _match_resources(spots, matching)
    return problems_of(spots, matching)


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
        # Some tools give no place for what is missing from a file, others the whole file.
        if len(named) < 2 and any(spots[node].first <= 1 for node in nodes):
            matching.one_class(FILE, check, nodes, check)


def _context(findings: Sequence[Finding], first: int, resource: str) -> str:
    """The hash of the line that tells one place from another where no resource does."""
    if resource or first <= 1:
        return ""
    hashes = [finding.line_hash for finding in findings if finding.line_hash]
    return min(hashes) if hashes else ""


def _spots(held: list[Finding]) -> list[Spot]:
    """The spots of a file's findings, in the order of their places."""
    alone = {order_of(finding): finding for finding in held}
    # Rules of two names can make one check.
    checks = {(own_checks(finding), order[:4]) for order, finding in alone.items()}
    if len(checks) == len(held):
        return [Spot(alone[order], checks_of(alone[order]), order) for order in sorted(alone)]
    spots: dict[tuple[object, ...], Spot] = {}
    for finding in in_order(held):
        resource = _resource(finding)
        key: tuple[object, ...] = (
            finding.tool,
            own_checks(finding),
            region(finding.location),
            resource,
        )
        if not resource and finding.location.start_line is None:
            key = (*key, finding.location.logical, message_context(finding.message))
        spot = spots.get(key)
        if spot is None:
            spots[key] = Spot(finding, checks_of(finding), order_of(finding))
        else:
            spot.members.append(finding)
    return sorted(spots.values(), key=attrgetter("order"))


def _resource(finding: Finding) -> str:
    """The resource's name with generated parts made equal; empty where none is named."""
    known = finding.misconfiguration
    return resource_key(known.resource) if known is not None and known.resource else ""
