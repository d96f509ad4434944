"""A made-up team: thirty daily scans of a git history of which the truth is known.

Files move, packages are upgraded, neighbours are edited, a tool fails, the key for secrets changes,
and people decide on the way. Each day: nothing is falsely new, fixed or reopened, every problem
keeps its id, and every decision stays with its problem. ``SECAGG_TEAM_SEED`` takes another seed.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import os
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest

from secagg.history import open_store
from secagg.model.problem import State, Triage
from secagg.pipeline.gate import GateOptions, prepare
from secagg.pipeline.parse import parse_files
from secagg.pipeline.record import record_scan

SEED = int(os.environ.get("SECAGG_TEAM_SEED", "7"))
DAYS = 30
START = datetime.datetime(2026, 1, 1, 4, tzinfo=datetime.UTC)
KINDS = ("docker", "package", "kubernetes", "secret")


@dataclasses.dataclass(slots=True)
class Problem:
    """One problem of the truth.

    ``state`` is what people decided, or open; ``seen_at`` is where a scan saw it last.
    """

    number: int
    kind: str
    path: str
    version: int = 1
    state: str = "open"
    alive: bool = True
    seen_at: str = ""


class Team:
    """The repository, its scanners' reports, and what is true of them."""

    def __init__(self, root: Path, seed: int) -> None:
        self.root, self.random = root, random.Random(seed)
        self.problems: list[Problem] = []
        self.key = "the key of the first runner"
        self.comments: dict[str, int] = {}
        self.tags: dict[str, int] = {}
        root.mkdir()
        self.git("init", "-q", "-b", "main")
        for kind in KINDS:
            self.add(kind)

    def git(self, *arguments: str) -> str:
        author = ("-c", "user.name=Ada", "-c", "user.email=ada@shelf.example")
        done = subprocess.run(
            ["git", *author, *arguments], cwd=self.root, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def add(self, kind: str) -> Problem:
        number = len(self.problems)
        made = Problem(number, kind, f"{kind}{number}/{FILES[kind]}")
        self.problems.append(made)
        return made

    def live(self, kind: str | None = None) -> list[Problem]:
        return [p for p in self.problems if p.alive and kind in (None, p.kind)]

    def move(self) -> None:
        """Move a file by git, as it is; packages stay with their lock file."""
        movable = [p for p in self.live() if p.kind != "package"]
        if movable:
            one = self.random.choice(movable)
            one.path = f"moved{self.random.randrange(10**6)}/{one.path}"

    def edit(self) -> None:
        """Edit something beside a problem: lines above it, or the tag of its image."""
        one = self.random.choice(self.live())
        self.comments[f"{one.number}"] = self.comments.get(f"{one.number}", 0) + 1
        self.tags[f"{one.number}"] = self.random.randrange(100)

    def upgrade(self) -> None:
        for one in self.live("package")[:1]:
            one.version += 1

    def fix(self) -> None:
        if len(self.live()) > len(KINDS):
            self.random.choice(self.live()).alive = False

    def reopen(self) -> None:
        # What comes back in another file is another problem.
        gone = [p for p in self.problems if not p.alive and p.seen_at == p.path]
        if gone:
            self.random.choice(gone).alive = True

    def write(self) -> None:
        """The files as the truth has them, in a commit that git sees moves in."""
        for file in self.root.rglob("*"):
            if file.is_file() and ".git" not in file.parts:
                file.unlink()
        for one in self.problems:
            path = self.root / one.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("\n".join(self.lines(one)) + "\n")
        self.git("add", "--all")
        self.git("commit", "-q", "--allow-empty", "-m", "x")

    def lines(self, one: Problem) -> list[str]:
        above = [
            f"# note {n} of {one.number}" for n in range(self.comments.get(f"{one.number}", 0))
        ]
        body = {
            "docker": [f"FROM base{one.number}", f"RUN install tool{one.number}", "USER app"],
            "package": [f"lock of {one.number}", f"at {one.version}"],
            "kubernetes": [
                f"name: app{one.number}",
                f"image: app:{self.tags.get(f'{one.number}', 0)}",
            ],
            "secret": [f"name{one.number} = {{}}", f"token{one.number} = value", "end = 1"],
        }[one.kind]
        fixed = [f"# all lines of {one.number}, so that git knows it again"] * 8
        return [*fixed, *above, *body]

    def line_of(self, one: Problem) -> int:
        return 8 + self.comments.get(f"{one.number}", 0) + 2

    def reports(self, directory: Path) -> list[str]:
        """What Trivy and Gitleaks would report."""
        directory.mkdir(parents=True, exist_ok=True)
        results = [trivy_result(p, self.line_of(p)) for p in self.live() if p.kind != "secret"]
        document = {"SchemaVersion": 2, "ArtifactName": ".", "ArtifactType": "filesystem"}
        (directory / "trivy.json").write_text(json.dumps({**document, "Results": results}))
        leaks = [leak(p, self.line_of(p)) for p in self.live("secret")]
        (directory / "gitleaks.json").write_text(json.dumps(leaks))
        return [str(directory / "trivy.json"), str(directory / "gitleaks.json")]


FILES = {
    "docker": "Dockerfile",
    "package": "package-lock.json",
    "kubernetes": "deploy.yaml",
    "secret": "settings.py",
}


def trivy_result(one: Problem, line: int) -> dict[str, Any]:
    if one.kind == "package":
        version = f"1.{one.version}"
        entry = {
            "VulnerabilityID": f"CVE-2020-{1000 + one.number}",
            "PkgName": f"package{one.number}",
            "InstalledVersion": version,
            "PkgIdentifier": {"PURL": f"pkg:npm/package{one.number}@{version}"},
            "Severity": "HIGH",
        }
        kind = {"Class": "lang-pkgs", "Type": "npm"}
        return {"Target": one.path, **kind, "Vulnerabilities": [entry]}
    docker = one.kind == "docker"
    entry = {
        "ID": "DS-0025" if docker else "KSV-0017",
        "Title": "a check",
        "Message": "no cache"
        if docker
        else f"Container 'main' of Deployment 'app{one.number}' should set it to false",
        "Severity": "HIGH",
        "Status": "FAIL",
        "CauseMetadata": {"StartLine": line, "EndLine": line},
    }
    kind = {"Class": "config", "Type": "dockerfile" if docker else "kubernetes"}
    return {"Target": one.path, **kind, "Misconfigurations": [entry]}


def leak(one: Problem, line: int) -> dict[str, Any]:
    value = f"zX9kQ2mW7vB4nT8pL3rJ6s{one.number:02d}"
    return {
        "RuleID": "generic-api-key",
        "Description": "generic-api-key",
        "StartLine": line,
        "EndLine": line,
        "StartColumn": 1,
        "EndColumn": 40,
        "Match": f'key = "{value}"',
        "Secret": value,
        "File": one.path,
        "SymlinkFile": "",
        "Commit": "",
        "Entropy": 4.1,
        "Author": "",
        "Email": "",
        "Date": "",
        "Message": "",
        "Tags": [],
        "Fingerprint": f"{one.path}:generic-api-key:{line}",
    }


def scan(team: Team, url: str, day: int, branch: str, *, broken: bool) -> None:
    """Record the day's reports; a broken Trivy leaves half a report."""
    files = team.reports(team.root.parent / "reports")
    if broken:
        Path(files[0]).write_text('{"SchemaVersion": 2, "ArtifactName": ".", "Results": [')
    gate = prepare(team.root, GateOptions(store=url, branch=branch, repository="acme/shop"))
    at = START + datetime.timedelta(days=day)
    outcome = parse_files(files, tool=None, root=team.root, gate=gate, at=at)
    assert record_scan(outcome, gate, since=None) == []


def told(team: Team, url: str, branch: str) -> dict[str, tuple[str, str]]:
    """What the store says: by id, where it is and in which state."""
    with open_store(url) as store:
        return {
            p.identity: (p.uri or "", str(p.state)) for p in store.problems("acme/shop", branch)
        }


def test_thirty_days(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    team = Team(tmp_path / "shop", SEED)
    ids: dict[int, str] = {}
    for day in range(DAYS):
        broken = day % 11 == 5
        if not broken:
            # What a tool does not see on the day it fails, nobody can know.
            for change in team.random.sample(
                [team.move, team.edit, team.upgrade, team.fix, team.reopen], 2
            ):
                change()
            if team.random.random() < 0.4:
                team.add(team.random.choice(KINDS))
        if day in (9, 20):
            team.key = f"the key of the runner of day {day}"
        monkeypatch.setenv("SECAGG_HMAC_KEY", team.key)
        team.write()
        scan(team, url, day, "main", broken=broken)
        if day % 10 == 8:
            scan(team, url, day, f"feature-{day}", broken=False)
            # A branch has the ids of the branch that it came from.
            assert told(team, url, f"feature-{day}").keys() <= told(team, url, "main").keys()
        found = told(team, url, "main")
        for one in team.live():
            one.seen_at = one.path
        for one in team.problems:
            if one.number not in ids and one.alive:
                (ids[one.number],) = (i for i, (path, _) in found.items() if path == one.path)
        known = {ids[one.number]: one for one in team.problems if one.number in ids}
        assert found.keys() == known.keys(), f"day {day}: a problem is falsely new, or lost"
        wanted = {i: one.state if one.alive else "fixed" for i, one in known.items()}
        assert {i: state for i, (_, state) in found.items()} == wanted, f"day {day}"
        decided = team.random.choice(team.live())
        decided.state = team.random.choice(["accepted", "false-positive", "confirmed"])
        made = Triage(
            state=State(decided.state),
            reason="made up",
            by="kim@shelf.example",
            at=START + datetime.timedelta(days=day, hours=1),
        )
        with open_store(url) as store:
            store.triage("acme/shop", [ids[decided.number]], made)
