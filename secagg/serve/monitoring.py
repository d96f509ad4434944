"""What operators watch: whether the server works, its metrics, and a line of the log a request.

Metrics hold no name of a repository or person. Source of the format: Prometheus Docs, "Exposition
formats"; prometheus-client writes it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, Info
from prometheus_client.exposition import generate_latest

from secagg import __version__
from secagg.errors import StoreError
from secagg.history import ImportedRun, Store

HEALTH_PATH = "/healthz"
METRICS_PATH = "/metrics"
# Anybody may ask for the health: the store is looked at once in this time.
_SECONDS_BETWEEN_LOOKS = 1.0
_SECONDS = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """A line of the log: as text, and as named values. Neither holds a token."""

    text: str
    values: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.text


class Health:
    """Whether the store can be used; without ``open_store`` there is none to look at."""

    def __init__(
        self,
        open_store: Callable[[], Store] | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._open_store = open_store
        self._clock = clock
        self._lock = threading.Lock()
        self._looked: float | None = None
        self._works = True

    def works(self) -> bool:
        """Return whether the store could be opened, now or a moment ago.

        While one request looks, the others get the last answer: a database that hangs holds up one.
        """
        if self._lock.acquire(blocking=False):
            try:
                now = self._clock()
                if self._looked is None or now - self._looked >= _SECONDS_BETWEEN_LOOKS:
                    self._works, self._looked = self._look(), now
            finally:
                self._lock.release()
        return self._works

    def _look(self) -> bool:
        if self._open_store is None:
            return True
        try:
            with self._open_store():
                return True
        except StoreError:
            return False


class Metrics:
    """The metrics of one server."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "secagg_http_requests",
            "Requests by route and status.",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "secagg_http_request_seconds",
            "Time from a request's head to its answer, in seconds.",
            ("route",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._runs = Counter(
            "secagg_runs_recorded",
            "Runs that jobs sent, by whether they were recorded before.",
            ("again",),
            registry=self._registry,
        )
        self._problems = Counter(
            "secagg_problems",
            "Problems that recorded runs made new, reopened or fixed.",
            ("change",),
            registry=self._registry,
        )
        Info("secagg", "The version.", registry=self._registry).info({"version": __version__})

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request. ``route`` is the path of a route, not that of the request."""
        self._requests.labels(method=method, route=route, status=str(status)).inc()
        self._seconds.labels(route=route).observe(seconds)

    def run(self, recorded: ImportedRun) -> None:
        """Count a run that a job sent."""
        self._runs.labels(again=str(recorded.again).lower()).inc()
        for change in ("new", "reopened", "fixed"):
            self._problems.labels(change=change).inc(getattr(recorded, change))

    def document(self) -> tuple[bytes, str]:
        """Return all metrics as text, and its content type."""
        return generate_latest(self._registry), CONTENT_TYPE_LATEST
