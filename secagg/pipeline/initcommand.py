"""``secagg init``: write what a repository needs, and say what only a person can do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from secagg.errors import UsageError
from secagg.init.answers import FEATURES, NAME, Answers, read_answers
from secagg.init.files import Placed, State, compare, write
from secagg.init.next import next_steps
from secagg.init.plan import planned
from secagg.init.survey import Survey, survey
from secagg.output import console
from secagg.output.escape import terminal

_ACTION = re.compile(r"[\w.-]{1,100}/[\w.-]{1,100}@[0-9a-f]{40}")
_RUNNER = re.compile(r"[\w.-]+")
_BRANCH = re.compile(r"[A-Za-z0-9*][\w./*-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the command line says; ``None`` leaves it as it was decided before."""

    features: Sequence[str] = ()
    branches: str | None = None
    ci: str | None = None
    snyk: bool | None = None
    codeql: bool | None = None
    runner: str | None = None
    action: str | None = None


def init(
    root: Path, asked: Asked, *, check: bool = False, diff: bool = False, force: bool = False
) -> int:
    """Write the files; 1 if a person's change stands against something new, or ``check`` finds any.

    ``check`` and ``diff`` write nothing. A second run without options is silent. Raises
    :class:`UsageError` for a path that is no directory and for options that cannot be.
    """
    if not root.is_dir():
        raise UsageError(f"{root} is not a directory")
    there = survey(root)
    before = read_answers(root)
    answers = _decide(asked, before, there)
    files = compare(root, planned(there, answers))
    if check or diff:
        return _show(files, diff=diff)
    written, pending = [], False
    for placed in files:
        edited = placed.state in (State.EDITED, State.CONFLICT)
        if placed.state is State.CURRENT:
            continue
        # Answers that are given now are a person's word already.
        if edited and not force and placed.path != NAME:
            pending = pending or placed.state is State.CONFLICT
            console.out(f"kept, {placed.state}: {terminal(placed.path)}\n")
            if placed.state is State.CONFLICT:
                _print(placed.diff())
            continue
        write(root, placed)
        written.append(placed)
        console.out(f"{placed.state}: {terminal(placed.path)}\n")
    if any(placed.state is State.MISSING for placed in written):
        _print("\n" + next_steps(there, answers))
    if pending:
        console.err(
            "secagg: kept the files that were edited by hand: merge the difference above, or "
            "overwrite with --force\n"
        )
    return 1 if pending else 0


def _show(files: Sequence[Placed], *, diff: bool) -> int:
    """Say what would be done; 1 if there is anything."""
    open_ones = [f for f in files if f.state not in (State.CURRENT, State.EDITED)]
    shown = [f for f in files if f.state is not State.CURRENT] if diff else open_ones
    for placed in shown:
        if diff:
            _print(placed.diff())
        else:
            console.out(f"{placed.state}: {terminal(placed.path)}\n")
    return 1 if open_ones else 0


def _print(text: str) -> None:
    for line in text.splitlines():
        console.out(f"{terminal(line)}\n")


def _decide(asked: Asked, before: Answers | None, there: Survey) -> Answers:
    branches = [there.default_branch, "develop"] if before is None else before.branches
    if asked.branches is not None:
        branches = [name for name in re.split(r"[,\s]+", asked.branches) if name]
    _require(branches, _BRANCH, "branch", "--branches main,develop")
    features = list(asked.features)
    if "all" in features:
        features = list(FEATURES)
    if unknown := sorted(set(features) - set(FEATURES)):
        raise UsageError(f"there is no {unknown[0]!r} to add", hint=f"known: {', '.join(FEATURES)}")
    kept = [] if before is None else before.features
    old = before or Answers(branches=branches, minute=there.minute)
    action = old.action if asked.action is None else asked.action
    runner = asked.runner or old.runner
    if action:
        _require([action.partition(" ")[0]], _ACTION, "action", "--action OWNER/NAME@COMMIT")
    _require([runner], _RUNNER, "runner", "--runner ubuntu-latest")
    if asked.ci not in (None, "github", "gitlab"):
        raise UsageError(f"there is no CI {asked.ci!r}", hint="known: github, gitlab")
    return Answers(
        branches=list(dict.fromkeys(branches)),
        minute=old.minute,
        ci=asked.ci or old.ci,  # type: ignore[arg-type]
        features=[name for name in FEATURES if name in {*kept, *features}],
        snyk=old.snyk if asked.snyk is None else asked.snyk,
        codeql=old.codeql if asked.codeql is None else asked.codeql,
        runner=runner,
        action=action,
    )


def _require(values: Sequence[str], shape: re.Pattern[str], what: str, example: str) -> None:
    if not values:
        raise UsageError(f"no {what} is named", hint=f"such as {example}")
    for value in values:
        if not shape.fullmatch(value):
            raise UsageError(f"{value!r} is no {what}", hint=f"such as {example}")
