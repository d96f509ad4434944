"""Inputs made to make merging compare everything with everything: it must not.

Each would take hours if the work grew with the square of the findings; there is no clock here
but the time that a test may take.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from secagg.merge import merge
from secagg.model.finding import Finding
from tests.merge.make import code, misconfiguration, secret, vulnerability

COUNT = 20_000
TOOLS = ("trivy", "snyk", "codeql")


def _one_line(n: int) -> Finding:
    return code(
        TOOLS[n % 3], f"r{n % 5}", "CWE-89", uri="app.min.js", line=1, columns=(n + 1, n + 9)
    )


def _one_line_without_columns(n: int) -> Finding:
    return code(TOOLS[n % 3], f"r{n}", ("CWE-89", "CWE-943")[n % 2], uri="a.js", line=1)


def _nested_regions(n: int) -> Finding:
    return code(TOOLS[n % 3], f"r{n}", "CWE-89", uri="a.js", line=n + 1, end=2 * COUNT - n)


def _one_advisory(n: int) -> Finding:
    return vulnerability(TOOLS[n % 3], "CVE-2021-1", f"SNYK-JS-A-{n}")


def _chain_of_aliases(n: int) -> Finding:
    return vulnerability(TOOLS[n % 3], f"GHSA-{n:012}", f"GHSA-{n + 1:012}")


def _chain_of_cves(n: int) -> Finding:
    return vulnerability(TOOLS[n % 3], f"CVE-2021-{n + 1}", f"CVE-2021-{n + 2}")


def _contested_by_one_tool(n: int) -> Finding:
    if n % 2:
        return vulnerability("trivy", f"CVE-2021-{n}")
    return vulnerability("snyk", f"SNYK-{n}", f"CVE-2021-{n + 1}", f"CVE-2021-{n + 3}")


def _versions(n: int) -> Finding:
    return vulnerability("trivy", "CVE-2021-1", version=f"1.{n}")


def _masked_and_known_on_one_line(n: int) -> Finding:
    return secret("trivy" if n % 2 else "gitleaks", None if n % 2 else f"hmac-sha256:{n}", line=1)


def _masked_over_many_lines(n: int) -> Finding:
    value = None if n % 2 else f"hmac-sha256:{n}"
    return secret("trivy" if n % 2 else "gitleaks", value, line=n % 100 + 1, end=COUNT)


def _blocks_around_secrets(n: int) -> Finding:
    first, last = (1, 200) if n % 2 else (5, 5)
    found = secret("gitleaks", f"hmac-sha256:{n}", line=first, end=last)
    found.location.start_column, found.location.end_column = n + 1, n + 2
    return found


def _masked_beside_two_old_secrets(n: int) -> Finding:
    if n % 2:
        return secret("trivy", None, detector=f"rule-{n}", line=1)
    return secret("gitleaks", f"hmac-sha256:{n % 4}", detector="generic", line=1, commit=f"c{n}")


def _masked_of_two_sorts_on_one_line(n: int) -> Finding:
    return secret(TOOLS[n % 3], None, detector=("aws-access-token", "github-pat")[n % 2], line=1)


def _one_secret_everywhere(n: int) -> Finding:
    return secret(uri=f"f{n}")


def _one_check(n: int) -> Finding:
    return misconfiguration(TOOLS[n % 3], "DS-0005", line=n % 7, resource=f"r{n}")


@pytest.mark.parametrize(
    "make",
    [
        _one_line,
        _one_line_without_columns,
        _nested_regions,
        _one_advisory,
        _chain_of_aliases,
        _chain_of_cves,
        _contested_by_one_tool,
        _versions,
        _masked_and_known_on_one_line,
        _masked_over_many_lines,
        _blocks_around_secrets,
        _masked_beside_two_old_secrets,
        _masked_of_two_sorts_on_one_line,
        _one_secret_everywhere,
        _one_check,
    ],
)
@pytest.mark.timeout(60)
def test_no_input_makes_it_compare_all_with_all(make: Callable[[int], Finding]) -> None:
    merged = merge(make(n) for n in range(COUNT))
    assert merged.members == COUNT
    assert all(len(g.related) <= 64 and len(g.near_misses) <= 64 for g in merged.groups)
