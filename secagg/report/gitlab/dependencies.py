"""GitLab's dependency scanning report: vulnerable packages and the manifests they stand in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from secagg.model.finding import Kind
from secagg.model.problem import Problem
from secagg.report.formats import Report
from secagg.report.gitlab.common import document, file_of


def pieces(report: Report) -> Iterator[bytes]:
    """``gl-dependency-scanning-report.json``."""
    kinds = frozenset({Kind.VULNERABILITY})
    files = _files([p for p in report.answer.rows if p.kind in kinds])
    return document(report, "dependency_scanning", kinds, _location, dependency_files=files)


def _location(problem: Problem) -> dict[str, Any]:
    dependency = _dependency(problem)
    if problem.direct is not None:
        dependency["direct"] = problem.direct
    return {"file": file_of(problem), "dependency": dependency}


def _dependency(problem: Problem) -> dict[str, Any]:
    name = problem.package or problem.rule_id
    return {"package": {"name": name}, "version": problem.version or "unknown"}


def _files(problems: list[Problem]) -> list[dict[str, Any]]:
    """Each manifest with the vulnerable packages in it; the others are not known here."""
    found: dict[tuple[str, str], dict[tuple[str, str | None], dict[str, Any]]] = {}
    for problem in problems:
        key = (file_of(problem), problem.package_type or "generic")
        inside = found.setdefault(key, {})
        inside[problem.package or problem.rule_id, problem.version] = _dependency(problem)
    return [
        {"path": path, "package_manager": manager, "dependencies": list(inside.values())}
        for (path, manager), inside in sorted(found.items())
    ]
