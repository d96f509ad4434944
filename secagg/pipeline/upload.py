"""Upload runs to GitHub, and say what GitHub will not show of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from secagg.change.base import default_base
from secagg.change.diff import read_diff
from secagg.change.model import Diff
from secagg.errors import ExitCode, UsageError
from secagg.github.client import PATIENCE, Client, Clock, Token
from secagg.github.codescanning import put_comment
from secagg.github.deliver import Delivered, Delivery, Fate
from secagg.github.event import read_checkout
from secagg.github.failures import Failure, GitHubError
from secagg.github.journal import Journal
from secagg.github.markdown import (
    ShownResult,
    findings_markdown,
    result_annotations,
    upload_markdown,
    worst,
    write_action_outputs,
    write_step_summary,
)
from secagg.github.payload import compressed, sarif_log
from secagg.github.preflight import GivenRun, Part, Plan, deliveries, preflight
from secagg.github.suppressed import dismiss_suppressed, is_on_ref, with_default_branch
from secagg.github.target import Target
from secagg.jsonio.output import indented
from secagg.output.summary import AnalysisSummary, HiddenSummary, UploadSummary, WithheldSummary

_EXAMPLES = 10


def hidden(plan: Plan, diff: Diff | None) -> list[HiddenSummary]:
    """List what GitHub will not show, with the reasons and the first few places of each.

    ``diff`` is the pull request's, None outside of one or where this clone does not hold it.
    """
    tally = plan.tally
    summaries = [
        HiddenSummary(
            why=f"withheld, because {run.reason}",
            count=run.results,
            examples=[f"{run.tool} {run.category}"],
        )
        for run in plan.withheld
    ]
    summaries += [
        HiddenSummary(why=f"left out, because {why}", count=c.count, examples=c.examples)
        for why, c in tally.left_out.items()
    ]
    summaries += [
        HiddenSummary(why=why, count=c.count, examples=c.examples)
        for why, c in (*tally.truncated.items(), *tally.cuts.items())
    ]
    outside = _outside(plan.parts, diff) if diff is not None else []
    if outside:
        summaries.append(
            HiddenSummary(
                why="outside of the lines that the pull request changes: GitHub shows it on the "
                "Security tab only, and no merge protection counts it",
                count=len(outside),
                examples=[f"{r.severity} {r.rule} in {r.path}:{r.line}" for r in outside][
                    :_EXAMPLES
                ],
            )
        )
    return summaries


def diff_of_pull_request(
    target: Target, root: Path | None, environ: Mapping[str, str] = os.environ
) -> Diff | None:
    """Read what a pull request changes, from the top of the repository; None if it is not here."""
    checkout = read_checkout(root) if root is not None and target.pull_number is not None else None
    if checkout is None or checkout.commit != target.commit:
        return None
    try:
        base = default_base(checkout.top, environ)
        return None if base is None else read_diff(checkout.top, f"{base}...HEAD")
    except UsageError:
        return None


def _outside(parts: Sequence[Part], diff: Diff) -> list[ShownResult]:
    """The results that are not in changed lines, most severe first."""
    outside = []
    for result in worst(parts):
        change = diff.change_of(result.path)
        if change is None or not change.touches(result.line, result.line):
            outside.append(result)
    return outside


class Suppressed(StrEnum):
    """What to do with suppressed results."""

    DISMISS = "dismiss"
    OMIT = "omit"


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadOptions:
    """How to upload. ``dry_run`` is a directory that gets what would be sent.

    ``explain``: send and write nothing.

    ``journal`` is the directory of the journal, None for none. ``patience`` is how many
    seconds one request may wait for a rate limit or an outage. ``prefix`` is where the scanned
    directory is in the repository. ``decision`` is the gate's word in Markdown, which the
    comment and the job summary begin with. ``gone`` says of a category without a run any more
    whether it shall be emptied.
    """

    category: str | None = None
    suppressed: Suppressed = Suppressed.DISMISS
    dry_run: Path | None = None
    explain: bool = False
    journal: Path | None = None
    patience: float = PATIENCE
    comment: bool = False
    prefix: str = ""
    decision: str | None = None
    gone: Callable[[str], bool] | None = None


@dataclass(slots=True)
class Uploaded:
    """An upload's account, and lines for the runner where findings are shown otherwise."""

    summary: UploadSummary
    annotations: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> ExitCode:
        """INCOMPLETE where a run was withheld, STORE_OR_UPLOAD where the upload failed.

        A run that may never upload, by its event, has not failed.
        """
        return ExitCode.INCOMPLETE if self.summary.withheld else self.delivery_code

    @property
    def delivery_code(self) -> ExitCode:
        """As :attr:`exit_code`, without what was withheld: a scan's verdict speaks of that."""
        if self.summary.error is not None and not self.summary.expected:
            return ExitCode.STORE_OR_UPLOAD
        return ExitCode.PASS


def upload_run(
    given: Sequence[GivenRun],
    target: Target,
    options: UploadOptions,
    *,
    token: Token | None,
    root: Path | None,
    environ: Mapping[str, str],
    on_line: Callable[[str], None] = lambda line: None,
    clock: Clock | None = None,
) -> Uploaded:
    """Upload ``given`` to ``target``; never raises for what GitHub answers.

    Without a token only a dry run is possible. Raises :class:`UsageError` for that, and
    :class:`secagg.errors.UploadError` if the counts do not balance.
    """
    diff = diff_of_pull_request(target, root, environ)
    if options.dry_run is not None or options.explain or token is None:
        if options.dry_run is None and not options.explain:
            raise UsageError("an upload needs a token", hint="or --dry-run, or --explain")
        plan = _plan(given, target, options, root)
        summary = _summary(plan, target, None, diff)
        if options.dry_run is not None:
            _write_dry_run(plan, summary, options.dry_run)
        return Uploaded(summary)
    with Client(target.api_url, token, clock=clock, patience=options.patience) as client:
        if options.suppressed is Suppressed.DISMISS:
            target = with_default_branch(client, target)
        plan = _plan(given, target, options, root)
        journal = Journal(options.journal, target.api_url, target.repository)
        delivered = Delivery(client, target, journal, on_line).deliver(plan, options.gone)
        summary = _summary(plan, target, delivered, diff)
        if options.suppressed is Suppressed.DISMISS and target.on_default_branch:
            _dismiss(client, target, _arrived(plan, delivered), summary)
        return _tell(client, target, options, plan, summary, environ)


def _plan(
    given: Sequence[GivenRun], target: Target, options: UploadOptions, root: Path | None
) -> Plan:
    return preflight(
        given,
        root=root,
        prefix=options.prefix,
        category=options.category,
        keep_suppressed=_keeps_suppressed(target, options),
    )


def _keeps_suppressed(target: Target, options: UploadOptions) -> bool:
    """Suppressed results go along wherever they may be the default branch's.

    Left out there, their alerts would close as fixed. Only what is known to be another ref goes
    without them: a dismissal holds for the whole repository, and no other ref shall make one.
    """
    return options.suppressed is Suppressed.DISMISS and target.on_default_branch is not False


def _dismiss(client: Client, target: Target, parts: Sequence[Part], summary: UploadSummary) -> None:
    """Dismiss what is suppressed in a commit of the default branch; say so where it is not one."""
    if not is_on_ref(client, target):
        if summary.suppressed:
            summary.warnings.append(
                f"{summary.suppressed} suppressed results were uploaded and not dismissed: "
                f"{target.commit[:12]} is no commit of the default branch, or GitHub does not say"
            )
        return
    done = dismiss_suppressed(client, target, parts)
    summary.dismissed, summary.reopened = done.dismissed, done.reopened
    summary.requested = done.requested
    summary.warnings += done.warnings


def _unknown_branch(target: Target, suppressed: int) -> list[str]:
    if not suppressed or target.on_default_branch is not None:
        return []
    why = (
        "as it is not known which the default branch is: let the token read the repository "
        "(contents: read), or use --suppressed omit"
    )
    return [f"{suppressed} suppressed results are uploaded and not dismissed, {why}"]


def _arrived(plan: Plan, delivered: Delivered) -> list[Part]:
    there = {
        (s.tool, s.category)
        for s in delivered.sent
        if s.fate in (Fate.UPLOADED, Fate.ALREADY_THERE)
    }
    return [part for part in plan.parts if (part.tool, part.category) in there]


def _summary(
    plan: Plan, target: Target, delivered: Delivered | None, diff: Diff | None
) -> UploadSummary:
    """The account of an upload; ``delivered`` is None for a dry run, ``diff`` a pull request's."""
    error = delivered.error if delivered is not None else None
    suppressed = sum(part.suppressed for part in plan.parts)
    if delivered is None:
        analyses = [
            AnalysisSummary(tool=p.tool, category=p.category, results=p.results, fate="planned")
            for p in plan.parts
        ]
        shown = plan.shown
    else:
        analyses = [
            AnalysisSummary(
                tool=sent.tool,
                category=sent.category,
                results=sent.results,
                fate=sent.fate.value,
                error=sent.error.message if sent.error is not None else None,
            )
            for sent in delivered.sent
        ]
        most = plan.limits.results_shown
        shown = sum(min(a.results, most) for a in analyses if a.fate != "failed")
    return UploadSummary(
        repository=target.repository,
        ref=target.ref,
        commit=target.commit,
        dry_run=delivered is None,
        given=plan.given,
        shown=shown,
        analyses=analyses,
        withheld=[
            WithheldSummary(tool=w.tool, category=w.category, results=w.results, reason=w.reason)
            for w in plan.withheld
        ],
        left_out=dict(plan.tally.counts("left_out")),
        mends=dict(plan.tally.counts("mends")),
        cuts=dict(plan.tally.counts("cuts")),
        truncated=dict(plan.tally.counts("truncated")),
        hidden=hidden(plan, diff),
        splits=plan.lines,
        suppressed=suppressed,
        error=error.message if error is not None else None,
        hint=error.hint if error is not None else None,
        expected=error is not None and _is_expected(error, target),
        warnings=[
            *target.notes,
            *_unknown_branch(target, suppressed),
            *(delivered.warnings if delivered is not None else ()),
        ],
    )


def _is_expected(error: GitHubError, target: Target) -> bool:
    """Whether the event's own token may not upload, as in a fork's pull request.

    Another token that lacks the permission is a mistake, whatever the event is.
    """
    of_the_run = "by integration" in error.said.lower()
    return target.read_only and error.failure is Failure.NOT_PERMITTED and of_the_run


def _tell(
    client: Client,
    target: Target,
    options: UploadOptions,
    plan: Plan,
    summary: UploadSummary,
    environ: Mapping[str, str],
) -> Uploaded:
    """Tell the job, the step and the pull request; where alerts fail, show findings there."""
    failed = summary.error is not None
    results = worst(plan.parts) if failed or options.comment else []
    body = upload_markdown(summary)
    if options.decision is not None:
        body = f"{options.decision}\n{body}"
    elif failed or options.comment:
        body = f"{findings_markdown(results)}\n{body}"
    if options.comment and target.pull_number is not None:
        try:
            put_comment(client, target.repository, target.pull_number, body)
        except GitHubError as error:
            summary.warnings.append(f"no comment on the pull request: {error.message}")
    outputs: dict[str, str | int] = {
        "upload-given": summary.given,
        "upload-shown": summary.shown,
        "upload-withheld": sum(w.results for w in summary.withheld),
        "upload-error": summary.error or "",
    }
    try:
        write_step_summary(body, environ)
        write_action_outputs(outputs, environ)
    except OSError as error:
        summary.warnings.append(f"no job summary or outputs: {error.strerror}")
    shown = (
        result_annotations(results) if failed and environ.get("GITHUB_ACTIONS") == "true" else []
    )
    return Uploaded(summary, shown)


def _write_dry_run(plan: Plan, summary: UploadSummary, directory: Path) -> None:
    """Exactly what would be sent: each file as SARIF, and the gzip of it beside."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for number, parts in enumerate(deliveries(plan.parts, plan.limits), 1):
            data = sarif_log([part.encoded.data for part in parts])
            (directory / f"upload-{number}.sarif").write_bytes(data)
            (directory / f"upload-{number}.sarif.gz").write_bytes(compressed(data))
        (directory / "upload.json").write_bytes(indented(summary))
    except OSError as error:
        raise UsageError(f"cannot write to {directory}: {error.strerror}") from error
