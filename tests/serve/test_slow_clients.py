"""Clients that are slow on purpose: they are let go, and nobody else waits for them."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import uvicorn
from fastapi import FastAPI, Request, Response

from secagg.serve import server
from secagg.serve.app import Served
from secagg.serve.guard import Access, Guard
from secagg.serve.server import BoundedProtocol
from tests.serve.memory import Memory

LARGE = 30_000_000


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A server with little patience, and its port."""
    monkeypatch.setattr(server, "SECONDS_FOR_A_HEAD", 0.3)
    app = FastAPI()
    app.get("/small")(lambda: Response(b"small"))
    app.get("/large")(lambda: Response(b"x" * LARGE))
    listening = server.bind("127.0.0.1", 0)
    config = uvicorn.Config(app, http=BoundedProtocol, ws="none", log_config=None, lifespan="off")
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
    thread.start()
    while not running.started:
        time.sleep(0.01)
    yield listening.getsockname()[1]
    running.should_exit = True
    thread.join()
    listening.close()


def ended(client: socket.socket, drip: bytes = b"") -> bytes:
    """Send ``drip`` again and again until the server ends the connection; what it has answered."""
    client.settimeout(0.05)
    answer = b""
    while True:
        try:
            if drip:
                client.send(drip)
            received = client.recv(65536)
        except TimeoutError:
            continue
        except OSError:
            return answer
        if not received:
            return answer
        answer += received


@pytest.mark.parametrize("beginning", [b"", b"GET /small HTTP/1.1\r\nHost: a\r\nX: "])
def test_a_head_that_drips_is_given_up(port: int, beginning: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(beginning)
        assert ended(client, b"x" if beginning else b"") == b""


def test_so_is_the_next_head_and_a_body_that_nobody_asked_for(port: int) -> None:
    for more in (b"", b"Content-Length: 100000000\r\n"):
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"GET /small HTTP/1.1\r\nHost: a\r\n" + more + b"\r\n")
            assert ended(client, b"G").endswith(b"small")


def test_a_client_that_does_not_take_its_answer_is_let_go(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
        while True:
            time.sleep(0.1)
            try:
                # Once the server has ended the connection, this fails.
                client.send(b"x")
            except OSError:
                break
        assert len(ended(client)) < LARGE


def test_who_takes_an_answer_gets_all_of_it(port: int) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        assert len(client.get("/large").content) == LARGE
        assert client.get("/small").text == "small"


def test_an_answer_that_fails_says_nothing_of_why() -> None:
    lines: list[str] = []

    async def fails(request: Request) -> Response:
        raise ValueError("hunter2hunter2")

    memory = Memory([], [])
    access = Access(hosts=frozenset())
    log = lambda line: lines.append(str(line))  # noqa: E731
    guard = Guard(Served(open_source=lambda: memory, access=access, log=log))
    request = Request({"type": "http", "method": "GET", "path": "/", "headers": []})
    with ThreadPoolExecutor(1) as thread:
        answer = thread.submit(asyncio.run, guard._answer(request, fails)).result()
    assert (answer.status_code, bytes(answer.body)) == (500, b"internal error\n")
    assert lines == ["internal error: ValueError"]
