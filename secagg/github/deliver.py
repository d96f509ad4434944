"""Sending a plan: each analysis once, confirmed, and what went wrong said by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import Any

from secagg.github.category import is_part_of
from secagg.github.client import Client
from secagg.github.codescanning import CodeScanning, Processing
from secagg.github.failures import OF_ONE, SHARED, Failure, GitHubError, of_processing
from secagg.github.journal import Journal, JournalEntry, UploadState
from secagg.github.limits import Limits
from secagg.github.payload import compressed, encode_run, sarif_log, set_category
from secagg.github.preflight import Part, Plan, Withheld, deliveries
from secagg.github.target import Target

# Seconds between looks at an upload that is being processed, as codeql-action takes them.
LOOKS = (5.0, 10.0, 20.0, 40.0, 80.0)
# And between looks for one of which we do not know whether it arrived.
_SEARCHES = (0.0, 10.0, 20.0)
# Clocks of two machines may differ by this many seconds.
_SKEW = 300.0
# How many former analyses are looked at for parts to be emptied: the upload before this one is
# among the newest, and a repository may have many thousands.
_FORMER = 500
_HOUR = 3_600.0
_CODEQL = "CodeQL"
_UNCONFIRMED = (
    "GitHub has not said yet whether it could process the upload; the next run asks again"
)


class Fate(StrEnum):
    """What became of one analysis."""

    UPLOADED = "uploaded"
    ALREADY_THERE = "already there"
    UNCONFIRMED = "taken, still being processed"
    FAILED = "failed"


@dataclass(slots=True, kw_only=True)
class Sent:
    """One analysis and its fate. ``results`` are those in it."""

    tool: str
    category: str
    results: int
    suppressed: int
    fate: Fate
    error: GitHubError | None = None


@dataclass(slots=True)
class Delivered:
    """All fates, and what else there is to say. ``error`` is the first failure."""

    sent: list[Sent] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def error(self) -> GitHubError | None:
        return next((s.error for s in self.sent if s.error is not None), None)

    def count(self, *fates: Fate) -> int:
        """Results in the analyses of these fates."""
        return sum(s.results for s in self.sent if s.fate in fates)


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
        self._say = on_line
        self._done = Delivered()
        self._asked: dict[str, Processing | None] = {}
        self._no_codeql: GitHubError | None = None

    def deliver(self, plan: Plan, gone: Callable[[str], bool] | None = None) -> Delivered:
        """Send what GitHub does not have, and wait until it is processed.

        A category that no run of the plan has any more is emptied if it is ``gone``, so that
        its alerts close. Nothing is raised for a refusal: every part has its fate. After a
        failure that lies with the repository or the token the rest is not tried, and shares it.
        """
        todo = [part for part in plan.parts if not self._known(part)]
        packs = deliveries(todo, plan.limits)
        self._count(len(packs), plan.limits)
        self._send_all(packs)
        if self._done.error is None:
            self._retire(plan, gone)
        if not any(s.error is not None and s.error.failure in SHARED for s in self._done.sent):
            self._tell_failures(plan)
        if self._journal.broken is not None:
            self._done.warnings.append(f"the journal cannot be kept: {self._journal.broken}")
        return self._done

    def _count(self, uploads: int, limits: Limits) -> None:
        """Say so where GitHub may take no more uploads within this hour."""
        before = self._journal.uploads_since(self._clock.now() - _HOUR)
        if before + uploads > limits.uploads_an_hour:
            self._done.warnings.append(
                f"{before} uploads went from here within the last hour and {uploads} are to go: "
                f"GitHub takes {limits.uploads_an_hour} an hour"
            )

    def _send_all(self, packs: Sequence[list[Part]]) -> None:
        for number, parts in enumerate(packs):
            error = self._send_pack(parts)
            if error is not None and error.failure in SHARED:
                for rest in packs[number + 1 :]:
                    self._fail(rest, error)
                return

    def _send_pack(self, parts: Sequence[Part]) -> GitHubError | None:
        """Send one file; its error, or None where every part has its fate or goes alone."""
        if self._no_codeql is not None:
            self._fail([part for part in parts if part.tool == _CODEQL], self._no_codeql)
            parts = [part for part in parts if part.tool != _CODEQL]
        error = self._send(parts) if parts else None
        if error is None:
            return None
        if error.failure is Failure.DEFAULT_SETUP and any(p.tool == _CODEQL for p in parts):
            # Default setup is in the way of CodeQL only.
            self._no_codeql = error
            self._say(f"{error.message}; the other tools are sent without CodeQL")
            return self._send_pack(parts)
        if error.failure in OF_ONE and len(parts) > 1:
            # One of them is to blame: the others shall not go down with it.
            self._say(f"{error.message}; each analysis is sent alone")
            for part in parts:
                alone = self._send([part])
                if alone is not None:
                    self._fail([part], alone)
            return None
        self._fail(parts, error)
        return error

    def _send(self, parts: Sequence[Part]) -> GitHubError | None:
        data = compressed(sarif_log([part.encoded.data for part in parts]))
        self._write(parts, UploadState.SENDING)
        names = ", ".join(f"{part.tool} {part.category}" for part in parts)
        self._say(f"uploading {names} ({len(data)} bytes)")
        try:
            sarif_id = self._scanning.upload(data)
        except GitHubError as error:
            if error.failure not in (Failure.CONNECTION, Failure.UNAVAILABLE):
                self._write(parts, UploadState.FAILED)
            return error
        self._write(parts, UploadState.SENT, sarif_id)
        return self._confirm(parts, sarif_id)

    def _confirm(self, parts: Sequence[Part], sarif_id: str) -> GitHubError | None:
        """Wait for GitHub to process an upload; its error, or None once the fates are set."""
        try:
            processing = self._processed(sarif_id, new=True)
        except GitHubError as error:
            self._done.warnings.append(f"asking after the upload: {error.message}")
            processing = None
        if processing is None:
            self._done.warnings.append(_UNCONFIRMED)
            self._put(parts, Fate.UNCONFIRMED)
            return None
        if processing.status == "failed":
            self._write(parts, UploadState.FAILED, sarif_id)
            return of_processing(processing.errors)
        self._write(parts, UploadState.COMPLETE, sarif_id)
        self._put(parts, Fate.UPLOADED)
        self._done.warnings += [f"GitHub says: {problem}" for problem in processing.errors]
        return None

    def _processed(self, sarif_id: str, *, new: bool = False) -> Processing | None:
        """What became of an upload; None where GitHub takes longer than we wait.

        One that is ``new`` may not have come to all of GitHub yet.
        """
        if sarif_id in self._asked:
            return self._asked[sarif_id]
        answer = None
        for wait in (0.0, *LOOKS):
            self._clock.sleep(wait)
            try:
                processing = self._scanning.processing(sarif_id)
            except GitHubError as error:
                if new and error.failure is Failure.NOT_FOUND:
                    continue
                raise
            if processing.status in ("complete", "failed"):
                answer = processing
                break
        self._asked[sarif_id] = answer
        return answer

    def _known(self, part: Part) -> bool:
        """True if GitHub has, or is getting, exactly this; its fate is then set."""
        entry = self._journal.find(self._target.ref, part.tool, part.category)
        if entry is None or (entry.commit, entry.digest) != (
            self._target.commit,
            part.encoded.digest,
        ):
            return False
        state = entry.state
        if state is UploadState.SENT and entry.sarif_id is not None:
            state = self._outcome(entry.sarif_id)
        elif state is UploadState.SENDING and self._arrived(entry):
            state = UploadState.COMPLETE
        if state is UploadState.SENT:
            self._done.warnings.append(_UNCONFIRMED)
            self._put([part], Fate.UNCONFIRMED)
            return True
        if state is not UploadState.COMPLETE:
            return False
        if entry.state is not state:
            self._write([part], state, entry.sarif_id)
        self._put([part], Fate.ALREADY_THERE)
        return True

    def _outcome(self, sarif_id: str) -> UploadState:
        """What became of an upload of an earlier run, as far as GitHub says."""
        try:
            processing = self._processed(sarif_id)
        except GitHubError as error:
            # An id that GitHub does not know any more was lost on the way.
            return UploadState.FAILED if error.failure is Failure.NOT_FOUND else UploadState.SENT
        if processing is None:
            return UploadState.SENT
        return UploadState.COMPLETE if processing.status == "complete" else UploadState.FAILED

    def _arrived(self, entry: JournalEntry) -> bool:
        """Whether an upload of which we know only that it was begun is at GitHub."""
        self._say(f"looking for {entry.tool} {entry.category}, which an earlier run was sending")
        for wait in _SEARCHES:
            self._clock.sleep(wait)
            try:
                for analysis in self._scanning.analyses(entry.tool):
                    if analysis.at < entry.at - _SKEW:
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

    def _retire(self, plan: Plan, gone: Callable[[str], bool] | None) -> None:
        """Empty the categories that no run has any more.

        Those are the parts of a run that was split before and needs fewer of them now, and what
        is ``gone``. Of a tool that did not complete everything else stays as it is.
        """
        planned = {(part.tool, part.category) for part in plan.parts}
        withheld = {run.tool for run in plan.withheld}
        for tool in sorted({part.tool for part in plan.parts}):
            wholes = [part for part in plan.parts if part.tool == tool and part.category == part.of]
            try:
                newest: dict[str, int] = {}
                for analysis in islice(self._scanning.analyses(tool), _FORMER):
                    newest.setdefault(analysis.category, analysis.results)
            except GitHubError as error:
                self._done.warnings.append(f"asking for former analyses: {error.message}")
                continue
            for category, results in newest.items():
                if not results or (tool, category) in planned:
                    continue
                of = next((p for p in wholes if is_part_of(category, p.of)), None)
                if of is None and gone and tool not in withheld and gone(category):
                    of = wholes[0]
                    self._say(f"{tool} {category} has no run any more: its alerts are closed")
                if of is not None:
                    self._send_all([[_emptied(of, category)]])

    def _tell_failures(self, plan: Plan) -> None:
        """Tell GitHub's tool status page of tools that did not complete; closes no alert.

        As codeql-action does it: GitHub takes a run that says of itself that it failed for the
        status only. Each goes alone, for GitHub processes nothing else of such a file.
        """
        for withheld in plan.withheld if not self._target.read_only else ():
            try:
                self._scanning.upload(
                    compressed(sarif_log([encode_run(_failed_run(withheld)).data]))
                )
            except GitHubError as error:
                what = f"the tool status page was not told that {withheld.tool} failed"
                self._done.warnings.append(f"{what}: {error.message}")
                return

    def _fail(self, parts: Sequence[Part], error: GitHubError) -> None:
        self._put(parts, Fate.FAILED, error)

    def _put(self, parts: Sequence[Part], fate: Fate, error: GitHubError | None = None) -> None:
        for part in parts:
            self._done.sent.append(
                Sent(
                    tool=part.tool,
                    category=part.category,
                    results=part.results,
                    suppressed=part.suppressed,
                    fate=fate,
                    error=error,
                )
            )

    def _write(
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


def _emptied(part: Part, category: str) -> Part:
    run = {**part.run, "results": []}
    set_category(run, category)
    encoded = encode_run(run)
    return Part(
        run=run,
        tool=part.tool,
        category=category,
        of=part.of,
        encoded=encoded,
        results=0,
        suppressed=0,
        gzip_bytes=len(compressed(sarif_log([encoded.data]))),
    )
