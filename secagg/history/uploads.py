"""Uploads of recorded runs."""

from __future__ import annotations

from sqlalchemy import Connection, text

from secagg.errors import StoreError
from secagg.history.times import now, written


def note(connection: Connection, run: str, summary: str) -> None:
    """Note an upload. Raises :class:`StoreError` where no such run is recorded."""
    done = connection.execute(
        text(
            "INSERT INTO upload (run_id, at, summary) "
            "SELECT id, :at, :summary FROM run WHERE key = :run"
        ),
        {"run": run, "at": written(now()), "summary": summary},
    )
    if not done.rowcount:
        raise StoreError("no such run in the store")
