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
    parser.add_argument("--days", type=int, default=30, help="so many days from the first on")
    parser.add_argument("--only", help="these days alone, such as 3,5")
    options = parser.parse_args()
    days = list(range(1, options.days + 1))
    if options.only:
        days = [int(day) for day in options.only.split(",")]
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as home, GitHubServer(default_branch="main") as server:
        world = World(Path(home), server)
        for day in days:
            run_day(world, day)
            what = MONTH[day].__name__.replace("_", " ") if day in MONTH else "a quiet day"
            print(f"day {day:>2}: {what}; {len(world.alerts())} alerts open", flush=True)
        seconds = time.monotonic() - started
        print(
            f"{len(days)} days, {world.events} workflow runs, {world.checks} assertions, "
            f"{len(server.uploads)} uploads, {world.numbers} pull requests, {seconds:.0f} s"
        )


if __name__ == "__main__":
    main()
