"""Trivy's vulnerability database, fetched before a scan: from mirrors, and with its age.

``trivy image --download-db-only`` as of 0.76 (its documentation, "Database"): the repositories of
``--db-repository`` are tried in turn.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from secagg.scanners.base import RunContext
from secagg.scanners.deciding import Unusable
from secagg.scanners.options import TrivyOptions
from secagg.scanners.program import explain, find_program
from secagg.scanners.trivy import MAKE
from secagg.scanners.trivydb import DATABASE_HINT, cache_of, database_made
from secagg.secrets.redactor import Redactor
from secagg.system.process import private_directory, run
from secagg.tools.catalogue import ToolsError

_TIMEOUT = 600.0


@dataclass(frozen=True, slots=True)
class Database:
    """The database that is there: its ``age``, and why it was not renewed (``None`` if it was)."""

    cache: Path
    age: timedelta
    refused: str | None = None


def refresh_database(
    repositories: Sequence[str] = (),
    *,
    cache: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> Database:
    """Renew Trivy's database; where that is refused, the one that is there stays in use.

    Raises :class:`ToolsError` if there is none then, or no Trivy.
    """
    environ = dict(os.environ) if environ is None else environ
    context = RunContext(redactor=Redactor(os.urandom(32)), environ=environ)
    options = TrivyOptions(cache_dir=cache)
    cache = cache_of(options, environ)
    try:
        program = find_program(MAKE, options, context)
    except Unusable as error:
        raise ToolsError(error.reason, hint=error.hint) from error
    arguments = ["image", "--download-db-only", f"--cache-dir={cache}"]
    arguments += [f"--db-repository={repository}" for repository in repositories]
    with private_directory() as directory:
        command = program.command(arguments, cwd=directory, timeout=_TIMEOUT)
        result = run(command, directory, context.cancellation)
        failure = None if result.exited(0) else explain(result, program)
    made = database_made(cache)
    if made is None:
        because = f": {failure.reason}" if failure else ""
        raise ToolsError(
            f"there is no vulnerability database for Trivy{because}", hint=DATABASE_HINT
        )
    refused = None if failure is None else f"{failure.reason} ({failure.hint})"
    return Database(cache, max(timedelta(), datetime.now(UTC) - made), refused)
