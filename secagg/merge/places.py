"""Which secrets, flaws in code, misconfigurations and licences are one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence

from secagg.finding import Finding
from secagg.identity import canonical_check, package_key, place_of, resource_key
from secagg.merge.joining import Joining
from secagg.merge.vulnerabilities import one_place

SECRET = "same secret in the same file"
OVERLAP = "overlapping columns of the same text"
AROUND = "lines that hold just this one secret"
HIDDEN_SECRET = "the only secret known on the lines of a masked one"
CODE = "same weakness on the same lines"
CHECK = "same check on the same resource"
LICENSE = "same license of the same package"


def join_secrets(findings: Sequence[Finding]) -> Joining:
    """Same value in the same file. A value that its tool masked joins by file and lines, where
    just one known secret lies there."""
    joining = Joining(len(findings))
    joining.join_alike([_secret_key(finding) for finding in findings], SECRET)
    _join_overlapping(findings, joining)
    known: defaultdict[tuple[str, int], dict[str, int]] = defaultdict(dict)
    for index, finding in enumerate(findings):
        if finding.secret is not None and finding.secret.id is not None:
            for line in _lines(finding):
                known[place_of(finding.location), line].setdefault(finding.secret.id, index)
    for index, finding in enumerate(findings):
        if finding.secret is None or finding.secret.id is not None:
            continue
        place = place_of(finding.location)
        there = {
            id_: other
            for line in _lines(finding)
            for id_, other in known.get((place, line), {}).items()
        }
        if len(there) == 1:
            joining.join(next(iter(there.values())), index, HIDDEN_SECRET, _where(finding))
    return joining


def _join_overlapping(findings: Sequence[Finding], joining: Joining) -> None:
    """Detectors cut one secret differently: with its name, with the lines around, or in part.

    In one text (the work tree's, or that of one commit) overlapping columns of a line are one
    secret; a match of several lines is the one that lies inside, if it is just one.
    """
    texts: defaultdict[tuple[str, str | None], list[int]] = defaultdict(list)
    for index, finding in enumerate(findings):
        sighting, place = finding.secret, finding.location
        if sighting is not None and place.uri is not None and place.start_line is not None:
            commit = place.commit if sighting.in_history else None
            texts[place_of(place), commit].append(index)
    for indices in texts.values():
        if len(indices) > 1:
            _join_columns(findings, indices, joining)
            _join_around(findings, indices, joining)


def _join_columns(findings: Sequence[Finding], indices: Sequence[int], joining: Joining) -> None:
    spans = []
    for index in indices:
        place = findings[index].location
        if place.start_column is not None or place.end_column is not None:
            first = place.start_column or 1
            if (place.end_line or place.start_line) == place.start_line:
                # Of a decoded secret only the first column is known.
                spans.append((place.start_line or 0, first, place.end_column or first + 1, index))
    reach: tuple[int, int, int] | None = None
    for line, first, end, index in sorted(spans):
        if reach is not None and line == reach[0] and first < reach[1]:
            joining.join(reach[2], index, OVERLAP, _where(findings[index]))
            reach = (line, max(end, reach[1]), reach[2])
        else:
            reach = (line, end, index)


def _join_around(findings: Sequence[Finding], indices: Sequence[int], joining: Joining) -> None:
    wide = [i for i in indices if len(_lines(findings[i])) > 1]
    if not wide:
        return
    by_line: defaultdict[int, set[int]] = defaultdict(set)
    for index in indices:
        if index not in wide:
            by_line[findings[index].location.start_line or 0].add(index)
    for index in wide:
        inside = {
            joining.find(other)
            for line in _lines(findings[index])
            for other in by_line.get(line, ())
        }
        if len(inside) == 1:
            joining.join(inside.pop(), index, AROUND, _where(findings[index]))


def join_code(findings: Sequence[Finding]) -> Joining:
    """Across tools: a shared CWE at the same first line. Within a tool: the same result twice."""
    joining = Joining(len(findings))
    joining.join_alike([_same_result(finding) for finding in findings], "same result twice")
    seen: defaultdict[tuple[str, int, str], dict[str, int]] = defaultdict(dict)
    for index, finding in enumerate(findings):
        line = finding.location.start_line
        if line is None or finding.location.uri is None:
            continue
        for cwe in finding.cwes:
            tools = seen[finding.location.uri, line, cwe]
            for tool, other in tools.items():
                if tool != finding.tool:
                    joining.join(other, index, CODE, f"{cwe} at {_where(finding)}")
            tools.setdefault(finding.tool, index)
    return joining


def join_misconfigurations(findings: Sequence[Finding]) -> Joining:
    """The same check (whatever its form) on the same resource and line."""
    joining = Joining(len(findings))
    keys: list[Hashable] = []
    for finding in findings:
        known = finding.misconfiguration
        check = canonical_check((known.checks if known is not None else ()) or (finding.rule_id,))
        resource = resource_key(known.resource) if known is not None and known.resource else ""
        place = place_of(finding.location)
        keys.append((check, place, resource, finding.location.start_line))
    joining.join_alike(keys, CHECK)
    return joining


def join_licenses(findings: Sequence[Finding]) -> Joining:
    """The same license of the same package and version in the same manifest."""
    joining = Joining(len(findings))
    joining.join_alike(
        [
            (
                (finding.license or finding.rule_id).lower(),
                package_key(finding.package),
                finding.package.version if finding.package is not None else None,
                one_place(place_of(finding.location)),
            )
            for finding in findings
        ],
        LICENSE,
    )
    return joining


def _secret_key(finding: Finding) -> Hashable | None:
    if finding.secret is None or finding.secret.id is None:
        return None
    return finding.secret.id, place_of(finding.location)


def _same_result(finding: Finding) -> Hashable:
    place = finding.location
    region = (place.start_line, place.start_column, place.end_line, place.end_column)
    return finding.rule_id, finding.tool, place_of(place), place.logical, region, finding.message


def _lines(finding: Finding) -> range:
    first = finding.location.start_line
    if first is None:
        return range(0)
    last = max(first, finding.location.end_line or first)
    # A private key has some dozen lines; a hostile region has billions.
    return range(first, min(last, first + 500) + 1)


def _where(finding: Finding) -> str:
    return f"{finding.location.uri}:{finding.location.start_line}"
