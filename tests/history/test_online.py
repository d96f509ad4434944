"""A shared store is migrated while others read and write it."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, make_url, text

from secagg.errors import StoreError
from secagg.history import migrate, open_store
from secagg.history import validate as validating
from secagg.history.engine import HEAD, connect, transaction, url_of
from tests.history.make import see

BESIDE: list[Callable[[], object]] = []
"""What the revision of the test calls while it runs."""

_REVISION = f"""
import sqlalchemy as sa
from alembic import op
from secagg.history.online import in_batches
from tests.history.test_online import BESIDE

revision = "9999"
down_revision = "{HEAD}"
online = ONLINE


def _fill(connection):
    BESIDE[0]()
    return connection.execute(sa.text(
        "UPDATE finding SET extra = 'x' WHERE id IN "
        "(SELECT id FROM finding WHERE extra IS NULL LIMIT 2)"
    )).rowcount


def upgrade():
    op.execute("ALTER TABLE finding ADD COLUMN IF NOT EXISTS extra TEXT")
    with op.get_context().autocommit_block():
        op.create_index(
            "ix_finding_extra", "finding", ["extra"], postgresql_concurrently=CONCURRENTLY,
            if_not_exists=True,
        )
    in_batches(_fill, lasts=20)
"""


@pytest.fixture
def shared(postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """A store of five problems, and an import that waits a second at most for every lock."""
    monkeypatch.chdir(tmp_path)
    waits = make_url(postgres_url).update_query_dict({"options": "-c lock_timeout=1000"})
    days, names = itertools.count(2), itertools.chain("fgh", itertools.repeat("h"))
    with open_store(waits.render_as_string(hide_password=False)) as store:
        see(store, 1, "a", "b", "c", "d", "e")
        BESIDE[:] = [lambda: see(store, next(days), "a", next(names))]
        monkeypatch.setattr(validating, "HEAD", "9999")
        engine = connect(url_of(postgres_url), create=False)
        yield engine
        engine.dispose()


def _scripts(tmp_path: Path, *, online: bool) -> Path:
    scripts = tmp_path / "scripts"
    shutil.copytree(migrate._SCRIPTS, scripts, ignore=shutil.ignore_patterns("__pycache__"))
    revision = _REVISION.replace("ONLINE", str(online)).replace("CONCURRENTLY", str(online))
    (scripts / "versions" / "r9999_extra.py").write_text(revision)
    return scripts


def test_others_import_while_a_revision_runs_and_is_checked(
    shared: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    during: list[str] = []

    def check(connection: object) -> list[str]:
        BESIDE[0]()
        during.append("check")
        return []

    import_beside = BESIDE[0]
    BESIDE[0] = lambda: during.append(str(import_beside()))
    monkeypatch.setattr(migrate, "validate", check)
    done = migrate.upgrade(shared, "9999", scripts=_scripts(tmp_path, online=True))
    assert (done.before, done.after) == (HEAD, "9999")
    # Four batches of two for eight findings and one that finds none, and the check: an import each.
    assert len(during) == 5 + 2
    assert during[-1] == "check"
    with transaction(shared, reads=True) as connection:
        states = text(
            "SELECT indisvalid FROM pg_index WHERE indexrelid = 'ix_finding_extra'::regclass"
        )
        assert connection.execute(states).scalar_one() is True
        empty = "SELECT COUNT(*) FROM finding WHERE extra IS NULL"
        assert connection.execute(text(empty)).scalar_one() == 0


def test_a_revision_in_one_transaction_would_keep_them_waiting(
    shared: Engine, tmp_path: Path
) -> None:
    with pytest.raises(StoreError, match=f"could not be brought .* at {HEAD}|failed|busy"):
        migrate.upgrade(shared, "9999", scripts=_scripts(tmp_path, online=False))
    with transaction(shared, reads=True) as connection:
        columns = text(
            "SELECT COUNT(*) FROM information_schema.columns WHERE column_name = 'extra'"
        )
        assert connection.execute(columns).scalar_one() == 0


def test_a_revision_that_was_stopped_is_completed_by_running_it_again(
    shared: Engine, tmp_path: Path
) -> None:
    scripts = _scripts(tmp_path, online=True)
    import_beside, calls = BESIDE[0], itertools.count()

    def stop_once() -> None:
        if next(calls) == 1:
            raise KeyError("stopped")
        import_beside()

    BESIDE[0] = stop_once
    with pytest.raises(StoreError, match=f"at {HEAD}"):
        migrate.upgrade(shared, "9999", scripts=scripts)
    assert migrate.upgrade(shared, "9999", scripts=scripts).after == "9999"


def test_every_revision_from_the_seventh_on_says_whether_it_may_run_beside_others() -> None:
    """Earlier ones move rows to other tables, and need the store for themselves."""
    from alembic.script import ScriptDirectory

    script = ScriptDirectory.from_config(migrate._config(migrate._SCRIPTS))
    said = {one.revision: getattr(one.module, "online", None) for one in script.walk_revisions()}
    assert {
        number for number, online in said.items() if number > "0006" and online is None
    } == set()
