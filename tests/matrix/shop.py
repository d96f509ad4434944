"""A repository with reports, a store and a GitHub, and secagg's command line in this process."""

from __future__ import annotations

import datetime
import json
import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text

from tests.github.fakes import FakeClock, client
from tests.matrix.rows import (
    BYSTANDER,
    Row,
    gitleaks_report,
    sarif_report,
    snyk_report,
    trivy_report,
)
from tests.standins.github_server import REPOSITORY, GitHubServer

Run = Callable[..., tuple[int, str, str]]

TODAY = datetime.datetime.now(datetime.UTC).date()
YESTERDAY = TODAY - datetime.timedelta(days=1)
LONG_AGO = TODAY - datetime.timedelta(days=30)
NEXT_MONTH = TODAY + datetime.timedelta(days=30)
VEX = ("openvex.json", "cyclonedx.json", "csaf.json")


def git(root: Path, *arguments: str) -> str:
    """Run git as somebody; its standard output."""
    author = ("-c", "user.name=Ada", "-c", "user.email=ada@shelf.example")
    done = subprocess.run(
        ["git", *author, *arguments], cwd=root, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


class Shop:
    """The world of the matrix."""

    def __init__(
        self, home: Path, url: str, run: Run, server: GitHubServer, rows: Sequence[Row]
    ) -> None:
        self.home, self.url, self.server, self.rows = home, url, server, list(rows)
        self._run = run
        self._at = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)
        self.root = home / "shop"
        self.root.mkdir()
        (self.root / "package-lock.json").write_text("{}\n")
        for row in rows:
            if not row.is_vulnerability:
                path = self.root / row.path
                path.parent.mkdir(exist_ok=True)
                path.write_text(f"eval(text_{row.number})\n")
        for name in VEX:
            (self.root / name).write_text(_NOTHING_SAID[name])
        self.suppressed: set[int] = set()
        self.ids: dict[int, str] = {}
        git(self.root, "init", "-q", "-b", "trunk")
        git(self.root, "remote", "add", "origin", f"https://github.com/{REPOSITORY}.git")
        self.commit()

    def commit(self) -> str:
        """Commit all there is; answers the commit."""
        git(self.root, "add", "--all")
        git(self.root, "commit", "-q", "--allow-empty", "-m", "x")
        return git(self.root, "rev-parse", "HEAD")

    def secagg(self, *arguments: str | Path, code: int | None = 0) -> str:
        """Run a command in the repository; its standard output."""
        done, out, err = self._run(*map(str, arguments))
        assert code is None or done == code, f"{arguments}: {done}\n{out}\n{err}"
        return out

    def reports(self) -> list[str]:
        """Write what the scanners say, and answer the files."""
        made = {
            "trivy.json": trivy_report(self.rows),
            "snyk.json": snyk_report(self.rows),
            "gitleaks.json": gitleaks_report(self.rows),
            "linter.sarif": sarif_report(self.rows, self.suppressed),
        }
        for name, document in made.items():
            (self.home / name).write_text(json.dumps(document))
        return [str(self.home / name) for name in made]

    def vex(self) -> list[str]:
        """The options that name the VEX documents."""
        return [word for name in VEX for word in ("--vex", name)]

    def scan(self) -> str:
        """Take the reports in as a scan of its own time; its table."""
        self._at += datetime.timedelta(minutes=1)
        at = self._at.isoformat(timespec="seconds")
        out = self.secagg("parse", *self.reports(), *self.vex(), "--at", at, code=None)
        self.ids |= {row.number: finding["id"] for row, finding in self.decided()}
        return out

    def decided(self) -> Iterator[tuple[Row, dict[str, Any]]]:
        """Each row with what the last scan's ``decision.json`` says of it."""
        document = json.loads((self.root / "secagg-out" / "decision.json").read_bytes())
        yield from self.matched(document["findings"])

    def matched(self, findings: Iterable[dict[str, Any]]) -> Iterator[tuple[Row, dict[str, Any]]]:
        """Each row with its finding, by what the finding names."""
        by_mark = {row.mark: row for row in [*self.rows, BYSTANDER]}
        for finding in findings:
            for mark in (*finding["aliases"], finding["path"]):
                if mark in by_mark:
                    yield by_mark[mark], finding

    def of(self, rows: Iterable[Row]) -> list[str]:
        """The ids of ``rows``."""
        return [self.ids[row.number] for row in rows]

    def at_github(self, rows: Iterable[Row], **body: str) -> None:
        """Change the alerts of ``rows`` as a person does at GitHub."""
        clock = FakeClock()
        clock.time = datetime.datetime.now(datetime.UTC).timestamp()
        wanted = {(row.rule, row.path) for row in rows}
        with client(self.server, clock) as github:
            for alert in self.server.alerts:
                if (alert.rule, alert.path) in wanted:
                    path = f"/repos/{REPOSITORY}/code-scanning/alerts/{alert.number}"
                    github.patch(path, body)

    def let_days_pass(self, rows: Iterable[Row]) -> None:
        """Let the decisions of the store on ``rows`` be of last month, and over since yesterday."""
        engine = create_engine(self.url)
        with engine.begin() as connection:
            for identity in self.of(rows):
                connection.execute(
                    text("UPDATE decision SET expires = :day WHERE identity = :identity"),
                    {"day": YESTERDAY.isoformat(), "identity": identity},
                )
        engine.dispose()


_NOTHING_SAID = {
    "openvex.json": '{"@context": "https://openvex.dev/ns/v0.2.0", "statements": []}',
    "cyclonedx.json": '{"bomFormat": "CycloneDX", "specVersion": "1.6", "vulnerabilities": []}',
    "csaf.json": '{"document": {"csaf_version": "2.0"}, "vulnerabilities": []}',
}
