"""Plain buckets: those whose vulnerabilities can be told without reading each id in full.

Most are: each finding has one id of its best database, and what hangs together by shared ids
has one such id too. What comes out is what reading all ids would give, for a fraction of its
cost; where that is not certain, nothing comes out.
"""

from __future__ import annotations

from collections.abc import Sequence

from secagg.merge.part import AdvisoryPart, aliases_of
from secagg.merge.sets import components
from secagg.model.finding import Finding
from secagg.packages.advisories import plain_name
from secagg.packages.keys import version_key


def name_of(finding: Finding) -> str | None:
    """The id that a vulnerability plainly goes by; None if that is not plain."""
    known = finding.vulnerability
    return finding.advisory or (None if known is None else plain_name(known.aliases))


def plain_parts(held: Sequence[Finding]) -> list[AdvisoryPart] | None:
    """The parts of a bucket, each with its members in order, or None if it is not plain."""
    versions: dict[str | None, dict[str, list[Finding]]] = {}
    for finding in held:
        name, package = name_of(finding), finding.package
        if name is None:
            return None
        version = None if package is None else package.version
        if version not in versions:
            versions[version] = {name: [finding]}
        elif name in versions[version]:
            versions[version][name].append(finding)
        else:
            versions[version][name] = [finding]
    if len(versions) > 1:
        versions = _as_all_write_it(versions, held[0])
    parts = []
    for version, named in versions.items():
        joined = named if len(named) == 1 else _join_names(named)
        if joined is None:
            return None
        for name, findings in joined.items():
            members = _by_rule(findings)
            if members is None:
                return None
            # Members that all go by the name share it; else their ids tell why they are one.
            parts.append(
                AdvisoryPart(version or "", members, [], name, named.get(name) is findings)
            )
    return parts


def _as_all_write_it(
    versions: dict[str | None, dict[str, list[Finding]]], first: Finding
) -> dict[str | None, dict[str, list[Finding]]]:
    """``versions`` with those that only differ in spelling put together."""
    package = first.package
    found: dict[str | None, dict[str, list[Finding]]] = {}
    for version, named in versions.items():
        # Where one tool knows no package, none does.
        written = version_key(package.type, version) if package is not None else ""
        known = found.setdefault(written, named)
        if known is not named:
            for name, findings in named.items():
                known.setdefault(name, []).extend(findings)
    return found


def _by_rule(findings: list[Finding]) -> list[Finding] | None:
    """``findings`` by tool and rule; None where a rule says something twice."""
    if len(findings) == 1:
        return findings
    if len(findings) == 2:
        one, other = findings
        if one.tool != other.tool:
            return findings if one.tool < other.tool else [other, one]
    members = {(finding.tool, finding.rule_id): finding for finding in findings}
    return [members[rule] for rule in sorted(members)] if len(members) == len(findings) else None


def _join_names(named: dict[str, list[Finding]]) -> dict[str, list[Finding]] | None:
    """Join findings of several names that share ids; None if it is not plain which name lasts."""
    aliases = [
        [alias.strip().upper() for finding in findings for alias in aliases_of(finding)]
        for findings in named.values()
    ]
    names = list(named)
    joined = {}
    for indices in components(aliases):
        name = plain_name([names[index] for index in indices])
        if name is None:
            return None
        joined[name] = (
            named[names[indices[0]]]
            if len(indices) == 1
            else [finding for index in indices for finding in named[names[index]]]
        )
    return joined
