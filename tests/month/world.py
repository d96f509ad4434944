"""A made team and its repository, over days: what there is to be found is known.

The workflows are those that ``secagg init`` writes, run by act; the GitHub that they talk to is the
stand-in of the tests. Trivy is a script that knows which packages have advisories on a day, so that
the truth is known; Gitleaks is real.
"""

from __future__ import annotations

import contextlib
import io
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from secagg.cli.init import InitOptions, write_setup
from secagg.scanners.program import tools_directory
from tests.canaries import canaries
from tests.month.desk import Desk
from tests.standins.github_server import TOKEN, Alert, GitHubServer
from tests.workflows.act import BIN, Ran, Runner, git
from tests.workflows.pinned import install_pinned

REPOSITORY = "acme/shop"
SECRETS = {"GITHUB_TOKEN": TOKEN, "SECAGG_HMAC_KEY": "a-key-for-a-month"}
CANARY = next(c.value for c in canaries() if c.value.startswith("ghp_"))
_TRIVY = """#!{python} -I
import datetime, json, os, pathlib, sys
world = json.loads(pathlib.Path({world!r}).read_text())
if sys.argv[1] == "--version":
    print("Version: 0.76.0")
    sys.exit(0)
flags = dict(a.split("=", 1) for a in sys.argv if "=" in a)
if "--download-db-only" in sys.argv:
    if world["refused"]:
        sys.exit("FATAL toomanyrequests")
    sys.exit(0)
if world["broken"]:
    os.kill(os.getpid(), 9)
root = pathlib.Path(sys.argv[-1])
results = []
for path in sorted(root.rglob("requirements.txt")):
    packages = dict(line.split("==") for line in path.read_text().split())
    found = [
        {{
            "VulnerabilityID": advisory, "PkgName": name, "InstalledVersion": packages[name],
            "FixedVersion": fixed, "Severity": "HIGH", "Title": advisory,
            "PkgIdentifier": {{"PURL": f"pkg:pypi/{{name}}@{{packages[name]}}"}},
        }}
        for name, advisory, fixed in world["advisories"]
        if name in packages and packages[name] != fixed
    ]
    listed = [{{"Name": n, "Version": v}} for n, v in packages.items()]
    results.append({{
        "Target": path.relative_to(root).as_posix(), "Class": "lang-pkgs", "Type": "pip",
        "Packages": listed, "Vulnerabilities": found,
    }})
report = {{"SchemaVersion": 2, "ArtifactName": str(root), "Results": results}}
pathlib.Path(flags["--output"]).write_text(json.dumps(report))
"""


@dataclass(slots=True)
class World:
    """The team's repository and the world around it; ``home`` is an empty directory.

    ``advisories`` are package, advisory and the version that mends it; ``accepted`` those that a
    person has decided to live with in a file of main, ``dismissed`` at GitHub, ``settled`` in the
    store. ``seen`` are all that any scan of main has met, ``emptied`` the categories of
    what is gone. ``key`` says whether SECAGG_HMAC_KEY is set.
    ``logs`` is all that any run has printed, ``events`` and ``checks`` what the month came to.
    """

    home: Path
    server: GitHubServer
    advisories: list[tuple[str, str, str]] = field(default_factory=list)
    broken: bool = False
    refused: bool = False
    key: bool = True
    accepted: set[str] = field(default_factory=set)
    dismissed: set[str] = field(default_factory=set)
    settled: set[str] = field(default_factory=set)
    seen: set[str] = field(default_factory=set)
    emptied: set[str] = field(default_factory=set)
    component: str = "service"
    numbers: int = 0
    events: int = 0
    checks: int = 0
    logs: list[str] = field(default_factory=list)
    artifacts: list[Path] = field(default_factory=list)

    def __post_init__(self) -> None:
        bin_dir = self.home / "bin"
        bin_dir.mkdir()
        (bin_dir / "trivy").write_text(
            _TRIVY.format(python=BIN / "python", world=str(self.home / "world.json"))
        )
        (bin_dir / "trivy").chmod(0o755)
        install_pinned(tools_directory({"SECAGG_TOOLS": str(self.home / "tools")}))
        self.database(timedelta(hours=1))
        self.require(flask="3.0.0", yaml="5.3")
        git(self.tree, "init", "-q", "-b", "main")
        git(self.tree, "remote", "add", "origin", f"https://github.com/{REPOSITORY}.git")
        options = InitOptions(snyk=False, codeql=False)
        with contextlib.redirect_stdout(io.StringIO()):
            assert write_setup(self.tree, options) == 0
        self.commit("first")
        self.runner = Runner(self.home / "runner", self.tree, [bin_dir], self.server.url)
        (self.home / "desk").mkdir()
        self.desk = Desk(self.home / "desk", self.tree, REPOSITORY, self.server.url, TOKEN)

    runner: Runner = field(init=False)
    desk: Desk = field(init=False)

    def check(self, what: str, actual: object, wanted: object) -> None:
        """Assert that something is as the script knows it; the last run's log says why not."""
        self.checks += 1
        if actual != wanted:
            log = self.logs[-1] if self.logs else ""
            raise AssertionError(f"{log}\n{what}: {actual!r}, where {wanted!r} is true")

    @property
    def tree(self) -> Path:
        return self.home / "tree"

    def write(self, path: str, text: str) -> None:
        """Have a file in the work tree."""
        (self.tree / path).parent.mkdir(parents=True, exist_ok=True)
        (self.tree / path).write_text(text)

    def require(self, **versions: str) -> None:
        """Have versions of packages among the component's requirements."""
        path = self.tree / self.component / "requirements.txt"
        there = dict(line.split("==") for line in path.read_text().split()) if path.exists() else {}
        lines = [f"{name}=={version}\n" for name, version in sorted({**there, **versions}.items())]
        self.write(f"{self.component}/requirements.txt", "".join(lines))

    def commit(self, message: str) -> str:
        """Commit what lies in the work tree; the commit."""
        git(self.tree, "add", "-A")
        git(self.tree, "commit", "-q", "--allow-empty", "-m", message)
        return git(self.tree, "rev-parse", "HEAD")

    def database(self, age: timedelta) -> None:
        """Have a database of that age, and none in the cache of the default branch."""
        shutil.rmtree(self.home / "runner" / "caches", ignore_errors=True)
        directory = self.home / "cache" / "db"
        directory.mkdir(parents=True, exist_ok=True)
        made = {"UpdatedAt": (datetime.now(UTC) - age).isoformat()}
        (directory / "metadata.json").write_text(json.dumps(made))

    def truth(self) -> set[str]:
        """The advisories that what is checked out has, accepted ones too."""
        found: set[str] = set()
        for path in self.tree.rglob("requirements.txt"):
            if ".github" not in path.parts:
                packages = dict(line.split("==") for line in path.read_text().split())
                found |= {a for n, a, fixed in self.advisories if packages.get(n, fixed) != fixed}
        return found

    def alerts(self) -> set[str]:
        """The rules of the alerts that are open on the default branch."""
        return {alert.rule for alert in self.open_on_main()}

    def open_on_main(self) -> list[Alert]:
        """The alerts that main's latest analyses report; those of pull requests are theirs."""
        return [
            alert
            for alert in self.server.open_alerts()
            if any(ref == "refs/heads/main" for ref, _ in alert.places)
        ]

    def categories(self) -> set[str]:
        """The categories of the last commit of main that was analysed."""
        mine = [a for a in self.server.analyses if a["ref"] == "refs/heads/main"]
        return {a["category"] for a in mine if a["commit_sha"] == mine[0]["commit_sha"]}

    def comments(self, number: int) -> int:
        """How many comments secagg has on a pull request."""
        return sum(comment["issue"] == number for comment in self.server.comments)

    def dismiss(self, rule: str, reason: str, comment: str) -> None:
        """Dismiss an alert as somebody does in the Security tab."""
        (alert,) = (alert for alert in self.open_on_main() if alert.rule == rule)
        alert.state, alert.dismissed_reason, alert.dismissed_comment = "dismissed", reason, comment
        alert.updated_at = self.server.now()
        self.dismissed.add(rule)

    def daily(self) -> Ran:
        """The daily scan of main."""
        git(self.tree, "checkout", "-q", "main")
        return self._run("schedule", {"schedule": "1 3 * * *"}, "security-scan.yml")

    def push(self) -> Ran:
        """The scan of a push to main."""
        payload = {"ref": "refs/heads/main", "before": "0" * 40}
        return self._run("push", payload, "security-scan.yml")

    def pull(self, branch: str, *, fork: bool = False, author: str = "bob") -> tuple[Ran, int]:
        """The gate of a new pull request of a branch; its run and its number."""
        self.numbers += 1
        return self._gate(self.numbers, branch, fork, author), self.numbers

    def again(self, number: int, branch: str) -> Ran:
        """The gate of a pull request that was pushed to again."""
        return self._gate(number, branch, False, "bob")

    def publish(self, gate: Ran, number: int) -> Ran:
        """The second stage for a fork's pull request."""
        git(self.tree, "checkout", "-q", "main")
        pull = self.server.pulls[number]
        run = {
            "id": 1,
            "event": "pull_request",
            "conclusion": "success" if gate.green else "failure",
            "head_sha": pull["head"]["sha"],
            "head_branch": pull["head"]["ref"],
            "head_repository": {"full_name": pull["head"]["repo"]["full_name"]},
            "repository": {"full_name": REPOSITORY},
            "pull_requests": [],
        }
        payload = {"action": "completed", "workflow_run": run}
        return self._run("workflow_run", payload, "pr-publish.yml", artifacts=gate.artifacts)

    def queue(self, branch: str) -> Ran:
        """The gate in the merge queue."""
        base, head = self._merge(branch)
        ref = f"refs/heads/gh-readonly-queue/main/pr-1-{base}"
        git(self.tree, "update-ref", ref, head)
        group = {"head_sha": head, "base_sha": base, "head_ref": ref, "base_ref": "refs/heads/main"}
        payload = {"action": "checks_requested", "merge_group": group}
        git(self.tree, "checkout", "-q", ref.removeprefix("refs/heads/"))
        return self._run("merge_group", payload, "pr-gate.yml", env={"GITHUB_REF": ref})

    def merge(self, branch: str) -> None:
        """Merge a branch into main."""
        git(self.tree, "checkout", "-q", "main")
        git(self.tree, "merge", "-q", "--no-ff", "-m", f"merge {branch}", branch)

    def branch(self, name: str) -> None:
        """Begin a branch from main."""
        git(self.tree, "checkout", "-q", "-b", name, "main")

    def back(self) -> None:
        """Leave what lies in the work tree, and go back to main."""
        git(self.tree, "checkout", "-q", "--force", "main")

    def rename(self, old: str, new: str) -> None:
        """Give the component another name."""
        git(self.tree, "mv", old, new)
        self.component = new

    def take_out(self, branch: str, path: str, message: str) -> None:
        """Remove a file from a branch; its history keeps it."""
        git(self.tree, "checkout", "-q", "--force", branch)
        git(self.tree, "rm", "-q", path)
        self.commit(message)

    def leaked(self, value: str) -> list[str]:
        """Where a secret's value has got to: logs, artifacts, caches, the store, GitHub."""
        places = [f"log {n}" for n, log in enumerate(self.logs) if value in log]
        files = [p for d in self.artifacts for p in d.rglob("*") if p.is_file()]
        for directory in (self.home / "runner" / "caches", self.desk.home):
            files += [p for p in directory.rglob("*") if p.is_file()]
        places += [str(p) for p in files if value.encode() in p.read_bytes()]
        if value in json.dumps(self.server.comments) or value in str(self.server.uploads):
            places.append("GitHub")
        return places

    def _gate(self, number: int, branch: str, fork: bool, author: str) -> Ran:
        base, merged = self._merge(branch)
        head = git(self.tree, "rev-parse", branch)
        git(self.tree, "update-ref", f"refs/pull/{number}/merge", merged)
        git(self.tree, "update-ref", f"refs/pull/{number}/head", head)
        pull: dict[str, Any] = {
            "number": number,
            "user": {"login": author},
            "head": {
                "sha": head,
                "ref": branch,
                "repo": {"full_name": "mallory/shop" if fork else REPOSITORY},
            },
            "base": {"sha": base, "ref": "main", "repo": {"full_name": REPOSITORY}},
        }
        self.server.pulls[number] = pull
        self.server.read_only = fork
        payload = {"action": "opened", "number": number, "pull_request": pull}
        ran = self._run("pull_request", payload, "pr-gate.yml", actor=author)
        self.server.read_only = False
        return ran

    def _merge(self, branch: str) -> tuple[str, str]:
        """Main's commit, and that of a branch merged into it, which is checked out then."""
        base = git(self.tree, "rev-parse", "main")
        git(self.tree, "checkout", "-q", "--detach", "main")
        git(self.tree, "merge", "-q", "--no-ff", "-m", f"merge {branch}", branch)
        return base, git(self.tree, "rev-parse", "HEAD")

    def _run(self, event: str, payload: Mapping[str, Any], workflow: str, **how: Any) -> Ran:
        repository = {"full_name": REPOSITORY, "default_branch": "main"}
        state = {
            "advisories": self.advisories,
            "broken": self.broken,
            "refused": self.refused,
        }
        (self.home / "world.json").write_text(json.dumps(state))
        env = {
            "GITHUB_REPOSITORY": REPOSITORY,
            "SECAGG_TOOLS": str(self.home / "tools"),
            "TRIVY_CACHE_DIR": str(self.home / "cache"),
            **how.pop("env", {}),
        }
        self.events += 1
        known = SECRETS if self.key else {"GITHUB_TOKEN": TOKEN}
        ran = self.runner.run(
            event, {**payload, "repository": repository}, workflow, secrets=known, env=env, **how
        )
        self.logs.append(ran.log)
        self.artifacts.append(ran.artifacts)
        return ran
