"""Link advisories and weaknesses to the pages of their databases.

Reports name addresses as well. Those are untrusted and shown as text only.
"""

from __future__ import annotations

import re

from secagg.system.patterns import lazy

ADVISORY_PAGES = (
    (lazy(r"CVE-\d{4}-\d{4,}"), "https://nvd.nist.gov/vuln/detail/{}"),
    (lazy(r"GHSA(?:-[23456789cfghjmpqrvwx]{4}){3}"), "https://github.com/advisories/{}"),
    (lazy(r"RUSTSEC-\d{4}-\d{4}"), "https://rustsec.org/advisories/{}.html"),
    (lazy(r"GO-\d{4}-\d{4,}"), "https://pkg.go.dev/vuln/{}"),
    (lazy(r"SNYK-[A-Z0-9]+-[A-Z0-9]+-\d+"), "https://security.snyk.io/vuln/{}"),
    (lazy(r"(?:PYSEC|OSV|MAL)-\d{4}-\d+"), "https://osv.dev/vulnerability/{}"),
)
WEAKNESS_PAGE = (lazy(r"CWE-0*(\d{1,5})"), "https://cwe.mitre.org/data/definitions/{}.html")

PAGE_PATTERN = "(?:{})[A-Za-z0-9._-]+".format(
    "|".join(re.escape(page.partition("{}")[0]) for _, page in (*ADVISORY_PAGES, WEAKNESS_PAGE))
)
"""A regular expression for the addresses that :func:`page_of` returns."""


def page_of(identifier: str) -> str | None:
    """Return the page of an advisory or weakness; None where its database is not known."""
    for pattern, page in ADVISORY_PAGES:
        if pattern.fullmatch(identifier):
            return page.format(identifier)
    pattern, page = WEAKNESS_PAGE
    weakness = pattern.fullmatch(identifier)
    return None if weakness is None else page.format(weakness[1])
