"""Upload SARIF runs to GitHub, and list the results that GitHub will not show."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from secagg.change.base import default_base
from secagg.change.diff import read_diff
from secagg.change.model import Diff
from secagg.errors import ExitCode, UsageError
from secagg.github.client import PATIENCE, Client, Clock, Token
from secagg.github.codescanning import put_comment
from secagg.github.deliver import Delivery, DeliveryReport, Fate
from secagg.github.event import read_checkout
from secagg.github.failures import Failure, GitHubError
from secagg.github.journal import Journal
from secagg.github.markdown import (
    ShownResult,
    findings_markdown,
    result_annotations,
    results_by_severity,
    upload_markdown,
    write_action_outputs,
    write_step_summary,
)
from secagg.github.payload import compressed, sarif_log
from secagg.github.preflight import Part, Plan, RunToUpload, deliveries, preflight
from secagg.github.suppressed import dismiss_suppressed, is_on_ref, with_default_branch
from secagg.github.target import Target
from secagg.jsonio.output import indented
from secagg.output.summary import AnalysisSummary, HiddenSummary, UploadSummary, WithheldSummary
from secagg.pipeline.choices import SuppressedHandling
from secagg.system.git import short_commit

_MOST_EXAMPLES = 10


def hidden_results(plan: Plan, diff: Diff | None) -> list[HiddenSummary]:
    """List the results that GitHub will not show: reason, count and the first few examples.

    ``diff`` is that of the pull request; None outside of one or where this clone lacks it.
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
        HiddenSummary(why=f"left out, because {reason}", count=entry.count, examples=entry.examples)
        for reason, entry in tally.left_out.items()
    ]
    summaries += [
        HiddenSummary(why=reason, count=entry.count, examples=entry.examples)
        for reason, entry in (*tally.truncated.items(), *tally.cuts.items())
    ]
    outside = _outside_diff(plan.parts, diff) if diff is not None else []
    if outside:
        summaries.append(
            HiddenSummary(
                why="outside of the lines that the pull request changes: GitHub shows it on the "
                "Security tab only, and no merge protection counts it",
                count=len(outside),
                examples=[
                    f"{result.severity} {result.rule} in {result.path}:{result.line}"
                    for result in outside
                ][:_MOST_EXAMPLES],
            )
        )
    return summaries


def diff_of_pull_request(
    target: Target, root: Path | None, environ: Mapping[str, str] = os.environ
) -> Diff | None:
    """Return the diff of a pull request; None outside of one or where this clone lacks it."""
    checkout = read_checkout(root) if root is not None and target.pull_number is not None else None
    if checkout is None or checkout.commit != target.commit:
        return None
    try:
        base = default_base(checkout.top, environ)
        return None if base is None else read_diff(checkout.top, f"{base}...HEAD")
    except UsageError:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadOptions:
    """How to upload.

    ``dry_run`` is a directory for the files that an upload would send. ``explain``: send and write
    nothing. ``journal`` is the directory of the journal, None for none. ``patience`` is how many
    seconds one request may wait for a rate limit or an outage. ``prefix`` is the path of the
    scanned directory in the repository. ``decision`` is the gate's verdict in Markdown, at the top
    of the comment and the job summary. ``is_obsolete`` returns whether to empty a
    former category.
    """

    category: str | None = None
    suppressed: SuppressedHandling = SuppressedHandling.DISMISS
    dry_run: Path | None = None
    explain: bool = False
    journal: Path | None = None
    patience: float = PATIENCE
    comment: bool = False
    prefix: str = ""
    decision: str | None = None
    is_obsolete: Callable[[str], bool] | None = None


@dataclass(slots=True)
class UploadReport:
    """The summary of an upload, and workflow annotations where the upload failed."""

    summary: UploadSummary
    annotations: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> ExitCode:
        """INCOMPLETE where a run was withheld, STORE_OR_UPLOAD where the upload failed.

        Where the event's token may not upload, the upload has not failed.
        """
        return ExitCode.INCOMPLETE if self.summary.withheld else self.delivery_code

    @property
    def delivery_code(self) -> ExitCode:
        """As :attr:`exit_code`, without withheld runs: the verdict of a scan reports those."""
        if self.summary.error is not None and not self.summary.expected:
            return ExitCode.STORE_OR_UPLOAD
        return ExitCode.PASS


def upload_run(
    runs: Sequence[RunToUpload],
    target: Target,
    options: UploadOptions,
    *,
    token: Token | None,
    root: Path | None,
    environ: Mapping[str, str],
    on_line: Callable[[str], None] = lambda line: None,
    clock: Clock | None = None,
) -> UploadReport:
    """Upload ``runs`` to ``target``; an error of GitHub goes into the summary.

    Raises :class:`UsageError` without a token, unless for a dry run, and
    :class:`secagg.errors.UploadError` if the counts do not add up.
    """
    diff = diff_of_pull_request(target, root, environ)
    if options.dry_run is not None or options.explain or token is None:
        if options.dry_run is None and not options.explain:
            raise UsageError("an upload needs a token", hint="or --dry-run, or --explain")
        plan = _plan(runs, target, options, root)
        summary = _summary(plan, target, None, diff)
        if options.dry_run is not None:
            _write_dry_run(plan, summary, options.dry_run)
        return UploadReport(summary)
    with Client(target.api_url, token, clock=clock, patience=options.patience) as client:
        if options.suppressed is SuppressedHandling.DISMISS:
            target = with_default_branch(client, target)
        plan = _plan(runs, target, options, root)
        journal = Journal(options.journal, target.api_url, target.repository)
        delivered = Delivery(client, target, journal, on_line).deliver(plan, options.is_obsolete)
        summary = _summary(plan, target, delivered, diff)
        if options.suppressed is SuppressedHandling.DISMISS and target.on_default_branch:
            _dismiss(client, target, _uploaded_parts(plan, delivered), summary)
        return _report(client, target, options, plan, summary, environ)


def _outside_diff(parts: Sequence[Part], diff: Diff) -> list[ShownResult]:
    """Return the results outside of the changed lines, the most severe first."""
    outside = []
    for result in results_by_severity(parts):
        change = diff.change_of(result.path)
        if change is None or not change.touches(result.line, result.line):
            outside.append(result)
    return outside


def _plan(
    runs: Sequence[RunToUpload], target: Target, options: UploadOptions, root: Path | None
) -> Plan:
    return preflight(
        runs,
        root=root,
        prefix=options.prefix,
        category=options.category,
        keep_suppressed=_keep_suppressed(target, options),
    )


def _keep_suppressed(target: Target, options: UploadOptions) -> bool:
    """Return whether to send suppressed results: where the ref may be the default branch.

    Left out there, their alerts would close as fixed. A dismissal holds for the whole repository,
    so that another ref must not cause one.
    """
    return (
        options.suppressed is SuppressedHandling.DISMISS and target.on_default_branch is not False
    )


def _dismiss(client: Client, target: Target, parts: Sequence[Part], summary: UploadSummary) -> None:
    """Dismiss the suppressed results of a commit on the default branch; warn on another commit."""
    if not is_on_ref(client, target):
        if summary.suppressed:
            summary.warnings.append(
                f"{summary.suppressed} suppressed results were uploaded and not dismissed: "
                f"{short_commit(target.commit)} is no commit of the default branch, or GitHub does "
                "not say"
            )
        return
    result = dismiss_suppressed(client, target, parts)
    summary.dismissed, summary.reopened = result.dismissed, result.reopened
    summary.requested = result.requested
    summary.warnings += result.warnings


def _unknown_branch(target: Target, suppressed: int) -> list[str]:
    if not suppressed or target.on_default_branch is not None:
        return []
    reason = (
        "as it is not known which the default branch is: let the token read the repository "
        "(contents: read), or use --suppressed omit"
    )
    return [f"{suppressed} suppressed results are uploaded and not dismissed, {reason}"]


def _uploaded_parts(plan: Plan, delivered: DeliveryReport) -> list[Part]:
    uploaded = {
        (sent.tool, sent.category)
        for sent in delivered.sent
        if sent.fate in (Fate.UPLOADED, Fate.ALREADY_THERE)
    }
    return [part for part in plan.parts if (part.tool, part.category) in uploaded]


def _summary(
    plan: Plan, target: Target, delivered: DeliveryReport | None, diff: Diff | None
) -> UploadSummary:
    """Return the summary of an upload; ``delivered`` is None for a dry run."""
    error = delivered.error if delivered is not None else None
    suppressed = sum(part.suppressed for part in plan.parts)
    if delivered is None:
        analyses = [
            AnalysisSummary(
                tool=part.tool, category=part.category, results=part.results, fate="planned"
            )
            for part in plan.parts
        ]
        results_shown = plan.shown
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
        limit = plan.limits.results_shown
        results_shown = sum(
            min(analysis.results, limit) for analysis in analyses if analysis.fate != "failed"
        )
    return UploadSummary(
        repository=target.repository,
        ref=target.ref,
        commit=target.commit,
        dry_run=delivered is None,
        given=plan.given,
        shown=results_shown,
        analyses=analyses,
        withheld=[
            WithheldSummary(
                tool=withheld.tool,
                category=withheld.category,
                results=withheld.results,
                reason=withheld.reason,
            )
            for withheld in plan.withheld
        ],
        left_out=dict(plan.tally.counts("left_out")),
        mends=dict(plan.tally.counts("mends")),
        cuts=dict(plan.tally.counts("cuts")),
        truncated=dict(plan.tally.counts("truncated")),
        hidden=hidden_results(plan, diff),
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
    """Return whether the workflow's own token may not upload, as in a pull request from a fork.

    Any other token that lacks the permission is a mistake of configuration.
    """
    by_workflow_token = "by integration" in error.github_text.lower()
    return target.read_only and error.failure is Failure.NOT_PERMITTED and by_workflow_token


def _report(
    client: Client,
    target: Target,
    options: UploadOptions,
    plan: Plan,
    summary: UploadSummary,
    environ: Mapping[str, str],
) -> UploadReport:
    """Write comment, job summary and step outputs; after a failed upload, with the findings."""
    failed = summary.error is not None
    results = results_by_severity(plan.parts) if failed or options.comment else []
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
        "upload-withheld": sum(withheld.results for withheld in summary.withheld),
        "upload-error": summary.error or "",
    }
    try:
        write_step_summary(body, environ)
        write_action_outputs(outputs, environ)
    except OSError as error:
        summary.warnings.append(f"no job summary or outputs: {error.strerror}")
    annotations = (
        result_annotations(results) if failed and environ.get("GITHUB_ACTIONS") == "true" else []
    )
    return UploadReport(summary, annotations)


def _write_dry_run(plan: Plan, summary: UploadSummary, directory: Path) -> None:
    """Write exactly the files that an upload would send, as SARIF and gzip, and the summary."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for number, parts in enumerate(deliveries(plan.parts, plan.limits), 1):
            data = sarif_log([part.encoded.data for part in parts])
            (directory / f"upload-{number}.sarif").write_bytes(data)
            (directory / f"upload-{number}.sarif.gz").write_bytes(compressed(data))
        (directory / "upload.json").write_bytes(indented(summary))
    except OSError as error:
        raise UsageError(f"cannot write to {directory}: {error.strerror}") from error
