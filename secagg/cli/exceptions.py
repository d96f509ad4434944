"""``secagg except``: add, list and prune exceptions in a file that is reviewed."""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from pydantic import ValidationError

from secagg.cli.options import ColourOption, FormatOption, LastOption, OutputFormat, RootOption
from secagg.cli.screen import Screen
from secagg.decisions import DEFAULT_MAX_DAYS, AllExceptions, load_exceptions, work_tree
from secagg.decisions.entry import text_of
from secagg.decisions.ownfile import (
    KEYS,
    NAME,
    ExceptionEntry,
    added,
    parse_file,
    read_own,
    removed,
)
from secagg.decisions.scope import GapScope
from secagg.errors import ConfigError, ExitCode, UsageError
from secagg.merge.groups import Group
from secagg.output import console
from secagg.output.escape import terminal
from secagg.output.grid import Style, draw
from secagg.output.summary import Summary
from secagg.pipeline.gate import policy_of
from secagg.pipeline.write import SUMMARY_NAME, refuse_own_key, row_named, rows_of_last
from secagg.policy.decision import ExceptionState, PolicyException
from secagg.secrets.lastfilter import run_redactor
from secagg.system.dates import Ceiling, until, utc_today
from secagg.system.files import replace_file
from secagg.system.git import git
from secagg.system.mistakes import in_words

except_app = typer.Typer(
    help="Exceptions of the policy, in secagg-exceptions.yaml of the repository.",
    no_args_is_help=True,
)


@except_app.command()
def add(
    reason: Annotated[str, typer.Option(help="Why: shown wherever the exception is.")],
    identity: Annotated[
        str | None,
        typer.Option("--id", metavar="ID", help="A row: its identity, or how it begins."),
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
        list[str] | None, typer.Option(metavar="GLOB", help="A rule's id. Repeatable.")
    ] = None,
    tool: Annotated[
        str | None, typer.Option(metavar="TOOL", help="With --rule: whose rule it is.")
    ] = None,
    path: Annotated[
        list[str] | None,
        typer.Option(metavar="GLOB", help="Files, as .gitignore writes them. Repeatable."),
    ] = None,
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
    last: LastOption = Path("secagg-out"),
) -> None:
    """Let something not count for a while; all that is given must hold of it."""
    given: dict[str, str | tuple[str, ...] | None] = {
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
    wanted = NewException(
        keys={key: value for key, value in given.items() if value},
        reason=reason,
        owner=owner,
        expires=expires,
    )
    raise typer.Exit(add_exception(root, wanted, last=last))


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
    """Show every exception, of scanners' ignore files too, and what it is worth today."""
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
    last: LastOption = Path("secagg-out"),
) -> None:
    """Take out what has expired, with its comments."""
    raise typer.Exit(prune_exceptions(root, unused=unused, dry_run=dry_run, last=last))


@dataclass(frozen=True, slots=True, kw_only=True)
class NewException:
    """What ``secagg except add`` was asked for; ``keys`` are those of the file that were given."""

    keys: Mapping[str, str | Sequence[str]]
    reason: str
    owner: str | None
    expires: str


def add_exception(root: Path, wanted: NewException, *, last: Path) -> int:
    """Run ``secagg except add``: by the ceiling of the policy that the repository names."""
    today = utc_today()
    rows = rows_of_last(root, last)
    entry = _entry(root, wanted, rows, today)
    too_long = Ceiling(max_days=_max_days(root), today=today).refusal(entry.created, entry.expires)
    if too_long is not None:
        raise UsageError(f"the exception {too_long}", hint="give an earlier day with --expires")
    text = _text(root)
    for other in parse_file(text).exceptions:
        if other.expires >= today and _keys(other) == _keys(entry):
            raise UsageError(
                f"{NAME}:{other.line} covers that until {other.expires}",
                hint="change its day there, with a reason that a reviewer can follow",
            )
    after, written = added(text, entry.model_dump(exclude_none=True))
    _write(root, after)
    days = (written.expires - today).days
    where = f"{NAME}:{written.line}"
    _say(f"{where}: {written.target()} does not count through {written.expires} ({days} days)")
    if rows is not None and written.gap is None:
        count = sum(written.scope().covers(group) for group in rows)
        _say(f"it covers {count} row{'s' * (count != 1)} of the last scan")
    return int(ExitCode.PASS)


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
    text = _text(root)
    # The ceiling does not matter here: what is refused is for its owner to mend.
    entries = read_own(text, Ceiling(max_days=DEFAULT_MAX_DAYS, today=today))
    why = {
        number: f"expired {entry.exception.expires}"
        for number, entry in enumerate(entries)
        if entry.exception.expires is not None and entry.exception.expires < today
    }
    if unused:
        rows = _whole_last_scan(root, last)
        known = AllExceptions(entries, today=today)
        used = {exception.source for group in rows for exception in known.covering(group)}
        for number, entry in enumerate(entries):
            if entry.exception.source not in used and not isinstance(entry.scope, GapScope):
                why.setdefault(number, "covers nothing that the last scan found")
    for number in sorted(why):
        exception = entries[number].exception
        _say(f"{exception.source}: {exception.target}: {why[number]}")
    if why and not dry_run:
        _write(root, removed(text, why))
    done = "to be taken out" if dry_run else "taken out"
    left = len(entries) - len(why)
    _say(f"{len(why)} exception{'s' * (len(why) != 1)} {done}, {left} left in {NAME}")
    return int(ExitCode.PASS)


def _max_days(root: Path) -> int:
    return policy_of(root).exceptions.max_days


def _entry(
    root: Path, wanted: NewException, rows: Sequence[Group] | None, today: datetime.date
) -> ExceptionEntry:
    """The exception that was asked for. Raises :class:`UsageError` naming the option."""
    try:
        expires = until(wanted.expires, today)
    except ValueError as error:
        raise UsageError(f"--expires: {error}") from None
    values: dict[str, Any] = {
        key: value if isinstance(value, str) else value[0] if len(value) == 1 else list(value)
        for key, value in wanted.keys.items()
    }
    if "id" in values:
        values["id"], row = row_named(str(values["id"]), rows, option="--id")
        if row is not None:
            _refuse_own_key(row)
    values |= {
        "reason": wanted.reason,
        "owner": wanted.owner or _owner(root),
        "created": today,
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
            refuse_own_key(member.secret.key, option="--id", other=other)


def _whole_last_scan(root: Path, last: Path) -> Sequence[Group]:
    """The rows of the last scan. Raises :class:`UsageError` if it did not see everything."""
    rows = rows_of_last(root, last)
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


def _text(root: Path) -> str:
    data = work_tree(root)(NAME)
    return "" if data is None else text_of(NAME, data)


def _write(root: Path, text: str) -> None:
    try:
        # A link (within the repository, as reading has made sure) stays one.
        replace_file(Path(os.path.realpath(root / NAME)), text.encode())
    except OSError as error:
        raise ConfigError(f"cannot be written: {error.strerror}", where=NAME) from None


def _keys(entry: ExceptionEntry) -> dict[str, Any]:
    return {key: getattr(entry, key) for key in (*KEYS, "tool")}


def _owner(root: Path) -> str:
    """Who is asking, by git's configuration: a login name on a build machine is nobody."""
    email = git(root, "config", "user.email").text if root.is_dir() else ""
    if not email:
        raise UsageError(
            "an exception needs an owner, and git knows no user.email here",
            hint="name who answers for it with --owner",
        )
    return email


def _say(line: str) -> None:
    """A line on standard output, with nothing in it that a terminal would obey."""
    console.out(terminal(line) + "\n")


_HEADERS = ["SOURCE", "STANDING", "LEFT", "COVERS", "OWNER", "REASON"]


_COLOURS = {
    ExceptionState.IN_FORCE: "32",
    ExceptionState.EXPIRED: "1;33",
    ExceptionState.REFUSED: "1;31",
}


def days_left(exception: PolicyException, today: datetime.date) -> int | None:
    """The days it holds after ``today``, below zero once it is over; None for one without end."""
    return None if exception.expires is None else (exception.expires - today).days


def exceptions_table(
    exceptions: Sequence[PolicyException],
    sentences: Sequence[str],
    today: datetime.date,
    style: Style,
) -> str:
    """One row an exception in the files' order, and a line a file."""
    if not exceptions:
        return "no exceptions"
    cells = []
    for exception in exceptions:
        standing = exception.standing(today)
        reason = exception.reason or "no reason given"
        if exception.refusal is not None:
            reason = f"refused: {exception.refusal}"
        cells.append(
            [
                terminal(exception.source),
                style.paint(str(standing), _COLOURS[standing]),
                _days_left_text(days_left(exception, today)),
                terminal(exception.target),
                terminal(exception.owner or "-"),
                terminal(reason),
            ]
        )
    table = draw(_HEADERS, cells, style, stretch=(3, 5), shares=(1, 1))
    return table + "\n\n" + "\n".join(terminal(sentence) for sentence in sentences)


def exceptions_json(exceptions: Sequence[PolicyException], today: datetime.date) -> str:
    """Return the same for machines."""
    rows = [
        {
            "source": exception.source,
            "covers": exception.target,
            "standing": str(exception.standing(today)),
            "days_left": days_left(exception, today),
            "owner": exception.owner,
            "reason": exception.reason,
            "created": _iso(exception.created),
            "expires": _iso(exception.expires),
            "refusal": exception.refusal,
        }
        for exception in exceptions
    ]
    document = {"schema_version": 1, "today": today.isoformat(), "exceptions": rows}
    return json.dumps(document, indent=2)


def _days_left_text(days: int | None) -> str:
    if days is None:
        return "no end"
    if days < 0:
        return f"{-days} days ago" if days < -1 else "yesterday"
    return f"{days} days" if days > 1 else ("last day" if days == 0 else "1 day")


def _iso(day: datetime.date | None) -> str | None:
    return None if day is None else day.isoformat()
