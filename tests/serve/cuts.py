"""Jobs whose runner is killed, whose network is cut, and a database that restarts in between.

``python -m tests.serve.cuts --moments 100`` does each at a hundred random moments, on PostgreSQL.
Whatever happens, a run is in the store whole or not at all, once, and one that was acknowledged is.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import uvicorn

from secagg.history import open_store
from secagg.model.access import TokenScope, new_token
from secagg.model.problem import Problem, RunRecord
from secagg.remote.credentials import VARIABLE
from secagg.remote.store import RemoteStore
from secagg.serve import server
from secagg.serve.app import Served, make_app
from secagg.serve.callers import Callers
from secagg.serve.guard import Access, hosts_for
from tests.history import postgres
from tests.history.make import REPO, ident, problem, run
from tests.serve.jobs import YEAR
from tests.serve.memory import Memory

SIZE = 20


def made(number: int) -> tuple[RunRecord, list[Problem]]:
    """A run and its problems, the same ones each time."""
    key = ident(f"run {number}")
    return run(number, key=key), [problem(f"{number}/{n}") for n in range(SIZE)]


@contextmanager
def served(url: str) -> Iterator[tuple[int, str]]:
    """Serve the API over the store at ``url``; give the port and a token."""
    token, kept = new_token(
        name="ci", scopes=tuple(TokenScope), repositories=["*"], by="dana", lifetime=YEAR
    )
    with open_store(url) as store:
        store.add_token(kept)
    listening = server.bind("127.0.0.1", 0)
    port = listening.getsockname()[1]
    memory = Memory([], [])
    app = make_app(
        Served(
            open_source=lambda: memory,
            # A proxy in between has a port of its own.
            access=Access(hosts=hosts_for("127.0.0.1", port) | {"secagg.test"}),
            callers=Callers(open_store=lambda: open_store(url, create=False)),
        )
    )
    config = uvicorn.Config(
        app, http=server.BoundedProtocol, log_level="critical", lifespan="off", ws="none"
    )
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
    thread.start()
    while not running.started:
        time.sleep(0.01)
    try:
        yield port, token
    finally:
        running.should_exit = True
        thread.join()
        listening.close()


class Cable:
    """A connection to ``port`` that is cut once, after so many bytes in one direction."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.left: int | None = None
        self.towards_server = True
        self.cuts = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listening.close()

    def cut_after(self, count: int, *, towards_server: bool) -> None:
        """Cut the next connection that carries more than ``count`` bytes in the direction."""
        self.left, self.towards_server = count, towards_server

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            upstream = socket.create_connection(("127.0.0.1", self._port))
            for source, sink, up in ((client, upstream, True), (upstream, client, False)):
                threading.Thread(target=self._carry, args=(source, sink, up), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket, towards_server: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1024):
                if self.left is not None and towards_server == self.towards_server:
                    self.left -= len(data)
                    if self.left < 0:
                        self.left = None
                        self.cuts += 1
                        break
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


def remote(port: int, token: str) -> RemoteStore:
    """The store at ``port``, with the Host header of the server's own name."""
    store = RemoteStore(f"http://127.0.0.1:{port}", {VARIABLE: token})
    store._client().headers["Host"] = "secagg.test"
    return store


def check(url: str, numbers: Sequence[int]) -> None:
    """Check that exactly these runs are in the store, each whole."""
    with open_store(url) as store:
        keys = [one.key for one in store.runs(REPO)]
        assert sorted(keys) == sorted(ident(f"run {number}") for number in numbers)
        for key in keys:
            assert len(store.run(key)[1]) == SIZE
        assert len(list(store.problems(REPO))) == SIZE * len(numbers)


def cut_networks(url: str, moments: int, random: random.Random) -> int:
    """Cut the network at so many moments; return how many of the cuts happened."""
    with served(url) as (port, token):
        cable = Cable(port)
        for number in range(moments):
            towards_server = random.random() < 0.5
            cable.cut_after(
                random.randrange(1400 if towards_server else 500), towards_server=towards_server
            )
            with remote(cable.port, token) as store:
                store.record(*made(number), [("trivy", ".")])
        cable.close()
    check(url, range(moments))
    return cable.cuts


def kill_runners(url: str, moments: int, random: random.Random) -> int:
    """Kill so many runners in the middle, let each run again; return how many were too late.

    Too late is a kill after the server has recorded the run, acknowledged or not.
    """
    too_late = 0
    with served(url) as (port, token):
        whole = min(_timed(port, token, -1 - number) for number in range(3))
        for number in range(moments):
            pid, reader = _runner(port, token, number)
            time.sleep(random.uniform(0, 1.5 * whole))
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            is_acknowledged = os.read(reader, 1) == b"a"
            os.close(reader)
            with open_store(url) as direct:
                recorded = ident(f"run {number}") in {one.key for one in direct.runs(REPO)}
            assert recorded or not is_acknowledged
            too_late += recorded
            with remote(port, token) as again:
                # The runner's job starts again.
                again.record(*made(number), [("trivy", ".")])
    check(url, range(-3, moments))
    return too_late


def _runner(port: int, token: str, number: int) -> tuple[int, int]:
    """Fork a runner that records a run; return its pid, once it begins, and what it writes to."""
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            store = remote(port, token)
            os.write(writer, b"o")
            store.record(*made(number), [("trivy", ".")])
            os.write(writer, b"a")
        finally:
            os._exit(0)
    os.close(writer)
    os.read(reader, 1)
    return pid, reader


def _timed(port: int, token: str, number: int) -> float:
    """Return the seconds that a runner takes."""
    pid, reader = _runner(port, token, number)
    begun = time.monotonic()
    os.waitpid(pid, 0)
    assert os.read(reader, 1) == b"a"
    os.close(reader)
    return time.monotonic() - begun


def restart_databases(url: str, moments: int, random: random.Random) -> int:
    """Stop and start the database so many times while a job records; return the recorded runs."""
    directory = Path(parse_qs(urlsplit(url).query)["host"][0])
    programs = postgres.programs()
    assert programs is not None
    done, stop = [0], threading.Event()
    failures: list[BaseException] = []
    with served(url) as (port, token):

        def record() -> None:
            try:
                with remote(port, token) as store:
                    while not stop.is_set():
                        store.record(*made(done[0]), [("trivy", ".")])
                        done[0] += 1
            except BaseException as error:
                failures.append(error)

        thread = threading.Thread(target=record)
        thread.start()
        for _ in range(moments):
            before = done[0]
            time.sleep(random.uniform(0, 0.1))
            argv: list[str | Path] = [programs / "pg_ctl", "-D", directory / "data", "-w"]
            postgres._run([*argv, "-m", "immediate", "stop"])
            postgres._run([*argv, "-l", directory / "log", "-o", _options(directory), "start"])
            while done[0] == before and not failures:
                time.sleep(0.02)
        stop.set()
        thread.join()
    assert not failures, failures
    check(url, range(done[0]))
    return done[0]


def _options(directory: Path) -> str:
    return f"-c listen_addresses= -c unix_socket_directories={directory} -c fsync=off"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--moments", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    for action in (cut_networks, kill_runners, restart_databases):
        with postgres.server() as url:
            happened = action(url, asked.moments, random.Random(asked.seed))
        print(f"{action.__name__}: {asked.moments} moments, {happened}: nothing lost or doubled")


if __name__ == "__main__":
    main()
