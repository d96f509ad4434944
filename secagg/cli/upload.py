"""``secagg upload``, ``bundle`` and ``publish``: SARIF to GitHub code scanning."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from secagg.cli.options import (
    ApiUrlOption,
    CategoryOption,
    CommentOption,
    CommitOption,
    CompleteOption,
    ConfigOption,
    DryRunOption,
    ExplainOption,
    FilesArgument,
    FormatOption,
    JournalOption,
    OutputFormat,
    QuietOption,
    RefOption,
    RepositoryOption,
    RootOption,
    SuppressedOption,
)
from secagg.cli.screen import Screen
from secagg.config import load_config
from secagg.errors import ExitCode, UsageError
from secagg.github.category import OUR_PREFIX
from secagg.github.client import find_token
from secagg.github.event import prefix_of, read_checkout
from secagg.github.journal import journal_directory
from secagg.github.limits import MOST_COMMENT_CHARACTERS
from secagg.github.markdown import change_lines
from secagg.github.preflight import RunToUpload
from secagg.github.target import Target, TargetOptions, find_target
from secagg.jsonio.output import indented
from secagg.output import console
from secagg.output.codehost import CommitPages
from secagg.output.decision import DecisionDocument
from secagg.output.escape import terminal
from secagg.output.grid import Style, draw
from secagg.output.markdown import decision_markdown
from secagg.output.summary import UploadSummary
from secagg.pipeline.choices import SuppressedHandling, View
from secagg.pipeline.outcome import Outcome
from secagg.pipeline.upload import UploadOptions, UploadReport, upload_run
from secagg.pipeline.uploadruns import make_bundle, publish_fork, runs_from_files, runs_from_scan
from secagg.system.git import short_commit

if TYPE_CHECKING:
    from secagg.pipeline.scan import ScanOptions


def upload(
    files: FilesArgument,
    root: RootOption = Path(),
    repository: RepositoryOption = None,
    ref: RefOption = None,
    commit: CommitOption = None,
    api_url: ApiUrlOption = None,
    category: CategoryOption = None,
    suppressed: SuppressedOption = SuppressedHandling.DISMISS,
    dry_run: DryRunOption = None,
    explain: ExplainOption = False,
    comment: CommentOption = False,
    journal: JournalOption = True,
    complete: CompleteOption = False,
    output_format: FormatOption = OutputFormat.TABLE,
    config: ConfigOption = None,
    quiet: QuietOption = False,
) -> None:
    """Upload FILES to GitHub code scanning, mended and split so that GitHub takes them."""
    screen = Screen(json=output_format is OutputFormat.JSON, quiet=quiet)
    request = upload_request(
        repository=repository,
        ref=ref,
        commit=commit,
        api_url=api_url,
        category=category,
        suppressed=suppressed,
        dry_run=dry_run,
        explain=explain,
        comment=comment,
        journal=journal,
        complete=complete,
    )
    raise typer.Exit(upload_files(files, request, root=root, config=config, screen=screen))


def bundle(
    files: FilesArgument,
    out: Annotated[
        Path, typer.Option("--output", "-o", "--out", metavar="FILE", help="The bundle to write.")
    ] = Path("secagg-bundle.json.gz"),
    root: RootOption = Path(),
    repository: RepositoryOption = None,
    ref: RefOption = None,
    commit: CommitOption = None,
    config: ConfigOption = None,
) -> None:
    """Write FILES into one bundle, in a job that may not upload (a fork's pull request)."""
    asked = TargetOptions(repository=repository, ref=ref, commit=commit)
    raise typer.Exit(bundle_files(files, out, asked, root=root, config=config))


def publish(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="What secagg bundle wrote.")],
    api_url: ApiUrlOption = None,
    category: CategoryOption = None,
    comment: CommentOption = False,
    output_format: FormatOption = OutputFormat.TABLE,
) -> None:
    """Upload a BUNDLE of an untrusted job, in a workflow_run job that may."""
    screen = Screen(json=output_format is OutputFormat.JSON)
    request = upload_request(api_url=api_url, category=category, comment=comment)
    raise typer.Exit(publish_bundle(bundle, request, screen=screen))


def upload_request(
    *,
    repository: str | None = None,
    ref: str | None = None,
    commit: str | None = None,
    api_url: str | None = None,
    category: str | None = None,
    suppressed: SuppressedHandling = SuppressedHandling.DISMISS,
    dry_run: Path | None = None,
    explain: bool = False,
    comment: bool = False,
    journal: bool = True,
    complete: bool = False,
) -> UploadRequest:
    """Return the options of an upload as one request."""
    return UploadRequest(
        asked=TargetOptions(repository=repository, ref=ref, commit=commit, api_url=api_url),
        options=UploadOptions(
            category=category,
            suppressed=suppressed,
            dry_run=dry_run,
            explain=explain,
            comment=comment,
        ),
        use_journal=journal,
        complete=complete,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadRequest:
    """The options of an upload.

    ``complete`` promises that the files are the whole result of the scan, so that the upload closes
    the alerts of categories that no file has any more.
    """

    asked: TargetOptions = field(default_factory=TargetOptions)
    options: UploadOptions = field(default_factory=UploadOptions)
    use_journal: bool = True
    complete: bool = False


def upload_files(
    files: Sequence[str],
    request: UploadRequest,
    *,
    root: Path,
    config: Path | None,
    screen: Screen,
) -> int:
    """Upload ``files``, print the account, and return the exit code."""
    settings = load_config(root, config)
    target = find_target(request.asked, os.environ, root)
    runs = runs_from_files(files, root=root.resolve(), config=settings)
    if request.complete:
        prefix = _category_prefix(request)
        options = replace(request.options, is_obsolete=lambda category: category.startswith(prefix))
        request = replace(request, options=options)
    uploaded = _upload(runs, target, request, root, screen)
    return _print_upload(uploaded, screen, explain=request.options.explain)


def upload_outcome(
    outcome: Outcome,
    sarif: bytes,
    decision: DecisionDocument,
    target: Target,
    request: UploadRequest,
    *,
    root: Path,
    screen: Screen,
) -> UploadReport:
    """Upload ``sarif``, the file that the scan wrote; the caller shows the account.

    The pull request comment and the job summary begin with the gate's decision.
    """
    runs = runs_from_scan(sarif, outcome, screen.view, prefix_of(root))
    options = replace(
        request.options,
        decision=decision_comment(decision, os.environ),
        is_obsolete=lambda category: directory_is_gone(root, category),
    )
    return _upload(runs, target, replace(request, options=options), root, screen)


def decision_comment(decision: DecisionDocument, environ: Mapping[str, str]) -> str:
    """Write the decision in Markdown, in half a comment: the other half is for the upload."""
    code = CommitPages.of(environ)
    return decision_markdown(decision, limit=MOST_COMMENT_CHARACTERS // 2, code=code)


def bundle_files(
    files: Sequence[str], out: Path, asked: TargetOptions, *, root: Path, config: Path | None
) -> int:
    """Write ``files`` into the bundle ``out`` and return the exit code."""
    settings = load_config(root, config)
    bundle = make_bundle(files, out, asked, root=root, config=settings, environ=os.environ)
    runs = bundle.sarif["runs"]
    results = sum(len(run.get("results") or ()) for run in runs)
    where = f"pull request {bundle.pull_number} at {short_commit(bundle.commit)}"
    console.out(f"{results} results in {len(runs)} runs for {where}: {terminal(str(out))}\n")
    return int(ExitCode.PASS)


def publish_bundle(path: Path, request: UploadRequest, *, screen: Screen) -> int:
    """Upload the bundle at ``path``, print the account, and return the exit code."""
    uploaded = publish_fork(
        path,
        request.options,
        token=find_token(os.environ),
        environ=os.environ,
        given_api_url=request.asked.api_url,
    )
    return _print_upload(uploaded, screen)


def scan_target(request: UploadRequest, options: ScanOptions, *, view: View) -> Target:
    """Return where the results of a scan that has yet to run will be uploaded to.

    Raises :class:`UsageError` for a partial scan whose upload would close alerts of the rest, and
    where an upload has no token.
    """
    if view is View.MERGED and (options.tools or options.components):
        raise UsageError(
            "the merged view of some tools or components cannot be uploaded: GitHub would close "
            "the alerts of the others",
            hint="use --view per-tool, or scan with everything",
        )
    if request.options.dry_run is None:
        find_token(os.environ)
    target = find_target(request.asked, os.environ, options.root)
    if options.since is not None and not target.ref.startswith(_CHANGE_REFS):
        raise UsageError(
            f"a scan with --since cannot be uploaded to {target.ref}: it looks at a part of the "
            "history, and GitHub would close the alerts of the rest",
            hint="leave --since or --upload out, or say --since event, which reads all there",
        )
    return target


# An upload to one of these closes no alert of a branch.
_CHANGE_REFS = ("refs/pull/", "refs/heads/gh-readonly-queue/")


def combined_exit_code(verdict: int, uploaded: ExitCode) -> int:
    """Return the exit code of a scan with an upload: the worse of the two.

    An interruption and an incomplete scan outweigh a failed upload, which outweighs a failed gate:
    exit code 1 must imply that the upload worked.
    """
    order = [
        ExitCode.PASS,
        ExitCode.GATE_FAILED,
        ExitCode.STORE_OR_UPLOAD,
        ExitCode.INCOMPLETE,
        ExitCode.INTERRUPTED,
    ]
    ranks = {int(code): rank for rank, code in enumerate(order)}
    return max(verdict, int(uploaded), key=lambda code: ranks.get(code, len(ranks)))


def _print_upload(uploaded: UploadReport, screen: Screen, *, explain: bool = False) -> int:
    if screen.json:
        console.json(indented(uploaded.summary))
    else:
        console.out(upload_text(uploaded, screen, explain=explain) + "\n")
    return int(uploaded.exit_code)


def upload_text(uploaded: UploadReport, screen: Screen, *, explain: bool) -> str:
    """Return an upload's account: lines, or with ``explain`` a table of what would be sent."""
    lines = change_lines(uploaded.summary)
    if explain:
        return _upload_table(uploaded.summary, lines, screen.style())
    return _upload_lines(uploaded.summary, lines)


def _upload(
    runs: Sequence[RunToUpload], target: Target, request: UploadRequest, root: Path, screen: Screen
) -> UploadReport:
    options = request.options
    if request.use_journal and options.journal is None:
        options = replace(options, journal=journal_directory(os.environ))
    offline = options.dry_run is not None or options.explain
    token = None if offline else find_token(os.environ)

    def print_line(line: str) -> None:
        if not screen.quiet:
            console.err(f"{terminal(line)}\n")

    uploaded = upload_run(
        runs,
        target,
        replace(options, prefix=prefix_of(root)),
        token=token,
        root=root.resolve(),
        environ=os.environ,
        on_line=print_line,
    )
    # The runner reads workflow commands from both streams; standard output stays clean.
    console.commands(uploaded.annotations)
    return uploaded


def _category_prefix(request: UploadRequest) -> str:
    """Return the beginning of the categories that an upload of files assigns."""
    category = request.options.category
    return OUR_PREFIX if category is None else f"{category.rstrip('/')}/"


def directory_is_gone(root: Path, category: str) -> bool:
    """Tell whether a scan's category belongs to a directory that existed and was removed.

    Other uploads may use categories that look the same, so git's history decides. Where the clone
    is too shallow to tell, the answer is no and the alerts of the category stay.
    """
    checkout = read_checkout(root)
    directory = "/".join(category.split("/")[2:]).rstrip("/")
    if checkout is None or not directory or not category.startswith(OUR_PREFIX):
        return False
    return not (checkout.top / directory).exists() and checkout.had_directory(directory)


def _upload_lines(upload: UploadSummary, account: list[str]) -> str:
    """Return what was sent where, and ``account``: how the upload changed the results."""
    sent = sum(a.results for a in upload.analyses)
    withheld = sum(w.results for w in upload.withheld)
    left_out = sum(upload.left_out.values())
    verb = "would be sent" if upload.dry_run else "sent"
    counts = (
        f"{upload.given} results: {sent} {verb} in {len(upload.analyses)} analyses "
        f"(GitHub shows {upload.shown}), {withheld} withheld, {left_out} left out"
    )
    lines = [f"{upload.repository} {upload.ref} {short_commit(upload.commit)}", counts]
    for analysis in upload.analyses:
        line = f"{analysis.tool} {analysis.category}: {analysis.results}, {analysis.fate}"
        lines.append(f"  {terminal(line)}")
    lines += [f"  {terminal(line)}" for line in account]
    if upload.error is not None:
        kind = "not uploaded, as this event's token may not" if upload.expected else "upload failed"
        lines.append(f"{kind}: {terminal(upload.error)}")
        if upload.hint:
            lines.append(f"  hint: {terminal(upload.hint)}")
    return "\n".join(lines)


def _upload_table(upload: UploadSummary, account: list[str], style: Style) -> str:
    """Return what would be sent, an analysis a row, and ``account`` below it."""
    head = f"{upload.repository} {upload.ref} {upload.commit}"
    cells = [[a.tool, a.category, str(a.results), "send"] for a in upload.analyses]
    cells += [
        [w.tool, w.category, str(w.results), f"withhold: {w.reason}"] for w in upload.withheld
    ]
    safe = [[terminal(cell) for cell in row] for row in cells]
    headers = ["TOOL", "CATEGORY", "RESULTS", "WHAT"]
    table = draw(headers, safe, style, stretch=(1, 3), shares=(1, 1))
    counts = (
        f"{upload.given} results given, GitHub would show {upload.shown}; "
        f"{upload.suppressed} of those sent are suppressed"
    )
    return "\n".join([terminal(head), "", table, "", counts, *map(terminal, account)])
