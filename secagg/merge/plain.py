"""Plain buckets: those whose vulnerabilities can be told without reading each id in full.

Most are: each finding has one id of its best database, and what hangs together by shared ids
has one such id too. What comes out is what reading all ids would give, for a fraction of its
cost; where that is not certain, nothing comes out.
"""

from __future__ import annotations

from collections.abc import Sequence

from secagg.finding import Finding
from secagg.merge.advisory import plain_rank
from secagg.merge.package import version_key
from secagg.merge.part import Part
from secagg.merge.sets import components


def plain_name(aliases: Sequence[str]) -> str | None:
    """The id that stands for ``aliases`` where their databases tell: the only CVE, else GHSA, ...

    None where it takes reading them: several ids of the best database, a distribution's own
    id, a notice, an unusual spelling.
    """
    best, best_rank = "", None
    for text in aliases:
        rank = plain_rank(text)
        if rank is None or rank == best_rank:
            return None
        if best_rank is None or rank < best_rank:
            best, best_rank = text, rank
    return best.strip().upper() or None


def name_of(finding: Finding) -> str | None:
    """The plain name of a vulnerability."""
    known = finding.vulnerability
    return None if known is None else plain_name(known.aliases)


def plain_parts(held: Sequence[Finding]) -> list[Part] | None:
    """The parts of a bucket, each with its members in order, or None if it is not plain."""
    versions = versions_of(held)
    names: list[str] = []
    keys = []
    for finding, version in zip(held, versions, strict=True):
        known = finding.vulnerability
        name = None if known is None else plain_name(known.aliases)
        if known is None or name is None:
            return None
        names.append(name)
        keys.append([(version, alias.strip().upper()) for alias in known.aliases])
    parts = []
    for indices in components(keys):
        name = plain_name(list({names[index] for index in indices}))
        members = {(held[i].tool, held[i].rule_id): held[i] for i in indices}
        # What a rule says twice has no order by rule.
        if name is None or len(members) < len(indices):
            return None
        in_order = [members[rule] for rule in sorted(members)]
        parts.append(Part(versions[indices[0]], in_order, [], name))
    return parts


def versions_of(held: Sequence[Finding]) -> list[str]:
    """The version of each finding's package, as all tools would write it."""
    first = held[0].package
    if first is None:
        return [""] * len(held)
    return [version_key(first.type, f.package.version if f.package else None) for f in held]
