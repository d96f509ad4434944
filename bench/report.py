"""``secagg report`` on many problems: ``python -m bench.report [--rounds 5] [--size 100000]``.

Four programs in turn: the version, the help, the question to the store by itself, and the whole
report with as many rows as a terminal gets (100), unwrapped. What the report costs beyond its
question is what it takes to start, to lay the table out and to write it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.measure import Figure, process
from bench.store import make_problems, record_run

_REPOSITORY, _BRANCH = "acme/shop", "main"

# Reading, filtering, ordering and counting, with what has to be loaded for it.
_QUESTION = f"""
import datetime, gc, sys
gc.disable()
from secagg.report.compose import compose
from secagg.report.query import Query
from secagg.report.source import Recorded
from secagg.store import open_store
with open_store(sys.argv[1], create=False) as store:
    problems = list(store.problems({_REPOSITORY!r}, {_BRANCH!r}, details=False))
    known = Recorded(problems, store.runs({_REPOSITORY!r}, {_BRANCH!r}, limit=400))
made = compose(known, Query(limit=100), datetime.datetime.now(datetime.UTC))
assert len(made.answer.matching) == int(sys.argv[2])
"""


def figures(rounds: int, size: int) -> Iterator[Figure]:
    """The report, and what it costs beyond its question, against the ends of the scale."""
    secagg = [sys.executable, "-m", "secagg"]
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "secagg.db"
        record_run(path, 0, make_problems(size))()
        asked = [*("--repo", _REPOSITORY), *("--branch", _BRANCH), *("--limit", "100")]
        programs = (
            [*secagg, "--version"],
            [*secagg, "report", "--help"],
            [sys.executable, "-c", _QUESTION, str(path), str(size)],
            [*secagg, "report", "--root", place, "--store", str(path), *asked],
        )
        timed = [[process(argv)[0] for argv in programs] for _ in range(rounds + 1)][1:]
    beyond = f"first table of {size:,} problems beyond its question"
    named = f"first table of {size:,} problems"
    yield Figure.of(named, "its question", [t[3] / t[2] for t in timed])
    for number, name in enumerate(("secagg --version", "secagg report --help")):
        yield Figure.of(beyond, name, [(t[3] - t[2]) / t[number] for t in timed])
    for number, name in ((2, "the question"), (3, named)):
        yield Figure.of(name, "secagg --version", [t[number] / t[0] for t in timed])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="bench.report", description="Measure the report.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", type=int, default=100_000)
    chosen = parser.parse_args()
    for figure in figures(chosen.rounds, chosen.size):
        sys.stdout.write(
            f"{figure.name} against {figure.against}: {figure.median:.2f} "
            f"({figure.least:.2f} to {figure.most:.2f}, {figure.rounds} rounds)\n"
        )


if __name__ == "__main__":
    main()
