"""``secagg except``: add, list and prune decisions in a file that is reviewed."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from pydantic import ValidationError

from secagg.change.owners import code_owners
from secagg.cli import completion
from secagg.cli.options import ColourOption, FormatOption, LastOption, OutputFormat, RootOption
from secagg.cli.screen import Screen
from secagg.decisions import DEFAULT_MAX_DAYS, AllExceptions, load_exceptions
from secagg.decisions.entry import ScopedException
from secagg.decisions.ownedit import added, moment_text, removed, text_at, write_at
from secagg.decisions.ownfile import (
    KEYS,
    NAME,
    NAMES,
    DecisionEntry,
    ExceptionEntry,
    parse_file,
    read_own,
)
from secagg.decisions.scope import GapScope
from secagg.errors import ExitCode, UsageError
from secagg.merge.groups import Group
from secagg.model.approval import SETTLED
from secagg.model.problem import State
from secagg.output import console
from secagg.output.escape import terminal
from secagg.output.exceptions import exceptions_json, exceptions_table
from secagg.output.rows import row as described
from secagg.output.summary import Summary
from secagg.pipeline.gate import policy_of
from secagg.pipeline.lastscan import find_row, refuse_machine_only_id, rows_of_last_scan
from secagg.pipeline.write import SUMMARY_NAME
from secagg.secrets.lastfilter import run_redactor
from secagg.system.dates import Ceiling, until, utc_today
from secagg.system.files import OUTPUT_DIRECTORY
from secagg.system.git import git
from secagg.system.mistakes import in_words


class SettledState(StrEnum):
    """The states that an exception can give a problem."""

    ACCEPTED = "accepted"
    FALSE_POSITIVE = "false-positive"


except_app = typer.Typer(
    help="Decisions in secagg-exceptions.yaml of the repository.",
    no_args_is_help=True,
)


@except_app.command()
def add(
    reason: Annotated[str, typer.Option(help="Why: shown wherever the exception is.")],
    identity: Annotated[
        str | None,
        typer.Option(
            "--id",
            metavar="ID",
            help="The problem's id, or its beginning.",
            autocompletion=completion.identities,
        ),
    ] = None,
    cve: Annotated[str | None, typer.Option(metavar="CVE-...", help="A CVE.")] = None,
    ghsa: Annotated[str | None, typer.Option(metavar="GHSA-...", help="A GitHub advisory.")] = None,
    advisory: Annotated[
        str | None, typer.Option(metavar="ID", help="An advisory of any database.")
    ] = None,
    purl: Annotated[
        list[str] | None,
        typer.Option(metavar="PURL", help="A package, with or without a version. Repeatable."),
    ] = None,
    rule: Annotated[
        list[str] | None, typer.Option(metavar="PATTERN", help="A rule's id. Repeatable.")
    ] = None,
    tool: Annotated[
        str | None, typer.Option(metavar="TOOL", help="With --rule: whose rule it is.")
    ] = None,
    path: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATTERN", help="Files that this pattern (.gitignore's) matches. Repeatable."
        ),
    ] = None,
    state: Annotated[SettledState, typer.Option(help="What it is called.")] = SettledState.ACCEPTED,
    gap: Annotated[
        list[str] | None,
        typer.Option(
            metavar="WORDS", help="What no tool looked at, by a path or words of it. Repeatable."
        ),
    ] = None,
    owner: Annotated[
        str | None, typer.Option(help="Who answers for it; by default git's user.email.")
    ] = None,
    expires: Annotated[
        str, typer.Option(metavar="TIME", help="Its last day (UTC): 30d, 2w or 2026-12-31.")
    ] = "30d",
    root: RootOption = Path(),
    last: LastOption = OUTPUT_DIRECTORY,
) -> None:
    """Let something not count for a while; all that is given must hold of it."""
    options: dict[str, str | tuple[str, ...] | None] = {
        "id": identity,
        "cve": cve,
        "ghsa": ghsa,
        "advisory": advisory,
        "purl": tuple(purl or ()),
        "rule": tuple(rule or ()),
        "tool": tool,
        "path": tuple(path or ()),
        "gap": tuple(gap or ()),
    }
    request = NewException(
        keys={key: value for key, value in options.items() if value},
        state=state,
        reason=reason,
        owner=owner,
        expires=expires,
    )
    raise typer.Exit(add_exception(root, request, last=last))


@except_app.command("list")
def list_all(
    root: RootOption = Path(),
    vex: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE", help="A VEX document in the repository. Repeatable."),
    ] = None,
    output_format: FormatOption = OutputFormat.TABLE,
    no_color: ColourOption = False,
) -> None:
    """Show every decision in a file, scanners' ignore files too, and what it is worth today."""
    screen = Screen(json=output_format is OutputFormat.JSON, no_colour=no_color)
    raise typer.Exit(print_exceptions(root, vex_files=vex or [], screen=screen))


@except_app.command()
def prune(
    unused: Annotated[
        bool, typer.Option("--unused", help="Also those that cover nothing in the last scan.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be taken out.")
    ] = False,
    root: RootOption = Path(),
    last: LastOption = OUTPUT_DIRECTORY,
) -> None:
    """Take out what has expired, with its comments."""
    raise typer.Exit(prune_exceptions(root, unused=unused, dry_run=dry_run, last=last))


@dataclass(frozen=True, slots=True, kw_only=True)
class NewException:
    """The options of ``secagg except add``; ``keys`` are the given keys of an entry in the file."""

    keys: Mapping[str, str | Sequence[str]]
    state: SettledState
    reason: str
    owner: str | None
    expires: str


def add_exception(root: Path, request: NewException, *, last: Path) -> int:
    """Run ``secagg except add``: by the ceiling of the policy that the repository names."""
    today = utc_today()
    rows = rows_of_last_scan(root, last)
    entry = _entry(root, request, rows, today)
    too_long = Ceiling(max_days=_max_days(root), today=today).refusal(entry.day, entry.expires)
    if too_long is not None:
        raise UsageError(f"the exception {too_long}", hint="give an earlier day with --expires")
    for name in NAMES:
        _refuse_twice(entry, text_at(root, name), name, today)
    after, (written,) = added(text_at(root), [_values(entry)])
    write_at(root, after)
    days = (entry.expires - today).days
    where = f"{NAME}:{written.line}"
    what = "does not count" if written.state is State.ACCEPTED else "is no problem"
    _say(f"{where}: {written.target()} {what} through {written.expires} ({days} days)")
    if rows is not None and written.gap is None:
        count = sum(written.scope().covers(group) for group in rows)
        _say(f"it covers {count} problem{'s' * (count != 1)} of the last scan")
    return int(ExitCode.PASS)


def _refuse_twice(entry: DecisionEntry, text: str, name: str, today: datetime.date) -> None:
    """Raise :class:`UsageError` where a decision in ``text``, the file ``name``, covers as much."""
    for other in parse_file(text, name=name).entries:
        lasts = other.expires is None or other.expires >= today
        if lasts and other.state in SETTLED and _keys(other) == _keys(entry):
            until = "" if other.expires is None else f" until {other.expires}"
            raise UsageError(
                f"{name}:{other.line} covers that{until}",
                hint="change it there, with a reason that a reviewer can follow",
            )


def _values(entry: ExceptionEntry) -> dict[str, Any]:
    """Return the fields of ``entry`` to write; the default state ``accepted`` is left out."""
    values = entry.model_dump(exclude_none=True)
    values["state"] = entry.state.value
    if isinstance(entry.created, datetime.datetime):
        values["created"] = moment_text(entry.created)
    return {k: v for k, v in values.items() if (k, v) != ("state", State.ACCEPTED.value)}


def print_exceptions(root: Path, *, vex_files: Sequence[str], screen: Screen) -> int:
    """Run ``secagg except list``."""
    today = utc_today()
    mask = run_redactor().mask
    policy = policy_of(root)
    exceptions = load_exceptions(
        root,
        max_days=policy.exceptions.max_days,
        gaps=policy.gaps,
        today=today,
        vex_files=vex_files,
        mask=mask,
        owners=code_owners(root),
    )
    if screen.json:
        console.json(exceptions_json(exceptions.all(), today))
    else:
        table = exceptions_table(exceptions.all(), exceptions.sentences(), today, screen.style())
        console.out(table + "\n")
    return int(ExitCode.PASS)


def prune_exceptions(root: Path, *, unused: bool, dry_run: bool, last: Path) -> int:
    """Run ``secagg except prune``: take out what is expired, and on demand what is unused."""
    today = utc_today()
    rows = _whole_last_scan(root, last) if unused else ()
    pruned = remaining = 0
    for name in NAMES:
        text = text_at(root, name)
        # The ceiling does not matter here: refused entries are for their owners to correct.
        entries = read_own(text, Ceiling(max_days=DEFAULT_MAX_DAYS, today=today), name=name)
        why = _prunable(entries, rows if unused else None, today)
        for number in sorted(why):
            exception = entries[number].exception
            _say(f"{exception.source}: {exception.target}: {why[number]}")
        if why and not dry_run:
            write_at(root, removed(text, why, name=name), name)
        pruned += len(why)
        remaining += len(entries) - len(why)
    done = "to be taken out" if dry_run else "taken out"
    _say(f"{pruned} decision{'s' * (pruned != 1)} {done}, {remaining} left")
    return int(ExitCode.PASS)


def _prunable(
    entries: Sequence[ScopedException], rows: Sequence[Group] | None, today: datetime.date
) -> dict[int, str]:
    """Return the numbers of the ``entries`` to remove, each with the reason.

    These are the expired ones and, where ``rows`` are given, those that cover none of them.
    """
    why = {
        number: f"expired {entry.exception.expires}"
        for number, entry in enumerate(entries)
        if entry.exception.expires is not None and entry.exception.expires < today
    }
    if rows is not None:
        exceptions = AllExceptions(entries, today=today)
        used = {exception.source for group in rows for exception in exceptions.naming(group)}
        for number, entry in enumerate(entries):
            if entry.exception.source not in used and not isinstance(entry.scope, GapScope):
                why.setdefault(number, "covers nothing that the last scan found")
    return why


def _max_days(root: Path) -> int:
    return policy_of(root).exceptions.max_days


def _entry(
    root: Path, request: NewException, rows: Sequence[Group] | None, today: datetime.date
) -> ExceptionEntry:
    """Return the new entry. Raises :class:`UsageError` that names the invalid option."""
    try:
        expires = until(request.expires, today)
    except ValueError as error:
        raise UsageError(f"--expires: {error}") from None
    values: dict[str, Any] = {
        key: value if isinstance(value, str) else value[0] if len(value) == 1 else list(value)
        for key, value in request.keys.items()
    }
    if "id" in values:
        values["id"], row = find_row(str(values["id"]), rows, option="--id")
        if row is not None:
            _refuse_own_key(row)
            shown = described(row)
            values["title"] = f"{shown.what}: {shown.detail} ({shown.where})"
    values |= {
        "state": State(request.state.value),
        "reason": request.reason,
        "owner": request.owner or _owner(root),
        # To the second: a decision of the same day may be older, or newer.
        "created": datetime.datetime.now(datetime.UTC).replace(microsecond=0),
        "expires": expires,
    }
    try:
        return ExceptionEntry.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        option = f"--{first['loc'][0]}: " if first["loc"] else ""
        message = in_words(first)
        raise UsageError(f"{option}{message}") from None


def _refuse_own_key(row: Group) -> None:
    for member in row.members:
        if member.secret is not None:
            place = member.location.uri
            other = f"name it by --rule {member.rule_id}" + (f" --path {place}" if place else "")
            refuse_machine_only_id(member.secret.key, option="--id", other=other)


def _whole_last_scan(root: Path, last: Path) -> Sequence[Group]:
    """Return the rows of the last scan. Raises :class:`UsageError` if the scan was not complete."""
    rows = rows_of_last_scan(root, last)
    summary = last / SUMMARY_NAME
    if rows is None or not summary.is_file():
        raise UsageError(f"no scan in {last} to tell what is unused", hint="run secagg scan first")
    try:
        scan = msgspec.json.decode(summary.read_bytes(), type=Summary)
    except (OSError, msgspec.MsgspecError):
        raise UsageError(f"{summary} cannot be understood", hint="run secagg scan again") from None
    if scan.decision.verdict == "incomplete" or scan.narrowed:
        part = "incomplete" if scan.decision.verdict == "incomplete" else "of a part only"
        raise UsageError(
            f"the last scan is {part}, and what it did not see may be what an exception covers",
            hint="prune without --unused, or scan again",
        )
    return rows


def _keys(entry: DecisionEntry) -> dict[str, Any]:
    return {key: getattr(entry, key) for key in (*KEYS, "tool")}


def _owner(root: Path) -> str:
    """Return git's user.email. A login name would not do: on a build machine it is nobody's."""
    email = git(root, "config", "user.email").text if root.is_dir() else ""
    if not email:
        raise UsageError(
            "an exception needs an owner, and git knows no user.email here",
            hint="name who answers for it with --owner",
        )
    return email


def _say(line: str) -> None:
    """Print a line on standard output, without control characters."""
    console.out(terminal(line) + "\n")
