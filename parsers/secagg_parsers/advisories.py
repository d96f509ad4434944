"""Ids of advisories: which of them name one problem, and are other names of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

# Databases whose advisories are about one problem each. A vendor's (DSA, RHSA, USN, ALAS)
# bundle the fixes of several: two problems would be merged if they counted as names.
_ONE_PROBLEM = re.compile(
    r"(?:CVE-\d{4}-\d{4,}|GHSA(?:-[0-9a-z]{4}){3}|PYSEC-\d{4}-\d+|RUSTSEC-\d{4}-\d{4}"
    r"|GO-\d{4}-\d+|OSV-\d{4}-\d+|GMS-\d{4}-\d+|NSWG-ECO-\d+|SNYK-[A-Z0-9-]+|npm:\S+:\d{8})",
    re.IGNORECASE,
)
_OWN_PAGES = {
    "GHSA-": re.compile(
        r"(?:github\.com/advisories/|/security/advisories/)(GHSA(?:-[0-9a-z]{4}){3})(?![0-9a-z-])"
    ),
    "RUSTSEC-": re.compile(r"rustsec\.org/advisories/(RUSTSEC-\d{4}-\d{4})"),
    "PYSEC-": re.compile(r"/(PYSEC-\d{4}-\d+)(?:\.yaml)?$"),
    "GO-": re.compile(r"pkg\.go\.dev/vuln/(GO-\d{4}-\d+)"),
}


def names_one_problem(identifier: str) -> bool:
    """True for an id that can stand among the aliases of one vulnerability."""
    return _ONE_PROBLEM.fullmatch(identifier) is not None


def aliases(rule_id: str, others: Iterable[str], references: Sequence[str]) -> tuple[str, ...]:
    """All names of one vulnerability: its id, other ids given, and those its references prove.

    A reference to an advisory's own page proves a name only if it is the only page of its
    database among them: where there are two, one is about something else.
    """
    names = [rule_id, *(name for name in others if names_one_problem(name))]
    joined = "\n".join(references)
    for database, page in _OWN_PAGES.items():
        if database in joined and not any(name.startswith(database) for name in names):
            # Most references are about something else: they are not looked at twice.
            pages = {m[1] for url in references if database in url and (m := page.search(url))}
            if len(pages) == 1:
                names += pages
    return tuple(dict.fromkeys(names))
