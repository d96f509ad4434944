"""What the scanners of :mod:`secagg.scanners` share: find the tool, plan, attempt, tell."""

from __future__ import annotations

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from secagg.process import Cancellation, Workplace
from secagg.redact import Redactor
from secagg.scanners.base import Job, ScanRequest, Status, ToolRun
from secagg.scanners.options import ToolOptions
from secagg.scanners.tool import About, Refused, Tool, find

_Options = TypeVar("_Options", bound=ToolOptions)

# Runs the tool in a private directory with a deadline in seconds, and fills in the ToolRun.
Attempt = Callable[[Tool, Workplace, ToolRun, float], None]


@dataclass(slots=True)
class ToolJob:
    """One run that is about to happen; ``heavy`` ones run one at a time."""

    found: Tool
    component: str
    mode: str | None
    timeout: float
    attempt: Attempt
    heavy: bool = False

    @property
    def tool(self) -> str:
        return self.found.about.name

    def run(self) -> ToolRun:
        """Attempt it, and tell how it went."""
        run = ToolRun(
            tool=self.tool,
            status=Status.COMPLETE,
            component=self.component,
            mode=self.mode,
            version=self.found.version,
        )
        started = time.monotonic()
        try:
            with Workplace() as workplace:
                self.attempt(self.found, workplace, run, self.timeout)
        except Refused as refused:
            run.status, run.reason, run.hint = Status.FAILED, refused.reason, refused.hint
        except OSError as error:
            run.status, run.reason = Status.FAILED, f"could not be run: {error.strerror}"
        run.seconds = time.monotonic() - started
        return run


class ToolScanner(ABC, Generic[_Options]):
    """A scanner that is one executable."""

    about: About
    options_type: type[_Options]

    def __init__(self, redactor: Redactor, cancellation: Cancellation) -> None:
        self.redactor = redactor
        self.cancellation = cancellation

    @property
    def name(self) -> str:
        return self.about.name

    def options(self, request: ScanRequest) -> _Options:
        """This tool's settings of the request, defaults filled in."""
        return self.options_type.model_validate(dict(request.options.get(self.name, {})))

    def plan(self, request: ScanRequest) -> Sequence[Job | ToolRun]:
        """The jobs that apply; or one run that says why there are none."""
        options = self.options(request)
        not_needed = self.not_needed(options, request)
        if not_needed is not None:
            return [ToolRun(tool=self.name, status=Status.SKIPPED, reason=not_needed)]
        try:
            return self.jobs(self.find(options), options, request)
        except Refused as refused:
            return [self.failed(refused.reason, refused.hint)]

    def find(self, options: _Options) -> Tool:
        """The installed tool with its own variables. Raises :class:`Refused`."""
        variables = {n: os.environ[n] for n in self.about.variables if n in os.environ}
        return find(
            self.about,
            options,
            cancellation=self.cancellation,
            redactor=self.redactor,
            variables=variables,
        )

    def failed(self, reason: str, hint: str | None = None, version: str | None = None) -> ToolRun:
        """A run that did not even start."""
        return ToolRun(
            tool=self.name, status=Status.FAILED, reason=reason, hint=hint, version=version
        )

    def not_needed(self, options: _Options, request: ScanRequest) -> str | None:
        """Why the tool has nothing to do here, if so."""
        return None

    @abstractmethod
    def jobs(self, tool: Tool, options: _Options, request: ScanRequest) -> list[Job | ToolRun]:
        """The jobs that apply to the request. May raise :class:`Refused`."""
