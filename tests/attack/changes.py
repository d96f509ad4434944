"""A pull request of a hostile author: what ``main`` has, what the change has, and who judges it."""

from __future__ import annotations

import shutil
import subprocess
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.cli.running import Ran, secagg

SECRET = "Zk3fW9qLx0TnB7vRp2YsQ8uH"
LEAK = f'print(1)\napi_key = "{SECRET}"\n'
ONLY_GITLEAKS = "".join(
    f"  {tool}: {{enabled: false}}\n" for tool in ("trivy", "snyk", "codeql", "trufflehog")
)
_TOOLS = Path(sysconfig.get_path("scripts"))


@dataclass(kw_only=True)
class Change:
    """A repository at ``root`` with ``main``, and a branch on which the attack lies."""

    root: Path
    home: Path
    bin_dir: Path
    extra: dict[str, str] = field(default_factory=dict)

    @classmethod
    def make(cls, place: Path, base: Mapping[str, str], change: Mapping[str, str | None]) -> Change:
        """Commit ``base`` on main and ``change`` on a branch; None removes a file."""
        made = cls(root=place / "repo", home=place / "home", bin_dir=place / "bin")
        for directory in (made.root, made.home, made.bin_dir):
            directory.mkdir(parents=True)
        made.git("init", "-q", "-b", "main")
        made.commit({"app.py": "print(1)\n", **base})
        made.git("update-ref", "refs/remotes/origin/main", "HEAD")
        made.git("checkout", "-q", "-b", "change")
        made.commit(change)
        made.extra = {"GITHUB_EVENT_NAME": "pull_request", "GITHUB_BASE_REF": "main"}
        return made

    def git(self, *arguments: str) -> str:
        author = ("-c", "user.name=Ada", "-c", "user.email=ada@shelf.example")
        done = subprocess.run(
            ["git", *author, *arguments], cwd=self.root, check=True, capture_output=True
        )
        return done.stdout.decode("utf-8", "surrogateescape").strip()

    def commit(self, files: Mapping[str, str | None]) -> None:
        for name, text in files.items():
            path = self.root / name
            if text is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            if text.startswith("#!"):
                path.chmod(0o755)
        self.git("add", "--all", "--force")
        self.git("commit", "-q", "-m", "Change something")

    def real(self, *names: str) -> None:
        """Put real scanners on the PATH."""
        for name in names:
            found = shutil.which(name, path=str(_TOOLS))
            assert found is not None, f"no {name}: run make setup"
            (self.bin_dir / name).symlink_to(found)

    def run(self, *arguments: str | Path, **extra: str) -> Ran:
        return secagg(
            *arguments,
            bin_dir=self.bin_dir,
            home=self.home,
            cwd=self.root,
            extra={**self.extra, **extra},
        )

    def scan(self, *arguments: str, **extra: str) -> Ran:
        """Scan as the workflow of a pull request does."""
        return self.run(
            "scan", "--no-store", "--policy", "pr-gate", "-o", "out", *arguments, **extra
        )


def quiet_gitleaks(words: Sequence[str] = ("[]",)) -> str:
    """A program that plays Gitleaks and never finds anything."""
    return (
        "#!/bin/sh\n"
        '[ "$1" = version ] && { echo 8.30.1; exit 0; }\n'
        'for a in "$@"; do case $a in --report-path=*) '
        f'echo "{words[0]}" >"${{a#--report-path=}}";; esac; done\n'
        'echo "1 commits scanned." >&2\n'
    )
