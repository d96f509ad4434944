"""Every format holds what its receiver requires, whatever text the scanners gave."""

from __future__ import annotations

import csv
import io
import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft4Validator, Draft202012Validator

from secagg.cli.report import ReportRequest, write_report
from secagg.errors import UsageError
from secagg.model.finding import Kind
from secagg.model.problem import Problem, State, ToolRunRecord, Triage
from secagg.report.columns import cell
from secagg.report.source import RecordedHistory
from secagg.report.vex import statements
from secagg.sarif.conform import schema as sarif_schema
from tests.report.contracts import CYCLONEDX, OPENVEX, gitlab
from tests.report.make import NOW, TODAY, history, problem, run, vulnerability
from tests.report.test_page_canaries import hostile
from tests.report.test_text_and_json import written

WITH_ATTACKS = RecordedHistory([*history(150).recorded_problems, *hostile()], [run(1), run(0)])
GITLAB = {
    "gitlab-sast": "sast",
    "gitlab-dependency-scanning": "dependency_scanning",
    "gitlab-secret-detection": "secret_detection",
}


def _decided(state: State | None, name: str = "CVE-2026-1", **fields: Any) -> Problem:
    triage = None if state is None else Triage(state=state, reason="Looked at it.", at=NOW)
    return vulnerability(name, triage=triage, **fields)


@pytest.mark.parametrize("output_format", GITLAB)
def test_gitlab(tmp_path: Path, output_format: str) -> None:
    text = written(tmp_path, WITH_ATTACKS, output_format=output_format, state=["all"])
    document = json.loads(text)
    Draft202012Validator(gitlab(GITLAB[output_format])).validate(document)
    assert document["vulnerabilities"]
    assert len({v["id"] for v in document["vulnerabilities"]}) == len(document["vulnerabilities"])


def test_gitlabs_three_reports_hold_every_problem_but_licenses(tmp_path: Path) -> None:
    request = ReportRequest(
        output_format="gitlab", output_file=tmp_path / "reports", now=NOW, state=["all"]
    )
    assert write_report(request, lambda: WITH_ATTACKS) == 0
    found = [json.loads(p.read_text())["vulnerabilities"] for p in (tmp_path / "reports").iterdir()]
    assert len(found) == 3
    wanted = [p for p in WITH_ATTACKS.recorded_problems if p.kind is not Kind.LICENSE]
    assert sum(map(len, found)) == len(wanted)
    with pytest.raises(UsageError):
        write_report(ReportRequest(output_format="gitlab", now=NOW), lambda: WITH_ATTACKS)


def test_gitlab_is_not_told_that_a_broken_scan_was_a_success(tmp_path: Path) -> None:
    for runs in ([run(1, "pass"), run(0, "incomplete")], []):
        text = written(tmp_path, RecordedHistory([], runs), output_format="gitlab-sast")
        document = json.loads(text)
        assert document["scan"]["status"] == "failure"
        Draft202012Validator(gitlab("sast")).validate(document)


def test_openvex(tmp_path: Path) -> None:
    document = json.loads(written(tmp_path, WITH_ATTACKS, output_format="openvex"))
    Draft202012Validator(OPENVEX).validate(document)
    with pytest.raises(UsageError, match="no vulnerability"):
        written(tmp_path, RecordedHistory([problem()], [run()]), output_format="openvex")


def test_cyclonedx(tmp_path: Path) -> None:
    document = json.loads(written(tmp_path, WITH_ATTACKS, output_format="cyclonedx-vex"))
    Draft202012Validator(CYCLONEDX).validate(document)
    known = {component["bom-ref"] for component in document["components"]}
    affected = {a["ref"] for v in document["vulnerabilities"] for a in v["affects"]}
    assert affected == known


@pytest.mark.parametrize(
    ("state", "openvex", "cyclonedx"),
    [
        (None, "under_investigation", "in_triage"),
        (State.CONFIRMED, "affected", "exploitable"),
        (State.ACCEPTED, "affected", "exploitable"),
        (State.FALSE_POSITIVE, "not_affected", "false_positive"),
    ],
)
def test_a_triage_state_has_its_word_in_vex(
    tmp_path: Path, state: State | None, openvex: str, cyclonedx: str
) -> None:
    source = RecordedHistory([_decided(state)], [run()])
    one = json.loads(written(tmp_path, source, output_format="openvex"))["statements"][0]
    assert one["status"] == openvex
    other = json.loads(written(tmp_path, source, output_format="cyclonedx-vex"))
    assert other["vulnerabilities"][0]["analysis"]["state"] == cyclonedx
    said = json.dumps(one) + json.dumps(other)
    assert ("Looked at it." in said) == (state is not None)


def test_a_false_positive_in_one_manifest_silences_no_other(tmp_path: Path) -> None:
    problems = [
        _decided(State.FALSE_POSITIVE),
        _decided(None, uri="admin/package-lock.json"),
        _decided(State.ACCEPTED, "CVE-2026-2"),
    ]
    (first, second) = statements(problems, TODAY)
    assert (first.vulnerability, str(first.state)) == ("CVE-2026-1", "open")
    assert (second.vulnerability, str(second.state)) == ("CVE-2026-2", "accepted")
    elsewhere = _decided(None, repository="acme/other")
    assert len(statements([problems[0], elsewhere], TODAY)) == 2
    assert len(statements([problems[0], elsewhere], TODAY, by_product=False)) == 1


def test_a_package_is_a_product_where_all_that_was_scanned_agree(tmp_path: Path) -> None:
    mine = _decided(State.FALSE_POSITIVE)
    theirs = _decided(None, repository="acme/other")
    (purl,) = {statement.purl for statement in statements([mine], TODAY)}
    for problems, alone in (([mine], True), ([mine, theirs], False)):
        text = written(tmp_path, RecordedHistory(problems, [run()]), output_format="openvex")
        products = [s["products"] for s in json.loads(text)["statements"]]
        assert all(([*names[1:]] == [{"@id": purl}]) is alone for names in products)
        assert all(names[0]["subcomponents"] == [{"@id": purl}] for names in products)


def test_fixed_problems_are_said_to_be_fixed(tmp_path: Path) -> None:
    source = RecordedHistory([_decided(None, fixed_at=NOW)], [run()])
    document = json.loads(written(tmp_path, source, output_format="openvex"))
    assert document["statements"][0]["status"] == "fixed"


def test_sarif(tmp_path: Path) -> None:
    document = json.loads(written(tmp_path, WITH_ATTACKS, output_format="sarif", state=["all"]))
    assert [e.message for e in Draft4Validator(sarif_schema()).iter_errors(document)] == []
    results = document["runs"][0]["results"]
    kept = [p for p in WITH_ATTACKS.recorded_problems if p.fixed_at is None]
    assert len(results) == len(kept)
    assert {r["partialFingerprints"]["secagg/v1"] for r in results} == {p.identity for p in kept}
    suppressed = [r for r in results if r.get("suppressions")]
    assert len(suppressed) == sum(str(p.state) != "open" or bool(p.exception) for p in kept) - sum(
        str(p.state) == "confirmed" and True for p in kept
    )


def test_sarif_of_a_broken_scan_is_no_success(tmp_path: Path) -> None:
    source = RecordedHistory([], [run(0, "incomplete")])
    document = json.loads(written(tmp_path, source, output_format="sarif"))
    assert document["runs"][0]["invocations"][0]["executionSuccessful"] is False


def test_junit(tmp_path: Path) -> None:
    text = written(tmp_path, WITH_ATTACKS, output_format="junit", state=["all"])
    root = ET.fromstring(text)
    cases = root.findall("testsuite/testcase")
    assert int(root.get("tests", "")) == len(cases)
    assert len(cases) == len(WITH_ATTACKS.recorded_problems) + 2
    for suite in root:
        assert int(suite.get("failures", "")) == len(suite.findall("testcase/failure"))
    open_ones = [
        p
        for p in WITH_ATTACKS.recorded_problems
        if str(p.state) in ("open", "confirmed") and not (str(p.state) == "open" and p.exception)
    ]
    assert int(root.get("failures", "")) == len(open_ones)


def test_junit_is_not_green_where_a_tool_did_not_complete(tmp_path: Path) -> None:
    failed = ToolRunRecord(tool="snyk", component=".", status="failed", reason="no \x00 token")
    for runs in ([run(0, "incomplete", tools=(failed,))], []):
        root = ET.fromstring(written(tmp_path, RecordedHistory([], runs), output_format="junit"))
        assert int(root.get("errors", "0")) >= 1


@given(st.text())
def test_no_cell_is_a_formula(text: str) -> None:
    made = cell(text)
    assert not made.lstrip().startswith(("=", "+", "-", "@", "\t", "\r"))
    assert "\n" not in made and "\r" not in made


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r@", " =", "\uff1d"])
def test_a_formula_gets_an_apostrophe(start: str) -> None:
    assert cell(f"{start}cmd|'/C calc'!A0").startswith("'")


def test_csv(tmp_path: Path) -> None:
    file = tmp_path / "out"
    request = ReportRequest(output_format="csv", output_file=file, now=NOW, state=["all"])
    write_report(request, lambda: WITH_ATTACKS)
    data = file.read_bytes()
    assert data.count(b"\r\n") == data.count(b"\n") == len(WITH_ATTACKS.recorded_problems) + 1
    rows = list(csv.DictReader(io.StringIO(data.decode("utf-8"), newline="")))
    assert {row["identity"] for row in rows} == {p.identity for p in WITH_ATTACKS.recorded_problems}
    assert all(None not in row and None not in row.values() for row in rows)


def test_markdown_is_literal_and_short_enough(tmp_path: Path) -> None:
    many = RecordedHistory([*hostile(), *history(2000).recorded_problems], [run()])
    text = written(tmp_path, many, output_format="markdown", state=["all"], limit=0)
    assert len(text) < 65_536
    assert "more." in text.splitlines()[-1]
    assert "<script" not in text and "<img" not in text
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    shown = int(text.splitlines()[-1].split()[1].replace(",", ""))
    assert len(rows) - 2 + shown == 2007
    assert "100 more" not in written(tmp_path, history(50), output_format="markdown")


@pytest.mark.parametrize("group_by", ["component", "severity"])
def test_markdown_in_groups(tmp_path: Path, group_by: str) -> None:
    text = written(tmp_path, history(60), output_format="markdown", group_by=group_by)
    assert text.count("\n#### ") == len(
        {getattr(p, group_by) for p in history(60).recorded_problems if str(p.state) == "open"}
    )
