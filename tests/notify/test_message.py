"""Messages: the report's rows by owner, the length of services, and scans that were incomplete."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import Any

import pytest

from secagg.model.finding import Severity
from secagg.model.problem import Problem, RunRecord, ToolRunRecord
from secagg.notify.digest import Digest, compose_digest
from secagg.notify.message import write_message
from secagg.notify.texts import TextFormat
from secagg.report.filters import Filters
from secagg.report.formats import Format, compose, written
from secagg.report.query import GroupBy, Query
from secagg.report.source import RecordedHistory
from secagg.secrets.redactor import Redactor
from tests.report.make import NOW, history, problem, run, vulnerability

LENGTHS = [0, 40, 160, 1_000, 2_000, 4_000, 35_000]
FORMS = list(TextFormat)


def digest(problems: list[Problem], runs: list[RunRecord] | None = None, **settings: Any) -> Digest:
    recorded = RecordedHistory(problems, [run()] if runs is None else runs)
    query = Query(filters=Filters(), limit=settings.get("limit", 50))
    report = compose(recorded, query, NOW, group_by=GroupBy.OWNER)
    new = settings.get("new", False)
    return compose_digest(report, Redactor(b"k" * 16), command="secagg report", new=new)


def text(made: Digest, most: int = 100_000, form: TextFormat = TextFormat.TEXT) -> str:
    return write_message(made, form, most_characters=most).body


def test_rows_are_those_of_the_report_by_owner() -> None:
    recorded = history(200)
    query = Query(filters=Filters(at_least=Severity.HIGH), limit=50)
    report = compose(recorded, query, NOW, group_by=GroupBy.OWNER)
    made = compose_digest(report, Redactor(b"k" * 16), command="secagg report", new=False)
    ids = {row.text.rpartition("[")[2].rstrip("]") for s in made.sections for row in s.rows}
    concise = dataclasses.replace(report, group_by=None, summary=False)
    reported = b"".join(written(concise, Format.JSONL)).decode()
    assert {one["identity"][:10] for one in map(json.loads, reported.splitlines())} == ids
    assert made.total == len(report.answer.matching)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("most", LENGTHS)
def test_no_message_is_longer_than_the_service_takes(most: int, form: TextFormat) -> None:
    made = digest(list(history(300).problems()))
    assert len(text(made, most, form)) <= most


@pytest.mark.parametrize("most", [1_000, 2_000, 4_000])
def test_every_problem_is_in_a_row_or_in_a_count(most: int) -> None:
    made = digest(list(history(300).problems()), limit=500)
    body = text(made, most)
    blocks = body.split("\n\n")
    assert sum(block.count("\n- ") for block in blocks) >= 1
    for section in made.sections:
        (block,) = (b for b in blocks if section.heading.replace("@", "@\u200b") + ": " in b)
        heading, *lines = block.splitlines()
        assert heading.endswith(f": {section.total} problems")
        more = [int(n) for n in re.findall(r"^and (\d+) more$", block, re.MULTILINE)]
        rows = [line for line in lines if line.startswith("- ")]
        assert len(rows) + sum(more) == (section.total if rows else 0)


def test_fixes_that_close_the_most_come_last_where_they_fit() -> None:
    made = digest(list(history(300).problems()))
    assert text(made, 4_000).count("closes") == 0
    body = text(made)
    assert body.index("fixes that close the most") > body.rindex("\n- ")
    assert body.count(": closes ") == 3


def test_one_owner_does_not_push_out_another() -> None:
    many = [
        problem(f"a{i}", severity=Severity.CRITICAL, owners=("@acme/a",), title="x" * 100)
        for i in range(40)
    ]
    body = text(digest([*many, problem("b", owners=("@acme/b",))]), 2_000)
    assert "py/b" in body and "py/a0" in body


def test_a_row_longer_than_the_message_hides_no_other() -> None:
    long = problem("long", severity=Severity.CRITICAL, uri="x/" * 900)
    body = text(digest([long, problem("short")]), 1_000)
    assert "py/short" in body and "py/long" not in body
    assert "and 1 more" in body


def test_the_incomplete_scan_is_said_first_and_in_every_length() -> None:
    failed = ToolRunRecord(tool="trivy", component=".", status="failed", reason="no database")
    gap = ToolRunRecord(tool="snyk", component="web", status="complete", gaps=("no lock file",))
    made = digest([], [run(verdict="incomplete", tools=(failed, gap))], new=True)
    assert made.incomplete
    assert made.title == "secagg: acme/shop main: INCOMPLETE scan, no new problem is known so far"
    body = text(made)
    assert body.startswith("INCOMPLETE: the last scan of acme/shop main")
    assert "snyk: no lock file" in body and "trivy in . failed: no database" in body
    assert "\n0 known problems" in body
    for form in FORMS:
        assert "INCOMPLETE" in text(made, 160, form)


def test_an_incomplete_scan_of_another_branch_is_named() -> None:
    runs = [run(), run(1, "incomplete", branch="release")]
    made = digest([problem()], runs)
    assert "acme/shop release" in made.warnings[0]
    assert made.title.startswith("secagg: 1 repository, 2 branches: INCOMPLETE")


def test_advisories_link_to_their_database_only() -> None:
    found = vulnerability(title="see https://evil.example", message="")
    body = text(digest([found]), form=TextFormat.MARKDOWN)
    assert re.findall(r"https?://[^\s)]+", body) == [
        "https://nvd.nist.gov/vuln/detail/CVE-2026-0001"
    ]


def test_a_service_without_titles_gets_it_in_the_body() -> None:
    made = digest([problem()])
    message = write_message(made, TextFormat.MARKDOWN, most_characters=4_000, titled=False)
    assert message.title == ""
    assert message.body.startswith("**secagg: acme/shop main: 1 problem")


def test_shapes_of_secrets_are_masked_even_where_the_store_has_them() -> None:
    value = "ghp_" + "aB3dE5gH7jK9" * 3
    found = problem("s", title=f"hard-coded {value}", message="", uri=f"web/{value}.py")
    made = digest([found])
    for form in FORMS:
        assert value not in text(made, form=form)
