"""The pages of advisories and weaknesses, made of their ids alone.

A scanner's report names addresses as well. These are untrusted, and are shown as text only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_PAGES = (
    (re.compile(r"CVE-\d{4}-\d{4,}"), "https://nvd.nist.gov/vuln/detail/{}"),
    (
        re.compile(r"GHSA(?:-[23456789cfghjmpqrvwx]{4}){3}"),
        "https://github.com/advisories/{}",
    ),
    (re.compile(r"RUSTSEC-\d{4}-\d{4}"), "https://rustsec.org/advisories/{}.html"),
    (re.compile(r"GO-\d{4}-\d{4,}"), "https://pkg.go.dev/vuln/{}"),
    (re.compile(r"SNYK-[A-Z0-9]+-[A-Z0-9]+-\d+"), "https://security.snyk.io/vuln/{}"),
    (re.compile(r"(?:PYSEC|OSV|MAL)-\d{4}-\d+"), "https://osv.dev/vulnerability/{}"),
)
_WEAKNESS = re.compile(r"CWE-(\d{1,5})")


def page_of(identifier: str) -> str | None:
    """The page of an advisory or weakness by its id; None where no database is known for it."""
    for pattern, page in _PAGES:
        if pattern.fullmatch(identifier):
            return page.format(identifier)
    weakness = _WEAKNESS.fullmatch(identifier)
    if weakness is None:
        return None
    return f"https://cwe.mitre.org/data/definitions/{int(weakness[1])}.html"


def first_page(identifiers: Iterable[str]) -> str | None:
    """The page of the first of ``identifiers`` that has one."""
    return next((page for page in map(page_of, identifiers) if page is not None), None)
