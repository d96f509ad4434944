"""Find out whether a scan would be complete, and what is missing, for ``secagg doctor``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import import_module
from pathlib import Path

from secagg.scanners import make_scanners
from secagg.scanners.base import RunContext, Scanner, ScanRequest, Status, ToolRun
from secagg.scanners.configuration import Unusable
from secagg.scanners.git import find_repository
from secagg.scanners.options import (
    OPTIONS,
    CodeqlOptions,
    GitleaksOptions,
    SnykOptions,
    ToolOptions,
    TrivyOptions,
    TrufflehogOptions,
    read_options,
)
from secagg.scanners.program import NotInstalled, ToolSpec, find_program, locate
from secagg.scanners.trivydb import DATABASE_HINT, cache_directory, database_time, outdated_note
from secagg.system.dates import utc_now


@dataclass(slots=True, kw_only=True)
class Diagnosis:
    """The state of one tool.

    ``ready`` is True if its runs would be complete, as far as secagg can tell without running it;
    otherwise ``problem`` is the reason and ``next_step`` the remedy. ``token`` tells whether the
    tool's token is set (its value is never read), and is None if it needs none. ``network`` names
    the services that the tool uses, or is None. ``database_age`` is that of Trivy's database.
    ``missing`` is True if it is not installed, and ``left_out`` if scans run without it.
    """

    tool: str
    ready: bool = True
    path: Path | None = None
    version: str | None = None
    supported: str = ""
    pinned: bool = False
    token: bool | None = None
    database_age: timedelta | None = None
    network: str | None = None
    applies: bool = True
    missing: bool = False
    left_out: bool = False
    problem: str | None = None
    next_step: str | None = None

    def complain(self, problem: str, next_step: str | None) -> None:
        """Mark the tool as not ready; only the first problem is kept."""
        self.ready = False
        if self.problem is None:
            self.problem, self.next_step = problem, next_step


def examine(
    request: ScanRequest,
    context: RunContext,
    names: Iterable[str] | None = None,
    *,
    now: datetime | None = None,
) -> list[Diagnosis]:
    """Return a diagnosis for each tool in ``names`` (None: all), in the order of the scanners.

    Runs the tools only to get their versions. Raises :class:`secagg.errors.UsageError` for an
    unknown tool, and :class:`secagg.errors.ConfigError` for invalid options.
    """
    moment = now or utc_now()
    return [
        _examine(scanner, request, context, moment) for scanner in make_scanners(context, names)
    ]


def _examine(
    scanner: Scanner, request: ScanRequest, context: RunContext, now: datetime
) -> Diagnosis:
    name = scanner.name
    spec: ToolSpec = import_module(f"secagg.scanners.{name}").SPEC
    options = read_options(OPTIONS[name], name, request.options.get(name, {}), request.root)
    diagnosis = Diagnosis(
        tool=name,
        supported=spec.supported,
        pinned=options.sha256 is not None,
        network=_network(options),
    )
    try:
        diagnosis.path = locate(spec, options, context)
        diagnosis.version = find_program(spec, options, context).version
    except Unusable as problem:
        diagnosis.missing = isinstance(problem, NotInstalled)
        mask = context.redactor.mask
        diagnosis.complain(mask(problem.reason), mask(problem.hint) if problem.hint else None)
    _plan(diagnosis, scanner, request)
    if isinstance(options, SnykOptions):
        snyk = import_module("secagg.scanners.snyk")
        diagnosis.token = snyk.has_token(context)
        if not diagnosis.token:
            diagnosis.complain(snyk.NO_TOKEN, snyk.TOKEN_HINT)
    elif isinstance(options, TrivyOptions):
        _database(diagnosis, options, request, context, now)
    elif isinstance(options, GitleaksOptions | TrufflehogOptions):
        _history(diagnosis, options, request, context)
    return diagnosis


def _plan(diagnosis: Diagnosis, scanner: Scanner, request: ScanRequest) -> None:
    """Add the problems of the tool's plan, which is the same in a scan."""
    planned = scanner.plan(request)
    diagnosis.applies = any(
        not isinstance(item, ToolRun) or item.status is not Status.SKIPPED for item in planned
    )
    for item in planned:
        if isinstance(item, ToolRun) and item.status is Status.FAILED:
            diagnosis.complain(item.reason or "it would fail", item.hint)


def _network(options: ToolOptions) -> str | None:
    if isinstance(options, TrivyOptions) and not options.offline:
        return "Trivy's databases, once a day"
    if isinstance(options, SnykOptions):
        return "Snyk's API, for each run"
    if isinstance(options, CodeqlOptions) and not options.offline:
        return "query packs that the installation lacks"
    if isinstance(options, TrufflehogOptions) and options.verify:
        return "the services that issue what it finds"
    return None


def _database(
    diagnosis: Diagnosis,
    options: TrivyOptions,
    request: ScanRequest,
    context: RunContext,
    now: datetime,
) -> None:
    if "vuln" not in options.scanners:
        return
    cache = cache_directory(options, context.environ)
    updated = database_time(cache)
    if updated is not None:
        diagnosis.database_age = max(timedelta(0), now - updated)
    if not options.offline:
        return
    if updated is None:
        diagnosis.complain(
            f"Trivy is offline and has no vulnerability database in {cache}", DATABASE_HINT
        )
    elif old := outdated_note(cache, now, options.max_database_age or request.max_database_days):
        diagnosis.complain(old, DATABASE_HINT)


def _history(
    diagnosis: Diagnosis,
    options: GitleaksOptions | TrufflehogOptions,
    request: ScanRequest,
    context: RunContext,
) -> None:
    if options.modes is not None and "git" not in options.modes:
        return
    repository = find_repository(request.root, context)
    if repository is None:
        return
    if repository.shallow and request.since is None and not options.allow_shallow:
        diagnosis.complain(
            "the clone is shallow: most of its history is missing",
            "fetch all of it (fetch-depth: 0), or set "
            f"tools.{diagnosis.tool}.allow_shallow if that is wanted",
        )
