"""Every revision up and down with data; failures take everything back; backups are exact."""

from __future__ import annotations

import shutil
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, text

from secagg.errors import StoreError
from secagg.history import migrate, open_store
from secagg.history.backup import backup, backup_beside, restore
from secagg.history.current import QUESTION_INDEXES, SEARCH_INDEXES
from secagg.history.engine import HEAD, connect, revision_of, transaction, url_of
from secagg.history.store import make_tables
from secagg.history.tables import METADATA
from secagg.history.validate import validate
from secagg.model.finding import Severity
from secagg.model.problem import State, Triage
from tests.history.make import REPO, ident, problem, see, standing


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Backups of a server's store go into the working directory."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def filled(url: str) -> Iterator[Engine]:
    with open_store(url) as store:
        see(store, 1, problem("a", severity=Severity.CRITICAL), "b")
        see(store, 2, "b")
        store.triage(REPO, [ident("a")], Triage(state=State.ACCEPTED, reason="x", by="kim"))
    engine = connect(url_of(url), create=False)
    yield engine
    engine.dispose()


def _dump(engine: Engine) -> dict[str, list[tuple[object, ...]]]:
    with transaction(engine, reads=True) as connection:
        return {
            table.name: [
                tuple(row) for row in connection.execute(table.select().order_by(*table.c))
            ]
            for table in METADATA.sorted_tables
        }


def test_the_newest_revision_is_known_without_loading_alembic() -> None:
    assert migrate.revisions()[-1] == HEAD
    assert len(migrate.revisions()) >= 2


def test_an_empty_file_gets_what_the_revisions_make(tmp_path: Path) -> None:
    """After a new revision: write what the first file says into ``migrations/head.sql``."""
    said = []
    for name in ("revised.db", "fresh.db"):
        engine = connect(url_of(tmp_path / name), create=True)
        if name == "revised.db":
            migrate.upgrade(engine, backup=False)
        else:
            make_tables(engine)
            make_tables(engine)
        with transaction(engine, reads=True) as connection:
            assert revision_of(connection) == HEAD
            assert validate(connection) == []
            rows = connection.execute(
                text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
            )
            said.append({name: " ".join(sql.split()) for name, sql in rows})
        engine.dispose()
    assert said[0] == said[1]


def test_the_revisions_make_the_tables_of_the_code(filled: Engine) -> None:
    with filled.connect() as connection:
        # PostgreSQL alone has the indexes for searches and questions.
        own = {*SEARCH_INDEXES, *QUESTION_INDEXES}
        opts = {"include_name": lambda name, *_: name not in own}
        context = MigrationContext.configure(connection, opts=opts)
        assert compare_metadata(context, METADATA) == []


def test_every_revision_down_and_up_with_data(filled: Engine, url: str) -> None:
    before = _dump(filled)
    known = migrate.revisions()
    for target in [*known[-2::-1]]:
        done = migrate.downgrade(filled, target)
        assert (done.after, done.backup is not None) == (target, True)
        with transaction(filled, reads=True) as connection:
            assert validate(connection) == []
    for target in known[1:]:
        assert migrate.upgrade(filled, target).after == target
    assert _dump(filled) == before
    assert migrate.downgrade(filled, "base").after is None
    assert migrate.upgrade(filled).after == HEAD
    with open_store(url) as store:
        assert see(store, 1, "a").new == 1


@pytest.mark.parametrize("how", ["raises", "loses rows", "breaks an invariant"])
def test_a_failing_migration_leaves_a_store_that_works(
    filled: Engine, url: str, tmp_path: Path, how: str
) -> None:
    scripts = tmp_path / "scripts"
    shutil.copytree(migrate._SCRIPTS, scripts, ignore=shutil.ignore_patterns("__pycache__"))
    body = {
        "raises": "op.execute('SELECT no_such_function()')",
        "loses rows": "op.execute('DELETE FROM decision')",
        "breaks an invariant": "op.execute('UPDATE standing SET last_run_id = 2')",
    }[how]
    (scripts / "versions" / "r9999_bad.py").write_text(
        "from alembic import op\nimport sqlalchemy as sa\n"
        f"revision = '9999'\ndown_revision = '{HEAD}'\n\n\ndef upgrade():\n"
        f"    op.add_column('run', sa.Column('extra', sa.Text()))\n    {body}\n"
    )
    before = _dump(filled)
    with pytest.raises(StoreError, match=r"as it was|could not be brought|failed"):
        migrate.upgrade(filled, "9999", scripts=scripts)
    assert _dump(filled) == before
    with transaction(filled, reads=True) as connection:
        assert revision_of(connection) == HEAD
        assert validate(connection) == []
    with open_store(url) as store:
        assert see(store, 3, "b").unchanged == 1
    assert list(tmp_path.glob("*.backup"))


def test_a_dry_run_prints_the_sql_and_changes_nothing(filled: Engine) -> None:
    before = _dump(filled)
    assert "DROP COLUMN severity" in migrate.planned_sql(filled, "0001", up=False)
    assert _dump(filled) == before


def test_a_backup_restores_bit_for_bit(filled: Engine, url: str, tmp_path: Path) -> None:
    first, second = tmp_path / "one.backup", tmp_path / "two.backup"
    backup(filled, first)
    assert stat.S_IMODE(first.stat().st_mode) == 0o600
    before = _dump(filled)
    with open_store(url) as store:
        see(store, 5, "c", "d")
    assert _dump(filled) != before
    restore(filled, first)
    if filled.dialect.name == "sqlite":
        # Before it is opened again, which writes its mode (WAL) into the file.
        assert Path(str(filled.url.database)).read_bytes() == first.read_bytes()
    else:
        with zipfile.ZipFile(first) as members:
            assert {member.date_time[0] for member in members.infolist()} == {1980}
    assert _dump(filled) == before
    backup(filled, second)
    assert second.read_bytes() == first.read_bytes()
    with open_store(url) as store:
        assert standing(store)["problem b"] == (1, 2, None, None)
        assert see(store, 5, "c").new == 1


def test_what_is_no_backup_is_refused_and_the_store_stays(filled: Engine, tmp_path: Path) -> None:
    before = _dump(filled)
    (tmp_path / "text").write_text("no backup")
    (tmp_path / "empty").write_bytes(b"")
    good = backup_beside(filled)
    (tmp_path / "cut").write_bytes(good.read_bytes()[: good.stat().st_size // 2])
    for name in ("text", "empty", "cut", "missing"):
        with pytest.raises(StoreError):
            restore(filled, tmp_path / name)
    with pytest.raises(StoreError, match="exists"):
        backup(filled, tmp_path / "text")
    assert _dump(filled) == before


def test_an_older_store_is_upgraded_where_it_is_a_file_and_refused_where_it_is_shared(
    filled: Engine, url: str, tmp_path: Path
) -> None:
    migrate.downgrade(filled, "0001", backup=False)
    if filled.dialect.name == "sqlite":
        with open_store(url) as store:
            assert len(list(store.problems(REPO))) == 2
        assert len(list(tmp_path.glob("store.db.*.backup"))) == 1
    else:
        with pytest.raises(StoreError, match="older secagg") as refused:
            open_store(url)
        assert refused.value.hint == "run secagg db upgrade"
    with transaction(filled) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match="newer secagg"):
        open_store(url)
