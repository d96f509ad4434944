"""Against a baseline: what is new, what was there before, what is gone."""

from __future__ import annotations

from secagg.change.baseline import compare
from secagg.merge import merge
from secagg.policy.facts import BaselineState
from tests.merge.make import code, vulnerability


def test_two_new_copies_of_an_old_flaw_are_one_old_and_one_new() -> None:
    before = merge([code("codeql", line=5, line_hash="a:1")])
    now = merge([code("codeql", line=5, line_hash="a:1"), code("codeql", line=9, line_hash="a:2")])
    found = compare(now, before.groups)
    assert found.count(BaselineState.NEW) == 1
    assert found.count(BaselineState.UNCHANGED) == 1


def test_another_version_with_the_same_problem_is_updated() -> None:
    before = merge([vulnerability("trivy", "CVE-2020-1", version="1.0")])
    now = merge([vulnerability("snyk", "CVE-2020-1", version="1.1")])
    found = compare(now, before.groups)
    (match,) = found.matches.values()
    assert match.changes == ("version is 1.1, was 1.0",)
    assert list(found.states.values()) == [BaselineState.UPDATED]
    assert found.absent == ()
