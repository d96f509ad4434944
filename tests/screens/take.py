"""Take the screens: each command at the widths at which people see it, and in a CI log.

A screen is kept as ``golden/NAME-SURFACE.txt``: the command, what it prints on both streams, and its
exit code; a job's summary (Markdown) as ``NAME-summary.txt``. Where a screen changes, ``python -m
tests.screens`` writes the files anew, and their diff is what a reviewer reads.
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

from tests.cli.forkserver import ForkServer
from tests.cli.running import environment
from tests.screens.repository import build
from tests.screens.surfaces import MARK
from tests.standins.github_server import TOKEN, GitHubServer

GOLDEN = Path(__file__).parent / "golden"
_WIDTHS = ("80", "120", "200")
EVERYWHERE = (*_WIDTHS, "ci")
_PATH = 30
# What differs from run to run, by something as long.
_VOLATILE = (
    (re.compile(r"\d+\.\d s\b"), "0.0 s"),
    (re.compile(r"\b20\d\d-\d\d-\d\d\b(?! \(UTC\))"), "2026-12-31"),
    (re.compile(r"(?<=\d\d-\d\d )\d\d:\d\d\b"), "23:59"),
    (re.compile(r"^(KEY +)?[0-9a-f]{12}(?=\s)", re.MULTILINE), r"\g<1>0123456789ab"),
    (re.compile(r"python -m tests\.\S+"), "secagg"),
)
_SCAN = ("scan", "--jobs", "1", "--tool", "trivy", "--tool", "gitleaks")
_MINIMIST = "e9d1e0"
# The jobs whose summary is kept, too.
_SUMMARIZED = frozenset({"scan-pull-request", "scan-incomplete", "scan-fail", "scan-pass"})


@dataclass(frozen=True, slots=True)
class Scene:
    """A command, the words behind ``secagg``, and the surfaces on which it is drawn.

    ``scanners`` is the directory in which they are found; ``fresh`` begins without a history.
    ``extra`` are variables of the whole run, those of the surface among them.
    """

    name: str
    words: tuple[str, ...]
    surfaces: tuple[str, ...] = EVERYWHERE
    scanners: str = "bin"
    fresh: bool = False
    extra: Mapping[str, str] = field(default_factory=dict)


def scenes(in_change: Mapping[str, str], github: Mapping[str, str]) -> list[Scene]:
    """All scenes, in the order in which they are taken.

    ``in_change`` are the variables of a pull request, ``github`` those with which GitHub is found.
    """
    issues = ("issues", "sync", "--branch", "change", "--at-least", "high")
    triage = ("triage", "--severity", "medium", "--state", "accepted", "--reason", "lab only")
    first = ("scan", "--jobs", "1")
    change = (*_SCAN, "--policy", "pr-gate")
    return [
        Scene("scan-first-run", first, fresh=True),
        Scene("scan-nothing-installed", ("scan",), scanners="none", fresh=True),
        Scene("scan-incomplete", _SCAN, scanners="broken", fresh=True),
        Scene("scan-pass", _SCAN, scanners="mild", fresh=True),
        Scene("scan-pull-request", change, ("ci",), fresh=True, extra=in_change),
        Scene("scan-fail", _SCAN, fresh=True),
        Scene("scan-table", (*_SCAN, "--format", "table")),
        Scene("gate", ("gate",)),
        Scene("gate-all", ("gate", "--all"), ("80",)),
        Scene("report", ("report",)),
        Scene("report-grouped", ("report", "--group-by", "component"), ("80",)),
        Scene("report-table", ("report", "--format", "table")),
        Scene("show", ("show", _MINIMIST)),
        Scene("runs", ("runs",)),
        Scene("doctor", ("doctor",)),
        Scene("triage", (*triage, "--dry-run")),
        Scene("wrong-id", ("show", "abcdef"), ("80",)),
        Scene("notify", ("notify", "--dry-run", "--severity", "critical"), ("120",)),
        Scene("help", ("--help",)),
        Scene("help-notify", ("notify", "--help"), ("80",)),
        Scene("help-mcp", ("mcp", "--help"), ("80",)),
        Scene("help-issues", ("issues", "sync", "--help"), ("80",)),
        Scene("issues-dry-run", (*issues, "--dry-run"), ("80",), extra=github),
        Scene("issues", issues, ("80",), extra=github),
        Scene("help-scan", ("scan", "--help")),
    ]


def take() -> dict[str, str]:
    """All screens by the name of their file."""
    with tempfile.TemporaryDirectory(prefix="s") as directory:
        # Tables go by the length of paths, which is the same wherever this runs.
        home = Path(directory, "h" * max(1, _PATH - len(directory)))
        home.mkdir()
        with GitHubServer(default_branch="change") as server:
            server.others.add("shelf/shop")
            taken = _taken(home, {"GITHUB_API_URL": server.url, "GITHUB_TOKEN": TOKEN})
            taken |= {
                f"issue-{issue['number']}-summary.txt": f"{issue['title']}\n\n{issue['body']}"
                for issue in server.issues
            }
        return taken


def _taken(home: Path, github: Mapping[str, str]) -> dict[str, str]:
    commits = build(home)
    event = home / "event.json"
    event.write_text(json.dumps({"pull_request": {"base": {"sha": commits["main"]}}}))
    surfaces = {width: {"COLUMNS": width} for width in _WIDTHS}
    surfaces["ci"] = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_REPOSITORY": "shelf/shop",
        "GITHUB_EVENT_NAME": "push",
        "GITHUB_REF": "refs/heads/change",
        "GITHUB_SHA": commits["change"],
        "GITHUB_EVENT_PATH": str(event),
        "GITHUB_STEP_SUMMARY": str(home / "summary.md"),
    }
    in_change = surfaces["ci"] | {
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_BASE_REF": "main",
        "BASE": commits["main"],
    }
    taken: dict[str, str] = {}
    for scene in scenes(in_change, github):
        taken |= _drawn(scene, surfaces, home)
    return taken


def _drawn(scene: Scene, surfaces: Mapping[str, dict[str, str]], home: Path) -> dict[str, str]:
    shop, summary = home / "shop", home / "summary.md"
    if scene.fresh:
        for directory in (".secagg", "secagg-out"):
            shutil.rmtree(shop / directory, ignore_errors=True)
    elif scene.words[0] == "scan":
        # The history knows a run by its second.
        time.sleep(1)
    wanted = {name: {**surfaces[name], **scene.extra} for name in scene.surfaces}
    entry = "scan" if scene.words[0] == "scan" and "--help" not in scene.words else "again"
    code, *streams = ForkServer.run(
        scene.words,
        env=environment(
            home / scene.scanners, home, {**scene.extra, "SURFACES": json.dumps(wanted)}
        ),
        cwd=shop,
        piped=True,
        entry=f"tests.screens.surfaces:{entry}",
    )
    stdout, stderr = (_by_surface(stream.decode()) for stream in streams)
    files = {}
    for name in scene.surfaces:
        printed = stderr[""] + stderr[name] + stdout[name]
        text = f"$ secagg {' '.join(scene.words)}\n{printed}exit code {code}\n"
        files[f"{scene.name}-{name}.txt"] = _stable(text, home)
    if scene.name in _SUMMARIZED:
        files[f"{scene.name}-summary.txt"] = _stable(summary.read_text(), home)
    summary.unlink(missing_ok=True)
    return files


def _by_surface(text: str) -> dict[str, str]:
    """The parts behind each surface's mark; what comes before them all goes by no name."""
    before, *parts = text.split(MARK)
    return {"": before, **dict(zip(parts[::2], parts[1::2], strict=True))}


def write() -> list[str]:
    """Write all screens into :data:`GOLDEN` anew; returns the names of the files that changed."""
    screens = take()
    before = {path.name: path.read_text() for path in GOLDEN.glob("*.txt")}
    shutil.rmtree(GOLDEN, ignore_errors=True)
    GOLDEN.mkdir()
    for name, text in screens.items():
        (GOLDEN / name).write_text(text)
    return sorted(name for name in {*before, *screens} if before.get(name) != screens.get(name))


def _stable(text: str, home: Path) -> str:
    """``text`` without what differs from run to run."""
    text = text.replace(str(home), "~")
    for pattern, instead in _VOLATILE:
        text = pattern.sub(instead, text)
    return text
