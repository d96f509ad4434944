"""Small git repositories, with none of this machine's settings."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


class Repo:
    """A repository at ``root`` with one branch, ``main``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q", "-b", "main", ".")

    def git(self, *arguments: str | Path) -> str:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.root),
            "LC_ALL": "C",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_SYSTEM": os.devnull,
        }
        for role in ("AUTHOR", "COMMITTER"):
            environment |= {f"GIT_{role}_NAME": "Ada", f"GIT_{role}_EMAIL": "ada@shelf.example"}
            environment |= {f"GIT_{role}_DATE": "2026-01-01T12:00:00+00:00"}
        command = ["git", "-c", "protocol.file.allow=always", *map(str, arguments)]
        done = subprocess.run(
            command, cwd=self.root, env=environment, check=True, capture_output=True
        )
        return done.stdout.decode().strip()

    def write(self, name: str, content: str | bytes) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    def commit(self, message: str = "Change something") -> str:
        self.git("add", "--all")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")


def numbered(count: int, start: int = 1) -> str:
    """So many different lines."""
    return "".join(f"line {number} of the text\n" for number in range(start, start + count))
