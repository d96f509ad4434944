"""What the scanners of history need to know about a git repository."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from secagg.packages.components import ROOT
from secagg.scanners.base import PART_OF_HISTORY, RunContext, ToolRun
from secagg.scanners.deciding import Unusable
from secagg.scanners.job import remark
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

# Where git is tried if PATH has none, so that its absence is an error and no empty history.
FALLBACK = "/usr/bin/git"
_TIMEOUT = 120.0
_LARGEST = 16 * 1024 * 1024
_HASH = re.compile(r"[0-9a-f]{40,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class GitRepository:
    """A git repository. ``prefix`` is where the scan's root is in it (empty: at its top)."""

    git_dir: Path
    prefix: str
    shallow: bool
    context: RunContext

    def commit(self, name: str) -> str:
        """Return the hash of the commit that ``name`` means. Raises Unusable if there is none."""
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

    def selection(self, since: str | None) -> list[str]:
        """Arguments of ``git log`` for ``since..HEAD``, or for all history."""
        if since is None:
            return ["--full-history", "--all"]
        return [f"{self.commit(since)}..HEAD"]

    def cut_off(self, since: str) -> bool:
        """Return whether commits of ``since..HEAD`` are missing, as the clone is shallow there."""
        if not self.shallow:
            return False
        _, at = _git(["rev-parse", "--git-path", "shallow"], self.git_dir, self.context)
        result, listed = _git(
            ["rev-list", f"{self.commit(since)}..HEAD"], self.git_dir, self.context
        )
        try:
            ends = set((self.git_dir / at.strip()).read_text("ascii").split())
        except (OSError, ValueError):
            return True
        return not result.exited(0) or bool(ends & set(listed.split()))

    def limits(self, component: str) -> list[str]:
        """Arguments of ``git log`` that show the component only, with paths from the root.

        Gitleaks splits them at blanks, so a blank in a path is written as the wildcard ``?``.
        Raises Unusable where even that does not help.
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
        # A pattern has to match the whole path of a file, a plain path its beginning.
        return [*relative, "--", path if pattern == path else f"{pattern}/*"]

    def has_additions(self, arguments: Sequence[str]) -> bool:
        """True if a commit among those selected adds a line: what only moves a file does not."""
        result, out = _git(
            ["log", "--format=", "--numstat", "--diff-filter=ACMR", *arguments],
            self.git_dir,
            self.context,
        )
        added = (line.partition("\t")[0] for line in out.splitlines())
        return not result.exited(0) or any(number.strip("0-") for number in added)


def find_repository(root: Path, context: RunContext) -> GitRepository | None:
    """Return the repository that ``root`` is in, or None.

    Without git on PATH a ``.git`` directory is still believed, so that the scanner itself
    fails visibly instead of being skipped.
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


def say_what_part(
    tool_run: ToolRun, repository: GitRepository, since: str | None, context: RunContext
) -> None:
    """Note that a run reads a part of the history, and where some of that part is missing."""
    if since is None:
        return
    remark(tool_run, PART_OF_HISTORY, context)
    if repository.cut_off(since):
        remark(
            tool_run,
            "the clone is shallow: not all commits of the change are in it (fetch-depth: 0)",
            context,
            fatal=True,
        )


def count_lines(
    target: Path, repository: GitRepository | None, text: str, context: RunContext
) -> int:
    """Return how many lines of the text files in ``target`` contain ``text``."""
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
