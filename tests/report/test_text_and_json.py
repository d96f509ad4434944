"""The table at every width, and the JSON that its schema describes."""

from __future__ import annotations

import json
import operator
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from secagg.cli.report import ReportRequest, write_report
from secagg.errors import ReportError, UsageError
from secagg.model.problem import Problem
from secagg.report.document import load_report
from secagg.report.source import RecordedHistory
from tests.report.make import NOW, history, problem, run, vulnerability
from tests.report.strategies import problems

SCHEMAS = Path(__file__).parents[2] / "secagg" / "schemas"
CANARY = "\x1b]0;owned\x07\x1b[2J\u202e evil \r\n=cmd|<script>alert(1)</script>"


def written(tmp_path: Path, source: RecordedHistory, code: int = 0, **options: Any) -> str:
    """What ``secagg report`` writes into a file."""
    file = tmp_path / "out"
    request = ReportRequest(output_file=file, now=NOW, **options)
    assert write_report(request, lambda: source) == code
    return file.read_text("utf-8")


@pytest.mark.parametrize("width", [60, 80, 120, 200])
@pytest.mark.parametrize("group_by", [None, "component"])
def test_no_line_is_wider_than_the_terminal(
    width: int, group_by: str | None, capfdbinary: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    request = ReportRequest(now=NOW, limit=40, group_by=group_by, output_format="table")
    write_report(request, lambda: history(60))
    lines = capfdbinary.readouterr().out.decode().splitlines()
    table = lines[next(i for i, line in enumerate(lines) if line.startswith("SEVERITY")) :]
    assert max(map(len, table)) <= width
    assert max(map(len, table)) > width - 16 or width == 200


def test_a_pipe_gets_one_line_a_problem(capfdbinary: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    source = RecordedHistory([problem(str(n), message="a\nb") for n in range(150)], [run()])
    identities = {p.identity[:10] for p in source.problems()}
    write_report(ReportRequest(now=NOW, summary=False), lambda: source)
    lines = capfdbinary.readouterr().out.decode().splitlines()
    assert len(lines) == 150
    assert {line.split()[-1] for line in lines} == {f"[{identity}]" for identity in identities}
    write_report(ReportRequest(now=NOW, summary=False, output_format="table"), lambda: source)
    lines = capfdbinary.readouterr().out.decode().splitlines()
    assert len(lines) == 151
    assert {line.split()[1] for line in lines[1:]} == identities


def test_rows_that_are_left_out_are_counted(
    capfdbinary: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    source = RecordedHistory([problem(str(n)) for n in range(150)], [run()])
    write_report(ReportRequest(now=NOW), lambda: source)
    text = capfdbinary.readouterr().out.decode()
    assert "100 of 150 shown; --limit 0 shows all" in text
    assert "150 problems: 150 high" in text


def test_the_summary_says_what_the_last_run_changed(tmp_path: Path) -> None:
    source = RecordedHistory(
        [
            problem("new", first_seen=NOW),
            problem("old"),
            problem("back", reopened_at=NOW),
            problem("gone", fixed_at=NOW),
            problem("long gone", fixed_at=run(5).started_at),
            vulnerability("CVE-1", fixed_versions=("4.17.21",)),
        ],
        [run(1), run(0)],
    )
    text = written(tmp_path, source)
    assert "4 problems: 4 high (+2/-1)" in text
    assert "1 new, 1 fixed, 1 reopened" in text
    assert "settled: 2 fixed" in text
    assert "upgrade lodash to 4.17.21: closes 1 (web/package-lock.json" in text


def test_no_scan_is_not_a_clean_result(tmp_path: Path) -> None:
    assert "no scan is recorded yet" in written(tmp_path, RecordedHistory())
    written(tmp_path, RecordedHistory(), code=3, fail_on="high")
    incomplete = RecordedHistory([], [run(1, "pass"), run(0, "incomplete")])
    written(tmp_path, incomplete, code=3, fail_on="high")
    written(tmp_path, RecordedHistory([], [run(0, "pass"), run(1, "incomplete")]), fail_on="high")


def test_the_gate_counts_what_is_open_and_as_bad(tmp_path: Path) -> None:
    bad = RecordedHistory([problem("a")], [run()])
    written(tmp_path, bad, code=1, fail_on="high")
    written(tmp_path, bad, fail_on="critical")
    excepted = RecordedHistory([problem("a", exception="file:1")], [run()])
    written(tmp_path, excepted, fail_on="low", state=["all"])
    unknown = RecordedHistory([problem("a", severity_known=False)], [run()])
    written(tmp_path, unknown, code=1, fail_on="critical", limit=1)


def test_nothing_reaches_the_terminal_that_it_would_obey(tmp_path: Path) -> None:
    hostile = problem(title=CANARY, uri=CANARY, rule_id=CANARY, component=CANARY, owners=(CANARY,))
    for options in ({}, {"group_by": "component"}, {"columns": ["title", "owner"]}):
        text = written(tmp_path, RecordedHistory([hostile], [run()]), **options)
        assert not {c for c in text if not c.isprintable()} - {"\n"}


@pytest.mark.parametrize(
    "options",
    [
        {"severity": ["worst"]},
        {"at_least": "worst"},
        {"state": ["gone"]},
        {"sort": ["beauty"]},
        {"columns": ["beauty"]},
        {"group_by": "beauty"},
        {"new_since": "yesterday"},
        {"older_than": "long"},
        {"fail_on": "all"},
    ],
)
def test_words_that_mean_nothing_are_refused(tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        written(tmp_path, RecordedHistory([], [run()]), **options)
    assert not (tmp_path / "out").exists()


def test_json_is_what_its_schema_says(tmp_path: Path) -> None:
    schema = json.loads((SCHEMAS / "report.schema.json").read_text())
    document = json.loads(written(tmp_path, history(200), output_format="json", state=["all"]))
    Draft202012Validator(schema).validate(document)
    assert len(document["problems"]) == 200
    assert document["summary"]["total"] == 200
    lines = written(tmp_path, history(200), output_format="jsonl", state=["all"]).splitlines()
    assert [json.loads(line) for line in lines] == document["problems"]


@given(st.lists(problems, max_size=4, unique_by=lambda p: p.identity))
def test_json_brings_every_problem_back(recorded_problems: list[Problem]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "report.json"
        request = ReportRequest(output_file=file, now=NOW, output_format="json", state=["all"])
        write_report(request, lambda: RecordedHistory(recorded_problems, [run()]))
        back = load_report(file)
    key = operator.attrgetter("identity", "title", "severity")
    assert sorted(back.problems(), key=key) == sorted(recorded_problems, key=key)
    assert back.runs() == [run()]


def test_what_is_no_report_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"problems": []}')
    for name in ("x.json", "missing.json"):
        with pytest.raises(ReportError):
            load_report(tmp_path / name)


@pytest.mark.parametrize("width", ["", "80", "110", "170"])
@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("output_format", [None, "table"])
def test_rows_of_several_repositories_say_of_which(
    width: str,
    several: bool,
    output_format: str | None,
    capfdbinary: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    other = problem("b", repository="acme/else", branch="release")
    source = RecordedHistory([problem("a"), *([other] if several else [])], [run()])
    write_report(ReportRequest(now=NOW, output_format=output_format), lambda: source)
    out = capfdbinary.readouterr().out.decode()
    assert ("REPOSITORY" in out) is (several and output_format == "table")
    assert ("acme/else" in out and "release" in out) is several
