"""Ids of advisories: which of them name one problem, and are other names of it."""

from __future__ import annotations

import re
from collections.abc import Iterable

# Databases whose advisories are about one problem each. A vendor's (DSA, RHSA, USN, ALAS)
# bundle the fixes of several: two problems would be merged if they counted as names.
_ONE_PROBLEM = re.compile(
    r"(?:CVE-\d{4}-\d{4,}|GHSA(?:-[0-9a-z]{4}){3}|PYSEC-\d{4}-\d+|RUSTSEC-\d{4}-\d{4}"
    r"|GO-\d{4}-\d+|OSV-\d{4}-\d+|GMS-\d{4}-\d+|NSWG-ECO-\d+|SNYK-[A-Z0-9-]+|npm:\S+:\d{8})",
    re.IGNORECASE,
)
_OWN_PAGE = re.compile(
    r"(?:github\.com/advisories/|/security/advisories/)(GHSA(?:-[0-9a-z]{4}){3})(?![0-9a-z-])"
    r"|rustsec\.org/advisories/(RUSTSEC-\d{4}-\d{4})"
    r"|/(PYSEC-\d{4}-\d+)(?:\.yaml|$)"
    r"|pkg\.go\.dev/vuln/(GO-\d{4}-\d+)",
    re.MULTILINE,
)


def names_one_problem(identifier: str) -> bool:
    """True for an id that can stand among the aliases of one vulnerability."""
    return _ONE_PROBLEM.fullmatch(identifier) is not None


def aliases(rule_id: str, others: Iterable[str], references: Iterable[str]) -> tuple[str, ...]:
    """All names of one vulnerability: its id, other ids given, and those its references prove.

    A reference to an advisory's own page proves a name only if it is the only page of its
    database among them: where there are two, one is about something else.
    """
    names = [rule_id, *(name for name in others if names_one_problem(name))]
    pages: tuple[set[str], ...] = (set(), set(), set(), set())
    for found in _OWN_PAGE.findall("\n".join(references)):
        for group, name in zip(pages, found, strict=True):
            if name:
                group.add(name)
    for group in pages:
        if len(group) == 1:
            (name,) = group
            database = name.partition("-")[0]
            if not any(known.partition("-")[0] == database for known in names):
                names.append(name)
    return tuple(dict.fromkeys(names))
