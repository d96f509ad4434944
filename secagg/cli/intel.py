"""``secagg intel``: fetch the EPSS scores and the KEV catalog, and show their age."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from secagg.errors import UsageError
from secagg.github.download import download
from secagg.intel import (
    EPSS_NAME,
    KEV_NAME,
    LARGEST,
    FileRecord,
    Intel,
    Record,
    checksum,
    intel_directory,
    read_epss,
    read_kev,
    read_record,
    write_record,
)
from secagg.output import console
from secagg.output.escape import terminal
from secagg.system.dates import utc_now, utc_today
from secagg.system.files import replace_file

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
    raise typer.Exit(update_files(epss_url=epss_url, kev_url=kev_url))


@intel_app.command()
def status() -> None:
    """Say which files are there and how old they are; exit code 1 if something is wrong."""
    raise typer.Exit(print_status())


EPSS_URL = "https://epss.empiricalsecurity.com/epss_scores-current.csv.gz"
KEV_URL = "https://www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json"


def update_files(*, epss_url: str | None = None, kev_url: str | None = None) -> int:
    """Fetch and check both files, from URLs or local paths, replace the old ones, and return 0.

    Both are checked before either is replaced, so that a failure changes nothing.
    """
    directory = intel_directory(os.environ)
    files = [
        _fetch(EPSS_NAME, epss_url or EPSS_URL, _epss_facts),
        _fetch(KEV_NAME, kev_url or KEV_URL, _kev_facts),
    ]
    record = read_record(directory) or Record()
    for name, data, file_record in files:
        replace_file(directory / name, data)
        record.files[name] = file_record
    write_record(directory, record)
    for name, _, file_record in files:
        console.out(f"{name}: {file_record.entries} entries, dated {file_record.dated}\n")
    console.out(f"written to {terminal(str(directory))}\n")
    return 0


def print_status() -> int:
    """Print which files are there and how old they are; 1 if one is missing, old or unusable."""
    directory = intel_directory(os.environ)
    intel = Intel.load(directory, utc_today())
    record = read_record(directory) or Record()
    if intel.epss_file is not None:
        file = intel.epss_file
        _print_file(
            EPSS_NAME,
            "EPSS",
            f"{len(file.scores)} scores of {file.dated}, model {file.model}",
            record,
        )
    if intel.kev_file is not None:
        kev = intel.kev_file
        _print_file(KEV_NAME, "KEV", f"{len(kev.entries)} entries of {kev.dated}", record)
    for note in intel.notes:
        console.out(f"note: {terminal(note)}\n")
    console.out(f"directory: {terminal(str(directory))}\n")
    return 1 if intel.notes else 0


def _print_file(name: str, title: str, text: str, record: Record) -> None:
    file_record = record.files.get(name)
    fetched = f", fetched {file_record.fetched_at:%Y-%m-%d %H:%M} UTC" if file_record else ""
    console.out(f"{title}: {terminal(text)}{fetched}\n")


def _fetch(
    name: str, source: str, read_facts: Callable[[bytes], tuple[str, int]]
) -> tuple[str, bytes, FileRecord]:
    if "://" in source:
        data = download(source, limit=LARGEST)
    else:
        try:
            data = Path(source).read_bytes()
        except OSError as error:
            raise UsageError(f"cannot read {source}: {error.strerror}") from error
    dated, entries = read_facts(data)
    file_record = FileRecord(
        url=source,
        sha256=checksum(data),
        dated=dated,
        fetched_at=utc_now().replace(microsecond=0),
        entries=entries,
    )
    return name, data, file_record


def _epss_facts(data: bytes) -> tuple[str, int]:
    """Return the date of the scores and their number."""
    epss = read_epss(data)
    return epss.dated.isoformat(), len(epss.scores)


def _kev_facts(data: bytes) -> tuple[str, int]:
    """Return the date of the catalog and the number of its entries."""
    kev = read_kev(data)
    return kev.dated.isoformat(), len(kev.entries)
