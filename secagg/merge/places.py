"""Which secrets, flaws in code, misconfigurations and licences are one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence

from secagg.finding import Finding
from secagg.identity import canonical_check, package_key, place_of, resource_key
from secagg.merge.joining import Joining
from secagg.merge.vulnerabilities import one_place

SECRET = "same secret in the same file"
HIDDEN_SECRET = "the only secret known on the lines of a masked one"
CODE = "same weakness on the same lines"
CHECK = "same check on the same resource"
LICENSE = "same license of the same package"


def join_secrets(findings: Sequence[Finding]) -> Joining:
    """Same value in the same file. A value that its tool masked joins by file and lines, where
    just one known secret lies there."""
    joining = Joining(len(findings))
    joining.join_alike([_secret_key(finding) for finding in findings], SECRET)
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
