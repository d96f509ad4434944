"""Which members of a group an advisory id speaks for.

Two tools know one problem under different ids, so an exception for one id holds for a row that
another tool reported under an alias. It must not hold for more: Snyk's advisories may span two
CVEs, and an exception for the one must not silence the row of the other.
"""

from __future__ import annotations

from collections.abc import Sequence

from secagg.model.finding import Finding, Kind
from secagg.packages.advisories import Advisories

_KNOWN = Advisories()


def plain(text: str) -> str:
    """An id in one spelling: ``cve-2021-1 `` and ``DEBIAN-CVE-2021-1`` are ``CVE-2021-1``."""
    return _KNOWN[text].id


def ids_of(finding: Finding) -> frozenset[str]:
    """Every advisory id of ``finding``, in one spelling; none for what is no vulnerability."""
    known = finding.vulnerability
    if known is None and finding.kind is not Kind.VULNERABILITY:
        return frozenset()
    aliases = known.aliases if known is not None else ()
    return frozenset({_KNOWN[alias].id for alias in aliases} | {_KNOWN[finding.rule_id].id})


def spoken_for(members: Sequence[Finding], name: str) -> frozenset[int]:
    """The indices of the ``members`` for which the advisory ``name`` (as :func:`plain`) speaks.

    A member speaks for others once ``name`` is its only id of that database: then all its ids
    are names of one problem, and a member that shares one is that problem too, unless it brings
    a second CVE. Without such a member the id is a part of what the row says, and speaks for
    nobody.
    """
    ids = [ids_of(member) for member in members]
    knowing = {index for index, own in enumerate(ids) if name in own}
    database = _database(name)
    anchors = [i for i in knowing if sum(_database(other) == database for other in ids[i]) == 1]
    if not anchors:
        return frozenset()
    same = frozenset().union(*(ids[index] for index in anchors))
    found = set(knowing)
    grown = True
    while grown:
        grown = False
        for index, own in enumerate(ids):
            if index not in found and own & same and _is_one_problem(_cves(own), _cves(same)):
                found.add(index)
                same |= own
                grown = True
    return frozenset(found)


def _is_one_problem(own: frozenset[str], known: frozenset[str]) -> bool:
    return own <= known or (not known and len(own) == 1)


def _database(name: str) -> str:
    return name.partition("-")[0]


def _cves(ids: frozenset[str]) -> frozenset[str]:
    return frozenset(name for name in ids if name.startswith("CVE-"))
