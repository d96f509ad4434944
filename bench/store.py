"""The store beside bare SQLite: ``python -m bench.store [--rounds 5] [--size 100000]``.

Both write the same rows into the same tables of a new file, in one transaction; the bare side
has every row ready in memory and knows every key beforehand.
"""

from __future__ import annotations

import argparse
import datetime
import sqlite3
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from bench.measure import Figure, timed
from secagg.history import open_store
from secagg.model.finding import Kind, Severity
from secagg.model.problem import Problem, RunRecord, Source, ToolRunRecord

_START = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
_SEVERITIES = tuple(Severity)
_WRITTEN = ("finding", "content", "sighting", "alias", "standing")


def make_problems(size: int) -> list[Problem]:
    """``size`` problems as large as a merged vulnerability is."""
    return [
        Problem(
            identity=f"{n * 0x9E3779B97F4A7C15 % 2**128:032x}",
            known_as=(f"{n * 0x9E3779B97F4A7C15 % 2**128:032x}", f"{n:032x}"),
            kind=Kind.VULNERABILITY,
            severity=_SEVERITIES[n % 5],
            title=f"Prototype pollution in package-{n % 997}",
            message="The package merges objects without looking at their keys. " * 4,
            rule_id=f"CVE-2026-{n % 40000}",
            tools=("snyk", "trivy"),
            uri=f"services/{n % 50}/package-lock.json",
            component=f"services/{n % 50}",
            package=f"package-{n % 997}",
            version="1.2.3",
            fixed_versions=("1.2.4", "2.0.0"),
            aliases=(f"CVE-2026-{n % 40000}", f"GHSA-{n % 40000:04x}"),
            epss=n % 1000 / 1000,
            sources=tuple(
                Source(tool=tool, rule_id=f"R{n}", severity=Severity.HIGH, message="As above.")
                for tool in ("snyk", "trivy")
            ),
        )
        for n in range(size)
    ]


def _run(number: int) -> RunRecord:
    tool = ToolRunRecord(tool="trivy", component=".", status="complete")
    return RunRecord(
        key=f"run {number}",
        repository="acme/shop",
        branch="main",
        commit=None,
        started_at=_START + datetime.timedelta(days=number),
        verdict="pass",
        policy="default",
        tools=(tool,),
    )


def record_run(path: Path, number: int, problems: list[Problem]) -> Callable[[], object]:
    """What records ``problems`` as the scan ``number`` of acme/shop, branch main."""

    def work() -> object:
        with open_store(path) as store:
            covered = [("trivy", "."), ("snyk", ".")]
            return store.record(_run(number), problems, covered)

    return work


def _rows(path: Path) -> dict[str, list[tuple[object, ...]]]:
    with closing(sqlite3.connect(path)) as kept:
        return {name: kept.execute(f"SELECT * FROM {name}").fetchall() for name in _WRITTEN}  # noqa: S608


def _bare(
    path: Path, rows: dict[str, list[tuple[object, ...]]], *, again: bool
) -> Callable[[], object]:
    def work() -> object:
        with closing(sqlite3.connect(path, isolation_level=None)) as bare:
            for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "cache_size = -65536"):
                bare.execute(f"PRAGMA {pragma}")
            bare.execute("PRAGMA foreign_keys = ON")
            bare.execute("BEGIN IMMEDIATE")
            for name, written in rows.items():
                if written:
                    marks = ", ".join("?" * len(written[0]))
                    how = "INSERT OR REPLACE" if again else "INSERT"
                    bare.executemany(f"{how} INTO {name} VALUES ({marks})", written)
            bare.execute("COMMIT")
        return None

    return work


def _empty(path: Path) -> None:
    """A store with the run and without what the run saw."""
    with open_store(path) as store:
        store.record(_run(0), [], [("snyk", "."), ("trivy", ".")])


def first_import(rounds: int, size: int) -> Figure:
    """All of it new, beside executemany of the rows that come of it."""
    problems, ratios = make_problems(size), []
    for number in range(rounds + 1):
        with tempfile.TemporaryDirectory() as place:
            ours, bare = Path(place) / "ours.db", Path(place) / "bare.db"
            with open_store(ours):
                pass
            _empty(bare)
            one, _ = timed(record_run(ours, 0, problems))
            other, _ = timed(_bare(bare, _rows(ours), again=False))
            if number:
                ratios.append(one / other)
    return Figure.of(f"first import, {size:,} problems", "executemany of the same rows", ratios)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="bench.store", description="Measure the store.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", type=int, default=100_000)
    chosen = parser.parse_args()
    figure = first_import(chosen.rounds, chosen.size)
    sys.stdout.write(
        f"{figure.name} against {figure.against}: {figure.median:.2f} "
        f"({figure.least:.2f} to {figure.most:.2f}, {figure.rounds} rounds)\n"
    )


if __name__ == "__main__":
    main()
