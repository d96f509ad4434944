"""``secagg intel``: EPSS and KEV, which rules of a policy can ask for."""

from __future__ import annotations

from typing import Annotated

import typer

intel_app = typer.Typer(
    help="Fetch the EPSS scores and the KEV catalog, which policies can ask for.",
    no_args_is_help=True,
)


@intel_app.command()
def update(
    epss_url: Annotated[
        str | None, typer.Option(metavar="URL|FILE", help="EPSS from elsewhere, or from a file.")
    ] = None,
    kev_url: Annotated[
        str | None, typer.Option(metavar="URL|FILE", help="KEV from elsewhere, or from a file.")
    ] = None,
) -> None:
    """Download both files, check them, and put them in place."""
    from secagg.pipeline import intelcommands

    raise typer.Exit(intelcommands.update(epss_url=epss_url, kev_url=kev_url))


@intel_app.command()
def status() -> None:
    """Say which files are there and how old they are; exit code 1 if something is wrong."""
    from secagg.pipeline import intelcommands

    raise typer.Exit(intelcommands.status())
