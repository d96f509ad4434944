"""A process of its own that imports runs: ``python -m tests.history.importer URL FIRST COUNT``."""

from __future__ import annotations

import sys

from secagg.history import open_store
from tests.history.make import problem, run

SEEN = 40


def main(url: str, first: int, count: int) -> None:
    """Import runs ``first`` to ``first + count``; each sees a run of neighbouring problems."""
    with open_store(url) as store:
        sys.stdout.write("open\n")
        sys.stdout.flush()
        for number in range(first, first + count):
            seen = [problem(f"p{number + n}") for n in range(SEEN)]
            store.record(run(number), seen, [("trivy", ".")])
            sys.stdout.write(f"{number}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
