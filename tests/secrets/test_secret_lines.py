"""Which lines hold a secret: what reports say of them, and what stands in the files."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secagg.model.finding import Finding, Kind, Location, SecretSighting, Severity
from secagg.secrets.redactor import Redactor, SecretLines

TOKEN = "ghp_" + "R7mQz2LkVx9TnB4cWd8YhJ1sPf6GuE3aKo05"
# SARIF sets no greatest line: this one is the greatest that JSON readers agree on.
GREATEST = 2**53
LINES = [b"x" * 100] * 60


def _finding(start: int, end: int | None = None, *, secret: bool = False) -> Finding:
    more: dict[str, Any] = {"secret": SecretSighting(id=None, detector="d")} if secret else {}
    return Finding(
        tool="tool",
        kind=Kind.SECRET if secret else Kind.CODE,
        rule_id="r",
        severity=Severity.HIGH,
        title="title",
        location=Location(uri="a.py", start_line=start, end_line=end),
        **more,
    )


def test_a_secret_may_claim_more_lines_than_memory_has() -> None:
    lines = SecretLines([_finding(40, GREATEST, secret=True)], Redactor(b"key"))
    assert lines.affects(_finding(50), LINES)
    assert lines.affects(_finding(2, GREATEST), LINES)
    assert not lines.affects(_finding(2, 3), LINES)


@pytest.mark.parametrize(("line", "affected"), [(19, False), (20, True), (21, False)])
def test_a_file_with_a_secret_is_read(line: int, affected: bool) -> None:
    lines = SecretLines([], Redactor(b"key"))
    assert not lines.affects(_finding(20), LINES)
    lines.add_file("a.py", [*LINES[:19], f"token = {TOKEN}".ljust(120).encode(), *LINES[20:]])
    assert lines.affects(_finding(line), LINES) is affected


_SPANS = st.lists(st.tuples(st.integers(1, 30), st.integers(0, 5)), max_size=6)


@given(_SPANS, st.integers(1, 30), st.integers(0, 5))
def test_a_finding_is_affected_if_it_shares_a_line(
    secrets: list[tuple[int, int]], start: int, more: int
) -> None:
    findings = [_finding(first, first + length, secret=True) for first, length in secrets]
    expected = any(f <= start + more and start <= f + length for f, length in secrets)
    lines = SecretLines(findings, Redactor(b"key"))
    assert lines.affects(_finding(start, start + more), LINES) is expected
