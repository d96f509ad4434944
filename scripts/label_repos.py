"""The label repositories: made repositories whose findings are labelled by hand."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from scripts import sample_repo
from scripts.planted import fill, load

LABELS = Path(__file__).resolve().parent.parent / "fixtures" / "labels"
SAMPLE = "shelf"
_AUTHOR = ("-c", "user.name=Dora Dunn", "-c", "user.email=dora@example.org")


def repositories() -> list[str]:
    """The names of the label repositories; ``shelf`` is the sample monorepo."""
    return sorted(path.name for path in LABELS.iterdir() if path.is_dir())


def build_tree(name: str, dest: Path) -> None:
    """Write the work tree of a label repository to ``dest``, with the planted secrets in it."""
    source = sample_repo.TREE if name == SAMPLE else LABELS / name / "tree"
    secrets = load()
    for path in sorted(source.rglob("*")):
        if path.is_file():
            there = dest / path.relative_to(source)
            there.parent.mkdir(parents=True, exist_ok=True)
            there.write_text(fill(path.read_text(encoding="utf-8"), secrets), encoding="utf-8")


def build_repository(name: str, dest: Path) -> None:
    """The same as a git repository, with a second copy of its secrets in its history."""
    if name == SAMPLE:
        sample_repo.build(dest)
        return
    build_tree(name, dest)
    _git(dest, "init", "--quiet", "--initial-branch=main", ".")
    old = dest / "settings.old"
    secret = load()["gitlab_token_old"]
    old.write_text(f"GITLAB_TOKEN={secret}\n", encoding="utf-8")
    _commit(dest, "Begin")
    old.unlink()
    _commit(dest, "Remove the old settings")


def _commit(dest: Path, message: str) -> None:
    _git(dest, "add", "--all")
    _git(dest, *_AUTHOR, "commit", "--quiet", "-m", message)


def _git(dest: Path, *arguments: str) -> None:
    date = "2026-01-05T10:00:00Z"
    environment = {**os.environ, "GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
    subprocess.run(["git", *arguments], cwd=dest, env=environment, check=True)
