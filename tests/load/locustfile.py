"""What users of ``secagg serve`` do: look at the page, load the report, look at a problem.

Run by ``scripts/load_test.sh``, with the session's cookie in ``SECAGG_SESSION``.
"""

from __future__ import annotations

import os
import time
from typing import Any

from locust import HttpUser, between, task

# More clients than the server serves at once get a 503, which a stress test is meant to see.
REFUSALS_COUNT_APART = os.environ.get("SECAGG_REFUSALS") == "apart"


class Reader(HttpUser):
    """Somebody who reads."""

    wait_time = between(0.5, 2)

    def on_start(self) -> None:
        self.client.headers["Cookie"] = os.environ["SECAGG_SESSION"]
        while (report := self.ask("/api/report")) is None:
            time.sleep(1)
        self.identities = [problem["identity"] for problem in report.json()["problems"][:50]]

    @task(2)
    def page(self) -> None:
        self.ask("/")

    @task(2)
    def report(self) -> None:
        self.ask("/api/report")

    @task(6)
    def problem(self) -> None:
        for identity in self.identities[:3]:
            self.ask(f"/api/problems/{identity}", "/api/problems/ID")

    def ask(self, path: str, name: str | None = None) -> Any:
        """Ask for ``path``; None where the server refused it for its number of clients."""
        with self.client.get(path, name=name, catch_response=True) as answer:
            if answer.status_code == 503 and REFUSALS_COUNT_APART:
                answer.request_meta["name"] += " (refused)"
                answer.success()
                return None
            return answer
