"""How fast the pages for all repositories are: ``python -m bench.pages --store URL [--users 10]``.

It serves the store (such as one that :mod:`bench.organisation` has filled; without ``--store`` it
fills one in SQLite) and lets users read: the first page, lists of problems with and without a
filter, the next page of a list, a search, and one problem, with a pause between them. It prints the
median and the 95th of 100 by kind of page, the processor time of the server for a page, and the
most memory that it had.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from bench.measure import SECAGG
from bench.organisation import fill
from secagg.history import open_store

_LISTS = {
    "list": "/problems",
    "list of one severity": "/problems?severity=critical",
    "list of one repository": "/problems?repository=acme%2Fr00007",
    "overdue": "/problems?overdue=1&sort=due",
    "search": "/problems?q=package-18",
}
_PROBLEM = re.compile(r'href="(/problem\?[^"]+)"')
_NEXT = re.compile(r'href="(/problems\?[^"]*after=[^"]+)">Next')


@contextmanager
def serving(store: str, root: Path) -> Iterator[tuple[str, str, subprocess.Popen[str]]]:
    """Serve ``store``; yields the address, the session's cookie, and the process."""
    command = [SECAGG, "serve", "--all-repos", "--store", store, "--root", str(root)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        try:
            assert server.stdout is not None
            address = next(
                line.split()[1] for line in server.stdout if line.startswith("Open http")
            )
            base = address.partition("/?")[0]
            answer = httpx.get(address, trust_env=False)
            cookie = answer.headers["set-cookie"].partition(";")[0]
            yield base, cookie, server
        finally:
            server.send_signal(signal.SIGINT)


def read(
    base: str, cookie: str, seconds: float, pause: float, times: dict[str, list[float]]
) -> None:
    """Read pages for so many seconds, as one user does, with a pause after each page."""
    end = time.monotonic() + seconds
    with httpx.Client(
        base_url=base, headers={"Cookie": cookie}, trust_env=False, timeout=60
    ) as client:

        def ask(kind: str, path: str) -> str:
            started = time.perf_counter()
            answer = client.get(path)
            times[kind].append(time.perf_counter() - started)
            answer.raise_for_status()
            time.sleep(pause)
            return answer.text

        while time.monotonic() < end:
            ask("first page", "/")
            for kind, path in _LISTS.items():
                text = ask(kind, path)
                following, one = _NEXT.search(text), _PROBLEM.search(text)
                if following is not None:
                    ask("next page", following[1].replace("&amp;", "&"))
                if one is not None:
                    ask("one problem", one[1].replace("&amp;", "&"))


def peak_mebibytes(process: int) -> float:
    """Return the most memory that a process had, in MiB (Linux)."""
    status = Path(f"/proc/{process}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) / 1024


def processor_seconds(process: int) -> float:
    """Return the processor time that a process has used (Linux, proc(5))."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measure and print a line for each kind of page."""
    parser = argparse.ArgumentParser(prog="bench.pages", description="Measure the pages of all.")
    parser.add_argument("--store", help="the URL of a store that is filled")
    parser.add_argument("--problems", type=int, default=10_000, help="without --store")
    parser.add_argument("--users", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between two pages")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        store = chosen.store or f"sqlite:///{directory}/store.db"
        if chosen.store is None:
            with open_store(store) as opened:
                fill(opened, chosen.problems // 500, 2)
        times: dict[str, list[float]] = defaultdict(list)
        with serving(store, Path(directory)) as (base, cookie, server):
            before = processor_seconds(server.pid)
            users = [
                threading.Thread(
                    target=read, args=(base, cookie, chosen.seconds, chosen.pause, times)
                )
                for _ in range(chosen.users)
            ]
            # One after the other, and at a server that has been asked before.
            httpx.get(base, headers={"Cookie": cookie}, trust_env=False, timeout=60)
            for user in users:
                user.start()
                time.sleep(chosen.pause)
            for user in users:
                user.join()
            memory = peak_mebibytes(server.pid)
            used = processor_seconds(server.pid) - before
    every = [value for values in times.values() for value in values]
    for kind, values in (*times.items(), ("all", every)):
        p95 = statistics.quantiles(values, n=20)[-1]
        median = statistics.median(values)
        sys.stdout.write(f"{kind:24} {len(values):6} {median:7.3f} s {p95:7.3f} s p95\n")
    each = 1000 * used / len(every)
    sys.stdout.write(f"server: {each:.1f} ms of processor a page, {memory:.0f} MiB at the most\n")


if __name__ == "__main__":
    main()
