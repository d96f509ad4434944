"""Misconfigurations: one check on one resource, or on one place where none is named."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from secagg.context import message_context
from secagg.finding import Finding, Kind
from secagg.identity import place_of, resource_key
from secagg.merge.check import checks_of, main_check, own_checks
from secagg.merge.collect import Outcome, in_order
from secagg.merge.groups import Group
from secagg.merge.identity import identity_of
from secagg.merge.matching import Matching
from secagg.merge.neighbours import link_neighbours
from secagg.merge.sameplace import match_places, reasons_of
from secagg.merge.spot import WHOLE_FILE, Spot, region

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
    spots = _spots(in_order(held))
    matching = match_places(spots)
    if len({spot.tool for spot in spots}) > 1:
        _match_resources(spots, matching)
    named: dict[tuple[str, str, str], list[list[int]]] = {}
    for nodes in matching.sets():
        findings = [f for node in nodes for f in spots[node].members]
        resource = min((r for f in findings if (r := _resource(f))), default="")
        context = _context(findings, spots[nodes[0]].first, resource)
        check = main_check(matching.labels(nodes[0]))
        named.setdefault((check, resource, context), []).append(nodes)
    placed: list[tuple[Group, int, int]] = []
    about: dict[str, frozenset[str]] = {}
    for (check, resource, context), alike in named.items():
        for number, nodes in enumerate(alike):
            ordinal = (str(number + 1),) if number else ()
            identity = identity_of(Kind.MISCONFIGURATION, check, place, resource, context, *ordinal)
            members = [f for node in nodes for f in spots[node].members]
            group = out.group(identity, members, reasons_of(spots, nodes, matching))
            # What has no line is about the whole file, and so near all of it.
            first = spots[nodes[0]].first
            last = max(spots[node].last for node in nodes) if first else WHOLE_FILE
            placed.append((group, first, last))
            about[identity] = matching.labels(nodes[0])
    if len(placed) > 1:
        link_neighbours(placed, about)


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
    return min((f.line_hash for f in findings if f.line_hash), default="")


def _spots(held: Sequence[Finding]) -> list[Spot]:
    spots: dict[tuple[object, ...], Spot] = {}
    for finding in held:
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
            spots[key] = Spot(finding, checks_of(finding))
        else:
            spot.members.append(finding)
    return sorted(spots.values(), key=Spot.order)


def _resource(finding: Finding) -> str:
    """The resource's name with generated parts made equal; empty where none is named."""
    known = finding.misconfiguration
    return resource_key(known.resource) if known is not None and known.resource else ""
