"""Real scanners, stand-ins told to misbehave, and short ways to scan with them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from secagg.packages.components import find_components
from secagg.scanners import make_scanners
from secagg.scanners.base import RunContext, ScanRequest, ToolRun, run_jobs
from secagg.secrets.redactor import Redactor
from secagg.system.process import Cancellation

STANDINS = Path(__file__).resolve().parent.parent / "standins"
TOOLS = Path(sysconfig.get_path("scripts"))
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"


def real(name: str) -> Path:
    """The real scanner that the set-up installs. Its absence fails the test."""
    found = shutil.which(name, path=f"{TOOLS}{os.pathsep}{os.environ.get('PATH', '')}")
    if found is None:
        pytest.fail(f"no {name}: run `make test` (scripts/setup.sh), which installs it")
    return Path(found)


@dataclass(kw_only=True)
class Bench:
    """A place to scan from: programs on its own PATH, a home, and a temporary directory."""

    bin_dir: Path
    home: Path
    temporary: Path
    extra: dict[str, str] = field(default_factory=dict)
    redactor: Redactor = field(default_factory=lambda: Redactor(b"key"))
    cancellation: Cancellation = field(default_factory=Cancellation)

    @property
    def context(self) -> RunContext:
        environ = {
            "PATH": f"{self.bin_dir}{os.pathsep}{SYSTEM_PATH}",
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            **self.extra,
        }
        return RunContext(redactor=self.redactor, cancellation=self.cancellation, environ=environ)

    def install_real(self, *names: str) -> None:
        """Put the real scanners on the PATH."""
        for name in names:
            (self.bin_dir / name).symlink_to(real(name))

    def stand_in(self, name: str, told: str = "") -> Path:
        """Put a stand-in on the PATH, and say how it is to misbehave."""
        shutil.copy(STANDINS / "misbehave.py", self.bin_dir)
        program = Path(shutil.copy(STANDINS / name, self.bin_dir))
        (self.bin_dir / f"{name}.misbehave").write_text(told)
        return program

    def request(
        self, root: Path, options: Mapping[str, Mapping[str, Any]], **more: Any
    ) -> ScanRequest:
        return ScanRequest(
            root=root,
            components=more.pop("components", find_components(root)),
            options=options,
            timeout=more.pop("timeout", 120.0),
            **more,
        )

    def scan(self, tool: str, root: Path, **settings: Any) -> list[ToolRun]:
        """Plan and run one tool; what is not a field of the request is an option of the tool."""
        fields = {"since", "whole", "components", "timeout"}
        more = {key: settings.pop(key) for key in fields & settings.keys()}
        request = self.request(root, {tool: settings}, **more)
        (scanner,) = make_scanners(self.context, [tool])
        planned = scanner.plan(request)
        jobs = [item for item in planned if not isinstance(item, ToolRun)]
        done = iter(run_jobs(jobs, parallel=2, cancellation=self.cancellation))
        return [item if isinstance(item, ToolRun) else next(done) for item in planned]

    def leftovers(self) -> list[str]:
        """Files that a scan should have removed."""
        return [path.name for path in self.temporary.iterdir()]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Programs, home and temporary directory of this test's own."""
    made = Bench(bin_dir=tmp_path / "bin", home=tmp_path / "home", temporary=tmp_path / "temporary")
    for path in (made.bin_dir, made.home, made.temporary):
        path.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(made.temporary))
    return made


@dataclass(frozen=True)
class Repo:
    """A small git repository that a test fills."""

    root: Path

    def write(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def git(self, *arguments: str) -> str:
        identity = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
        command = ["git", *identity, *arguments]
        return subprocess.run(
            command, cwd=self.root, check=True, capture_output=True, text=True
        ).stdout.strip()

    def commit(self, files: Mapping[str, str], message: str = "A change") -> str:
        """Write and commit; the hash comes back."""
        self.write(files)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    """An empty repository."""
    made = Repo(tmp_path / "repo")
    made.root.mkdir()
    made.git("init", "--quiet", "--initial-branch=main")
    return made
