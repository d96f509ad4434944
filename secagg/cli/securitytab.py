"""``secagg doctor --github``: when each category of the Security tab last had an upload."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from secagg.cli.screen import Screen
from secagg.errors import ExitCode, UploadError
from secagg.github.client import Client, SystemClock, find_token
from secagg.github.codescanning import LatestAnalysis, latest_analyses
from secagg.github.target import TargetOptions, find_repository
from secagg.jsonio.members import as_mapping, text_at
from secagg.output import console
from secagg.output.escape import terminal
from secagg.output.grid import draw
from secagg.system.git import short_commit

# The alerts of a category without uploads never close.
_STALE = timedelta(days=14)
_HEADERS = ["TOOL", "CATEGORY", "LAST FED", "COMMIT", "RESULTS", "WHAT TO DO"]


def security_tab(root: Path, *, screen: Screen) -> int:
    """Print when each category of the default branch last had an upload: 0, or 4 on a refusal.

    Raises :class:`secagg.errors.UsageError` without a token or a repository.
    """
    repository, address = find_repository(TargetOptions(), os.environ, root)
    try:
        with Client(address, find_token(os.environ)) as client:
            answer = as_mapping(client.get(f"/repos/{repository}"))
            branch = text_at(answer, "default_branch") or "main"
            categories = latest_analyses(client, repository, f"refs/heads/{branch}")
    except UploadError as error:
        console.out(f"Security tab: {terminal(str(error))}\n")
        return int(ExitCode.STORE_OR_UPLOAD)
    if screen.json:
        entries = [
            {
                "tool": category.analysis.tool,
                "category": category.analysis.category,
                "at": datetime.fromtimestamp(category.analysis.at, UTC).isoformat(),
                "commit": category.analysis.commit,
                "results": category.analysis.results,
                "error": category.error or None,
            }
            for category in categories
        ]
        document = {"schema_version": 1, "branch": branch, "categories": entries}
        console.json(json.dumps(document, indent=2))
        return int(ExitCode.PASS)
    if not categories:
        console.out(f"Security tab: nothing was uploaded for {terminal(branch)} yet\n")
        return int(ExitCode.PASS)
    cells = _cells(categories, SystemClock().now())
    table = draw(_HEADERS, cells, screen.style(), stretch=(1, 5), shares=(1, 1))
    console.out(f"Security tab, {terminal(branch)}:\n{table}\n")
    return int(ExitCode.PASS)


def _cells(categories: Sequence[LatestAnalysis], now: float) -> list[list[str]]:
    return [
        [
            terminal(category.analysis.tool),
            terminal(category.analysis.category or "(none)"),
            _age(now - category.analysis.at),
            terminal(short_commit(category.analysis.commit)),
            str(category.analysis.results),
            terminal(_advice(category, now)),
        ]
        for category in categories
    ]


def _advice(fed: LatestAnalysis, now: float) -> str:
    if fed.error:
        return f"GitHub says: {fed.error}"
    if now - fed.analysis.at > _STALE.total_seconds():
        return "not fed any more: upload to it again, or delete its analyses"
    return ""


def _age(seconds: float) -> str:
    hours = max(0.0, seconds) / 3_600
    return f"{hours:.0f} h ago" if hours < 48 else f"{hours / 24:.0f} days ago"
