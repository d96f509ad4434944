"""``secagg staged``: look for secrets in the files that are about to be committed."""

from __future__ import annotations

from pathlib import Path

from secagg.errors import UsageError
from secagg.exitcodes import ExitCode
from secagg.output import console
from secagg.pipeline.commands import Screen, scan
from secagg.pipeline.gate import GateOptions
from secagg.system.git import checked
from secagg.system.process import private_directory

_POLICY = "secrets-only"
# So many names go into one command line.
_AT_ONCE = 500


def staged(root: Path, *, policy: str | None, screen: Screen) -> int:
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
        return scan(
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
