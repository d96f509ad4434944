"""Fifty processes at once, and processes killed at any moment."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from secagg.history import Problem, RunRecord
from secagg.store import open_store
from secagg.store.engine import connect, transaction, url_of
from secagg.store.validate import row_counts, validate
from tests.store.importer import SEEN
from tests.store.make import REPO, problem, run, standing

_PROCESSES = 50
_KILLS = 200
_SIZE = 10
# Forked from one process that has everything loaded: fifty interpreters would only load modules.
_FORKING = """
import os, sys
from secagg.store import open_store
from tests.store.importer import main
children = []
for number in range(int(sys.argv[2])):
    pid = os.fork()
    if not pid:
        try:
            sys.stdout = open(os.devnull, "w")
            main(sys.argv[1], number, 1)
        except BaseException as error:
            os.write(2, f"{number}: {error!r}\\n".encode())
            os._exit(1)
        os._exit(0)
    children.append(pid)
sys.exit(any(os.waitpid(pid, 0)[1] for pid in children))
"""


def _sound(url: str) -> dict[str, int]:
    engine = connect(url_of(url), create=False)
    with transaction(engine, reads=True) as connection:
        wrong, counts = validate(connection), row_counts(connection)
    engine.dispose()
    assert wrong == []
    return counts


def test_fifty_processes_lose_and_double_nothing(url: str) -> None:
    with open_store(url):
        pass
    done = subprocess.run(
        [sys.executable, "-c", _FORKING, url, str(_PROCESSES)],
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    counts = _sound(url)
    assert counts["run"] == _PROCESSES
    assert counts["sighting"] == _PROCESSES * SEEN
    assert counts["finding"] == counts["content"] == _PROCESSES + SEEN - 1
    with open_store(url) as store:
        for name, (first, last, fixed, reopened) in standing(store).items():
            number = int(name.removeprefix("problem p"))
            gone = number + 1 if number + 1 < _PROCESSES else None
            expected = (max(0, number - SEEN + 1), min(number, _PROCESSES - 1), gone, None)
            assert (first, last, fixed, reopened) == expected, name


def test_a_killed_import_leaves_a_sound_store_and_can_be_repeated(url: str) -> None:
    """Forked importers are killed after a time that is random, up to that of a whole import."""
    with open_store(url):
        pass
    moments = random.Random(8)
    # The shortest whole import so far: a busy machine must not make the kills come too late.
    whole = float("inf")
    killed = number = 0
    while killed < _KILLS and number < 2 * _KILLS:
        reader, writer = os.pipe()
        pid = os.fork()
        if not pid:
            _import(url, number, writer)
        os.close(writer)
        # Killing begins once the store is open: before, nothing could be hurt.
        os.read(reader, 1)
        opened = time.monotonic()
        if number >= 3:
            time.sleep(moments.uniform(0, whole))
            os.kill(pid, signal.SIGKILL)
        ended = os.waitpid(pid, 0)[1]
        if ended == signal.SIGKILL:
            killed += 1
        else:
            whole = min(whole, time.monotonic() - opened)
        os.close(reader)
        number += 1
        if number % 20 == 0:
            _sound(url)
    assert killed == _KILLS
    _sound(url)
    with open_store(url) as store:
        for again in range(number):
            store.record(_run(again), _problems(again), [("trivy", ".")])
        assert len(store.runs(REPO)) == number
    counts = _sound(url)
    assert counts["finding"] == counts["sighting"] == number * _SIZE


def _run(number: int) -> RunRecord:
    """On one of several branches: an import out of order has to look at its own only."""
    return run(number, branch=f"b{number % 20}")


def _problems(number: int) -> list[Problem]:
    """What one import brings: enough that a kill meets it in the middle."""
    return [problem(f"p{number}-{n}") for n in range(_SIZE)]


def _import(url: str, number: int, writer: int) -> None:
    """In a child: one import; never returns."""
    try:
        with open_store(url) as store:
            os.write(writer, b"o")
            store.record(_run(number), _problems(number), [("trivy", ".")])
    finally:
        os._exit(0)


def test_importers_are_killed_in_processes_of_their_own_too(tmp_path: Path) -> None:
    """The same with an interpreter of its own and a big import, into SQLite."""
    url = f"sqlite:///{tmp_path}/store.db"
    argv = [sys.executable, "-m", "tests.store.importer", url, "0", "100000"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(6)]
        child.kill()
    assert lines[0] == "open\n"
    assert _sound(url)["run"] >= 5
