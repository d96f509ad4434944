"""The git repository of the scanned tree, for scanners of history."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from secagg.packages.components import ROOT
from secagg.scanners.base import PART_OF_HISTORY, RunContext, ToolRun
from secagg.scanners.configuration import Unusable
from secagg.scanners.job import add_gap
from secagg.system.files import read_regular, walk
from secagg.system.git import quiet_environment
from secagg.system.process import (
    Command,
    ProcessResult,
    environment,
    private_directory,
    run,
    search_path_outside,
)

# Tried if PATH has no git, so that a missing git is an error rather than an empty history.
FALLBACK = "/usr/bin/git"
_TIMEOUT = 120.0
_LARGEST = 16 * 1024 * 1024
_HASH = re.compile(r"[0-9a-f]{40,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class GitRepository:
    """A git repository; ``prefix`` is the path of the scanned root in it (empty: its top)."""

    git_dir: Path
    prefix: str
    shallow: bool
    context: RunContext

    def commit(self, name: str) -> str:
        """Return the hash of the commit ``name``. Raises Unusable if there is none."""
        result, out = _git(
            ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"],
            self.git_dir,
            self.context,
        )
        if not result.exited(0) or not _HASH.fullmatch(out.strip()):
            raise Unusable(
                f"the base commit {name!r} is not in this clone",
                "fetch the history that the change is compared with (fetch-depth: 0)",
            )
        return out.strip()

    def revision_arguments(self, since: str | None) -> list[str]:
        """Return the arguments of ``git log`` for ``since..HEAD``, or for all history."""
        if since is None:
            return ["--full-history", "--all"]
        return [f"{self.commit(since)}..HEAD"]

    def is_cut_off(self, since: str) -> bool:
        """Tell whether commits of ``since..HEAD`` are missing because the clone is shallow."""
        if not self.shallow:
            return False
        _, path = _git(["rev-parse", "--git-path", "shallow"], self.git_dir, self.context)
        result, commits = _git(
            ["rev-list", f"{self.commit(since)}..HEAD"], self.git_dir, self.context
        )
        try:
            ends = set((self.git_dir / path.strip()).read_text("ascii").split())
        except (OSError, ValueError):
            return True
        return not result.exited(0) or bool(ends & set(commits.split()))

    def path_arguments(self, component: str) -> list[str]:
        """Return the arguments of ``git log`` for one component, with paths from the root.

        Gitleaks splits them at blanks, so the wildcard ``?`` stands for a blank in a path. Raises
        Unusable where that is not possible.
        """
        if re.search(r"\s", self.prefix):
            raise Unusable(
                f"the history of {self.prefix!r} cannot be scanned: the path holds a blank",
                "scan the repository from its top",
            )
        relative = [f"--relative={self.prefix}"] if self.prefix else []
        if component == ROOT:
            return relative
        path = f"{self.prefix}{component}"
        pattern = re.sub(r"[\s*?\[\]\\:]", "?", path)
        # A pattern must match the whole path of a file; a plain path matches its beginning.
        return [*relative, "--", path if pattern == path else f"{pattern}/*"]

    def has_additions(self, arguments: Sequence[str]) -> bool:
        """Tell whether a selected commit adds a line; moving a file adds none."""
        result, out = _git(
            ["log", "--format=", "--numstat", "--diff-filter=ACMR", *arguments],
            self.git_dir,
            self.context,
        )
        counts = (line.partition("\t")[0] for line in out.splitlines())
        return not result.exited(0) or any(count.strip("0-") for count in counts)


def find_repository(root: Path, context: RunContext) -> GitRepository | None:
    """Find the repository that has ``root``; None if there is none.

    Where git fails, a ``.git`` directory counts as a repository, so that the scanner fails
    visibly instead of being skipped.
    """
    if not any((parent / ".git").exists() for parent in (root, *root.parents)):
        return None
    result, out = _git(
        ["rev-parse", "--absolute-git-dir", "--is-shallow-repository", "--show-prefix"],
        root,
        context,
    )
    if not result.exited(0):
        return GitRepository(git_dir=root / ".git", prefix="", shallow=False, context=context)
    git_dir, shallow, prefix = [*out.split("\n"), "", ""][:3]
    return GitRepository(
        git_dir=Path(git_dir), prefix=prefix, shallow=shallow == "true", context=context
    )


def note_partial_history(
    tool_run: ToolRun, repository: GitRepository, since: str | None, context: RunContext
) -> None:
    """Add a gap where a run reads a part of the history, and where commits of it are missing."""
    if since is None:
        return
    add_gap(tool_run, PART_OF_HISTORY, context)
    if repository.is_cut_off(since):
        add_gap(
            tool_run,
            "the clone is shallow: not all commits of the change are in it (fetch-depth: 0)",
            context,
            fatal=True,
        )


def count_lines(
    target: Path, repository: GitRepository | None, text: str, context: RunContext
) -> int:
    """Count the lines of text files below ``target`` that contain ``text``."""
    if repository is not None:
        result, out = _git(
            ["grep", "--untracked", "-I", "-h", "-c", "--fixed-strings", "-e", text, "--", "."],
            target,
            context,
        )
        if result.exited(0, 1):
            return sum(int(line) for line in out.split() if line.isdigit())
    needle, count = text.encode(), 0
    for directory, files in walk(target):
        for path in (directory / name for name in files):
            with suppress(OSError):
                data = read_regular(path, limit=_LARGEST, within=target)
                count += sum(needle in line for line in data.splitlines())
    return count


def _git(arguments: Sequence[str], cwd: Path, context: RunContext) -> tuple[ProcessResult, str]:
    env = environment(context.environ, (), quiet_environment(cwd, context.environ))
    env["PATH"] = search_path_outside(env["PATH"], context.root)
    program = shutil.which("git", path=env["PATH"]) or FALLBACK
    with private_directory() as directory:
        result = run(
            Command(
                argv=[program, *arguments],
                cwd=cwd,
                env=env,
                timeout=_TIMEOUT,
            ),
            directory,
            context.cancellation,
        )
        out = result.stdout.read_text("utf-8", "surrogateescape")
    return result, out
