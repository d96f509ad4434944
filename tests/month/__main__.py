"""``python -m tests.month [--days 30]``: the month in the life of a team, with its figures."""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from tests.month.script import MONTH, run_day
from tests.month.world import World
from tests.standins.github_server import GitHubServer


def main() -> None:
    """Live through the days, and print what each came to."""
    parser = argparse.ArgumentParser(prog="tests.month", description=__doc__)
    parser.add_argument("--days", type=int, default=30)
    days = parser.parse_args().days
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as home, GitHubServer(default_branch="main") as server:
        world = World(Path(home), server)
        for day in range(1, days + 1):
            run_day(world, day)
            what = MONTH[day].__name__.replace("_", " ") if day in MONTH else "a quiet day"
            print(f"day {day:>2}: {what}; {len(world.alerts())} alerts open", flush=True)
        seconds = time.monotonic() - started
        print(
            f"{days} days, {len(world.logs)} workflow runs, {len(server.uploads)} uploads, "
            f"{world.numbers} pull requests, {seconds:.0f} s"
        )


if __name__ == "__main__":
    main()
