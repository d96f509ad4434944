"""The commands of docs/operations.md, as they stand there."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from secagg.history import open_store
from secagg.model.problem import State, Triage
from tests.github.test_commands import Cli, cli
from tests.history.conftest import postgres, url
from tests.history.make import REPO, ident, problem, see

__all__ = ["cli", "postgres", "url"]

DOCUMENT = Path(__file__).parents[2] / "docs" / "operations.md"


def rehearsal() -> list[str]:
    """The lines of the rehearsal."""
    _, _, section = DOCUMENT.read_text().partition("## Backup, and a rehearsal of it")
    return section.partition("```sh\n")[2].partition("```")[0].splitlines()


def test_a_backup_is_restored_as_the_document_says(
    cli: Cli, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_store(url) as store:
        see(store, 1, problem("a"), problem("b"))
        store.triage(REPO, [ident("a")], Triage(state=State.ACCEPTED, reason="x", by="ana"))
        before = list(store.problems(REPO)), store.runs(), store.audit()
    base = make_url(url)
    other = base.set(database=f"{base.database}_rehearsal")
    if base.get_backend_name() != "sqlite":
        admin = create_engine(base, isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {other.database}"))
        admin.dispose()
    where = other.render_as_string(hide_password=False)
    monkeypatch.setenv("SECAGG_STORE", url)
    lines = rehearsal()
    assert [line.split()[2] for line in lines] == [
        *("backup", "upgrade", "restore", "validate", "current")
    ]
    said = {}
    for line in lines:
        words = shlex.split(line.replace("$REHEARSAL", where))
        code, out, err = cli(*words[1:])
        assert code == 0, (line, out, err)
        said[words[2]] = out
    with open_store(where) as store:
        assert (list(store.problems(REPO)), store.runs(), store.audit()) == before
    _, counted, _ = cli("db", "current")
    assert said["current"].splitlines()[1:] == counted.splitlines()[1:]
