"""Misconfigurations: one check on one resource, or on one place where none is named."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from secagg.context import message_context
from secagg.finding import Finding, Kind
from secagg.identity import place_of, resource_key
from secagg.merge.check import checks_of, main_check
from secagg.merge.collect import Outcome, in_order
from secagg.merge.groups import Group
from secagg.merge.identity import identity_of
from secagg.merge.spot import Spot, link_neighbours, match_places, reasons_of, region

RESOURCE = "same-check-same-resource"
FILE = "same-check-whole-file"


def join_misconfigurations(findings: Iterable[Finding], out: Outcome) -> None:
    """Put groups of ``findings`` (all of them misconfigurations) into ``out``."""
    files: dict[str, list[Finding]] = {}
    for finding in findings:
        files.setdefault(place_of(finding.location), []).append(finding)
    for place, held in files.items():
        _join_file(place, held, out)


def _join_file(place: str, held: list[Finding], out: Outcome) -> None:
    spots = _spots(in_order(held))
    # A check can be on a line, and on a resource with no line; so spots are matched by both.
    matching = match_places(spots)
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
        # Some tools give no place for what is missing from a file, others the whole file.
        named_here = {r for node in nodes if (r := _resource(spots[node].finding))}
        if len(named_here) < 2 and any(spots[node].first <= 1 for node in nodes):
            matching.one_class(FILE, check, nodes, check, strict=True)
    named: dict[tuple[str, str, str], list[list[int]]] = {}
    for nodes in matching.sets():
        findings = [f for node in nodes for f in spots[node].members]
        resource = min((r for f in findings if (r := _resource(f))), default="")
        context = ""
        if not resource and spots[nodes[0]].first > 1:
            context = min((f.line_hash for f in findings if f.line_hash), default="")
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
            if spots[nodes[0]].first:
                last = max(spots[node].last for node in nodes)
                placed.append((group, spots[nodes[0]].first, last))
                about[identity] = matching.labels(nodes[0])
    if len(placed) > 1:
        link_neighbours(placed, about)


def _spots(held: Sequence[Finding]) -> list[Spot]:
    spots: dict[tuple[object, ...], Spot] = {}
    for finding in held:
        resource = _resource(finding)
        key: tuple[object, ...] = (
            finding.tool,
            checks_of(finding),
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
