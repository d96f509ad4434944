"""What a scanner is to secagg: it plans jobs for a request, and each job gives a tool run."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from secagg.packages.components import ROOT, Component
from secagg.parsing import Gap, RawReport
from secagg.scanners.deciding import Deciding
from secagg.secrets.redactor import Redactor
from secagg.system.process import Cancellation

# What a run says that was given ``since``.
PART_OF_HISTORY = "only the commits of the change were read, and no other history"


class Status(StrEnum):
    """How a tool run ended. Only ``complete`` vouches for what was not found."""

    COMPLETE = "complete"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanRequest:
    """What to scan and how.

    ``root`` is absolute; ``components`` are those chosen (all, unless the user named some);
    ``whole`` is True if all were chosen, so that a tool may look at ``root`` at once.
    ``timeout`` is one deadline for each job, in seconds. ``options`` are each tool's own
    settings from ``secagg.yaml``, by tool name. ``since`` limits history to ``since..HEAD``.
    ``max_database_days`` is how old a database of advisories may be that the settings say nothing
    of.
    """

    root: Path
    components: Sequence[Component]
    whole: bool = True
    timeout: float = 900.0
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    since: str | None = None
    max_database_days: int = 7


@dataclass(slots=True, kw_only=True)
class ToolRun:
    """One run of one scanner: over one component, or over the whole tree (``.``).

    ``mode`` tells apart several runs of one tool (``git`` and ``dir`` of Gitleaks,
    ``python`` of CodeQL). ``reason`` says in a sentence why a run failed or was skipped,
    ``hint`` what to do about it; both are masked. A failed run may still have reports:
    what they hold is kept, and the scan is incomplete all the same. ``missing`` says that the
    scanner is not installed.
    """

    tool: str
    status: Status
    component: str = ROOT
    mode: str | None = None
    version: str | None = None
    seconds: float = 0.0
    reason: str | None = None
    hint: str | None = None
    missing: bool = False
    reports: list[RawReport] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """What all scanners of one scan share.

    ``environ`` is where the allow-listed variables and a tool's token are taken from. ``root`` is
    the scanned tree, whose programs do not run, and ``controls`` reads files that decide something.
    """

    redactor: Redactor
    cancellation: Cancellation = field(default_factory=Cancellation)
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    root: Path | None = None
    controls: Deciding | None = None


class Job(Protocol):
    """One run that is about to happen. Of the jobs in one ``lane``, one runs at a time."""

    @property
    def tool(self) -> str: ...

    @property
    def component(self) -> str: ...

    @property
    def mode(self) -> str | None: ...

    @property
    def lane(self) -> str | None: ...

    def run(self) -> ToolRun:
        """Run it to its end. Failures of the tool are told in the ToolRun, never raised."""
        ...


class Scanner(Protocol):
    """One tool that secagg can run.

    ``plan`` answers with the jobs that apply to the request; where the tool does not apply,
    is missing or is refused, with a ToolRun that is skipped or failed already and says why.
    It may look for the tool and read its version, and changes nothing. It raises
    :class:`secagg.errors.ConfigError` for options that do not fit.
    """

    @property
    def name(self) -> str: ...

    def plan(self, request: ScanRequest) -> Sequence[Job | ToolRun]: ...
