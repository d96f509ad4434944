"""Take the screens: each command at the widths at which people see it, and in a CI log.

A screen is kept as ``golden/NAME.txt``: the command, what it prints on both streams, and its exit
code; a job's summary (Markdown) as ``NAME-summary.txt``. Where a screen changes, ``python -m tests.screens`` writes the files anew, and their diff is
what a reviewer reads.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.cli.running import Ran, environment
from tests.screens.repository import build

GOLDEN = Path(__file__).parent / "golden"
_WIDTHS = {"80": {"COLUMNS": "80"}, "120": {"COLUMNS": "120"}, "200": {"COLUMNS": "200"}}
_PATH = 30
# What differs from run to run, by something as long.
_VOLATILE = (
    (re.compile(r"\d+\.\d s\b"), "0.0 s"),
    (re.compile(r"\b20\d\d-\d\d-\d\d\b(?! \(UTC\))"), "2026-12-31"),
    (re.compile(r"(?<=\d\d-\d\d )\d\d:\d\d\b"), "23:59"),
    (re.compile(r"^(KEY +)?[0-9a-f]{12}(?=\s)", re.MULTILINE), r"\g<1>0123456789ab"),
)


@dataclass(frozen=True, slots=True)
class Shot:
    """A screen: the words behind ``secagg``, where it is shown, and on what.

    ``scanners`` is the directory in which they are found; ``fresh`` begins without a history.
    """

    name: str
    words: tuple[str, ...]
    surface: str
    scanners: str = "bin"
    extra: Mapping[str, str] = field(default_factory=dict)
    fresh: bool = False

    @property
    def file(self) -> str:
        return f"{self.name}-{self.surface}.txt"


_SCAN = ("scan", "--jobs", "1", "--tool", "trivy", "--tool", "gitleaks")
_MINIMIST = "e9d1e0"
# Whose job summary is kept, too.
_SUMMARIZED = frozenset({"scan-pull-request", "scan-incomplete", "scan-fail"})


def shots(base: str) -> list[Shot]:
    """All screens, in the order in which they are taken; ``base`` is the commit of ``main``."""
    in_change = {"GITHUB_EVENT_NAME": "pull_request", "GITHUB_BASE_REF": "main", "BASE": base}
    taken = [
        Shot("scan-first-run", ("scan", "--jobs", "1"), "80", fresh=True),
        Shot("scan-first-run", ("scan", "--jobs", "1"), "ci", fresh=True),
        Shot("scan-nothing-installed", ("scan",), "80", "none", fresh=True),
        Shot("scan-incomplete", _SCAN, "80", "broken", fresh=True),
        Shot("scan-incomplete", _SCAN, "ci", "broken", fresh=True),
        Shot("scan-pass", (*_SCAN, "--policy", "seed"), "80", fresh=True),
        Shot("scan-pass", (*_SCAN, "--policy", "seed"), "ci", fresh=True),
        Shot("scan-pull-request", (*_SCAN, "--policy", "pr-gate"), "ci", extra=in_change),
        Shot("scan-fail", _SCAN, "80", fresh=True),
        Shot("scan-fail", _SCAN, "ci"),
        Shot("scan-table", (*_SCAN, "--format", "table"), "120"),
    ]
    for surface in (*_WIDTHS, "ci"):
        taken += [
            Shot("gate", ("gate",), surface),
            Shot("report", ("report",), surface),
        ]
    for surface in ("80", "120"):
        taken += [
            Shot("show", ("show", _MINIMIST), surface),
            Shot("runs", ("runs",), surface),
        ]
    triage = ("triage", "--severity", "medium", "--state", "accepted", "--reason", "lab only")
    return [
        *taken,
        Shot("gate-all", ("gate", "--all"), "80"),
        Shot("report-grouped", ("report", "--group-by", "component"), "80"),
        Shot("doctor", ("doctor",), "80"),
        Shot("triage", (*triage, "--dry-run"), "80"),
        Shot("wrong-id", ("show", "abcdef"), "80"),
        Shot("notify", ("notify", "--dry-run", "--severity", "critical"), "120"),
        Shot("help", ("--help",), "80"),
        Shot("help-notify", ("notify", "--help"), "80"),
        Shot("help-mcp", ("mcp", "--help"), "80"),
        Shot("help-scan", ("scan", "--help"), "80"),
    ]


def take() -> dict[str, str]:
    """All screens by the name of their file."""
    with tempfile.TemporaryDirectory(prefix="s") as directory:
        # Tables go by the length of paths, which is the same wherever this runs.
        home = Path(directory, "h" * max(1, _PATH - len(directory)))
        home.mkdir()
        return _taken(home)


def _taken(home: Path) -> dict[str, str]:
    commits = build(home)
    shop = home / "shop"
    event = home / "event.json"
    event.write_text(json.dumps({"pull_request": {"base": {"sha": commits["main"]}}}))
    summary = home / "summary.md"
    wanted = shots(commits["main"])
    taken = {}
    for shot in wanted:
        extra = dict(_WIDTHS.get(shot.surface, {}))
        if shot.surface == "ci":
            extra |= {
                "GITHUB_ACTIONS": "true",
                "GITHUB_REPOSITORY": "shelf/shop",
                "GITHUB_EVENT_NAME": "push",
                "GITHUB_REF": "refs/heads/change",
                "GITHUB_SHA": commits["change"],
                "GITHUB_EVENT_PATH": str(event),
                "GITHUB_STEP_SUMMARY": str(summary),
            }
        if shot.fresh:
            for directory in (".secagg", "secagg-out"):
                shutil.rmtree(shop / directory, ignore_errors=True)
        elif shot.words[0] == "scan":
            # The history knows a run by its second.
            time.sleep(1)
        ran = Ran.of(
            shot.words,
            env=environment(home / shot.scanners, home, extra | dict(shot.extra)),
            cwd=shop,
            piped=True,
        )
        taken[shot.file] = _text(shot, ran, home)
        if shot.name in _SUMMARIZED and shot.surface == "ci":
            # What a pull request's comment says is the same, cut to what a comment holds.
            taken[f"{shot.name}-summary.txt"] = _stable(summary.read_text(), home)
        summary.unlink(missing_ok=True)
    return taken


def write() -> list[str]:
    """Write all screens into :data:`GOLDEN` anew; returns the names of the files that changed."""
    screens = take()
    before = {path.name: path.read_text() for path in GOLDEN.glob("*.txt")}
    shutil.rmtree(GOLDEN, ignore_errors=True)
    GOLDEN.mkdir()
    for name, text in screens.items():
        (GOLDEN / name).write_text(text)
    return sorted(name for name in {*before, *screens} if before.get(name) != screens.get(name))


def _text(shot: Shot, ran: Ran, home: Path) -> str:
    text = f"$ secagg {' '.join(shot.words)}\n{ran.stderr}{ran.stdout}exit code {ran.code}\n"
    return _stable(text, home)


def _stable(text: str, home: Path) -> str:
    """``text`` without what differs from run to run."""
    text = text.replace(str(home), "~")
    for pattern, instead in _VOLATILE:
        text = pattern.sub(instead, text)
    return text
