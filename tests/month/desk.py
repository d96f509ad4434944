"""The security engineer's desk: a store of the daily scans, and the screens to decide on.

What a scan left is recorded from its artifact, as somebody does who keeps a history; commands run
in this process.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from secagg.cli.app import app


@dataclass(frozen=True, slots=True)
class Desk:
    """``home`` holds the store; ``tree`` is the checkout, and ``api`` where GitHub answers."""

    home: Path
    tree: Path
    repository: str
    api: str
    token: str

    def record(self, artifact: Path) -> None:
        """Keep what a scan of main found."""
        arguments = ["parse", str(artifact / "findings.sarif"), "--root", str(self.tree)]
        arguments += ["--output", str(self.home / "parsed"), "--branch", "main", *self._where()]
        self.run(*arguments, codes=(0, 1, 3))

    def problems(self, *states: str) -> set[str]:
        """The rules of the problems in the given states; by default those that are open."""
        chosen = [part for state in states for part in ("--state", state)]
        return {row["rule_id"] for row in self.rows(*chosen)}

    def rows(self, *arguments: str) -> list[dict[str, Any]]:
        """The rows of the report."""
        where = ["--root", str(self.tree), "--branch", "main", *self._where()]
        said = self.run("report", "--format", "json", "--limit", "0", *where, *arguments)
        rows: list[dict[str, Any]] = json.loads(said)["problems"]
        return rows

    def scans(self) -> int:
        """How many scans the store has."""
        if not self.store.exists():
            return 0
        where = ["--root", str(self.tree), *self._where()]
        return len(
            json.loads(self.run("runs", "--format", "json", "--limit", "500", *where))["runs"]
        )

    def decide(self, rule: str, state: str, reason: str, *how: str) -> None:
        """Decide on a problem at the terminal."""
        (row,) = self.rows("--cve", rule, "--state", "all")
        where = ["--root", str(self.tree), "--branch", "main", *self._where()]
        decision = ["--state", state, "--reason", reason, "--by", "ana", "--expires", "2099-01-01"]
        self.run("triage", row["identity"], *decision, *how, *where)

    def comment(self, rule: str, number: int) -> None:
        """Decide by a comment on a pull request."""
        (row,) = self.rows("--cve", rule)
        body = f"/secagg accept {row['identity'][:12]} reason: no route leads to it"
        event = {
            "action": "created",
            "issue": {"number": number, "pull_request": {"url": f"{self.api}/pulls/{number}"}},
            "comment": {"body": body, "user": {"login": "ana"}, "author_association": "MEMBER"},
        }
        (self.home / "comment.json").write_text(json.dumps(event))
        self.run(
            *("triage-comment", "--root", str(self.tree), "--store", str(self.store)),
            env={
                "GITHUB_ACTIONS": "true",
                "GITHUB_EVENT_NAME": "issue_comment",
                "GITHUB_EVENT_PATH": str(self.home / "comment.json"),
                "GITHUB_REPOSITORY": self.repository,
            },
        )

    def sync(self) -> str:
        """Exchange decisions with GitHub."""
        return self.run(
            *("sync", "--root", str(self.tree), "--store", str(self.store)),
            *("--repository", self.repository, "--ref", "refs/heads/main"),
        )

    @property
    def store(self) -> Path:
        return self.home / "store.db"

    def run(
        self, *arguments: str, codes: tuple[int, ...] = (0,), env: Mapping[str, str] | None = None
    ) -> str:
        """Run a command; what it prints on standard output."""
        outside = {name: None for name in os.environ if name.startswith(("GITHUB_", "SECAGG_"))}
        inside = {"GITHUB_API_URL": self.api, "GITHUB_TOKEN": self.token, **(env or {})}
        done = CliRunner().invoke(app, list(arguments), env={**outside, **inside})
        if done.exit_code not in codes:
            raise AssertionError(f"{arguments} ended with {done.exit_code}: {done.output}") from (
                done.exception
            )
        return done.stdout

    def _where(self) -> list[str]:
        return ["--store", str(self.store), "--repo", self.repository]
