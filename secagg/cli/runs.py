"""``secagg runs``: list the recorded scans, and show one."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from secagg import ids
from secagg.cli.options import (
    ColourOption,
    FormatOption,
    HistoryOption,
    HistoryRepositoryOption,
    OutputFormat,
    RootOption,
)
from secagg.errors import ExitCode, UsageError
from secagg.jsonio.output import indented
from secagg.model.problem import Problem, RunRecord
from secagg.model.severity import LABELS
from secagg.output import console
from secagg.output.escape import terminal
from secagg.output.grid import Style, draw
from secagg.pipeline.origin import open_store_of, origin_of
from secagg.report import words
from secagg.report.jsonformat import plain, rfc3339
from secagg.report.standing import severity_label, severity_rank

if TYPE_CHECKING:
    from secagg.history import ImportedRun

runs_app = typer.Typer(help="List the recorded scans, and look at one.")


@runs_app.callback(invoke_without_command=True)
def runs(
    context: typer.Context,
    store: HistoryOption = None,
    root: RootOption = Path(),
    repo: HistoryRepositoryOption = None,
    branch: Annotated[str | None, typer.Option(help="Runs of this branch only.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="The most runs to list, newest first.")] = 20,
    output_format: FormatOption = OutputFormat.TABLE,
    no_color: ColourOption = False,
) -> None:
    """List recorded scans, newest first: when, of which commit, by which tools, and the totals."""
    if context.invoked_subcommand is not None:
        return
    raise typer.Exit(
        list_runs(
            RunSelection(root=root, store=store, repository=repo, branch=branch),
            limit=limit,
            as_json=output_format is OutputFormat.JSON,
            no_colour=no_color,
        )
    )


@runs_app.command()
def show(
    key: Annotated[str, typer.Argument(metavar="KEY", help="The run's key, or its beginning.")],
    store: HistoryOption = None,
    root: RootOption = Path(),
    output_format: FormatOption = OutputFormat.TABLE,
    no_color: ColourOption = False,
) -> None:
    """Show one recorded scan: its tools, its problems, and what was new or fixed with it."""
    raise typer.Exit(
        show_run(
            key,
            RunSelection(root=root, store=store),
            as_json=output_format is OutputFormat.JSON,
            no_colour=no_color,
        )
    )


_DIGITS = 12
_TABLE_WIDTH = 100
_VERDICT_WIDTH = len("incomplete")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSelection:
    """The runs to list: of which store, repository and branch; by default of all branches."""

    root: Path = Path()
    store: str | None = None
    repository: str | None = None
    branch: str | None = None


def list_runs(selection: RunSelection, *, limit: int, as_json: bool, no_colour: bool) -> int:
    """Print the newest ``limit`` runs of the repository.

    Raises :class:`UsageError` where no run is recorded: an empty list would not say what to do.
    """
    origin = origin_of(selection.root, repository=selection.repository)
    with open_store_of(selection.store, selection.root, create=False) as store:
        runs = store.runs(origin.repository, selection.branch, limit=limit)
        changes = store.changes(run.key for run in runs)
        branches = sorted(
            {branch for name, branch in store.branches() if name == origin.repository}
        )
    if not runs:
        scope = origin.repository if selection.branch is None else f"branch {selection.branch}"
        hint = f"--branch of: {', '.join(branches)}" if branches else "run secagg scan first"
        raise UsageError(f"no scan of {scope} is recorded", hint=hint)
    if as_json:
        _json({"runs": [_record(run, changes[run.key]) for run in runs]})
    else:
        _print(_table(runs, changes, Style.of_output(no_colour=no_colour)))
    return int(ExitCode.PASS)


def show_run(key: str, selection: RunSelection, *, as_json: bool, no_colour: bool) -> int:
    """Print one run, its tools and its problems. ``key`` is the run's key or its beginning."""
    with open_store_of(selection.store, selection.root, create=False) as store:
        run, problems = store.run(store.run_key(key))
        problems = sorted(problems, key=lambda problem: -severity_rank(problem))
        changed = store.changes([run.key])[run.key]
    if as_json:
        _json({**_record(run, changed), "problems": [_problem(problem) for problem in problems]})
        return int(ExitCode.PASS)
    style = Style.of_output(no_colour=no_colour)
    commit, total = run.commit or "unknown", sum(run.by_severity.values())
    head = [
        f"run {run.key}",
        f"{terminal(run.repository)}, branch {terminal(run.branch)}, commit {commit}",
        f"{_minute(run.started_at)} UTC, {run.verdict} by the policy {terminal(run.policy)}",
        f"{total} problems ({_counts(run)}): {_changes(changed)}",
    ]
    parts = ["\n".join(head), _tools(run, style)]
    if problems:
        parts.append(_problems(problems, style))
    _print("\n\n".join(parts))
    return int(ExitCode.PASS)


def _record(run: RunRecord, changed: ImportedRun) -> dict[str, Any]:
    return {
        "key": run.key,
        "repository": run.repository,
        "branch": run.branch,
        "commit": run.commit,
        "started_at": rfc3339(run.started_at),
        "verdict": run.verdict,
        "policy": run.policy,
        "total": sum(run.by_severity.values()),
        "by_severity": dict(run.by_severity),
        "new": changed.new,
        "fixed": changed.fixed,
        "reopened": changed.reopened,
        "tools": [plain(tool) for tool in run.tools],
    }


def _problem(problem: Problem) -> dict[str, Any]:
    return {
        "id": problem.identity,
        "severity": severity_label(problem),
        "kind": str(problem.kind),
        "problem": words.title(problem),
        "where": words.place(problem),
        "tools": list(problem.tools),
        "action": problem.action,
    }


def _table(runs: Sequence[RunRecord], changes: Mapping[str, ImportedRun], style: Style) -> str:
    if style.width is not None and style.width < _TABLE_WIDTH:
        return "\n".join(line for run in runs for line in _two_lines(run, changes[run.key], style))
    headers = ["KEY", "TIME (UTC)", "COMMIT", "BRANCH", "VERDICT", "TOTAL", "CHANGED", "TOOLS"]
    cells = [
        [
            run.key[:_DIGITS],
            _minute(run.started_at),
            (run.commit or "")[:_DIGITS],
            terminal(run.branch),
            run.verdict,
            str(sum(run.by_severity.values())),
            _changes(changes[run.key]),
            terminal(", ".join(_tool_names(run))),
        ]
        for run in runs
    ]
    return draw(headers, cells, style, stretch=(3, 7), shares=(1, 2))


def _two_lines(run: RunRecord, changed: ImportedRun, style: Style) -> Iterator[str]:
    """Yield a run for a terminal on which the table's rows would not fit."""
    total = sum(run.by_severity.values())
    counts = f"{total} problem{'' if total == 1 else 's'}, {_changes(changed)}"
    at = _minute(run.started_at)
    yield f"{run.key[:_DIGITS]}  {at} UTC  {run.verdict:<{_VERDICT_WIDTH}}  {counts}"
    commit = f" @ {run.commit[:_DIGITS]}" if run.commit else ""
    text = f"{terminal(run.branch)}{commit}; {terminal(', '.join(_tool_names(run)))}"
    indent = " " * (_DIGITS + 2)
    yield style.wrapped(text, first=indent, rest=indent)


def _tool_names(run: RunRecord) -> list[str]:
    """Each tool that ran, once, with its status where that is not complete."""
    worst: dict[str, str] = {}
    for tool in run.tools:
        if tool.status == "skipped":
            continue
        if worst.get(tool.tool) != "failed":
            worst[tool.tool] = tool.status
    return [name if status == "complete" else f"{name} {status}" for name, status in worst.items()]


def _tools(run: RunRecord, style: Style) -> str:
    headers = ["TOOL", "COMPONENT", "STATUS", "TIME", "NOTE"]
    cells = [
        [
            terminal(tool.tool if tool.mode is None else f"{tool.tool} ({tool.mode})"),
            terminal(tool.component),
            tool.status,
            f"{tool.seconds:.1f} s",
            terminal(tool.reason or ""),
        ]
        for tool in run.tools
    ]
    return draw(headers, cells, style, stretch=(4,), shares=(1,))


def _problems(problems: Sequence[Problem], style: Style) -> str:
    headers = ["SEVERITY", "ID", "PROBLEM", "WHERE", "SOURCES"]
    cells = [
        [
            severity_label(problem),
            ids.short(problem.identity),
            terminal(words.title(problem)),
            terminal(words.place(problem)),
            terminal(", ".join(problem.tools)),
        ]
        for problem in problems
    ]
    return draw(headers, cells, style, stretch=(2, 3), shares=(1, 1))


def _counts(run: RunRecord) -> str:
    counts = [f"{run.by_severity[word]} {word}" for word in LABELS if run.by_severity.get(word)]
    return ", ".join(counts) or "none"


def _changes(changed: ImportedRun) -> str:
    counts = [(changed.new, "new"), (changed.reopened, "reopened"), (changed.fixed, "fixed")]
    return ", ".join(f"{count} {change}" for count, change in counts if count) or "nothing changed"


def _minute(at: datetime.datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"


def _json(value: object) -> None:
    console.json(indented(value))


def _print(text: str) -> None:
    console.paged(f"{text}\n")
