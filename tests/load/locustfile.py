"""What users of ``secagg serve --all-repos`` do: look at the first page, lists, a search, a problem.

Run by ``scripts/load_test.sh``, with the session's cookie in ``SECAGG_SESSION``.
"""

from __future__ import annotations

import os
import re
import time
from typing import Any

from locust import HttpUser, between, task

# More clients than the server serves at once get a 503, which a stress test is meant to see.
REFUSALS_COUNT_APART = os.environ.get("SECAGG_REFUSALS") == "apart"
_PROBLEM = re.compile(r'href="(/problem\?[^"]+)"')
_NEXT = re.compile(r'href="(/problems\?[^"]*after=[^"]+)">Next')


class Reader(HttpUser):
    """Somebody who reads."""

    wait_time = between(0.5, 2)

    def on_start(self) -> None:
        self.client.headers["Cookie"] = os.environ["SECAGG_SESSION"]
        while (answer := self.ask("/problems")) is None:
            time.sleep(1)
        self.listed = answer.text

    @task(2)
    def page(self) -> None:
        self.ask("/")

    @task(2)
    def search(self) -> None:
        self.ask("/problems?q=lodash&state=all", "/problems?q=TEXT")

    @task(2)
    def following(self) -> None:
        following = _NEXT.search(self.listed)
        if following is not None:
            self.ask(following[1].replace("&amp;", "&"), "/problems?after=CURSOR")

    @task(6)
    def problem(self) -> None:
        for path in _PROBLEM.findall(self.listed)[:3]:
            self.ask(path.replace("&amp;", "&"), "/problem?id=ID")

    def ask(self, path: str, name: str | None = None) -> Any:
        """Ask for ``path``; None where the server refused it for its number of clients."""
        with self.client.get(path, name=name, catch_response=True) as answer:
            if answer.status_code == 503 and REFUSALS_COUNT_APART:
                answer.request_meta["name"] += " (refused)"
                answer.success()
                return None
            return answer
