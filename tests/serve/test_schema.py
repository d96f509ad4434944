"""Requests that are made up from the OpenAPI document: none of them breaks the server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.core.result import Ok

from secagg.serve.app import Served, make_app
from secagg.serve.guard import CSRF_HEADER, Access
from tests.history.make import ident, problem, run
from tests.report.make import problem as shown
from tests.serve.jobs import Jobs
from tests.serve.memory import Memory

# A few of each route: a run by hand sets more.
EXAMPLES = 6


class Target:
    """The application with the page and the API, and what opens all of it."""

    def __init__(self, url: str) -> None:
        jobs = Jobs(url)
        with jobs.store() as store:
            store.record(run(1, key=ident("a")), [problem("one")], [("trivy", ".")])
        memory = Memory([shown("one")], [])
        self.access = Access(hosts=frozenset({"localhost", "testserver"}))
        self.app = make_app(
            Served(
                open_source=lambda: memory,
                access=self.access,
                triage=memory,
                by="dana",
                callers=jobs.callers,
            )
        )
        token = jobs.token("*")
        self.headers = {"Authorization": f"Bearer {token}", CSRF_HEADER: self.access.csrf}
        self.cookies = {self.access.cookie_name: self.access.session}


def test_nothing_breaks_the_server(tmp_path: Path) -> None:
    target = Target(f"sqlite:///{tmp_path}/store.db")
    schema = schemathesis.openapi.from_asgi("/openapi.json", target.app)
    found = list(schema.get_all_operations())
    operations = [one.ok() for one in found if isinstance(one, Ok)]
    assert len(operations) == len(found)
    assert len(operations) > 20
    for operation in operations:
        _try(target, operation)


def _try(target: Target, operation: Any) -> None:
    """Send requests that the document allows; the server lets them in, and does not break."""

    @given(case=operation.as_strategy())
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: Any) -> None:
        answer = case.call(headers=target.headers, cookies=target.cookies)
        assert answer.status_code < 500, f"{operation.label}: {case.as_curl_command()}"
        assert answer.status_code not in (401, 421), operation.label

    ask()
