"""The keys by which a problem is found again: what must be equal, and what need not be."""

from __future__ import annotations

import pytest

from secagg.change.baseline import compare, describe_changes
from secagg.change.model import Diff, FileChange, FileStatus, Hunk
from secagg.merge import merge
from secagg.model.finding import Finding
from secagg.policy.decision import BaselineState
from tests.merge.make import code, license_finding, misconfiguration, secret, vulnerability


def state(before: Finding, now: Finding, diff: Diff | None = None) -> BaselineState:
    """What becomes of ``now`` where the baseline has ``before``."""
    current = merge([now])
    compared = compare(current, merge([before]).groups, diff)
    return compared.states[current.groups[0].identity]


def edited(path: str, *hunks: Hunk) -> Diff:
    change = FileChange(path, FileStatus.MODIFIED, hunks=hunks)
    return Diff(base="b", head="h", files={path: change})


@pytest.mark.parametrize(
    ("old", "version", "uri", "same"),
    [
        ("lib/log4j-core-2.14.0.jar", "2.14.0", "lib/log4j-core-2.14.0.jar", True),
        # The next version is there in the place of the old one.
        ("lib/log4j-core-2.14.0.jar", "2.15.0", "lib/log4j-core-2.15.0.jar", True),
        ("lib/log4j-core-2.14.0.jar", "2.14.0", "other/log4j-core-2.14.0.jar", False),
        ("lib/log4j-core-2.14.0.jar", "2.14.0", "lib/log4j-api-2.14.0.jar", False),
        # So it is in a file of any other name with the version.
        ("lib/log4j-core-2.14.0.zip", "2.15.0", "lib/log4j-core-2.15.0.zip", True),
        ("lib/log4j-core-2.14.0.zip", "2.15.0", "lib/log4j-api-2.15.0.zip", False),
        # The version of a directory is part of the place.
        ("2.14.0/core.zip", "2.15.0", "2.15.0/core.zip", False),
    ],
)
def test_a_package_is_found_again_in_its_archive(
    old: str, version: str, uri: str, same: bool
) -> None:
    before, now = (
        vulnerability(
            "trivy", "CVE-2021-44228", package="log4j-core", kind="maven", version=v, uri=place
        )
        for v, place in (("2.14.0", old), (version, uri))
    )
    assert (state(before, now) is not BaselineState.NEW) is same


def test_a_licence_is_that_of_a_package_at_its_place() -> None:
    before = license_finding()
    for now, same in (
        (license_finding(uri="web/package.json"), True),
        (license_finding(uri="api/package-lock.json"), False),
        (license_finding(package="other"), False),
        (license_finding(name="AGPL-3.0"), False),
    ):
        assert (state(before, now) is not BaselineState.NEW) is same


def test_a_check_of_a_resource_is_the_same_on_other_lines() -> None:
    before = misconfiguration("trivy", "AWS-0086", resource="aws_s3_bucket.a", line=3)
    moved = misconfiguration("trivy", "AWS-0086", resource="aws_s3_bucket.a", line=40)
    for finding, line_hash in ((before, "1111111111111111:1"), (moved, "2222222222222222:1")):
        finding.line_hash = line_hash
        finding.message = f"words of line {finding.location.start_line}"
    assert state(before, moved) is not BaselineState.NEW
    other = misconfiguration("trivy", "AWS-0086", resource="aws_s3_bucket.b", line=3)
    assert state(before, other) is BaselineState.NEW


def test_a_secret_with_a_value_is_not_known_by_its_line() -> None:
    before, now = secret(value="hmac-sha256:aa"), secret(value="hmac-sha256:bb", line=4)
    path = before.location.uri or ""
    above = edited(path, Hunk(1, 0, 2, 1))
    assert state(before, now, above) is BaselineState.NEW


def test_a_secret_that_only_the_history_has_says_so() -> None:
    before, now = secret(), secret(commit="c" * 40)
    (old,), (new,) = merge([before]).groups, merge([now]).groups
    assert describe_changes(new, old) == ("it is only in history",)
    assert describe_changes(old, new) == ("it is in the work tree again",)


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
