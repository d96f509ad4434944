"""``secagg except``: exceptions of the policy, in a file that is reviewed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from secagg.cli.options import ColourOption, FormatOption, LastOption, OutputFormat, RootOption

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
    from secagg.pipeline import exceptioncommands

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
    wanted = exceptioncommands.NewException(
        keys={key: value for key, value in given.items() if value},
        reason=reason,
        owner=owner,
        expires=expires,
    )
    raise typer.Exit(exceptioncommands.add(root, wanted, last=last))


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
    from secagg.pipeline import commands, exceptioncommands

    screen = commands.Screen(json=output_format is OutputFormat.JSON, no_colour=no_color)
    raise typer.Exit(exceptioncommands.list_all(root, vex_files=vex or [], screen=screen))


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
    from secagg.pipeline import exceptioncommands

    raise typer.Exit(exceptioncommands.prune(root, unused=unused, dry_run=dry_run, last=last))
