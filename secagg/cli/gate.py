"""``secagg gate``: its options."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from secagg.cli.gateoptions import (
    BaselineOption,
    DiffOption,
    NoStoreOption,
    OriginBranchOption,
    OriginCommitOption,
    OriginOption,
    PolicyFromOption,
    StoreOption,
    VexOption,
    gate_options,
)
from secagg.cli.options import (
    AllOption,
    ColourOption,
    ConfigOption,
    LastOption,
    PolicyOption,
    QuietOption,
    RootOption,
    StripPrefixOption,
)


class GateFormatName(StrEnum):
    """What is printed on standard output."""

    FULL = "full"
    CONCISE = "concise"
    TABLE = "table"
    JSON = "json"
    JUNIT = "junit"
    MARKDOWN = "markdown"
    ANNOTATIONS = "annotations"


def gate(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FILE...]", help="Reports to judge instead of the last scan."),
    ] = None,
    root: RootOption = Path(),
    policy: PolicyOption = None,
    policy_from: PolicyFromOption = None,
    baseline: BaselineOption = None,
    diff: DiffOption = None,
    vex: VexOption = None,
    store: StoreOption = None,
    no_store: NoStoreOption = False,
    run: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="Judge a recorded scan (secagg runs lists them)."),
    ] = None,
    repo: OriginOption = None,
    branch: OriginBranchOption = None,
    commit: OriginCommitOption = None,
    config: ConfigOption = None,
    strip_prefix: StripPrefixOption = None,
    last: LastOption = Path("secagg-out"),
    output_format: Annotated[
        GateFormatName | None,
        typer.Option(
            "--format",
            "-f",
            help="What to print: full on a terminal and concise elsewhere if nothing is said.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Also write decision.json, decision.xml and decision.md there."
        ),
    ] = None,
    explain: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Print why one finding counts, or why it does not."),
    ] = None,
    today: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Judge as on this day (UTC).", metavar="DATE"),
    ] = None,
    everything: AllOption = False,
    severity: Annotated[
        list[str] | None,
        typer.Option("--severity", "-s", help="List rows of this severity only. Repeatable."),
    ] = None,
    at_least: Annotated[str | None, typer.Option(help="List rows as bad as this or worse.")] = None,
    kind: Annotated[list[str] | None, typer.Option("--kind", "-k", help="Of this kind.")] = None,
    tool: Annotated[
        list[str] | None, typer.Option("--tool", "-t", help="Reported by this tool.")
    ] = None,
    component: Annotated[
        list[str] | None, typer.Option("--component", "-c", help="In this component or below it.")
    ] = None,
    path: Annotated[
        list[str] | None,
        typer.Option(help="In files that this pattern (.gitignore's) matches."),
    ] = None,
    owner: Annotated[
        list[str] | None, typer.Option(help="Owned by this team or person, or none.")
    ] = None,
    package: Annotated[
        list[str] | None, typer.Option(help="In this package (its name or purl).")
    ] = None,
    identity: Annotated[
        list[str] | None,
        typer.Option("--id", "--cve", help="This CVE, GHSA, CWE, rule or id of a row."),
    ] = None,
    search: Annotated[
        str, typer.Option("--search", "-S", help="Every one of these words occurs.")
    ] = "",
    quiet: QuietOption = False,
    no_color: ColourOption = False,
) -> None:
    """Judge the last scan, or FILES, by a policy: pass, fail or incomplete, and why."""
    from secagg.pipeline import commands, gatecommand

    request = gatecommand.GateRequest(
        files=files or [],
        root=root,
        run=run,
        last=last,
        gate=gate_options(
            policy=policy,
            policy_from=policy_from,
            baseline=baseline,
            diff=diff,
            vex=vex,
            store="" if no_store else store,
            repository=repo,
            branch=branch,
            commit=commit,
            today=today.date() if today is not None else None,
        ),
        explain=explain,
        config=config,
        format=None if output_format is None else gatecommand.GateFormat(output_format),
        output=output,
        strip_prefix=strip_prefix or (),
        filters=gatecommand.FilterWords(
            severity=tuple(severity or ()),
            at_least=at_least,
            kind=tuple(kind or ()),
            tool=tuple(tool or ()),
            component=tuple(component or ()),
            path=tuple(path or ()),
            owner=tuple(owner or ()),
            package=tuple(package or ()),
            id=tuple(identity or ()),
            search=search,
        ),
    )
    screen = commands.Screen(quiet=quiet, no_colour=no_color, everything=everything)
    raise typer.Exit(gatecommand.gate(request, screen))
