"""Fifty processes at once, and processes killed at any moment."""

from __future__ import annotations

import itertools
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from secagg.history import open_store
from secagg.history.engine import connect, transaction, url_of
from secagg.history.validate import row_counts, validate
from secagg.model.problem import Problem, RunRecord
from tests.history.importer import SEEN
from tests.history.make import REPO, problem, run, standing

_PROCESSES = 50
_KILLS = 120
# Imports that are not killed, to know how long one takes.
_WHOLE = 3
_SIZE = 10
# Forked from one process that has everything loaded: fifty interpreters would only load modules.
_FORKING = """
import os, sys
from secagg.history import open_store
from tests.history.importer import main
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
    # Each problem is seen by runs that follow each other, whatever the order of their imports.
    findings = _PROCESSES + SEEN - 1
    assert counts["finding"] == counts["content"] == counts["sighting"] == findings
    with open_store(url) as store:
        for name, (first, last, fixed, reopened) in standing(store).items():
            number = int(name.removeprefix("problem p"))
            gone = number + 1 if number + 1 < _PROCESSES else None
            expected = (max(0, number - SEEN + 1), min(number, _PROCESSES - 1), gone, None)
            assert (first, last, fixed, reopened) == expected, name


def _run(number: int, again: int) -> RunRecord:
    """On one of several branches: an import out of order has to look at its own only."""
    key = f"{number}/{again}"
    return run(number + again / 1000, key=key, branch=f"b{number % 20}")


def _problems(number: int, again: int) -> list[Problem]:
    """What one import brings: enough that a kill meets it in the middle."""
    return [problem(f"p{number}-{again}-{n}") for n in range(_SIZE)]


def _opened(url: str, number: int, *, imports: int | None) -> int:
    """Fork an importer of so many runs, or of one after another; its pid, once it has the store.

    Before that nothing could be hurt.
    """
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            with open_store(url) as store:
                os.write(writer, b"o")
                for again in range(imports) if imports is not None else itertools.count():
                    store.record(_run(number, again), _problems(number, again), [("trivy", ".")])
        finally:
            os._exit(0)
    os.close(writer)
    os.read(reader, 1)
    os.close(reader)
    return pid


def _timed(url: str, number: int) -> float:
    """Seconds that one import takes."""
    pid = _opened(url, number, imports=1)
    opened = time.monotonic()
    os.waitpid(pid, 0)
    return time.monotonic() - opened


def test_a_killed_import_leaves_a_sound_store_and_can_be_repeated(url: str) -> None:
    """Forked importers, each killed at a random moment of its first two or three imports.

    They import until they are killed, so that no kill comes too late, however busy the machine.
    """
    with open_store(url):
        pass
    moments = random.Random(8)
    whole = min(_timed(url, number) for number in range(_WHOLE))
    for number in range(_WHOLE, _WHOLE + _KILLS):
        pid = _opened(url, number, imports=None)
        time.sleep(moments.uniform(0, 2 * whole))
        os.kill(pid, signal.SIGKILL)
        assert os.waitpid(pid, 0)[1] == signal.SIGKILL
        if number % 20 == 0:
            _sound(url)
    counts = _sound(url)
    # A run is in the store whole or not at all.
    assert counts["finding"] == counts["sighting"] == counts["run"] * _SIZE
    with open_store(url) as store:
        found = Counter(int(one.key.partition("/")[0]) for one in store.runs(REPO))
        for number in range(_WHOLE + _KILLS):
            for again in range(found[number] + 1):
                store.record(_run(number, again), _problems(number, again), [("trivy", ".")])
    expected = sum(found.values()) + _WHOLE + _KILLS
    counts = _sound(url)
    assert counts["run"] == expected
    assert counts["finding"] == counts["sighting"] == expected * _SIZE


def test_importers_are_killed_in_processes_of_their_own_too(tmp_path: Path) -> None:
    """The same with an interpreter of its own and a big import, into SQLite."""
    url = f"sqlite:///{tmp_path}/store.db"
    argv = [sys.executable, "-m", "tests.history.importer", url, "0", "100000"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(6)]
        child.kill()
    assert lines[0] == "open\n"
    assert _sound(url)["run"] >= 5
