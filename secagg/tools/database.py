"""Update Trivy's vulnerability database before a scan, also from mirrors.

It uses ``trivy image --download-db-only`` as of 0.76 (its documentation, "Database"), which tries
the repositories of ``--db-repository`` in turn.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from secagg.scanners.base import RunContext
from secagg.scanners.configuration import Unusable
from secagg.scanners.options import TrivyOptions
from secagg.scanners.program import explain, find_program
from secagg.scanners.trivy import SPEC
from secagg.scanners.trivydb import DATABASE_HINT, cache_directory, database_time
from secagg.secrets.redactor import Redactor
from secagg.system.dates import utc_now
from secagg.system.process import private_directory, run
from secagg.tools.catalogue import ToolsError

_TIMEOUT = 600.0


@dataclass(frozen=True, slots=True)
class Database:
    """The database in use; ``refused`` says why it was not updated (``None`` if it was)."""

    cache: Path
    age: timedelta
    refused: str | None = None


def refresh_database(
    repositories: Sequence[str] = (),
    *,
    cache: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> Database:
    """Update Trivy's database; where that fails, the existing one stays in use.

    Raises :class:`ToolsError` if there is no database then, or no Trivy.
    """
    environ = dict(os.environ) if environ is None else environ
    context = RunContext(redactor=Redactor(os.urandom(32)), environ=environ)
    options = TrivyOptions(cache_dir=cache)
    cache = cache_directory(options, environ)
    try:
        program = find_program(SPEC, options, context)
    except Unusable as error:
        raise ToolsError(error.reason, hint=error.hint) from error
    arguments = ["image", "--download-db-only", f"--cache-dir={cache}"]
    arguments += [f"--db-repository={repository}" for repository in repositories]
    with private_directory() as directory:
        command = program.command(arguments, cwd=directory, timeout=_TIMEOUT)
        result = run(command, directory, context.cancellation)
        failure = None if result.exited(0) else explain(result, program)
    built = database_time(cache)
    if built is None:
        reason = f": {failure.reason}" if failure else ""
        raise ToolsError(
            f"there is no vulnerability database for Trivy{reason}", hint=DATABASE_HINT
        )
    refused = None if failure is None else f"{failure.reason} ({failure.hint})"
    return Database(cache, max(timedelta(), utc_now() - built), refused)
