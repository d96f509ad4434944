"""``secagg show ID``: everything about one problem on one screen."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from secagg import ids
from secagg.cli import completion
from secagg.cli.options import (
    ColourOption,
    ConfigOption,
    FormatOption,
    HistoryBranchOption,
    HistoryOption,
    HistoryRepositoryOption,
    LastOption,
    OutputFormat,
    PolicyOption,
    RootOption,
)
from secagg.cli.screen import policy_explanation
from secagg.errors import ExitCode, UsageError
from secagg.merge import explain
from secagg.model.approval import signers
from secagg.model.problem import Problem, State, Triage
from secagg.output import console
from secagg.output.escape import terminal
from secagg.output.grid import Style
from secagg.output.rows import explanation_lines
from secagg.pipeline.gate import GateOptions, prepare
from secagg.pipeline.origin import has_store, open_store_of, origin_of
from secagg.pipeline.parse import parse_files
from secagg.pipeline.storesource import file_decisions
from secagg.pipeline.write import SARIF_NAME
from secagg.report import words
from secagg.report.jsonformat import dumps, plain, record
from secagg.report.standing import owners_of, standing
from secagg.system.dates import utc_today
from secagg.system.files import OUTPUT_DIRECTORY

if TYPE_CHECKING:
    from secagg.history.audit import AuditEntry


def show_problem(
    identity: Annotated[
        str,
        typer.Argument(
            metavar="ID",
            help="The problem's id, or its beginning.",
            autocompletion=completion.identities,
        ),
    ],
    root: RootOption = Path(),
    last: LastOption = OUTPUT_DIRECTORY,
    store: HistoryOption = None,
    repo: HistoryRepositoryOption = None,
    branch: HistoryBranchOption = None,
    policy: PolicyOption = None,
    config: ConfigOption = None,
    output_format: FormatOption = OutputFormat.TABLE,
    no_color: ColourOption = False,
) -> None:
    """Show all of one problem: what, where, why it counts, its fix, its history and decisions."""
    options = GateOptions(policy=policy, store=store, repository=repo, branch=branch)
    raise typer.Exit(
        print_problem(
            identity,
            root=root,
            last=last,
            gate=options,
            config=config,
            as_json=output_format is OutputFormat.JSON,
            no_colour=no_color,
        )
    )


_MOST_LINKS = 8
_MOST_PLACES = 10


def print_problem(
    identity: str,
    *,
    root: Path,
    last: Path,
    gate: GateOptions,
    config: Path | None,
    as_json: bool,
    no_colour: bool,
) -> int:
    """Print one problem: its fields, its policy explanation, its merge reasons and its decisions.

    ``identity`` is an id or its beginning. The history and the last scan, in the directory
    ``last``, are searched. Raises :class:`UsageError` where neither has the problem, or the id is
    ambiguous.
    """
    style = Style() if as_json else Style.of_output(no_colour=no_colour)
    today = utc_today()
    facts = _look_up(identity, root=root, last=last, gate=gate, config=config, style=style)
    if as_json:
        console.json(dumps(_document(facts, today)) + b"\n")
        return int(ExitCode.PASS)
    parts = [] if facts.problem is None else ["\n".join(about(facts.problem, today))]
    if facts.why_it_counts:
        parts.append(f"why it counts, or does not:\n{facts.why_it_counts}")
        parts.append(f"why it is one problem:\n{facts.why_merged}")
    if facts.entries:
        parts.append("\n".join(["decisions, newest first:", *map(_entry_line, facts.entries)]))
    console.paged("\n\n".join(parts) + "\n")
    return int(ExitCode.PASS)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    """What is known of one problem; the explanations are empty without a last scan."""

    problem: Problem | None
    entries: Sequence[AuditEntry]
    why_it_counts: str
    why_merged: str


def problem_document(
    identity: str, *, root: Path, last: Path, gate: GateOptions, config: Path | None
) -> dict[str, Any]:
    """Return the document of ``--format json``; see :func:`print_problem`."""
    facts = _look_up(identity, root=root, last=last, gate=gate, config=config, style=Style())
    return _document(facts, utc_today())


def _look_up(
    identity: str,
    *,
    root: Path,
    last: Path,
    gate: GateOptions,
    config: Path | None,
    style: Style,
) -> _Facts:
    problem, entries = _in_history(identity, root, last, gate)
    if problem is not None:
        identity = problem.identity
    why_it_counts = why_merged = ""
    file = last / SARIF_NAME
    if file.is_file():
        prepared = prepare(root, gate, config=config)
        outcome = parse_files([str(file)], tool=None, root=root.resolve(), gate=prepared)
        try:
            why_it_counts = policy_explanation(outcome, prepared, identity, style)
        except UsageError:
            if problem is None:
                raise
        else:
            why_merged = explanation_lines(explain(outcome.merged, identity), style)
    elif problem is None:
        raise UsageError(
            f"no scan to look for {terminal(identity)} in",
            hint="run secagg scan first, or name the store: --store",
        )
    return _Facts(
        problem=problem, entries=entries, why_it_counts=why_it_counts, why_merged=why_merged
    )


def _document(facts: _Facts, today: datetime.date) -> dict[str, Any]:
    """Return the problem in JSON's types; the two explanations are lists of lines."""
    problem = facts.problem
    return {
        "schema_version": 1,
        "problem": None if problem is None else plain(record(problem, today)),
        "policy": facts.why_it_counts.splitlines(),
        "merge": facts.why_merged.splitlines(),
        "decisions": [plain(entry) for entry in facts.entries],
    }


def _in_history(
    identity: str, root: Path, last: Path, gate: GateOptions
) -> tuple[Problem | None, Sequence[AuditEntry]]:
    """Return the problem and its audit log; the checkout's branch goes before other branches."""
    if not has_store(gate.store, root):
        return None, ()
    origin = origin_of(root, repository=gate.repository, branch=gate.branch)
    filed = file_decisions(root, gate.store)
    with open_store_of(gate.store, root, create=False) as store:
        problems = list(store.problems(origin.repository, file_decisions=filed))
        aliases = {problem.identity: problem.known_as for problem in problems}
        if not aliases and (last / SARIF_NAME).is_file():
            return None, ()
        full = ids.resolve(identity, aliases.items(), source="the history")
        rows = [problem for problem in problems if problem.identity == full]
        on_branch = [problem for problem in rows if problem.branch == origin.branch]
        names = {full, *aliases[full]}
        entries = store.audit(subjects=sorted(names), repository=origin.repository)
        return (on_branch or rows)[0], entries


def about(problem: Problem, today: datetime.date) -> Iterator[str]:
    """What the history knows of ``problem`` on ``today`` (UTC), a line each, for a terminal."""
    yield f"{terminal(words.title(problem))}: {terminal(problem.title)}"
    yield from _fields(
        ("id", problem.identity),
        ("severity", _severity(problem)),
        ("state", str(standing(problem, today))),
        ("where", words.place(problem)),
        ("also at", _also_at(problem)),
        ("package", problem.purl or problem.package),
        ("component", problem.component),
        ("owner", ", ".join(owners_of(problem))),
        ("fix", words.remedy(problem)),
        ("exploited", _exploited(problem)),
        ("advisories", ", ".join(problem.aliases)),
        ("weaknesses", ", ".join(problem.cwes)),
        ("seen", _dates(problem, today)),
        ("due", None if problem.due is None else str(problem.due)),
        ("sources", ", ".join(f"{s.tool} ({s.rule_id})" for s in problem.sources)),
        ("decision", _decision(problem)),
        ("approval", _unapproved(problem, today)),
        ("exception", _exception(problem)),
    )
    for link in [*filter(None, [problem.help_uri]), *problem.references][:_MOST_LINKS]:
        yield f"              {terminal(link)}"


def _fields(*fields: tuple[str, str | None]) -> Iterator[str]:
    return (f"  {name:<12}{terminal(value)}" for name, value in fields if value)


def _also_at(problem: Problem) -> str | None:
    """Return the problem's other places: the first ones, and how many more there are."""
    places = [f"{place.uri}:{place.line}" for place in problem.places if place.uri]
    shown = ", ".join(places[:_MOST_PLACES])
    more = len(places) - _MOST_PLACES
    return f"{shown} and {more} more" if more > 0 else shown or None


def _severity(problem: Problem) -> str:
    text = str(problem.severity) if problem.severity_known else "unknown"
    return text if problem.score is None else f"{text}, CVSS {problem.score:.1f}"


def _exploited(problem: Problem) -> str | None:
    notes = []
    if problem.epss is not None:
        notes.append(f"EPSS {problem.epss:.1%}")
    if problem.kev is not None:
        notes.append("in CISA's KEV catalog" if problem.kev else "not in the KEV catalog")
    return ", ".join(notes) or None


def _dates(problem: Problem, today: datetime.date) -> str | None:
    if problem.first_seen is None:
        return None
    text = f"first {problem.first_seen:%Y-%m-%d}"
    if problem.last_seen is not None:
        text += f", last {problem.last_seen:%Y-%m-%d}"
    if problem.fixed_at is not None:
        return f"{text}, fixed {problem.fixed_at:%Y-%m-%d}"
    if problem.reopened_at is not None:
        text += f", reopened {problem.reopened_at:%Y-%m-%d}"
    return f"{text} ({words.age(problem, today)})"


def _decision(problem: Problem) -> str | None:
    triage = problem.triage
    if triage is None:
        return None
    return _made(triage)


def _made(triage: Triage) -> str:
    text = f"{triage.state}: {triage.reason}"
    names = [name for name in signers(triage) if name]
    if names:
        text += f", by {' and '.join(names)}"
    return text if triage.expires is None else f"{text}, until {triage.expires}"


def _unapproved(problem: Problem, today: datetime.date) -> str | None:
    missing = words.approval(problem, today)
    if not missing or problem.unapproved is None:
        return None
    where = f" in {problem.unapproved_in}" if problem.unapproved_in else ""
    return f"{missing}{where}; {_made(problem.unapproved)}"


def _exception(problem: Problem) -> str | None:
    if problem.exception is None:
        return None
    state = problem.exception_state or State.ACCEPTED
    text = f"{state} by {problem.exception}: {problem.exception_reason or 'no reason given'}"
    expires = problem.exception_expires
    return text if expires is None else f"{text}, until {expires}"


def _entry_line(entry: AuditEntry) -> str:
    after = entry.after or {}
    text = " ".join(str(after[name]) for name in ("state", "reason") if after.get(name))
    return terminal(f"  {entry.at:%Y-%m-%d %H:%M} UTC  {entry.who}  {entry.what}  {text}".rstrip())
