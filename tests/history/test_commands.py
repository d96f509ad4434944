"""``secagg triage`` and ``secagg db`` as people call them, and the file that they make."""

from __future__ import annotations

import json
import os
import resource
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from secagg.decisions.entry import work_tree
from secagg.decisions.ownfile import decisions_in
from secagg.errors import StoreError
from secagg.history import engine, open_store, shown, url_of
from secagg.model.problem import State
from secagg.pipeline import storesource
from secagg.pipeline.storesource import HistoryScope
from tests.cli.running import Ran, secagg
from tests.history.make import ident, problem, see

DB = ".secagg/secagg.db"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A directory without git, called as the repository, with two problems in its store."""
    home = tmp_path / "shop"
    home.mkdir()
    with open_store(home / DB) as store:
        found = [problem("a", uri="web/app.py", component="web"), problem("b", uri="b.py")]
        see(store, 1, *found, repository="shop", branch="HEAD")
    return home


def call(home: Path, *arguments: str) -> Ran:
    path = {"PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    return secagg(*arguments, bin_dir=home, home=home, extra=path)


def state_of(home: Path, name: str) -> State:
    with open_store(home / DB) as store:
        filed = decisions_in(work_tree(home))
        return next(
            p.state
            for p in store.problems("shop", file_decisions=filed)
            if p.identity == ident(name)
        )


def test_decide_by_filter_and_take_it_back(shop: Path) -> None:
    given = ("--state", "accepted", "--reason", "no route to it", "--expires", "2999-12-31")
    dry = call(shop, "triage", "--path", "web/*", *given, "--dry-run")
    assert (dry.code, state_of(shop, "a")) == (0, State.OPEN)
    assert "1 problem would be accepted" in dry.stdout
    done = call(shop, "triage", "--path", "web/*", *given, "--by", "kim")
    assert (done.code, state_of(shop, "a"), state_of(shop, "b")) == (0, State.ACCEPTED, State.OPEN)
    undone = call(shop, "triage", ident("a")[:10], "--undo")
    assert (undone.code, state_of(shop, "a")) == (0, State.OPEN)


@pytest.mark.parametrize(
    "filters",
    [
        ("--path", "web/"),
        ("--path", "*.py"),
        ("--path", "/b.py", "--path", "app.py"),
        ("--component", "web"),
        ("--component", "web/a"),
        ("--severity", "high"),
        ("--severity", "unknown"),
        ("--kind", "vulnerability", "--tool", "trivy"),
        ("--package", "pkg:npm/*"),
    ],
)
def test_triage_takes_what_the_report_shows(shop: Path, filters: tuple[str, ...]) -> None:
    shown = call(shop, "report", *filters, "--format", "json", "--repo", "shop", "--branch", "HEAD")
    listed = {problem["identity"][:10] for problem in json.loads(shown.stdout)["problems"]}
    given = ("--state", "confirmed", "--reason", "x", "--dry-run")
    dry = call(shop, "triage", *filters, *given)
    assert dry.code == 0, dry
    lines = dry.stdout.splitlines()[:-1]
    assert {line.split()[0] for line in lines} == listed


def test_what_is_decided_already_is_taken_by_its_state_only(shop: Path) -> None:
    given = ("--reason", "x")
    assert call(shop, "triage", ident("a"), "--state", "accepted", *given).code == 0
    again = call(shop, "triage", "--path", "*.py", "--state", "confirmed", *given)
    assert "1 problem now confirmed" in again.stdout
    assert (state_of(shop, "a"), state_of(shop, "b")) == (State.ACCEPTED, State.CONFIRMED)
    opened = call(shop, "triage", "--in-state", "accepted", "--state", "open", *given)
    assert (opened.code, state_of(shop, "a")) == (0, State.OPEN)
    assert call(shop, "triage", "--path", "web/", "--undo").code == 0
    assert state_of(shop, "a") is State.ACCEPTED


def test_a_decision_in_git_is_taken_back_by_any_id(shop: Path) -> None:
    with open_store(shop / DB) as store:
        see(store, 2, problem("a", "z"), repository="shop", branch="HEAD")
    given = ("--file", "--state", "accepted", "--reason", "x")
    assert call(shop, "triage", ident("z")[:8], *given).code == 0
    assert state_of(shop, "a") is State.ACCEPTED
    assert call(shop, "triage", ident("z")[:8], "--file", "--undo").code == 0
    assert state_of(shop, "a") is State.OPEN


@pytest.mark.parametrize("more", [(), ("--file",)])
def test_a_reason_holds_no_secret(shop: Path, more: tuple[str, ...]) -> None:
    token = "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a"
    given = ("--state", "false-positive", "--reason", f"{token} is revoked", *more)
    assert call(shop, "triage", ident("a"), *given).code == 0
    assert state_of(shop, "a") is State.FALSE_POSITIVE
    files = [*(shop / ".secagg").iterdir(), shop / "secagg-exceptions.yaml"]
    written = [path.read_bytes() for path in files if path.is_file()]
    assert any(b"is revoked" in data for data in written)
    assert not any(token.encode() in data for data in written)


def test_decisions_in_git_are_one_entry_each_and_keep_what_people_wrote(shop: Path) -> None:
    given = ("--file", "--state", "false-positive", "--reason", "a test")
    assert call(shop, "triage", ident("a"), *given).code == 0
    file = shop / "secagg-exceptions.yaml"
    file.write_text(file.read_text() + "# a remark\n")
    assert call(shop, "triage", "--component", ".", *given).code == 0
    assert call(shop, "triage", ident("b"), *given).code == 0
    text = file.read_text()
    assert (text.count("- id:"), "# a remark" in text, "problem a (web" in text) == (
        2,
        True,
        True,
    )
    assert state_of(shop, "a") is State.FALSE_POSITIVE
    assert call(shop, "triage", ident("a"), "--file", "--undo").code == 0
    assert (state_of(shop, "a"), state_of(shop, "b")) == (State.OPEN, State.FALSE_POSITIVE)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["abcdef", "--state", "open"], 2, "needs --state and --reason"),
        (["--state", "open", "--reason", "x"], 2, "by id or by filter"),
        (["--severity", "awful", "--state", "open", "--reason", "x"], 2, "no severity 'awful'"),
        (["ffffff", "--state", "open", "--reason", "x"], 2, "no problem of the store"),
        (["--rule", "no-such", "--undo"], 4, "no decision to take back"),
        (["ffff", "--state", "open", "--reason", "x", "--expires", "2020-01-01"], 2, "is over"),
    ],
)
def test_mistakes_are_explained(shop: Path, arguments: list[str], code: int, said: str) -> None:
    ran = call(shop, "triage", *arguments)
    assert (ran.code, said in ran.stderr, ran.stdout) == (code, True, "")


def test_the_store_is_private_and_out_of_git_but_for_what_is_decided(shop: Path) -> None:
    assert stat.S_IMODE((shop / DB).stat().st_mode) == 0o600
    assert call(shop, "triage", ident("a"), "--file", "--state", "open", "--reason", "x").code == 0
    subprocess.run(["git", "init", "-q"], cwd=shop, check=True)
    listed = subprocess.run(
        ["git", "status", "--porcelain", "-uall"],
        cwd=shop,
        check=True,
        capture_output=True,
        text=True,
    )
    untracked = {line.split()[1] for line in listed.stdout.splitlines()}
    assert {f for f in untracked if "secagg" in f} == {
        ".secagg/.gitignore",
        "secagg-exceptions.yaml",
    }


def test_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("")
    (tmp_path / "link.db").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="not a plain file"):
        open_store(tmp_path / "link.db")
    (tmp_path / ".secagg").symlink_to(tmp_path)
    with pytest.raises(StoreError, match="is a link"):
        open_store(tmp_path / ".secagg/new.db")
    assert (tmp_path / "elsewhere").read_text() == ""


def test_a_file_that_is_no_store_is_refused_without_harm(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not a database, and long enough to have a header" * 40)
    before = (tmp_path / "text").read_bytes()
    with pytest.raises(StoreError, match="no SQLite file"):
        open_store(tmp_path / "text")
    assert (tmp_path / "text").read_bytes() == before


def test_a_password_is_never_shown() -> None:
    url = url_of("postgresql://kim:hunter2@db.example/secagg?password=hunter3")
    assert shown(url) == "postgresql+psycopg://kim:***@db.example/secagg"
    for bad in ("mysql://kim:hunter2@db/secagg", "postgresql://kim:hunter2@db:port/x"):
        with pytest.raises(StoreError) as refused:
            url_of(bad)
        assert "hunter2" not in f"{refused.value} {refused.value.hint}"


def test_the_upkeep_of_a_store(shop: Path) -> None:
    shown_now = call(shop, "db", "current")
    assert f"revision: {engine.HEAD}" in shown_now.stdout and "  finding: 2" in shown_now.stdout
    assert call(shop, "db", "backup", "kept.backup").code == 0
    plan = call(shop, "db", "downgrade", "0001", "--dry-run")
    assert (plan.code, "DROP COLUMN severity" in plan.stdout) == (0, True)
    down = call(shop, "db", "downgrade", "0001")
    assert (down.code, f"previous revision: {engine.HEAD}" in down.stdout) == (0, True)
    assert "previous revision: 0001" in call(shop, "db", "upgrade").stdout
    assert "already" in call(shop, "db", "upgrade").stdout
    assert call(shop, "db", "restore", "kept.backup").code == 0
    assert call(shop, "db", "validate").stdout == "the store is sound\n"
    assert call(shop, "db", "upgrade", "7777").code == 2
    data = (shop / DB).read_bytes()
    (shop / DB).write_bytes(data[:8192] + b"\xff" * 8192 + data[16384:])
    hurt = call(shop, "db", "validate")
    assert hurt.code == 4
    assert call(shop, "db", "validate", "--store", "none.db").code == 4


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("CREATE TRIGGER t AFTER INSERT ON run BEGIN DELETE FROM finding; END", "'t' is a trigger"),
        ("CREATE VIEW v AS SELECT 1", "'v' is a trigger or view"),
        ("DROP TRIGGER audit_no_update", "the guard audit_no_update is missing"),
        ("UPDATE alembic_version SET version_num = '9999'", "revision 9999"),
    ],
)
def test_what_acts_in_a_store_is_looked_at(shop: Path, statement: str, said: str) -> None:
    with closing(sqlite3.connect(shop / DB)) as store:
        store.execute(statement)
        store.commit()
    told = call(shop, "db", "validate")
    assert told.code == 4
    assert said in told.stdout


@pytest.mark.parametrize(
    ("statement", "command", "said"),
    [
        ("UPDATE content SET document = '{'", ("report",), "a finding in the store"),
        ("UPDATE content SET document = '[]'", ("report",), "a finding in the store"),
        (
            "UPDATE content SET document = json_set(document, '$.title', 5)",
            ("report", "--format", "json"),
            "a finding in the store",
        ),
        (
            "UPDATE content SET document = json_set(document, '$.severity', 'worst')",
            ("triage", "--path", "*", "--undo"),
            "a finding in the store",
        ),
        ("UPDATE run SET by_severity = '[1'", ("runs",), "1 row of run cannot be read (id 1)"),
        (
            f"UPDATE run SET by_severity = '{'[' * 100_000}'",
            ("report",),
            "1 row of run cannot be read (id 1)",
        ),
        ("UPDATE run SET started_at = 'noon'", ("report",), "1 row of run cannot be read (id 1)"),
        ("UPDATE run SET started_at = x'ff'", ("runs",), "1 row of run cannot be read (id 1)"),
        (
            "INSERT INTO decision (repository_id, identity, state, reason, at) "
            "VALUES (1, 'a', 'gone', 'x', '2026-01-01T00:00:00.000000Z')",
            ("report",),
            "1 row of decision cannot be read (id 1)",
        ),
    ],
)
def test_a_broken_row_is_told_and_named(
    shop: Path, statement: str, command: tuple[str, ...], said: str
) -> None:
    with closing(sqlite3.connect(shop / DB)) as store:
        store.execute(statement)
        store.commit()
    told = call(shop, *command)
    assert (told.code, said in told.stderr, "secagg db validate" in told.stderr) == (4, True, True)
    named = call(shop, "db", "validate")
    assert (named.code, "cannot be read (id 1" in named.stdout) == (4, True)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TRIGGER t AFTER INSERT ON sighting BEGIN DELETE FROM standing; END",
        "ALTER TABLE standing RENAME TO kept; CREATE VIEW standing AS SELECT * FROM kept WHERE 0",
        "DROP TRIGGER audit_no_delete; "
        "CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN DELETE FROM standing; END",
    ],
)
def test_a_store_that_acts_by_itself_is_not_used(shop: Path, statement: str) -> None:
    with closing(sqlite3.connect(shop / DB)) as store:
        store.executescript(statement)
    told = call(shop, "report")
    assert (
        told.code,
        "has triggers or views that secagg did not make" in told.stderr,
        told.stdout,
    ) == (4, True, "")
    with pytest.raises(StoreError, match="has triggers or views that secagg did not make"):
        open_store(shop / DB)


def test_a_column_that_is_missing_is_named(shop: Path) -> None:
    with closing(sqlite3.connect(shop / DB)) as store:
        store.execute("ALTER TABLE standing DROP COLUMN epss")
    assert call(shop, "report").code == 4
    named = call(shop, "db", "validate")
    assert (named.code, named.stdout) == (4, "wrong: the table standing has no epss\n")


def test_a_full_disk_keeps_what_was_there(shop: Path) -> None:
    before = state_of(shop, "a")
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    with open_store(shop / DB) as store:
        room = (shop / DB).stat().st_size + 8192
        # No file of this process may get longer, as where a disk or a quota is full.
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, limit[1]))
        try:
            with pytest.raises(StoreError, match="the disk is full or fails") as told:
                see(store, 2, *[problem(f"n{n}", message="x" * 999) for n in range(900)])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert told.value.hint is not None and "make room" in told.value.hint
    assert (state_of(shop, "a"), call(shop, "db", "validate").code) == (before, 0)
    with open_store(shop / DB) as store:
        assert len(store.runs()) == 1


def test_a_store_on_a_disk_that_cannot_be_written_is_read(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(sqlite3.connect(shop / DB)) as store:
        store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = sorted(path.name for path in (shop / DB).parent.iterdir())
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    made = engine.connect(url_of(shop / DB), create=False)
    with engine.transaction(made, reads=True) as connection:
        assert connection.exec_driver_sql("SELECT COUNT(*) FROM finding").scalar_one() == 2
    assert sorted(path.name for path in (shop / DB).parent.iterdir()) == before
    with (
        pytest.raises(StoreError, match="cannot be written"),
        engine.transaction(made) as connection,
    ):
        connection.exec_driver_sql("DELETE FROM audit")
    Path(f"{shop / DB}-wal").write_bytes(b"x")
    with pytest.raises(StoreError, match="changes beside it"):
        engine.connect(url_of(shop / DB), create=False)


def test_a_scan_without_a_store_loads_no_database_library() -> None:
    code = (
        "import sys, json\n"
        "import secagg.cli.screen, secagg.pipeline.record, secagg.cli.triage\n"
        "import secagg.cli.db, secagg.cli.app\n"
        "print(json.dumps(sorted({n.partition('.')[0] for n in sys.modules})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )
    assert not {"sqlalchemy", "sqlmodel", "alembic"} & set(json.loads(done.stdout))


def test_all_repositories_with_one_that_was_not_scanned_for_long(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storesource, "_MOST_RUNS", 1)
    with open_store(shop / DB) as store:
        see(store, 9, repository="else")
    found = storesource.read_store(
        HistoryScope(root=shop, store=str(shop / DB), all_repositories=True)
    )
    assert {run.repository for run in found.runs()} == {"shop", "else"}
    assert len(found.runs()) == 2
    told = call(shop, "report", "--all-repos")
    assert (told.code, "problem a" in told.stdout) == (0, True)


def test_one_branch_of_all_repositories(shop: Path) -> None:
    with open_store(shop / DB) as store:
        see(store, 2, problem("c"), repository="shop", branch="dev")
        see(store, 3, problem("d"), repository="else", branch="HEAD")
    told = call(shop, "report", "--all-repos", "--branch", "HEAD", "--format", "json")
    found = json.loads(told.stdout)
    places = {(p["repository"], p["branch"], p["title"]) for p in found["problems"]}
    assert places == {
        ("shop", "HEAD", "problem a"),
        ("shop", "HEAD", "problem b"),
        ("else", "HEAD", "problem d"),
    }
    assert found["summary"]["last_run"]["repository"] == "else"
    gone = call(shop, "report", "--all-repos", "--branch", "gone")
    assert (gone.code, "no scan of a branch gone" in gone.stderr) == (2, True)
    both = call(shop, "report", "--all-repos", "--repo", "shop")
    assert (both.code, "--all-repos means every one" in both.stderr) == (2, True)


@pytest.mark.parametrize(
    "given",
    [
        "host=db password={} dbname=scans",
        "postgresql:/scans:{}@db/scans",
        "postgresql://scans:{}@db:port/scans",
        "mysql://scans:{}@db/scans",
    ],
)
def test_a_store_s_address_that_cannot_be_used_is_not_quoted(given: str) -> None:
    value = "qV7some.Value9"
    with pytest.raises(StoreError) as caught:
        url_of(given.format(value))
    assert value not in f"{caught.value}{caught.value.hint}"
