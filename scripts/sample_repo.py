"""Build the sample monorepo: a real git repository with a fixed history and planted problems.

``python -m scripts.sample_repo DEST`` makes ``DEST`` from fixtures/sample-monorepo (the work tree
of ``main``) and fixtures/sample-history (files as they were before, and on the branches). Authors,
dates and contents are fixed, so that every build has the same commit ids.

What is planted where stands in fixtures/sample-monorepo.truth.json.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.planted import fill, load

_FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
TREE = _FIXTURES / "sample-monorepo"
HISTORY = _FIXTURES / "sample-history"
_NOT_OURS = {"__pycache__", "node_modules"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One commit.

    ``take`` names files and directories of the fixture's tree that come in as they are at the end;
    ``over`` a directory of fixtures/sample-history whose files come on top; ``remove`` files that
    go; ``rename`` old and new names; ``prepend`` a file and the text that comes before its first
    line; ``replace`` a file, a text in it and the text that takes its place. The message may hold
    ``{{secret:NAME}}`` like a file.
    """

    message: str
    author: str = "Ada Archer"
    take: Sequence[str] = ()
    over: str | None = None
    remove: Sequence[str] = ()
    rename: Sequence[tuple[str, str]] = ()
    prepend: Sequence[tuple[str, str]] = ()
    replace: Sequence[tuple[str, str, str]] = ()


MAIN = (
    Step(
        message="Start the engine and the dashboard",
        take=["README.md", ".gitignore", "rust-core-engine", "nextjs-ui-dashboard"],
        over="start",
    ),
    Step(
        message="Recommend books",
        author="Ben Bauer",
        take=["python-ai-service"],
        over="service",
    ),
    Step(
        message="Take the credentials out of the dashboard",
        remove=["nextjs-ui-dashboard/.npmrc", "nextjs-ui-dashboard/lib/notify.js"],
    ),
    Step(
        message="Rotate the GitLab token\n\nThe old one, {{secret:gitlab_token_old}}, is revoked.",
        author="Ben Bauer",
        take=["python-ai-service/app/settings.py"],
    ),
    Step(
        message="Deploy with compose, Terraform and Kubernetes",
        author="Cleo Cruz",
        take=["docker-compose.yml", "deploy"],
    ),
)
_DASHBOARD = "nextjs-ui-dashboard"
_SERVICE = "python-ai-service"
# Each branch starts at the end of main, and brings the change that its name says.
BRANCHES: dict[str, Sequence[Step]] = {
    "pr/nothing-new": [
        Step(
            message="Say what the parts do",
            prepend=[("README.md", "<!-- Shelf: used books, found and recommended. -->\n\n")],
        )
    ],
    "pr/new-vulnerability": [Step(message="Pin urllib3", over="branches/new-vulnerability")],
    "pr/new-secret": [Step(message="List the releases", over="branches/new-secret")],
    "pr/secret-added-and-removed": [
        Step(message="List the releases", over="branches/new-secret"),
        Step(message="Leave the releases out", remove=[f"{_DASHBOARD}/lib/releases.js"]),
    ],
    "pr/new-code-flaw": [Step(message="Make reports", over="branches/new-code-flaw")],
    "pr/moved-lines": [
        Step(
            message="Say whose files these are",
            prepend=[
                (f"{_SERVICE}/app/main.py", "# Shelf, the used books shop.\n# All rights to it.\n"),
                (f"{_SERVICE}/app/settings.py", "# Shelf, the used books shop.\n\n"),
                (f"{_SERVICE}/requirements.txt", "# What the recommender needs.\n\n"),
                ("deploy/terraform/main.tf", "# The cloud side of Shelf.\n\n"),
            ],
        )
    ],
    "pr/renamed-file": [
        Step(
            message="Call the settings configuration",
            rename=[(f"{_SERVICE}/app/settings.py", f"{_SERVICE}/app/configuration.py")],
        )
    ],
    "pr/fixes": [
        Step(
            message="Upgrade requests, and keep the bucket private",
            replace=[
                (f"{_SERVICE}/requirements.txt", "requests==2.19.1", "requests==2.32.4"),
                ("deploy/terraform/main.tf", '"public-read"', '"private"'),
            ],
        )
    ],
}


def build(dest: Path) -> None:
    """Make the repository at ``dest``, which must not exist yet, with ``main`` checked out.

    Raises ``FileExistsError`` if ``dest`` exists, ``subprocess.CalledProcessError`` if git fails.
    """
    dest.mkdir(parents=True)
    _git(dest, "init", "--quiet", "--template=", "--initial-branch=main", ".")
    day = 0
    for step in MAIN:
        day += 1
        _commit(dest, step, day)
    for branch, steps in BRANCHES.items():
        _git(dest, "checkout", "--quiet", "-b", branch, "main")
        for number, step in enumerate(steps, start=1):
            _commit(dest, step, day + number)
    _git(dest, "checkout", "--quiet", "main")


def _commit(dest: Path, step: Step, day: int) -> None:
    secrets = load()
    for name in step.take:
        _copy(TREE / name, dest / name, secrets)
    if step.over:
        _copy(HISTORY / step.over, dest, secrets)
    for name in step.remove:
        (dest / name).unlink()
    for old, new in step.rename:
        (dest / old).rename(dest / new)
    for name, text in step.prepend:
        _write(dest / name, text + _read(dest / name))
    for name, old, new in step.replace:
        text = _read(dest / name)
        if old not in text:
            raise ValueError(f"{name} does not hold {old}")
        _write(dest / name, text.replace(old, new))
    _git(dest, "add", "--all", "--force", ".")
    _git(
        dest,
        "commit",
        "--quiet",
        "--message",
        fill(step.message, secrets),
        author=step.author,
        day=day,
    )


def _copy(source: Path, target: Path, secrets: dict[str, str]) -> None:
    """Copy a file or what is in a directory, with the secrets filled in."""
    if source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        _write(target, fill(_read(source), secrets))
        return
    for path in sorted(source.iterdir()):
        if path.name not in _NOT_OURS:
            _copy(path, target / path.name, secrets)


def _read(path: Path) -> str:
    return path.read_bytes().decode("utf-8")


def _write(path: Path, text: str) -> None:
    path.write_bytes(text.encode("utf-8"))


def _git(dest: Path, *arguments: str, author: str = "Ada Archer", day: int = 1) -> None:
    """Run git with none of this machine's settings, as ``author`` on that day of January 2026."""
    mail = f"{author.split()[0].lower()}@shelf.example"
    date = f"2026-01-{day:02d}T12:00:00+00:00"
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(dest),
        "LC_ALL": "C",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        "GIT_AUTHOR_NAME": author,
        "GIT_AUTHOR_EMAIL": mail,
        "GIT_AUTHOR_DATE": date,
        "GIT_COMMITTER_NAME": author,
        "GIT_COMMITTER_EMAIL": mail,
        "GIT_COMMITTER_DATE": date,
    }
    subprocess.run(["git", *arguments], cwd=dest, env=environment, check=True)


def main(arguments: Sequence[str]) -> str | None:
    """Build at the one path given, in place of a sample that was built there before."""
    if len(arguments) != 1:
        return "usage: python -m scripts.sample_repo DEST"
    dest = Path(arguments[0])
    if dest.exists():
        if not (dest / ".git").is_dir() or not (dest / "rust-core-engine").is_dir():
            return f"{dest} exists and is no sample repository"
        shutil.rmtree(dest)
    build(dest)
    print(f"built {dest}")
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
