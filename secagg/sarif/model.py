"""The input of the SARIF writer: runs, and results that stand for a group."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct, field

from secagg.model.finding import Finding
from secagg.parsing import Gap


class Invocation(Struct, kw_only=True):
    """How the tool ran. Times are RFC 3339 in UTC (``2026-01-31T12:00:00Z``).

    ``gaps`` become notifications: a fatal one of level error, any other a warning. ``reason`` says
    in a sentence why the tool did not complete (``exitCodeDescription``).
    """

    successful: bool
    start: str | None = None
    end: str | None = None
    exit_code: int | None = None
    reason: str | None = None
    gaps: Sequence[Gap] = ()


class Revision(Struct, kw_only=True):
    """The commit that was scanned, for ``versionControlProvenance`` (3.23)."""

    repository_uri: str
    revision: str | None = None
    branch: str | None = None


class GroupedResult(Struct, kw_only=True, frozen=True):
    """One row of the merged view: ``finding`` represents all ``sources``.

    ``group`` is the identity that this result shares with those of its sources in their own tools'
    runs, which becomes their ``correlationGuid`` (3.27.4).
    ``baseline`` is the ``baselineState`` (3.27.24): new, unchanged, updated or absent.
    """

    finding: Finding
    sources: Sequence[Finding] = ()
    group: str | None = None
    baseline: str | None = None


class GroupedFindings:
    """The findings of one tool as results that name their groups, made one by one each time.

    ``groups`` and ``states`` (``baselineState``) are by the ``id()`` of a finding.
    """

    def __init__(
        self, findings: Sequence[Finding], groups: Mapping[int, str], states: Mapping[int, str]
    ) -> None:
        self.findings = findings
        self._groups = groups
        self._states = states

    def __iter__(self) -> Iterator[Finding | GroupedResult]:
        groups, states = self._groups, self._states
        for finding in self.findings:
            group, state = groups.get(id(finding)), states.get(id(finding))
            if group is None and state is None:
                yield finding
            else:
                yield GroupedResult(finding=finding, group=group, baseline=state)


class SarifRun(Struct, kw_only=True):
    """One run to be written: one tool over one component, or the merged view.

    ``tool`` is the driver's name as people know it (``Trivy``). ``category`` ends with
    ``/`` and goes into ``automationDetails.id``; ``None`` leaves what ``frame`` has.
    ``findings`` is iterated twice, so it must not be a one-time iterator. ``frame`` is a
    run read from SARIF, without its results (see ``ParsedReport.runs``); it may stay
    ``None``: findings that carry their origin bring it along.
    ``looked_for`` are the kinds that the tool looked for to the end, where that is known, and
    ``database`` is when its database of advisories was built (RFC 3339, UTC).
    """

    tool: str
    version: str | None = None
    information_uri: str | None = None
    category: str | None = None
    component: str | None = None
    findings: Iterable[Finding | GroupedResult] = ()
    frame: Mapping[str, Any] | None = None
    invocation: Invocation | None = None
    revision: Revision | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)
    looked_for: Sequence[str] | None = None
    database: str | None = None
