"""Run workflows with ``act`` on this machine, without Docker and without a network.

Third-party actions are stood in for by small composite ones (``standins/``) that check what they
are given; the pins that a workflow names are what they are found by. Everything else is real: the
expressions, the conditions, bash, ``action.yml`` and secagg. Each job gets a fresh home and temporary
directory, as hosted runners give.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
STANDINS = Path(__file__).with_name("standins")
_USES = re.compile(r"uses: *([\w.-]+/[\w.-]+)(?:/[\w./-]+)?@([0-9a-f]{40})")
_NAMES = {
    "actions/checkout": "checkout",
    "actions/upload-artifact": "upload-artifact",
    "actions/download-artifact": "download-artifact",
    "actions/cache": "cache",
    "github/codeql-action": "codeql-action",
}
# Stands in for the interpreter that the action finds: a virtual environment of the tests' own
# packages takes no time, and nothing is installed into it.
_PYTHON = """#!/bin/sh
if [ "$2 $3" = "-m venv" ]; then
  mkdir -p "$5/bin"
  printf '#!/bin/sh\\n[ "$3" = pip ] && exit 0\\nexec "{python}" "$@"\\n' >"$5/bin/python"
  chmod +x "$5/bin/python"
  exit 0
fi
exec "{python}" "$@"
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """How a workflow run ended: the result of each job, by its id, and all that was printed."""

    code: int
    jobs: Mapping[str, str]
    log: str
    artifacts: Path

    @property
    def green(self) -> bool:
        """Whether every job succeeded."""
        return self.code == 0 and set(self.jobs.values()) <= {"success"} and bool(self.jobs)

    def artifact(self, name: str, file: str) -> Any:
        """A JSON file of an artifact."""
        return json.loads((self.artifacts / name / file).read_text())


@dataclass(slots=True)
class Runner:
    """A runner for the workflows of the repository at ``origin``, whose work tree is ``tree``.

    ``home`` holds everything else. ``path`` are directories with programs, before the system's.
    """

    home: Path
    tree: Path
    path: list[Path] = field(default_factory=list)
    api: str = "http://127.0.0.1:1"
    number: int = 0

    def __post_init__(self) -> None:
        tools = self.home / "python"
        tools.mkdir(parents=True)
        for name in ("python3.13", "python3"):
            (tools / name).write_text(_PYTHON.format(python=sys.executable))
            (tools / name).chmod(0o755)

    def run(
        self,
        event: str,
        payload: Mapping[str, Any],
        workflow: str,
        *,
        secrets: Mapping[str, str] | None = None,
        env: Mapping[str, str] | None = None,
        artifacts: Path | None = None,
        actor: str = "alice",
    ) -> Ran:
        """Run a workflow of the tree's HEAD for an event."""
        self.number += 1
        work = self.home / f"run-{self.number}"
        (work / "home").mkdir(parents=True)
        artifacts = artifacts or work / "artifacts"
        artifacts.mkdir(exist_ok=True)
        (work / "event.json").write_text(json.dumps(payload))
        file = self.tree / ".github" / "workflows" / workflow
        variables = {
            "GITHUB_API_URL": self.api,
            "STANDIN_ORIGIN": str(self.tree),
            "STANDIN_ARTIFACTS": str(artifacts),
            "STANDIN_CACHE": str(self.home / "caches"),
            **(env or {}),
        }
        arguments = [str(BIN / "act"), event, "-W", str(file), "-e", str(work / "event.json")]
        arguments += ["-P", "ubuntu-latest=-self-hosted", "-P", "ubuntu-24.04=-self-hosted"]
        arguments += ["--no-cache-server", "--no-skip-checkout", "--json", "--actor", actor]
        arguments += ["--action-cache-path", str(work / "cache"), "--concurrent-jobs", "2"]
        for name, value in variables.items():
            arguments += ["--env", f"{name}={value}"]
        for name, value in (secrets or {}).items():
            arguments += ["-s", f"{name}={value}"]
        for repository, commit in sorted(self._actions()):
            standin = STANDINS / _NAMES[repository]
            arguments += ["--local-repository", f"{repository}@{commit}={standin}"]
        path = [self.home / "python", *self.path, Path("/usr/bin"), Path("/bin")]
        measured = {name: value for name, value in os.environ.items() if "COVERAGE" in name}
        done = subprocess.run(
            arguments,
            cwd=self.tree,
            env=measured
            | {
                "HOME": str(work / "home"),
                "PATH": os.pathsep.join(map(str, path)),
                "LANG": "C.UTF-8",
            },
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        shutil.rmtree(work / "cache", ignore_errors=True)
        return _read(done, artifacts)

    def _actions(self) -> set[tuple[str, str]]:
        texts = [path.read_text() for path in self.tree.glob(".github/**/*.yml")]
        texts.append((ROOT / "action.yml").read_text())
        return {found for text in texts for found in _USES.findall(text) if found[0] in _NAMES}


def _read(done: subprocess.CompletedProcess[str], artifacts: Path) -> Ran:
    jobs: dict[str, str] = {}
    lines = []
    for line in (done.stdout + done.stderr).splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            lines.append(line)
            continue
        lines.append(f"[{entry.get('job', '')}] {entry.get('msg', '').rstrip()}")
        if "jobResult" in entry:
            jobs[entry.get("job", entry.get("jobID", "")).split("/")[-1]] = entry["jobResult"]
    return Ran(done.returncode, jobs, "\n".join(lines), artifacts)


def git(tree: Path, *arguments: str) -> str:
    """Run git in a tree, and give what it says."""
    env = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tree),
        "GIT_CONFIG_GLOBAL": "/dev/null",
        **{f"GIT_{who}_NAME": "Alice" for who in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{who}_EMAIL": "alice@example.com" for who in ("AUTHOR", "COMMITTER")},
    }
    done = subprocess.run(
        ["git", *arguments], cwd=tree, env=env, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()
