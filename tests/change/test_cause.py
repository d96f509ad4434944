"""What has brought a row: the change, the world, or nobody can tell."""

from __future__ import annotations

import pytest

from secagg.change.baseline import compare
from secagg.change.facts import facts_of
from secagg.change.model import Diff, FileChange, FileStatus, Hunk
from secagg.merge import merge
from secagg.model.finding import Finding, Location, SarifOrigin, replace
from secagg.policy.decision import BaselineState, Cause, Facts
from tests.merge.make import code, misconfiguration, vulnerability

NEW, UNCHANGED = BaselineState.NEW, BaselineState.UNCHANGED
README = FileChange(path="README.md", status=FileStatus.MODIFIED, hunks=(Hunk(1, 1, 1, 1),))
LOCK = "package-lock.json"


def diff(*changes: FileChange) -> Diff:
    return Diff(base="b", head="h", files={change.path: change for change in changes})


def modified(path: str, line: int) -> FileChange:
    return FileChange(path=path, status=FileStatus.MODIFIED, hunks=(Hunk(line, 1, line, 1),))


def cause(
    finding: Finding, change: Diff | None, *before: Finding, exact: frozenset[str] = frozenset()
) -> Facts:
    merged = merge([finding])
    found = facts_of(
        merged, diff=change, comparison=compare(merged, merge(list(before)).groups), exact=exact
    )
    return found[merged.groups[0].identity]


@pytest.mark.parametrize(
    ("facts", "wanted"),
    [
        ({}, None),
        ({"baseline": NEW}, None),
        ({"baseline": NEW, "in_diff": True}, Cause.CHANGE),
        ({"baseline": NEW, "in_diff": False}, Cause.WORLD),
        ({"baseline": NEW, "in_diff": False, "follows": True}, None),
        ({"baseline": NEW, "in_diff": True, "in_base": True}, Cause.WORLD),
        ({"baseline": NEW, "in_diff": False, "exact": True}, Cause.CHANGE),
        ({"baseline": NEW, "exact": True}, Cause.CHANGE),
        ({"baseline": UNCHANGED, "in_diff": True}, Cause.EXISTING),
        ({"in_diff": True}, None),
        ({"in_diff": False}, Cause.WORLD),
    ],
)
def test_cause_follows_from_baseline_and_diff(facts: dict[str, object], wanted: object) -> None:
    known = Facts(**facts)  # type: ignore[arg-type]
    assert known.cause is wanted
    # Outside of a change there is nothing to say.
    assert (known.cause_sentence is None) is (not facts)


def lodash(advisory: str, line: int | None = None) -> Finding:
    found = vulnerability("trivy", advisory, package="lodash", version="4.17.4", uri=LOCK)
    return replace(found, location=Location(uri=LOCK, start_line=line, end_line=line))


def test_a_new_advisory_of_a_package_that_the_baseline_has_is_the_worlds() -> None:
    """Though the change touches its lock file."""
    change = diff(FileChange(path=LOCK, status=FileStatus.MODIFIED, whole=True))
    assert cause(lodash("CVE-2026-2"), change, lodash("CVE-2020-1")).cause is Cause.WORLD
    older = replace(
        lodash("CVE-2020-1"),
        package=replace(lodash("CVE-2020-1").package, version="4.17.3"),  # type: ignore[type-var]
    )
    assert cause(lodash("CVE-2026-2"), change, older).cause is Cause.CHANGE


def test_the_lines_of_a_package_in_its_lock_file_tell_whether_the_change_brings_it() -> None:
    assert cause(lodash("CVE-2026-2", 40), diff(modified(LOCK, 9))).cause is Cause.WORLD
    assert cause(lodash("CVE-2026-2", 40), diff(modified(LOCK, 40))).cause is Cause.CHANGE


def test_a_step_of_a_data_flow_that_the_change_touches_leaves_it_unknown() -> None:
    step = {
        "location": {
            "physicalLocation": {
                "artifactLocation": {"uri": "app/api.py"},
                "region": {"startLine": 7},
            }
        }
    }
    flow = {"codeFlows": [{"threadFlows": [{"locations": [step]}]}]}
    finding = replace(
        code(uri="app/db.py", line=3, line_hash="a:1"), sarif=SarifOrigin.of({}, flow)
    )
    assert cause(finding, diff(modified("app/api.py", 7))).cause is None
    assert cause(finding, diff(modified("app/api.py", 8))).cause is Cause.WORLD
    assert cause(finding, diff(README)).cause is Cause.WORLD


def test_values_of_a_chart_and_variables_of_terraform_leave_it_unknown() -> None:
    template = misconfiguration("trivy", "KSV-0001", uri="chart/templates/d.yaml")
    assert cause(template, diff(modified("chart/values.yaml", 1))).cause is None
    assert cause(template, diff(modified("other/values.yaml", 1))).cause is Cause.WORLD
    bucket = misconfiguration("trivy", "AWS-0001", uri="modules/s3/main.tf")
    assert cause(bucket, diff(modified("prod.tfvars", 1))).cause is None
    assert cause(bucket, diff(README)).cause is Cause.WORLD


def test_against_an_exact_scan_of_the_base_what_is_new_is_the_changes() -> None:
    assert (
        cause(lodash("CVE-2026-2"), diff(README), exact=frozenset({"trivy"})).cause is Cause.CHANGE
    )
