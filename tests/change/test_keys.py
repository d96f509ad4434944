"""The keys by which a problem is found again: what must be equal, and what need not be."""

from __future__ import annotations

import pytest

from secagg.change.baseline import compare
from secagg.change.model import Diff, FileChange, FileStatus, Hunk
from secagg.merge import merge
from secagg.model.finding import Finding
from secagg.policy.decision import BaselineState
from tests.merge.make import code, vulnerability


def state(before: Finding, now: Finding, diff: Diff | None = None) -> BaselineState:
    """What becomes of ``now`` where the baseline has ``before``."""
    current = merge([now])
    compared = compare(current, merge([before]).groups, diff)
    return compared.states[current.groups[0].identity]


def edited(path: str, *hunks: Hunk) -> Diff:
    change = FileChange(path, FileStatus.MODIFIED, hunks=hunks)
    return Diff(base="b", head="h", files={path: change})


@pytest.mark.parametrize(
    ("version", "uri", "same"),
    [
        ("2.14.0", "lib/log4j-core-2.14.0.jar", True),
        # The next version is there in the place of the old one.
        ("2.15.0", "lib/log4j-core-2.15.0.jar", True),
        ("2.14.0", "other/log4j-core-2.14.0.jar", False),
        ("2.14.0", "lib/log4j-api-2.14.0.jar", False),
    ],
)
def test_a_package_is_found_again_in_its_archive(version: str, uri: str, same: bool) -> None:
    before = vulnerability(
        "trivy", "CVE-2021-44228", "log4j-core", "2.14.0", uri="lib/log4j-core-2.14.0.jar"
    )
    now = vulnerability("trivy", "CVE-2021-44228", "log4j-core", version, uri=uri)
    assert (state(before, now) is not BaselineState.NEW) is same


def test_equal_lines_above_do_not_count() -> None:
    """The number behind a hash says which of several equal lines it is."""
    before, now = code(line=5), code(line=9)
    before.line_hash, now.line_hash = "0123456789abcdef:1", "0123456789abcdef:2"
    for finding in (before, now):
        finding.message = f"on line {finding.location.start_line}, in words of its own"
    assert state(before, now) is not BaselineState.NEW
    now.line_hash = "fedcba9876543210:1"
    now.rule_id = "another"
    assert state(before, now) is BaselineState.NEW


def test_a_line_counts_where_the_change_left_it() -> None:
    before, now = code(line=5), code(line=6)
    for finding, words in ((before, "one"), (now, "quite another")):
        finding.message = words
        finding.line_hash = None
    path = before.location.uri or ""
    above = Hunk(1, 0, 2, 1)
    assert state(before, now, edited(path, above)) is BaselineState.UPDATED
    assert state(before, now, edited(path, above, Hunk(5, 1, 6, 1))) is BaselineState.NEW
