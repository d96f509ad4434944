"""Send the analyses of a plan to GitHub, each once, and wait until GitHub has processed them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import Any

from secagg.github.category import is_part_of
from secagg.github.client import Client
from secagg.github.codescanning import CodeScanning, Processing
from secagg.github.failures import (
    REPOSITORY_WIDE,
    SINGLE_ANALYSIS,
    Failure,
    GitHubError,
    error_of_processing,
)
from secagg.github.journal import Journal, JournalEntry, UploadState
from secagg.github.limits import Limits
from secagg.github.payload import compressed, encode_run, sarif_log, set_category
from secagg.github.preflight import Part, Plan, Withheld, deliveries
from secagg.github.target import Target

# Seconds between queries for the state of an upload, as in codeql-action.
POLL_PAUSES = (5.0, 10.0, 20.0, 40.0, 80.0)
# Seconds between searches for an upload that may not have arrived.
_SEARCH_PAUSES = (0.0, 10.0, 20.0)
# How many seconds the clocks of two machines may differ.
_CLOCK_SKEW = 300.0
# How many former analyses are searched for categories to empty. Those of the last upload are among
# the newest, and a repository may have many thousands.
_MOST_FORMER = 500
_HOUR = 3_600.0
_CODEQL_DRIVER = "CodeQL"
_UNCONFIRMED = (
    "GitHub has not said yet whether it could process the upload; the next run asks again"
)


class Fate(StrEnum):
    """The state of one analysis after a delivery."""

    UPLOADED = "uploaded"
    ALREADY_THERE = "already there"
    UNCONFIRMED = "taken, still being processed"
    FAILED = "failed"


@dataclass(slots=True, kw_only=True)
class SentAnalysis:
    """One analysis with the number of its results, and its fate."""

    tool: str
    category: str
    results: int
    suppressed: int
    fate: Fate
    error: GitHubError | None = None


@dataclass(slots=True)
class DeliveryReport:
    """The fates of all analyses, and warnings. ``error`` is the first failure."""

    sent: list[SentAnalysis] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def error(self) -> GitHubError | None:
        return next((analysis.error for analysis in self.sent if analysis.error is not None), None)

    def count(self, *fates: Fate) -> int:
        """Count the results in the analyses of these fates."""
        return sum(analysis.results for analysis in self.sent if analysis.fate in fates)


class Delivery:
    """Sends plans to one target."""

    def __init__(
        self,
        client: Client,
        target: Target,
        journal: Journal,
        on_line: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._scanning = CodeScanning(client, target)
        self._clock = client.clock
        self._target = target
        self._journal = journal
        self._log = on_line
        self._report = DeliveryReport()
        self._processing_cache: dict[str, Processing | None] = {}
        self._codeql_error: GitHubError | None = None

    def deliver(
        self, plan: Plan, is_obsolete: Callable[[str], bool] | None = None
    ) -> DeliveryReport:
        """Send the parts that GitHub lacks, and wait until GitHub has processed them.

        Empties a former category for which ``is_obsolete`` is True, so that its alerts close. A
        refusal raises nothing: every part gets its fate. After a failure that concerns the
        repository or the token, the remaining parts are not sent and get the same error.
        """
        unsent = [part for part in plan.parts if not self._is_sent(part)]
        packs = deliveries(unsent, plan.limits)
        self._warn_of_rate(len(packs), plan.limits)
        self._send_packs(packs)
        if self._report.error is None:
            self._empty_categories(plan, is_obsolete)
        if not any(
            analysis.error is not None and analysis.error.failure in REPOSITORY_WIDE
            for analysis in self._report.sent
        ):
            self._report_failed_tools(plan)
        if self._journal.broken is not None:
            self._report.warnings.append(f"the journal cannot be kept: {self._journal.broken}")
        return self._report

    def _warn_of_rate(self, uploads: int, limits: Limits) -> None:
        """Warn where the uploads may exceed GitHub's limit per hour."""
        before = self._journal.uploads_since(self._clock.now() - _HOUR)
        if before + uploads > limits.uploads_an_hour:
            self._report.warnings.append(
                f"{before} uploads went from here within the last hour and {uploads} are to go: "
                f"GitHub takes {limits.uploads_an_hour} an hour"
            )

    def _send_packs(self, packs: Sequence[list[Part]]) -> None:
        for number, parts in enumerate(packs):
            error = self._send_pack(parts)
            if error is not None and error.failure in REPOSITORY_WIDE:
                for rest in packs[number + 1 :]:
                    self._fail(rest, error)
                return

    def _send_pack(self, parts: Sequence[Part]) -> GitHubError | None:
        """Send one file; return its error, or None once every part has its fate."""
        if self._codeql_error is not None:
            self._fail([part for part in parts if part.tool == _CODEQL_DRIVER], self._codeql_error)
            parts = [part for part in parts if part.tool != _CODEQL_DRIVER]
        error = self._send(parts) if parts else None
        if error is None:
            return None
        if error.failure is Failure.DEFAULT_SETUP and any(
            part.tool == _CODEQL_DRIVER for part in parts
        ):
            # Default setup blocks CodeQL only.
            self._codeql_error = error
            self._log(f"{error.message}; the other tools are sent without CodeQL")
            return self._send_pack(parts)
        if error.failure in SINGLE_ANALYSIS and len(parts) > 1:
            # One part has the error; the others can be sent without it.
            self._log(f"{error.message}; each analysis is sent alone")
            for part in parts:
                part_error = self._send([part])
                if part_error is not None:
                    self._fail([part], part_error)
            return None
        self._fail(parts, error)
        return error

    def _send(self, parts: Sequence[Part]) -> GitHubError | None:
        data = compressed(sarif_log([part.encoded.data for part in parts]))
        self._write_journal(parts, UploadState.SENDING)
        names = ", ".join(f"{part.tool} {part.category}" for part in parts)
        self._log(f"uploading {names} ({len(data)} bytes)")
        try:
            sarif_id = self._scanning.upload(data)
        except GitHubError as error:
            if error.failure not in (Failure.CONNECTION, Failure.UNAVAILABLE):
                self._write_journal(parts, UploadState.FAILED)
            return error
        self._write_journal(parts, UploadState.SENT, sarif_id)
        return self._confirm(parts, sarif_id)

    def _confirm(self, parts: Sequence[Part], sarif_id: str) -> GitHubError | None:
        """Wait until GitHub has processed an upload; return its error, or None with fates set."""
        try:
            processing = self._poll(sarif_id, new=True)
        except GitHubError as error:
            self._report.warnings.append(f"asking after the upload: {error.message}")
            processing = None
        if processing is None:
            self._report.warnings.append(_UNCONFIRMED)
            self._add_results(parts, Fate.UNCONFIRMED)
            return None
        if processing.status == "failed":
            self._write_journal(parts, UploadState.FAILED, sarif_id)
            return error_of_processing(processing.errors)
        self._write_journal(parts, UploadState.COMPLETE, sarif_id)
        self._add_results(parts, Fate.UPLOADED)
        self._report.warnings += [f"GitHub says: {problem}" for problem in processing.errors]
        return None

    def _poll(self, sarif_id: str, *, new: bool = False) -> Processing | None:
        """Return the final state of an upload; None where GitHub takes longer than we wait.

        GitHub may not know a ``new`` upload at first.
        """
        if sarif_id in self._processing_cache:
            return self._processing_cache[sarif_id]
        result = None
        for wait in (0.0, *POLL_PAUSES):
            self._clock.sleep(wait)
            try:
                processing = self._scanning.processing(sarif_id)
            except GitHubError as error:
                if new and error.failure is Failure.NOT_FOUND:
                    continue
                raise
            if processing.status in ("complete", "failed"):
                result = processing
                break
        self._processing_cache[sarif_id] = result
        return result

    def _is_sent(self, part: Part) -> bool:
        """Return whether GitHub already has exactly this part, and set its fate then."""
        entry = self._journal.find(self._target.ref, part.tool, part.category)
        if entry is None or (entry.commit, entry.digest) != (
            self._target.commit,
            part.encoded.digest,
        ):
            return False
        state = entry.state
        if state is UploadState.SENT and entry.sarif_id is not None:
            state = self._state_of(entry.sarif_id)
        elif state is UploadState.SENDING and self._find_analysis(entry):
            state = UploadState.COMPLETE
        if state is UploadState.SENT:
            self._report.warnings.append(_UNCONFIRMED)
            self._add_results([part], Fate.UNCONFIRMED)
            return True
        if state is not UploadState.COMPLETE:
            return False
        if entry.state is not state:
            self._write_journal([part], state, entry.sarif_id)
        self._add_results([part], Fate.ALREADY_THERE)
        return True

    def _state_of(self, sarif_id: str) -> UploadState:
        """Return the state of an upload of an earlier run."""
        try:
            processing = self._poll(sarif_id)
        except GitHubError as error:
            # GitHub lost the upload.
            return UploadState.FAILED if error.failure is Failure.NOT_FOUND else UploadState.SENT
        if processing is None:
            return UploadState.SENT
        return UploadState.COMPLETE if processing.status == "complete" else UploadState.FAILED

    def _find_analysis(self, entry: JournalEntry) -> bool:
        """Return whether GitHub has an upload that an earlier run began."""
        self._log(f"looking for {entry.tool} {entry.category}, which an earlier run was sending")
        for wait in _SEARCH_PAUSES:
            self._clock.sleep(wait)
            try:
                for analysis in self._scanning.analyses(entry.tool):
                    if analysis.at < entry.at - _CLOCK_SKEW:
                        break
                    if (analysis.category, analysis.commit, analysis.results) == (
                        entry.category,
                        entry.commit,
                        entry.results,
                    ):
                        return True
            except GitHubError:
                return False
        return False

    def _empty_categories(self, plan: Plan, is_obsolete: Callable[[str], bool] | None) -> None:
        """Empty obsolete categories, with those of parts that a run no longer has.

        Those of a tool that did not complete stay.
        """
        planned = {(part.tool, part.category) for part in plan.parts}
        withheld = {run.tool for run in plan.withheld}
        for tool in sorted({part.tool for part in plan.parts}):
            wholes = [
                part
                for part in plan.parts
                if part.tool == tool and part.category == part.base_category
            ]
            try:
                newest: dict[str, int] = {}
                for analysis in islice(self._scanning.analyses(tool), _MOST_FORMER):
                    newest.setdefault(analysis.category, analysis.results)
            except GitHubError as error:
                self._report.warnings.append(f"asking for former analyses: {error.message}")
                continue
            for category, results in newest.items():
                if not results or (tool, category) in planned:
                    continue
                whole_run = next(
                    (part for part in wholes if is_part_of(category, part.base_category)), None
                )
                if (
                    whole_run is None
                    and is_obsolete
                    and tool not in withheld
                    and is_obsolete(category)
                ):
                    whole_run = wholes[0]
                    self._log(f"{tool} {category} has no run any more: its alerts are closed")
                if whole_run is not None:
                    self._send_packs([[_without_results(whole_run, category)]])

    def _report_failed_tools(self, plan: Plan) -> None:
        """Report tools that did not complete to GitHub's tool status page; closes no alert.

        As in codeql-action: GitHub uses a run with ``executionSuccessful: false`` for the status
        only. Each goes in a file of its own, as GitHub ignores other runs of such a file.
        """
        for withheld in plan.withheld if not self._target.read_only else ():
            try:
                self._scanning.upload(
                    compressed(sarif_log([encode_run(_failed_run(withheld)).data]))
                )
            except GitHubError as error:
                message = f"the tool status page was not told that {withheld.tool} failed"
                self._report.warnings.append(f"{message}: {error.message}")
                return

    def _fail(self, parts: Sequence[Part], error: GitHubError) -> None:
        self._add_results(parts, Fate.FAILED, error)

    def _add_results(
        self, parts: Sequence[Part], fate: Fate, error: GitHubError | None = None
    ) -> None:
        for part in parts:
            self._report.sent.append(
                SentAnalysis(
                    tool=part.tool,
                    category=part.category,
                    results=part.results,
                    suppressed=part.suppressed,
                    fate=fate,
                    error=error,
                )
            )

    def _write_journal(
        self, parts: Sequence[Part], state: UploadState, sarif_id: str | None = None
    ) -> None:
        self._journal.write(
            *(
                JournalEntry(
                    ref=self._target.ref,
                    commit=self._target.commit,
                    tool=part.tool,
                    category=part.category,
                    digest=part.encoded.digest,
                    results=part.results,
                    state=state,
                    at=self._clock.now(),
                    sarif_id=sarif_id,
                )
                for part in parts
            )
        )


def _failed_run(withheld: Withheld) -> dict[str, Any]:
    notification = {"level": "error", "message": {"text": withheld.reason}}
    return {
        "tool": {"driver": {"name": withheld.tool, "rules": []}},
        "automationDetails": {"id": withheld.category},
        "invocations": [
            {"executionSuccessful": False, "toolExecutionNotifications": [notification]}
        ],
        "results": [],
    }


def _without_results(part: Part, category: str) -> Part:
    run = {**part.run, "results": []}
    set_category(run, category)
    encoded = encode_run(run)
    return Part(
        run=run,
        tool=part.tool,
        category=category,
        base_category=part.base_category,
        encoded=encoded,
        results=0,
        suppressed=0,
        gzip_bytes=len(compressed(sarif_log([encoded.data]))),
    )
