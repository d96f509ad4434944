"""Merge misconfigurations: a group is one check on one resource, or at one place without one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter

from secagg.merge.groups import PREFIX, MergeOutcome, Ordinals, by_place, hashed
from secagg.merge.matching import Matching
from secagg.merge.neighbours import LocatedGroup, join_nested, link_neighbours, link_whole_file
from secagg.merge.rules import checks_of, main_check, one_setting, own_checks, whole_file_checks
from secagg.merge.sameplace import (
    WHOLE_FILE,
    Order,
    Problem,
    Spot,
    are_distinct_regions,
    make_spots,
    match_places,
    problems_of,
    reasons_of_spot,
    region,
)
from secagg.model.context import message_context
from secagg.model.finding import Finding, Kind
from secagg.model.identity import resource_key
from secagg.packages.keys import SEPARATOR
from secagg.system.patterns import lazy

RESOURCE = "same-check-same-resource"
FILE = "same-check-whole-file"
# Trivy: Container 'web' of Deployment 'shop' should set ...
_CONTAINER = lazy(r"\b[Cc]ontainer '[^']*' of \w+ '[^']*'")
_PREFIX = PREFIX[Kind.MISCONFIGURATION]


def join_misconfigurations(findings: Iterable[Finding], out: MergeOutcome) -> None:
    """Add groups of ``findings`` (all misconfigurations) to ``out``."""
    for place, in_file in by_place(findings).items():
        if len(in_file) == 1:
            first = in_file[0].location.start_line or 0
            text = _identity_text(place, in_file, checks_of(in_file[0]), first)
            out.group(hashed(text), tuple(in_file))
        else:
            _join_file(place, in_file, out)


def _join_file(place: str, findings: list[Finding], out: MergeOutcome) -> None:
    ordinals = Ordinals()
    located: list[LocatedGroup] = []
    all_spots = make_spots(findings, labels=checks_of, key=_key, are_distinct=_are_distinct)
    for spots, labels, reasons in _problems(all_spots):
        first_spot = spots[0]
        first, last, members = first_spot.first, first_spot.last, first_spot.members
        if len(spots) > 1:
            members = [finding for spot in spots for finding in spot.members]
            last = max([spot.last for spot in spots])
        identity = hashed(ordinals.numbered(_identity_text(place, members, labels, first)))
        group = out.group(identity, members, reasons)
        # A finding without a line is about the whole file.
        located.append((first, last if first else WHOLE_FILE, identity, group, labels))
    if len(located) > 1:
        link_neighbours(located)
        link_whole_file(located)


def _identity_text(
    place: str, members: Sequence[Finding], labels: frozenset[str], first: int
) -> str:
    """Return the text of a problem's identity: check, file, and resource or else line hash."""
    resource = context = ""
    for finding in members:
        name = _resource(finding)
        if name and (not resource or name < resource):
            resource = name
    if not resource and first > 1:
        # Without a resource the line hash tells places apart.
        context = min([f.line_hash for f in members if f.line_hash], default="")
    parts = (main_check(labels), place, resource, context)
    return _PREFIX + SEPARATOR.join(parts)


def _problems(spots: Sequence[Spot]) -> list[Problem]:
    """Join the spots of a file into problems."""
    spots = join_nested(_join_whole_file_rules(spots), one_setting)
    if len({spot.tool for spot in spots}) == 1:
        return [([spot], spot.labels, reasons_of_spot(spot)) for spot in spots]
    matching = match_places(spots)
    _match_resources(spots, matching)
    return problems_of(spots, matching)


def _join_whole_file_rules(spots: Sequence[Spot]) -> Sequence[Spot]:
    """Join spots of different rules of one tool that are about the file as a whole."""
    spots_of_file: dict[tuple[str, str], list[Spot]] = {}
    for spot in spots:
        for check in spot.labels & whole_file_checks():
            spots_of_file.setdefault((spot.tool, check), []).append(spot)
    joined_ids: set[int] = set()
    joined: list[Spot] = []
    for (_, check), parts in sorted(spots_of_file.items(), key=lambda item: item[0]):
        rules = [own_checks(part.finding) for part in parts]
        resources = {resource for part in parts if (resource := _resource(part.finding))}
        distinct = len(frozenset().union(*rules)) == sum(map(len, rules))
        if len(parts) > 1 and distinct and len(resources) < 2:
            joined.append(Spot.of_parts(parts, frozenset([check])))
            joined_ids.update(map(id, parts))
    if not joined:
        return spots
    others = [spot for spot in spots if id(spot) not in joined_ids]
    return sorted([*joined, *others], key=attrgetter("order"))


def _match_resources(spots: Sequence[Spot], matching: Matching) -> None:
    """Join spots of one check on one resource, or on the file as a whole."""
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
        resources = {r for node in nodes if (r := _resource(spots[node].finding))}
        # Some tools give no line for a setting that is missing from a file.
        everywhere = check in whole_file_checks() or any(not spots[node].first for node in nodes)
        if len(resources) < 2 and everywhere:
            matching.one_class(FILE, check, nodes, check)


def _key(finding: Finding) -> tuple[object, ...]:
    """Return what two results of one tool share that are one."""
    resource, place = _resource(finding), finding.location
    key = (finding.tool, own_checks(finding), region(place), resource, _container(finding))
    if not resource and place.start_line is None:
        return (*key, place.logical, message_context(finding.message))
    return key


def _are_distinct(by_order: Mapping[Order, Finding]) -> bool:
    # Two rules of a tool can have one check.
    return are_distinct_regions(by_order) and _are_distinct_checks(by_order)


def _are_distinct_checks(by_order: Mapping[Order, Finding]) -> bool:
    """Tell whether no two findings are one check at one place."""
    checks = {own_checks(finding) for finding in by_order.values()}
    if len(checks) == len(by_order):
        return True
    return len({(own_checks(f), order[:4]) for order, f in by_order.items()}) == len(by_order)


def _container(finding: Finding) -> str:
    """Return the container that a message names; several can be on one line or in one template."""
    match = _CONTAINER.search(finding.message)
    return "" if match is None else match[0]


def _resource(finding: Finding) -> str:
    """Return the key of the resource, without generated parts of its name; empty for none."""
    check = finding.misconfiguration
    return resource_key(check.resource) if check is not None and check.resource else ""
