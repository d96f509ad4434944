"""The users of the load test ask for what the server has; Locust itself is stood in for."""

from __future__ import annotations

import runpy
import sys
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from ruamel.yaml import YAML

from secagg.history import open_store
from secagg.serve.overview import AllRepositories
from tests.history.make import problem, see
from tests.serve.test_app import Server

ROOT = Path(__file__).parents[2]


class Recorder:
    """Locust's client, as far as the users need it: every answer is kept."""

    def __init__(self, server: Server) -> None:
        self.headers: dict[str, str] = {}
        self.statuses: list[tuple[str, int]] = []
        self._server = server

    def get(self, path: str, *, name: str | None, catch_response: bool) -> Any:
        answer = self._server.client.get(path, headers=self.headers)
        self.statuses.append((name or path, answer.status_code))
        return nullcontext(answer)


def test_every_request_of_a_user_is_answered(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    locust = ModuleType("locust")
    locust.HttpUser = SimpleNamespace  # type: ignore[attr-defined]
    locust.between = lambda least, most: None  # type: ignore[attr-defined]
    locust.task = lambda weight: lambda function: function  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "locust", locust)
    users = runpy.run_path(str(ROOT / "tests" / "load" / "locustfile.py"))
    with open_store(f"sqlite:///{tmp_path}/store.db") as store:
        see(store, 1, *(problem(f"p{number}") for number in range(60)))
    opened = partial(open_store, f"sqlite:///{tmp_path}/store.db")
    server = Server(repositories=AllRepositories(open_store=opened))
    server.enter()
    (cookie,) = server.client.cookies.jar
    monkeypatch.setenv("SECAGG_SESSION", f"{cookie.name}={cookie.value}")
    server.client.cookies.clear()
    recorder = Recorder(server)
    user = users["Reader"](client=recorder)
    for step in ("on_start", "page", "search", "following", "problem"):
        getattr(user, step)()
    assert [name for name, _ in recorder.statuses] == [
        *("/problems", "/", "/problems?q=TEXT", "/problems?after=CURSOR"),
        *["/problem?id=ID"] * 3,
    ]
    assert {status for _, status in recorder.statuses} == {200}


def test_the_workflow_keeps_what_the_script_writes() -> None:
    """locust --csv NAME writes NAME_stats.csv and more; the script adds NAME-report.html."""
    script = (ROOT / "scripts" / "load_test.sh").read_text()
    assert '--csv "$name" --html "$name-report.html"' in script
    workflow = YAML(typ="safe").load(ROOT / ".github" / "workflows" / "performance-test.yml")
    for job, name in (("load-test", "load"), ("stress-test", "stress")):
        steps = workflow["jobs"][job]["steps"]
        (run,) = (step["run"] for step in steps if "run" in step)
        assert run.split()[0] == "scripts/load_test.sh" and run.split()[-1] == name
        (paths,) = (step["with"]["path"] for step in steps if "path" in step.get("with", {}))
        assert paths.split() == [f"{name}_*.csv", f"{name}-report.html"]
