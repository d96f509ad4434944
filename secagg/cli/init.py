"""``secagg init``: the workflows, policies and settings of a repository."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from secagg.cli.options import PathArgument


def register(app: typer.Typer) -> None:
    """Add ``secagg init``."""
    app.command()(init)


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
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit code 1 if there is anything new.")
    ] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Write nothing; show what is new.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Write over what a person has changed, too.")
    ] = False,
) -> None:
    """Write workflows, policies and settings for the repository at PATH."""
    from secagg.pipeline.initcommand import Asked
    from secagg.pipeline.initcommand import init as write

    asked = Asked(
        features=with_ or [],
        branches=branches,
        ci=ci,
        snyk=snyk,
        codeql=codeql,
        runner=runner,
        action=action,
    )
    raise typer.Exit(write(path, asked, check=check, diff=diff, force=force))
