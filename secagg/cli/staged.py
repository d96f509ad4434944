"""``secagg staged``: look for secrets in what is about to be committed."""

from __future__ import annotations

from pathlib import Path

import typer

from secagg.cli.options import ColourOption, PathArgument, PolicyOption, QuietOption
from secagg.cli.scan import run_scan
from secagg.cli.screen import Screen
from secagg.errors import ExitCode, UsageError
from secagg.output import console
from secagg.pipeline.gate import GateOptions
from secagg.pipeline.scan import ScanOptions
from secagg.system.git import checked
from secagg.system.process import private_directory


def staged(
    path: PathArgument = Path(),
    policy: PolicyOption = None,
    quiet: QuietOption = False,
    no_color: ColourOption = False,
) -> None:
    """Look for secrets in the staged files, with Gitleaks; the policy is secrets-only."""
    code = judge_staged(path, policy=policy, screen=Screen(quiet=quiet, no_colour=no_color))
    raise typer.Exit(code)


_POLICY = "secrets-only"
# The operating system limits the length of a command line.
_NAMES_PER_CALL = 500


def judge_staged(root: Path, *, policy: str | None, screen: Screen) -> int:
    """Scan the staged files as they are in the index, and return the scan's exit code.

    Unstaged changes are not scanned. Raises :class:`UsageError` where ``root`` is in no git
    repository.
    """
    top = Path(checked(root, "rev-parse", "--show-toplevel").text)
    staged_names = checked(top, "diff", "--cached", "--name-only", "-z", "--diff-filter=ACMRT").text
    names = [name for name in staged_names.split("\0") if name]
    if not names:
        console.out("nothing is staged\n")
        return int(ExitCode.PASS)
    with private_directory() as directory:
        files = directory / "staged"
        files.mkdir()
        for start in range(0, len(names), _NAMES_PER_CALL):
            batch = names[start : start + _NAMES_PER_CALL]
            checked(top, "checkout-index", "--force", f"--prefix={files}/", "--", *batch)
        if not any(path.is_file() for path in files.rglob("*")):
            raise UsageError("git could not write the staged files to a temporary directory")
        return run_scan(
            ScanOptions(root=files, tools=["gitleaks"]),
            GateOptions(policy=policy or _POLICY, store=""),
            output=directory / "out",
            screen=screen,
        )
