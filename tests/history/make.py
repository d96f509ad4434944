"""Runs and problems for the tests of the store, with only what a test is about said."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

from secagg.history import ImportedRun, Store
from secagg.model.finding import Kind, Severity
from secagg.model.problem import Problem, RunRecord, ToolRunRecord

REPO = "acme/shop"
START = datetime.datetime(2026, 3, 1, 6, 0, tzinfo=datetime.UTC)


def ident(name: str) -> str:
    return hashlib.md5(name.encode()).hexdigest()


def day(number: float) -> datetime.datetime:
    return START + datetime.timedelta(days=number)


def problem(name: str, *also: str, tools: Sequence[str] = ("trivy",), **fields: Any) -> Problem:
    return Problem(
        identity=ident(name),
        known_as=(ident(name), *map(ident, also)),
        kind=fields.pop("kind", Kind.VULNERABILITY),
        severity=fields.pop("severity", Severity.HIGH),
        title=fields.pop("title", f"problem {name}"),
        rule_id=fields.pop("rule_id", "CVE-2026-1"),
        tools=tuple(sorted(tools)),
        **fields,
    )


def run(number: float, *, key: str | None = None, branch: str = "main", **fields: Any) -> RunRecord:
    return RunRecord(
        key=key or f"{branch}-{number}",
        repository=fields.pop("repository", REPO),
        branch=branch,
        commit=fields.pop("commit", None),
        started_at=day(number),
        verdict="pass",
        policy="default",
        tools=fields.pop("tools", (ToolRunRecord(tool="trivy", component=".", status="complete"),)),
        **fields,
    )


def see(
    store: Store,
    number: float,
    *problems: Problem | str,
    covered: Iterable[tuple[str, str]] = (("trivy", "."),),
    **fields: Any,
) -> ImportedRun:
    """Record the run of day ``number``, which saw ``problems``."""
    seen = [problem(p) if isinstance(p, str) else p for p in problems]
    return store.record(run(number, **fields), seen, covered)


def standing(store: Store, branch: str = "main") -> dict[str, tuple[Any, ...]]:
    """First seen, last seen, fixed and reopened in days, by title."""

    def days(moment: datetime.datetime | None) -> float | None:
        return None if moment is None else (moment - START).total_seconds() / 86400

    return {
        p.title: (days(p.first_seen), days(p.last_seen), days(p.fixed_at), days(p.reopened_at))
        for p in store.problems(REPO, branch)
    }
