"""What users of ``secagg serve`` do: look at the page, load the report, look at a problem.

Run by ``scripts/load_test.sh``, with the session's cookie in ``SECAGG_SESSION``.
"""

from __future__ import annotations

import os

from locust import HttpUser, between, task


class Reader(HttpUser):
    """Somebody who reads."""

    wait_time = between(0.5, 2)

    def on_start(self) -> None:
        self.client.headers["Cookie"] = os.environ["SECAGG_SESSION"]
        report = self.client.get("/api/report").json()
        self.identities = [problem["identity"] for problem in report["problems"][:50]]

    @task(2)
    def page(self) -> None:
        self.client.get("/")

    @task(2)
    def report(self) -> None:
        self.client.get("/api/report")

    @task(6)
    def problem(self) -> None:
        for identity in self.identities[:3]:
            self.client.get(f"/api/problems/{identity}", name="/api/problems/ID")
