"""Plain buckets: those whose vulnerabilities can be told without reading each id in full.

Most are: each finding has one id of its best database, and what hangs together by shared ids
has one such id too. What comes out is what reading all ids would give, for a fraction of its
cost; where that is not certain, nothing comes out.
"""

from __future__ import annotations

from collections.abc import Sequence

from secagg.finding import Finding
from secagg.merge.advisory import RANKS
from secagg.merge.package import version_key
from secagg.merge.part import Part, aliases_of
from secagg.merge.sets import components

# What a vulnerability plainly goes by (None if that is not plain), and its package's version.
Entry = tuple[str | None, str | None, Finding]


def plain_name(aliases: Sequence[str]) -> str | None:
    """The id that stands for ``aliases`` where their databases tell: the only CVE, else GHSA, ...

    None where it takes reading them: several ids of the best database, a distribution's own
    id, a notice, an unusual spelling.
    """
    best, best_rank = "", len(RANKS)
    for text in aliases:
        rank = RANKS.get(text.partition("-")[0])
        if rank is None or rank == best_rank:
            return None
        if rank < best_rank:
            best, best_rank = text, rank
    name = best.strip()
    return name if name.isupper() else name.upper() or None


def plain_parts(held: Sequence[Entry]) -> list[Part] | None:
    """The parts of a bucket, each with its members in order, or None if it is not plain."""
    package = held[0][2].package
    versions: dict[str, dict[str, list[Finding]]] = {}
    for name, version, finding in held:
        if name is None:
            return None
        # Where one tool knows no package, none does.
        written = version_key(package.type, version) if package is not None else ""
        named = versions.get(written)
        if named is None:
            versions[written] = {name: [finding]}
        elif name in named:
            named[name].append(finding)
        else:
            named[name] = [finding]
    parts = []
    for version, named in versions.items():
        joined = named if len(named) == 1 else _join_names(named)
        if joined is None:
            return None
        for name, findings in joined.items():
            if len(findings) == 1:
                parts.append(Part(version, findings, [], name))
                continue
            members = {(finding.tool, finding.rule_id): finding for finding in findings}
            # What a rule says twice has no order by rule.
            if len(members) < len(findings):
                return None
            parts.append(Part(version, [members[rule] for rule in sorted(members)], [], name))
    return parts


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
        joined[name] = [finding for index in indices for finding in named[names[index]]]
    return joined
