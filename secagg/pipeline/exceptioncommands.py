"""``secagg except`` without its option parsing."""

from __future__ import annotations

import datetime
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from pydantic import ValidationError

from secagg.decisions import DEFAULT_MAX_DAYS, AllExceptions, load_exceptions, work_tree
from secagg.decisions.dates import Ceiling, until
from secagg.decisions.editing import added, removed
from secagg.decisions.gapscope import GapScope
from secagg.decisions.ownfile import KEYS, NAME, ExceptionEntry, parse_file, read_own
from secagg.decisions.source import text_of
from secagg.errors import ConfigError, UsageError
from secagg.exitcodes import ExitCode
from secagg.merge.groups import Group
from secagg.output import console
from secagg.output.escape import terminal
from secagg.output.exceptions import exceptions_json, exceptions_table
from secagg.output.summary import Summary
from secagg.pipeline.commands import Screen
from secagg.pipeline.gate import policy_of
from secagg.pipeline.lastscan import refuse_own_key, row_named, rows_of_last
from secagg.pipeline.write import SUMMARY_NAME
from secagg.secrets.lastfilter import run_redactor
from secagg.system.files import replace_file
from secagg.system.git import git
from secagg.system.mistakes import in_words


@dataclass(frozen=True, slots=True, kw_only=True)
class NewException:
    """What ``secagg except add`` was asked for; ``keys`` are those of the file that were given."""

    keys: Mapping[str, str | Sequence[str]]
    reason: str
    owner: str | None
    expires: str


def add(root: Path, wanted: NewException, *, last: Path) -> int:
    """Run ``secagg except add``: by the ceiling of the policy that the repository names."""
    today = _today()
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


def list_all(root: Path, *, vex_files: Sequence[str], screen: Screen) -> int:
    """Run ``secagg except list``."""
    today = _today()
    mask = run_redactor().mask
    policy = policy_of(root)
    found = load_exceptions(
        root,
        max_days=policy.exceptions.max_days,
        gaps=policy.gaps,
        today=today,
        vex_files=vex_files,
        mask=mask,
    )
    if screen.json:
        console.json(exceptions_json(found.all(), today))
    else:
        table = exceptions_table(found.all(), found.sentences(), today, screen.style())
        console.out(table + "\n")
    return int(ExitCode.PASS)


def prune(root: Path, *, unused: bool, dry_run: bool, last: Path) -> int:
    """Run ``secagg except prune``: take out what is expired, and on demand what is unused."""
    today = _today()
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
    said = git(root, "config", "user.email").text if root.is_dir() else ""
    if not said:
        raise UsageError(
            "an exception needs an owner, and git knows no user.email here",
            hint="name who answers for it with --owner",
        )
    return said


def _today() -> datetime.date:
    return datetime.datetime.now(datetime.UTC).date()


def _say(line: str) -> None:
    """A line on standard output, with nothing in it that a terminal would obey."""
    console.out(terminal(line) + "\n")
