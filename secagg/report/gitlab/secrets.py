"""GitLab's secret detection report. The secret itself is in no problem, and so not in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from secagg.model.finding import Kind
from secagg.model.problem import Problem
from secagg.report.formats import Report
from secagg.report.gitlab.common import document, file_of, lines_of

# The schema wants a commit, GitLab's own analyzer writes this one for a file of the work tree.
_NO_COMMIT = "0000000"


def pieces(report: Report) -> Iterator[bytes]:
    """``gl-secret-detection-report.json``."""
    return document(report, "secret_detection", frozenset({Kind.SECRET}), _location)


def _location(problem: Problem) -> dict[str, Any]:
    commit = {"sha": problem.commit or _NO_COMMIT}
    return {"file": file_of(problem), "commit": commit, **lines_of(problem)}
