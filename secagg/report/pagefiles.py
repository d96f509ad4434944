"""The report as several HTML files, where one would be too large for a browser.

The first lists the repositories with their numbers, and each repository has a file beside it. None
has more than :data:`MOST_IN_PAGE` problems: the worst, and it says how many are left out.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

from secagg.report.formats import Report
from secagg.report.jsonformat import rfc3339
from secagg.report.page import list_of_pages, page, page_data
from secagg.report.standing import WORST_FIRST, newest_runs

MOST_IN_PAGE = 50_000
"""Problems in one file: as many as a browser shows and filters quickly."""

Write = Callable[[Path, Iterable[bytes]], None]
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST_NAME = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class PageOfRepository:
    """A line of the list: the file of a repository, and what is in it."""

    repository: str
    href: str
    total: int
    left_out: int
    counts: list[int]
    incomplete: bool


def numbers(report: Report) -> dict[str, int]:
    """Count the problems that a page of ``report`` would have, by repository."""
    counts = report.answer.by_repository(every_state=report.every_state)
    return {name: of_repository.total() for name, of_repository in counts.items()}


def directory_of(file: Path) -> Path:
    """Return the directory of the pages that ``file`` lists."""
    return file.with_name(f"{file.stem}-repositories")


def page_of_worst(report: Report) -> Iterator[bytes]:
    """Return the page with the worst of the problems, and the number of those left out."""
    yield _bytes(page(page_data(replace(report, limit=MOST_IN_PAGE))))


def write_pages(report: Report, file: Path, write: Write) -> int:
    """Write the list of repositories to ``file``, and their pages to a directory beside it.

    Returns the number of repositories. ``write`` writes one file; raises what it raises, and
    :class:`OSError` where the directory cannot be made.
    """
    directory = directory_of(file)
    directory.mkdir(exist_ok=True)
    counts = report.answer.by_repository(every_state=report.every_state)
    limited = replace(report, limit=MOST_IN_PAGE)
    incomplete = {r.repository for r in newest_runs(report.runs) if r.verdict == "incomplete"}
    lines = []
    for name in sorted(counts, key=lambda name: _worst_first(counts, name)):
        file_name = _file_name(name)
        write(directory / file_name, [_bytes(page(page_data(limited, name)))])
        total = counts[name].total()
        lines.append(
            PageOfRepository(
                repository=name,
                href=quote(f"{directory.name}/{file_name}"),
                total=total,
                left_out=max(0, total - MOST_IN_PAGE),
                counts=[counts[name][label] for label in WORST_FIRST],
                incomplete=name in incomplete,
            )
        )
    values = {
        "lines": lines,
        "labels": WORST_FIRST,
        "total": sum(line.total for line in lines),
        "most": MOST_IN_PAGE,
        "made_at": rfc3339(report.now),
        "every_state": report.every_state,
    }
    write(file, [_bytes(list_of_pages(values))])
    return len(lines)


def _file_name(repository: str) -> str:
    """Return the same name for each report; names may differ only in what no file name can have."""
    digest = hashlib.sha256(repository.encode("utf-8", "replace")).hexdigest()
    return f"{_UNSAFE.sub('-', repository)[:_LONGEST_NAME]}-{digest[:8]}.html".lstrip(".-")


def _worst_first(counts: dict[str, Counter[str]], name: str) -> tuple[object, ...]:
    return (*(-counts[name][label] for label in WORST_FIRST), name)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")
