"""``secagg staged``: look for secrets in what is about to be committed."""

from __future__ import annotations

from pathlib import Path

import typer

from secagg.cli.options import ColourOption, PathArgument, PolicyOption, QuietOption
from secagg.cli.scan import scan_path
from secagg.cli.screen import Screen
from secagg.errors import ExitCode, UsageError
from secagg.output import console
from secagg.pipeline.gate import GateOptions
from secagg.system.git import checked
from secagg.system.process import private_directory


def staged(
    path: PathArgument = Path(),
    policy: PolicyOption = None,
    quiet: QuietOption = False,
    no_color: ColourOption = False,
) -> None:
    """Look for secrets in the staged files, with Gitleaks; the policy is secrets-only."""
    from secagg.cli.screen import Screen

    raise typer.Exit(
        judge_staged(path, policy=policy, screen=Screen(quiet=quiet, no_colour=no_color))
    )


_POLICY = "secrets-only"


# So many names go into one command line.
_AT_ONCE = 500


def judge_staged(root: Path, *, policy: str | None, screen: Screen) -> int:
    """Judge the staged files as they are in the index; the exit code of their scan.

    What lies in the work tree besides is not looked at. Raises :class:`UsageError` where ``root``
    is in no git repository.
    """
    top = Path(checked(root, "rev-parse", "--show-toplevel").text)
    listed = checked(top, "diff", "--cached", "--name-only", "-z", "--diff-filter=ACMRT")
    names = [name for name in listed.text.split("\0") if name]
    if not names:
        console.out("nothing is staged\n")
        return int(ExitCode.PASS)
    with private_directory() as directory:
        files = directory / "staged"
        files.mkdir()
        for start in range(0, len(names), _AT_ONCE):
            part = names[start : start + _AT_ONCE]
            checked(top, "checkout-index", "--force", f"--prefix={files}/", "--", *part)
        if not any(path.is_file() for path in files.rglob("*")):
            raise UsageError("what is staged could not be read")
        return scan_path(
            files,
            tools=["gitleaks"],
            components=[],
            timeout=None,
            jobs=None,
            since=None,
            output=directory / "out",
            gate=GateOptions(policy=policy or _POLICY, store=""),
            config=None,
            screen=screen,
        )
