"""What operators watch: health, metrics, and a log that holds no token."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from secagg.errors import StoreUnavailable, UsageError
from secagg.history import Store
from secagg.model.access import TokenScope
from secagg.output.logs import ConsoleHandler, LogFormat, format_of, print_line
from secagg.serve.monitoring import Health
from tests.history.make import REPO, ident, problem, run
from tests.serve.jobs import Jobs


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    return Jobs(f"sqlite:///{tmp_path}/store.db")


def _values(text: str) -> dict[str, float]:
    """The samples by name and labels."""
    return {
        " ".join([one.name, *(f"{name}={value}" for name, value in sorted(one.labels.items()))]): (
            one.value
        )
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }


def test_metrics_count_requests_runs_and_problems(jobs: Jobs) -> None:
    token = jobs.token("*", scopes=[TokenScope.READ, TokenScope.WRITE])
    remote = jobs.remote(token)
    remote.record(run(1, key=ident("a")), [problem("one"), problem("two")], [("trivy", ".")])
    remote.record(run(1, key=ident("a")), [problem("one"), problem("two")], [("trivy", ".")])
    remote.record(run(2, key=ident("b")), [problem("two")], [("trivy", ".")])
    for number in range(3):
        jobs.ask("GET", f"/keys/{number}aaaaaa", token)
        jobs.client.get(f"/nothing/{number}")
    answer = jobs.client.get("/metrics", headers={"Authorization": f"Bearer {token}"})
    assert answer.headers["content-type"].startswith("text/plain; version=")
    values = _values(answer.text)
    assert values["secagg_runs_recorded_total again=false"] == 2
    assert values["secagg_runs_recorded_total again=true"] == 1
    assert values["secagg_problems_total change=new"] == 2
    assert values["secagg_problems_total change=fixed"] == 1
    counted = "secagg_http_requests_total method={} route={} status={}"
    assert values[counted.format("POST", "/api/v1/runs", 200)] == 3
    assert values[counted.format("GET", "/api/v1/keys/{beginning}", 409)] == 3
    assert values[counted.format("GET", "other", 401)] == 3
    assert values["secagg_http_request_seconds_count route=/api/v1/runs"] == 3
    assert REPO not in answer.text and token not in answer.text


def test_metrics_need_a_token_for_all_repositories(jobs: Jobs) -> None:
    assert jobs.client.get("/metrics").status_code == 401
    for token in (jobs.token(REPO), jobs.token("*", scopes=[TokenScope.WRITE])):
        answer = jobs.client.get("/metrics", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 403


def test_health_is_that_of_the_store_and_needs_no_name(jobs: Jobs, tmp_path: Path) -> None:
    assert jobs.client.get("/healthz", headers={"Host": "10.1.2.3:8080"}).text == "ok\n"
    assert jobs.client.post("/healthz").status_code == 401
    (tmp_path / "store.db").unlink()
    gone = Jobs(f"sqlite:///{tmp_path}/other.db")
    (tmp_path / "other.db").unlink()
    answer = gone.client.get("/healthz")
    assert (answer.status_code, answer.text) == (503, "the store cannot be used\n")


def test_the_store_is_looked_at_once_in_a_while() -> None:
    looks, now = [0], [0.0]

    def look() -> Store:
        looks[0] += 1
        raise StoreUnavailable("down")

    health = Health(look, clock=lambda: now[0])
    assert not health.works() and not health.works() and looks == [1]
    now[0] = 1.0
    assert not health.works() and looks == [2]
    assert Health(None).works()


def test_a_line_says_who_recorded_what_and_holds_no_token(jobs: Jobs) -> None:
    token = jobs.token(REPO)
    jobs.remote(token).record(run(1, key=ident("a")), [problem("one")], [])
    jobs.client.get("/", params={"token": "one-time"})
    first, second = jobs.lines
    assert dict(first.values) | {"milliseconds": 0} == {
        "method": "POST",
        "path": "/api/v1/runs",
        "status": 200,
        "milliseconds": 0,
        "caller": "token:ci",
        "repository": REPO,
        "branch": "main",
        "run": ident("a"),
        "again": False,
    }
    assert first.text.split()[:3] == ["POST", "/api/v1/runs", "200"]
    said = f"{first} {first.values} {second} {second.values}"
    assert token not in said and token.split("_")[2] not in said and "one-time" not in said


def test_lines_as_json(capfd: pytest.CaptureFixture[str]) -> None:
    print_line("GET / 200", {"path": "/\x1b[31m\n::error::x", "status": 200}, LogFormat.JSON)
    print_line("started", {}, LogFormat.JSON)
    print_line("GET / 200", {"status": 200}, LogFormat.TEXT)
    handler = ConsoleHandler(log_format=LogFormat.JSON)
    secret = "ghp_" + "a1B2" * 9
    handler.handle(logging.LogRecord("secagg.x", logging.WARNING, "", 1, f"no {secret}", (), None))
    _, err = capfd.readouterr()
    first, second, third, fourth = err.splitlines()
    one = json.loads(first)
    assert (one["level"], one["status"], one["path"]) == ("info", 200, "/\x1b[31m\n::error::x")
    assert "\x1b" not in err and json.loads(second)["message"] == "started"
    assert third == "secagg: GET / 200"
    warned = json.loads(fourth)
    assert (warned["level"], warned["module"]) == ("warning", "x")
    assert secret not in err and warned["message"].startswith("no ")
    assert one["time"].endswith("+00:00")


def test_the_format_of_the_environment() -> None:
    assert format_of({}) is LogFormat.TEXT
    assert format_of({"SECAGG_LOG_FORMAT": " JSON "}) is LogFormat.JSON
    with pytest.raises(UsageError, match="no format"):
        format_of({"SECAGG_LOG_FORMAT": "xml"})
