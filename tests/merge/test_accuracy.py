"""Merging on the labelled reports, and on made workloads whose truth is known."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.merging import parse
from bench.truth import compare, signature_of
from bench.workload import make_workload
from scripts import accuracy, accuracy_sets
from scripts.label_repos import repositories
from secagg.merge import merge
from secagg.model.finding import Finding
from tests.merge.make import vulnerability


def test_labelled_reports_are_merged_as_labelled() -> None:
    total = accuracy.Accuracy()
    for name in repositories():
        total.add(accuracy.accuracy_of(name))
    assert total.findings >= 400
    assert total.unlabelled == []
    assert total.false_merges == []
    assert total.precision == accuracy.LEAST_PRECISION
    assert total.recall >= accuracy.LEAST_RECALL


def test_every_label_names_a_finding() -> None:
    for name in repositories():
        labelled = [one for problem in accuracy.labels_of(name) for one in problem]
        assert set(labelled) == {accuracy.handle(f) for f in accuracy.findings_of(name)}
        assert len(labelled) == len(set(labelled))


@pytest.mark.parametrize(
    ("change", "false_merges", "misses"),
    [
        (lambda one, other: [[one, other]], 0, 0),
        (lambda one, other: [[one], [other]], 1, 0),
    ],
)
def test_accuracy_sees_a_false_merge(
    change: Callable[[str, str], list[list[str]]], false_merges: int, misses: int
) -> None:
    one, other = vulnerability("trivy", "CVE-2021-1"), vulnerability("snyk", "CVE-2021-1")
    labels = change(accuracy.handle(one), accuracy.handle(other))
    found = accuracy.hold(merge([one, other]), labels)
    assert (len(found.false_merges), len(found.misses)) == (false_merges, misses)
    assert found.good is (not false_merges)


def test_accuracy_sees_a_miss_and_a_finding_without_a_label() -> None:
    one, other = vulnerability("trivy", "CVE-2021-1"), vulnerability("snyk", "CVE-2021-2")
    third: Finding = vulnerability("snyk", "CVE-2021-3")
    labels = [[accuracy.handle(one), accuracy.handle(other)]]
    found = accuracy.hold(merge([one, other, third]), labels)
    assert len(found.misses) == 1
    assert found.unlabelled == [accuracy.handle(third)]
    assert not found.good


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_made_workload_is_merged_into_its_problems(seed: int) -> None:
    workload = make_workload(3_000, seed)
    problems = [sorted(problem.sightings) for problem in workload.problems]
    found = compare(merge(parse(workload)), problems)
    assert found.exact, found


def test_comparison_sees_what_is_joined_split_and_unknown() -> None:
    one, other = vulnerability("trivy", "CVE-2021-1"), vulnerability("snyk", "CVE-2021-1")
    merged = merge([one, other])
    known = [signature_of(one), signature_of(other)]
    assert compare(merged, [known]).exact
    assert compare(merged, [[known[0]], [known[1]]]).joined == 1
    assert compare(merge([one, vulnerability("snyk", "CVE-2021-2")]), [known]).unknown == 1
    assert not compare(merge([one]), [known, ["another"]]).exact


def test_anybody_can_hold_their_own_labels_against_merging(tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "a.sarif").write_text(_sarif("Bandit", "B324"))
    (tmp_path / "reports" / "b.sarif").write_text(_sarif("Semgrep OSS", "x.use-of-md5"))
    both = ["bandit B324 a.py:3.1", "semgrep x.use-of-md5 a.py:3.1"]
    (tmp_path / "labels.yaml").write_text(json.dumps({"together": [both]}))
    one = accuracy.accuracy_in(tmp_path)
    assert (one.findings, one.groups, one.precision, one.recall) == (2, 1, 1.0, 1.0)
    (tmp_path / "labels.yaml").write_text(json.dumps({"alone": both}))
    other = accuracy.accuracy_in(tmp_path)
    assert (other.precision, len(other.false_merges), other.unlabelled) == (0.0, 1, [])


def _sarif(driver: str, rule: str) -> str:
    place = {"physicalLocation": {"artifactLocation": {"uri": "a.py"}, "region": {"startLine": 3}}}
    result = {"ruleId": rule, "message": {"text": "said"}, "locations": [place]}
    run = {"tool": {"driver": {"name": driver}}, "results": [result]}
    return json.dumps({"version": "2.1.0", "runs": [run]})


def test_cross_tool_cases_are_merged_as_labelled() -> None:
    found = accuracy_sets.accuracy_of_cases()
    assert found.labelled_pairs >= 140
    assert (found.false_merges, found.unlabelled) == ([], [])
    assert found.recall >= accuracy.LEAST_RECALL_OF_CASES


def test_checks_of_two_tools_are_merged_as_labelled() -> None:
    found = accuracy_sets.accuracy_by_check()
    assert found.labelled_pairs >= 140
    assert (found.false_merges, found.unlabelled) == ([], [])
    assert found.recall >= accuracy.LEAST_RECALL_BY_CHECK
