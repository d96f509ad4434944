"""``secagg export parquet``: what pyarrow reads is what the report and the store say."""

from __future__ import annotations

import datetime
import json
import sys
from collections.abc import Iterator
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pyarrow import dataset, parquet

from secagg.cli.report import ReportRequest, write_report
from secagg.errors import StoreError, UsageError
from secagg.history import Store, open_store
from secagg.model.finding import Kind, Severity
from secagg.model.problem import (
    UNREPORTED,
    Problem,
    ProblemPlace,
    Source,
    State,
    ToolRunRecord,
    Triage,
)
from secagg.pipeline import export as exporting
from secagg.pipeline.export import ExportScope, export_parquet
from secagg.pipeline.storesource import HistoryScope, open_source
from secagg.report import parquet as writing
from secagg.report.jsonformat import plain
from secagg.report.parquetcolumns import PROBLEMS, TABLES
from secagg.secrets.lastfilter import filtering
from tests.cli.running import secagg
from tests.history.make import day, ident, problem, see

NOW = datetime.datetime.now(datetime.UTC)
# Left out of the export: the code around a problem.
CODE = {"steps", "snippet"}
GAPS = (ToolRunRecord(tool="trivy", component=".", status="failed", gaps=("no database",)),)


def rich(name: str, **also: Any) -> Problem:
    """A problem with something in every sort of field."""
    given: dict[str, Any] = {
        "score": 9.8,
        "uri": "web/package-lock.json",
        "line": 3,
        "places": (ProblemPlace(uri="a.txt", line=1), ProblemPlace(uri=None, line=None)),
        "component": "web",
        "owners": ("@acme/web",),
        "fixed_versions": ("1.2.3", "2.0.0"),
        "dependency_paths": (("shop", "lodash"), ("shop", "a", "lodash")),
        "direct": False,
        "epss": 0.25,
        "kev": True,
        "sources": (Source(tool="trivy", rule_id="X", severity=Severity.HIGH, line=3),),
        "action": "fail",
        "exception": "secagg-exceptions.yaml:3",
        "exception_state": State.ACCEPTED,
        "exception_expires": datetime.date(2099, 1, 1),
        "due": datetime.date(2026, 4, 1),
    }
    return problem(name, f"{name} before", **(given | also))


@pytest.fixture
def where(tmp_path: Path) -> str:
    return str(tmp_path / "store.db")


@pytest.fixture
def store(where: str) -> Iterator[Store]:
    """Two repositories, three branches, five scans on three days, and decisions."""
    with open_store(where) as store:
        see(store, 0, rich("one"), "two")
        see(store, 0.25, rich("one"), branch="feature")
        see(store, 1, rich("one", severity=Severity.CRITICAL), "three", tools=GAPS)
        see(store, 1, "two", repository="acme/billing", key="billing-1")
        see(store, 2, "three", problem("secret", kind=Kind.SECRET, verified=True, secret="h"))
        decided = Triage(
            state=State.ACCEPTED, reason="not reachable", by="Ada", owner="@acme/core", at=day(1.5)
        )
        store.triage("acme/shop", [ident("three")], replace(decided, expires=NOW.date()))
        store.triage("acme/billing", [ident("two")], replace(decided, state=State.CONFIRMED))
        yield store


def export(directory: Path, where: str, **scope: Any) -> dict[str, tuple[int, int]]:
    """Export; return days and rows by table."""
    written = export_parquet(directory, ExportScope(store=where, **scope), now=NOW)
    return {table.table: (table.days, table.rows) for table in written}


def rows(directory: Path, table: str) -> list[dict[str, Any]]:
    """What pyarrow reads, with the day of the partition."""
    read = dataset.dataset(directory / table, format="parquet", partitioning="hive")
    return [dict(row) for row in read.to_table().to_pylist()]


def by_id(rows: list[dict[str, Any]]) -> dict[Any, dict[str, Any]]:
    keyed = {(row["repository"], row["branch"], row["identity"]): row for row in rows}
    assert len(keyed) == len(rows)
    return keyed


def flat(row: dict[str, Any]) -> dict[str, Any]:
    """A problem of the report in JSON as a row: without code, the decision in columns."""
    triage = row["triage"] or {}
    flattened = {f"triage_{f.name}": triage.get(f.name) for f in fields(Triage)}
    return {k: v for k, v in row.items() if k not in CODE | {"triage"}} | flattened


def test_the_problems_are_those_of_the_report_row_by_row(
    store: Store, where: str, tmp_path: Path
) -> None:
    export(tmp_path / "lake", where)
    report = tmp_path / "report.json"
    request = ReportRequest(state=["all"], output_format="json", output_file=report, now=NOW)
    whose = HistoryScope(root=tmp_path, store=where, branch="*", all_repositories=True)
    assert write_report(request, lambda: open_source(None, whose)) == 0
    expected = by_id([flat(row) for row in json.loads(report.read_bytes())["problems"]])
    actual = by_id(rows(tmp_path / "lake", "problems"))
    assert {row.pop("day") for row in actual.values()} == {NOW.date().isoformat()}
    assert len(expected) == 6
    states = {row["state"] for row in expected.values()}
    assert states == {"open", "fixed", "accepted", "confirmed", "excepted"}
    for key, row in expected.items():
        assert {name: plain(value) for name, value in actual[key].items()} == row


def test_every_field_of_a_problem_is_a_column() -> None:
    named = {f.name for f in fields(Problem)} - UNREPORTED - CODE - {"triage"}
    assert named <= {column.name for column in PROBLEMS.columns}
    for table in TABLES:
        names = [column.name for column in table.columns]
        assert len(names) == len(set(names))


def test_scans_and_what_they_saw_are_those_of_the_store(
    store: Store, where: str, tmp_path: Path
) -> None:
    assert export(tmp_path, where)["sightings"] == (3, 8)
    sightings = rows(tmp_path, "sightings")
    runs = {row["run_key"]: row for row in rows(tmp_path, "runs")}
    assert len(runs) == 5
    for recorded in store.runs():
        row = runs[recorded.key]
        assert row["day"] == recorded.started_at.date().isoformat()
        assert (row["repository"], row["branch"]) == (recorded.repository, recorded.branch)
        assert (row["verdict"], row["commit"]) == (recorded.verdict, recorded.commit)
        assert [tool["gaps"] for tool in row["tools"]] == [[*t.gaps] for t in recorded.tools]
        assert row["covered"] == [{"tool": "trivy", "component": "."}]
        run, problems = store.run(recorded.key)
        seen = {row["identity"]: row for row in sightings if row["run_key"] == run.key}
        assert set(seen) == {problem.identity for problem in problems}
        for one in problems:
            assert seen[one.identity]["severity"] == one.severity
            assert seen[one.identity]["started_at"] == run.started_at
            assert seen[one.identity]["owners"] == [*one.owners]


def test_decisions_and_the_log_of_them(store: Store, where: str, tmp_path: Path) -> None:
    export(tmp_path, where)
    decisions = {row["repository"]: row for row in rows(tmp_path, "decisions")}
    assert set(decisions) == {"acme/shop", "acme/billing"}
    assert decisions["acme/shop"]["triage_state"] == "accepted"
    assert decisions["acme/shop"]["triage_expires"] == NOW.date()
    assert decisions["acme/shop"]["triage_at"] == day(1.5)
    log = rows(tmp_path, "audit")
    assert [row["who"] for row in log] == ["Ada", "Ada"]
    assert json.loads(log[0]["after"])["reason"] == "not reachable"
    # The next entry is of the same day: its file is written again, with all.
    store.undo("acme/shop", [ident("three")], who="Bob")
    assert export(tmp_path, where)["audit"] == (1, 3)
    assert [row["who"] for row in rows(tmp_path, "audit")] == ["Ada", "Ada", "Bob"]
    assert [row["repository"] for row in rows(tmp_path, "decisions")] == ["acme/billing"]


def test_run_again_it_writes_the_same(store: Store, where: str, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    export(lake, where)
    before = {path: path.read_bytes() for path in lake.rglob("*") if path.is_file()}
    again = export(lake, where)
    assert again == {
        "runs": (0, 0),
        "sightings": (0, 0),
        "problems": (1, 6),
        "decisions": (1, 2),
        "audit": (0, 0),
    }
    assert {path: path.read_bytes() for path in lake.rglob("*") if path.is_file()} == before
    assert {path.name for path in before} == {"part-0.parquet"}


def test_a_late_scan_comes_into_its_own_day(store: Store, where: str, tmp_path: Path) -> None:
    export(tmp_path, where)
    see(store, 0.5, "two", "four", key="late")
    assert export(tmp_path, where)["sightings"] == (1, 2)
    keys = [row["run_key"] for row in rows(tmp_path, "sightings") if row["day"] == "2026-03-01"]
    assert sorted(keys) == ["feature-0.25", "late", "late", "main-0", "main-0"]


def test_repositories_one_by_one_are_all(store: Store, where: str, tmp_path: Path) -> None:
    export(tmp_path / "all", where)
    for scope in ({"repository": "acme/shop"}, {"repository": "acme/billing"}, {"branch": "main"}):
        export(tmp_path / "one", where, **scope)
    for table in ("problems", "runs", "sightings", "decisions"):
        one, whole = rows(tmp_path / "one", table), rows(tmp_path / "all", table)
        assert sorted(map(repr, one)) == sorted(map(repr, whole))
    assert not (tmp_path / "one" / "audit").exists()


def test_since_leaves_out_earlier_days(store: Store, where: str, tmp_path: Path) -> None:
    written = export(tmp_path, where, since=day(1).date())
    assert written["runs"] == (2, 3)
    assert written["audit"] == (1, 2)
    assert {row["day"] for row in rows(tmp_path, "runs")} == {"2026-03-02", "2026-03-03"}


def test_a_long_history_is_read_from_its_end(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "_FIRST_RUNS", 2)
    with open_store(where) as store:
        for number in range(12):
            see(store, number / 4, "one", key=f"run-{number:02}")
        assert export(tmp_path, where, since=day(3).date())["runs"] == (1, 1)
        assert export(tmp_path, where, since=day(1).date())["runs"] == (2, 8)
        assert export(tmp_path, where)["runs"] == (1, 3)


def test_what_is_interrupted_leaves_the_files_whole(
    store: Store, where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export(tmp_path / "whole", where)
    original, calls = Store.run, iter(range(9))

    def interrupted(self: Store, key: str) -> Any:
        if next(calls) == 3:
            raise KeyboardInterrupt
        return original(self, key)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "run", interrupted)
        with pytest.raises(KeyboardInterrupt):
            export(tmp_path / "lake", where)
    assert [path.name for path in (tmp_path / "lake").rglob("*") if path.is_file()] != []
    for path in (tmp_path / "lake").rglob("*"):
        assert path.is_dir() or parquet.read_metadata(path).num_rows
    export(tmp_path / "lake", where)
    for table in TABLES:
        now, whole = rows(tmp_path / "lake", table.name), rows(tmp_path / "whole", table.name)
        assert now == whole


def test_batches_are_small(
    store: Store, where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export(tmp_path / "whole", where)
    monkeypatch.setattr(writing, "_BATCH", 1)
    export(tmp_path / "lake", where)
    export(tmp_path / "lake", where, branch="main")
    assert by_id(rows(tmp_path / "lake", "problems")) == by_id(rows(tmp_path / "whole", "problems"))
    path = next((tmp_path / "lake" / "problems").rglob("*.parquet"))
    assert parquet.read_metadata(path).num_row_groups == 6


def test_a_file_of_an_older_version_gets_the_new_columns(
    store: Store, where: str, tmp_path: Path
) -> None:
    export(tmp_path, where)
    path = next((tmp_path / "problems").rglob("*.parquet"))
    table = parquet.read_table(path, partitioning=None)
    parquet.write_table(table.drop_columns(["owner", "sources"]), path)
    export(tmp_path, where, repository="acme/billing")
    of_both = rows(tmp_path, "problems")
    assert {row["repository"] for row in of_both} == {"acme/shop", "acme/billing"}
    kept = [row for row in of_both if row["repository"] == "acme/shop"]
    assert [row["owner"] for row in kept] == [None] * 5
    assert parquet.read_schema(path).names == [column.name for column in PROBLEMS.columns]


def test_no_known_secret_is_in_a_file(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = "a-token-that-nobody-knows-77"
    with open_store(where) as store:
        see(store, 0, problem("one", title=f"curl -H {token}"), branch=f"fix-{token}")
    monkeypatch.setenv("SNYK_TOKEN", token)
    with filtering():
        export(tmp_path / "lake", where)
    titles = [row["title"] for row in rows(tmp_path / "lake", "problems")]
    assert len(titles) == 1
    for table in ("problems", "runs", "sightings"):
        assert token not in repr(rows(tmp_path / "lake", table))


def test_a_name_that_is_no_utf8(where: str, tmp_path: Path) -> None:
    with open_store(where) as store:
        see(store, 0, problem("one", uri="caf\udce9.txt"))
    export(tmp_path, where)
    assert [row["uri"] for row in rows(tmp_path, "problems")] == ["caf?.txt"]


def test_nothing_to_export_is_an_error(store: Store, where: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no scan of what is to be exported") as caught:
        export(tmp_path / "lake", where, repository="acme/none")
    assert caught.value.hint == "the store has acme/billing, acme/shop"
    with pytest.raises(StoreError):
        export(tmp_path / "lake", str(tmp_path / "none.db"))
    assert not (tmp_path / "lake").exists()


def test_a_strange_file_in_its_place_is_named(store: Store, where: str, tmp_path: Path) -> None:
    export(tmp_path, where)
    path = next((tmp_path / "runs").rglob("*.parquet"))
    path.write_bytes(b"not Parquet")
    with pytest.raises(UsageError, match="is no file of this export"):
        export(tmp_path, where)


def test_where_nothing_can_be_written_it_is_said(store: Store, where: str, tmp_path: Path) -> None:
    (tmp_path / "lake").write_text("a file")
    with pytest.raises(UsageError, match="cannot write"):
        export(tmp_path / "lake", where)


def test_without_the_extra_it_is_said_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(UsageError, match="needs pyarrow") as caught:
        export_parquet(tmp_path, ExportScope())
    assert caught.value.hint == "pip install 'secagg[parquet]'"


def test_the_document_has_every_column() -> None:
    text = (Path(__file__).parents[2] / "docs" / "parquet.md").read_text()
    for table in TABLES:
        section = text.partition(f"\n### {table.name}\n")[2].partition("\n### ")[0]
        documented = [line.split("|")[1:4] for line in section.splitlines() if line[:3] == "| `"]
        assert [[cell.strip() for cell in row] for row in documented] == [
            [f"`{column.name}`", column.kind, column.about] for column in table.columns
        ]


def test_the_command_says_what_it_wrote(store: Store, where: str, tmp_path: Path) -> None:
    whole = ("export", "parquet", tmp_path / "lake", "--store", where)
    run = partial(secagg, bin_dir=tmp_path / "bin", home=tmp_path, cwd=tmp_path)
    ran = run(*whole, "--repo", "acme/shop", "--since", day(2).date().isoformat())
    assert (ran.code, ran.stderr) == (0, "")
    assert ran.stdout.splitlines() == [
        "runs: 1 row in 1 day",
        "sightings: 2 rows in 1 day",
        "problems: 5 rows in 1 day",
        "decisions: 1 row in 1 day",
    ]
    assert len(rows(tmp_path / "lake", "problems")) == 5
    ran = run(*whole, "--since", "yesterday")
    assert ran.code == 2
    assert "--since: " in ran.stderr
