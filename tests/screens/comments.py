"""Take the comments on pull requests: the gate's decision, and what was uploaded.

A comment is kept as ``comments/NAME.md``. ``python -m tests.screens`` writes the files anew.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from secagg.cli.upload import decision_comment
from secagg.github.markdown import upload_markdown
from secagg.output.decision import (
    DecidedChange,
    DecidedException,
    DecidedFinding,
    DecisionDocument,
)
from secagg.output.summary import AnalysisSummary, HiddenSummary, ToolSummary, UploadSummary
from tests.gate.make import TODAY, decision
from tests.gate.make import decided as _decided

COMMENTS = Path(__file__).parent / "comments"
_COMMIT = "c86afe7908e1042f0c0e0f4bfbf2e38436227856"
_ENVIRONMENT = {"GITHUB_REPOSITORY": "shelf/shop", "GITHUB_SHA": _COMMIT}
_TOOLS = [
    ToolSummary(
        tool="trivy", mode="fs", version="0.76.0", component=".", status="complete",
        seconds=21.4, findings=8, reported=8,
    ),
    ToolSummary(
        tool="gitleaks", mode="dir", version="8.30.1", component=".", status="complete",
        seconds=1.2, findings=0, reported=0,
    ),
]  # fmt: skip
_FAILED = ToolSummary(
    tool="codeql", component="api", status="failed", seconds=0.4, findings=0, reported=0,
    reason="CodeQL failed with exit code 32", hint="it said: no space left on device",
)  # fmt: skip
_COMPARED = DecidedChange(
    baseline="a scan of its base 936561911ff8", states={"new": 1, "unchanged": 7}
)
_LODASH: dict[str, Any] = {
    "kind": "vulnerability", "severity": "critical", "counted_as": "critical",
    "problem": "CVE-2021-44906 minimist 1.2.0", "rule": "CVE-2021-44906", "package": "minimist",
    "version": "1.2.0", "title": "Prototype pollution", "fix": "upgrade to 1.2.6",
    "path": "web/package-lock.json", "line": 213, "where": "web/package-lock.json:213",
    "component": "web", "tools": ["trivy", "snyk"], "owners": ["@shelf/web"],
}  # fmt: skip


def decided(
    number: int, action: Literal["fail", "warn", "ignore"] = "fail", **known: Any
) -> DecidedFinding:
    """A finding with an id as long and various as real ones are."""
    identity = hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest()
    return _decided(number, action, **{"id": identity, **known})


def _analysis(tool: str, category: str, results: int) -> AnalysisSummary:
    return AnalysisSummary(tool=tool, category=category, results=results, fate="uploaded")


def _upload(given: int, **known: Any) -> UploadSummary:
    fields: dict[str, Any] = {
        "repository": "shelf/shop", "ref": "refs/pull/7/merge", "commit": _COMMIT, "given": given,
        "shown": given,
        "analyses": [_analysis("Trivy", "trivy", given), _analysis("Gitleaks", "gitleaks", 0)],
    }  # fmt: skip
    return UploadSummary(**(fields | known))


def _decisions() -> Mapping[str, tuple[DecisionDocument, UploadSummary]]:
    lapsed = DecidedException(
        source="secagg-exceptions.yaml:4", target="CVE-2021-44906", standing="expired",
        expires=TODAY,
    )  # fmt: skip
    new: dict[str, Any] = {"cause": "this change", "baseline": "new"}
    world: dict[str, Any] = {"cause": "the world", "baseline": "new"}
    before: dict[str, Any] = {"cause": "before", "baseline": "unchanged"}
    sentence = "1 problem by rule new-critical-and-high: This change adds a problem that can be used. Worst: "
    return {
        "pass": (
            decision(
                decided(1, "warn", **world, owners=["@shelf/api"], days_left=12),
                decided(2, "ignore", **before),
                tools=_TOOLS, change=_COMPARED, notes=["the EPSS list is 9 days old"],
            ),
            _upload(2),
        ),
        "fail": (
            decision(
                decided(1, **_LODASH, **new),
                decided(2, **world, days_left=-3, lapsed=[lapsed], owners=["@shelf/api"]),
                decided(3, "warn", **before),
                failures=[f"{sentence}CVE-2021-44906 in minimist 1.2.0 (web/package-lock.json)."],
                tools=_TOOLS, change=_COMPARED, not_analysed=["code was not analysed: no CodeQL"],
            ),
            _upload(3, hidden=[HiddenSummary(
                why="outside of the lines that this change touches", count=1,
                examples=["app/db.py:3"],
            )]),
        ),
        "incomplete": (
            decision(
                tools=[*_TOOLS, _FAILED],
                gaps=["codeql in api did not complete: CodeQL failed with exit code 32"],
            ),
            _upload(0, error="the token may not upload to code scanning",
                    hint="give the job the permission security-events: write", analyses=[]),
        ),
        "nothing": (decision(tools=_TOOLS), _upload(0)),
        "many": (
            decision(
                *(decided(n, **{**new, "title": f"Builds SQL from user input {n}"})
                  for n in range(1, 41)),
                *(decided(n, "warn", **before) for n in range(41, 52)),
                failures=["40 problems by rule new-critical-and-high: This change adds problems."],
                tools=_TOOLS, change=_COMPARED,
            ),
            _upload(51),
        ),
    }  # fmt: skip


def take() -> Mapping[str, str]:
    """The text of every comment, by the name of its file."""
    return {
        f"{name}.md": f"{decision_comment(document, _ENVIRONMENT)}\n{upload_markdown(upload)}"
        for name, (document, upload) in _decisions().items()
    }


def write() -> list[str]:
    """Write all comments anew; returns the names of the files that changed."""
    comments = take()
    before = {path.name: path.read_text() for path in COMMENTS.glob("*.md")}
    shutil.rmtree(COMMENTS, ignore_errors=True)
    COMMENTS.mkdir()
    for name, text in comments.items():
        (COMMENTS / name).write_text(text)
    return sorted(name for name in {*before, *comments} if before.get(name) != comments.get(name))
