"""``secagg init``: write the workflows, policies and settings of a repository."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from secagg import __version__
from secagg.change.owners import load_owners
from secagg.cli.options import PathArgument
from secagg.errors import SecaggError, UsageError
from secagg.init.files import FileState, PlannedFile, compare, write
from secagg.init.ownwheel import installed_pin, named_pin, pinned_digest
from secagg.init.plan import planned_files
from secagg.init.survey import FEATURES, NAME, Answers, Survey, read_answers, survey
from secagg.output import console
from secagg.output.escape import terminal
from secagg.packages.components import ROOT


def init(
    path: PathArgument = Path(),
    with_: Annotated[
        list[str] | None,
        typer.Option(
            "--with",
            metavar="FEATURE",
            help="Add dependency-update, performance-test, db-migration, docs-generation, release "
            "or all. Repeatable.",
        ),
    ] = None,
    branches: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES", help="Protected branches, the default one first: main,develop."
        ),
    ] = None,
    ci: Annotated[str | None, typer.Option(metavar="github|gitlab", help="Whose CI it is.")] = None,
    snyk: Annotated[
        bool | None, typer.Option("--snyk/--no-snyk", help="With Snyk, which needs a token.")
    ] = None,
    codeql: Annotated[
        bool | None,
        typer.Option("--codeql/--no-codeql", help="With CodeQL, or leave it to default setup."),
    ] = None,
    runner: Annotated[str | None, typer.Option(metavar="LABEL", help="The runner.")] = None,
    action: Annotated[
        str | None,
        typer.Option(
            metavar="OWNER/NAME@COMMIT", help="A published action instead of a copy of it."
        ),
    ] = None,
    wheel: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|sha256:DIGEST",
            help="secagg's own wheel, which jobs install by its digest; by default the one that "
            "was installed here.",
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit with 1 if anything would change.")
    ] = False,
    diff: Annotated[
        bool, typer.Option("--diff", help="Write nothing; show what would change.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Also overwrite files that were edited by hand.")
    ] = False,
) -> None:
    """Write workflows, policies and settings for the repository at PATH."""
    options = InitOptions(
        features=with_ or [],
        branches=branches,
        ci=ci,
        snyk=snyk,
        codeql=codeql,
        runner=runner,
        action=action,
        wheel=wheel,
    )
    raise typer.Exit(write_setup(path, options, check=check, diff=diff, force=force))


_ACTION = re.compile(r"[\w.-]{1,100}/[\w.-]{1,100}@[0-9a-f]{40}")
_RUNNER = re.compile(r"[\w.-]+")
_BRANCH = re.compile(r"[A-Za-z0-9*][\w./*-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class InitOptions:
    """The options of ``secagg init``; ``None`` keeps the answer of an earlier run."""

    features: Sequence[str] = ()
    branches: str | None = None
    ci: str | None = None
    snyk: bool | None = None
    codeql: bool | None = None
    runner: str | None = None
    action: str | None = None
    wheel: str | None = None


def write_setup(
    root: Path,
    options: InitOptions,
    *,
    check: bool = False,
    diff: bool = False,
    force: bool = False,
) -> int:
    """Write the files and return the exit code.

    The code is 1 if an update conflicts with a file that was edited by hand, or if ``check`` or
    ``diff``, which write nothing, find a change to make. A second run without options prints
    nothing. Raises :class:`UsageError` for a path that is no directory and for invalid options.
    """
    if not root.is_dir():
        raise UsageError(f"{root} is not a directory")
    surveyed = survey(root)
    answers = _answers(options, read_answers(root), surveyed)
    unpinned = ""
    if pinned_digest(answers.wheel) is None and answers.copied and not (check or diff):
        try:
            answers = msgspec.structs.replace(answers, wheel=installed_pin())
        except SecaggError as error:
            unpinned = str(error)
    files = compare(root, planned_files(surveyed, answers))
    if check or diff:
        return _show(files, diff=diff)
    written: list[PlannedFile] = []
    conflict = False
    for placed in files:
        edited = placed.state in (FileState.EDITED, FileState.CONFLICT)
        if placed.state is FileState.CURRENT:
            continue
        # The file of answers is the exception: today's options are newer than the edit.
        if edited and not force and placed.path != NAME:
            conflict = conflict or placed.state is FileState.CONFLICT
            console.out(f"kept, {placed.state}: {terminal(placed.path)}\n")
            if placed.state is FileState.CONFLICT:
                _print(placed.diff())
            continue
        write(root, placed)
        written.append(placed)
        console.out(f"{placed.state}: {terminal(placed.path)}\n")
    if any(placed.state is FileState.MISSING for placed in written):
        _print("\n" + _next_steps(root, surveyed, answers, unpinned))
    if conflict:
        console.err(
            "secagg: kept the files that were edited by hand: merge the difference above, or "
            "overwrite with --force\n"
        )
    return 1 if conflict else 0


def _show(files: Sequence[PlannedFile], *, diff: bool) -> int:
    """Print what a run would write; 1 if that is anything."""
    pending = [f for f in files if f.state not in (FileState.CURRENT, FileState.EDITED)]
    shown = [f for f in files if f.state is not FileState.CURRENT] if diff else pending
    for placed in shown:
        if diff:
            _print(placed.diff())
        else:
            console.out(f"{placed.state}: {terminal(placed.path)}\n")
    return 1 if pending else 0


def _print(text: str) -> None:
    for line in text.splitlines():
        console.out(f"{terminal(line)}\n")


def _answers(options: InitOptions, previous: Answers | None, survey: Survey) -> Answers:
    """Return the answers of this run: the options, else the previous answers, else the defaults."""
    branches = [survey.default_branch, "develop"] if previous is None else previous.branches
    if options.branches is not None:
        branches = [name for name in re.split(r"[,\s]+", options.branches) if name]
    _require(branches, _BRANCH, "branch", "--branches main,develop")
    features = list(options.features)
    if "all" in features:
        features = list(FEATURES)
    if unknown := sorted(set(features) - set(FEATURES)):
        raise UsageError(f"there is no {unknown[0]!r} to add", hint=f"one of {', '.join(FEATURES)}")
    old = previous or Answers(branches=branches, minute=survey.minute)
    action = old.action if options.action is None else options.action
    runner = options.runner or old.runner
    if action:
        _require([action.partition(" ")[0]], _ACTION, "action", "--action OWNER/NAME@COMMIT")
    _require([runner], _RUNNER, "runner", "--runner ubuntu-latest")
    if options.ci not in (None, "github", "gitlab"):
        raise UsageError(f"there is no CI {options.ci!r}", hint="github or gitlab")
    return Answers(
        branches=list(dict.fromkeys(branches)),
        minute=old.minute,
        ci=options.ci or old.ci,  # type: ignore[arg-type]
        features=[name for name in FEATURES if name in {*old.features, *features}],
        snyk=old.snyk if options.snyk is None else options.snyk,
        codeql=old.codeql if options.codeql is None else options.codeql,
        runner=runner,
        action=action,
        wheel=old.wheel if options.wheel is None else named_pin(options.wheel),
    )


def _require(values: Sequence[str], pattern: re.Pattern[str], noun: str, example: str) -> None:
    if not values:
        raise UsageError(f"no {noun} is named", hint=f"such as {example}")
    for value in values:
        if not pattern.fullmatch(value):
            raise UsageError(f"{value!r} is no {noun}", hint=f"such as {example}")


def _next_steps(root: Path, survey: Survey, answers: Answers, unpinned: str) -> str:
    """Return the steps that are left, and a proposal for the lines that CODEOWNERS lacks.

    ``unpinned`` says why the digest of secagg's own wheel is not known; empty where it is.
    """
    steps = list(_gitlab(answers) if answers.ci == "gitlab" else _github(survey, answers))
    if answers.copied:
        steps.insert(0, _own_wheel(answers, unpinned))
    lines = ["What only a person can do now:"]
    lines += [f"{number}. {step}" for number, step in enumerate(steps, 1)]
    unowned = _unowned(root, survey) if answers.ci == "github" else []
    if unowned:
        owner = survey.name.partition("/")[0] if "/" in survey.name else "OWNER"
        width = max(map(len, unowned)) + 2
        lines += ["", "Nobody owns these by CODEOWNERS; put in who does, in place of TEAM:", ""]
        lines += [f"    {path:<{width}}@{owner}/TEAM" for path in unowned]
    return "\n".join(lines) + "\n"


def _github(survey: Survey, answers: Answers) -> Iterator[str]:
    yield (
        "Set the secret SECAGG_HMAC_KEY (openssl rand -hex 32), so that all jobs know one secret "
        "by one name."
    )
    if answers.snyk and survey.snyk:
        yield (
            "Set the secret SNYK_TOKEN, for Actions and for Dependabot; without it Snyk's jobs "
            "are INCOMPLETE. Or: secagg init --no-snyk."
        )
    if answers.codeql:
        yield (
            "Switch CodeQL's default setup off (Settings, Advanced Security), or leave CodeQL "
            "to it: secagg init --no-codeql."
        )
    yield "In a private repository, have Code Security switched on, or set upload: never."
    yield (
        f"Require the check 'secagg / gate' on {answers.branches[0]} (Settings, Rules), in the "
        "merge queue too, and approval by code owners for the files below."
    )
    if "dependency-update" in answers.features:
        yield (
            "Make a GitHub App that may write contents and pull requests, and set UPDATE_APP_ID "
            "and UPDATE_APP_KEY: pull requests of the job's own token start no checks."
        )
    if "db-migration" in answers.features:
        yield "Make the environments staging and production, the latter with approval."
    if "release" in answers.features:
        yield "Make the environment release, and register it as a trusted publisher at the index."
    yield "Put .secagg/ and secagg-out/, which scans at a desk write, into .gitignore."
    yield "Commit, push a branch and open a pull request: the gate judges it."


def _own_wheel(answers: Answers, unpinned: str) -> str:
    """Return the step by which jobs can install secagg itself."""
    alternative = "" if answers.ci == "gitlab" else ", or name a published action by --action"
    if not unpinned:
        return (
            f"Jobs install secagg {__version__} by the digest of its wheel: have that in your "
            f"package index{alternative}."
        )
    return (
        f"The digest of secagg's wheel is not known ({unpinned}), and jobs install none without: "
        f"secagg init --wheel FILE, or --wheel sha256:DIGEST{alternative}."
    )


def _gitlab(answers: Answers) -> Iterator[str]:
    yield "In .gitlab-ci.yml: include: {local: .gitlab/secagg.gitlab-ci.yml}"
    yield "Set the masked, protected variable SECAGG_HMAC_KEY (openssl rand -hex 32)."
    if answers.snyk:
        yield "Set the masked variable SNYK_TOKEN, or: secagg init --no-snyk."
    yield "Make a daily schedule (Build, Pipeline schedules), and require pipelines to succeed."


def _unowned(root: Path, survey: Survey) -> list[str]:
    """Return the components and the files of the gate that have no owner yet."""
    owners = load_owners(root)
    paths = [f"/{c.path}/" for c in survey.components if c.path != ROOT]
    paths += ["/.github/", "/policies/", "/secagg.yaml", "/secagg-exceptions.yaml"]
    return [path for path in paths if not owners.of(_in(path))]


def _in(path: str) -> str:
    """Return a path that a CODEOWNERS line for ``path`` matches: a file in a directory."""
    return path[1:] + ("x" if path.endswith("/") else "")
