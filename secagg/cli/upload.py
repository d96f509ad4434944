"""``secagg upload``, ``bundle`` and ``publish``: SARIF to GitHub code scanning."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

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
    SuppressedName,
    SuppressedOption,
)
from secagg.cli.screen import Screen
from secagg.config import load_config
from secagg.errors import ExitCode, UsageError
from secagg.github.category import OURS
from secagg.github.client import find_token
from secagg.github.event import prefix_of, read_checkout
from secagg.github.journal import journal_directory
from secagg.github.limits import LONGEST_COMMENT
from secagg.github.markdown import account_lines
from secagg.github.preflight import GivenRun
from secagg.github.target import Asked, Target, find_target
from secagg.jsonio.output import indented
from secagg.output import console
from secagg.output.decision import DecisionDocument
from secagg.output.escape import terminal
from secagg.output.grid import Style, draw
from secagg.output.markdown import CodeSite, decision_markdown
from secagg.output.summary import UploadSummary
from secagg.pipeline.outcome import Outcome
from secagg.pipeline.sarifruns import View
from secagg.pipeline.upload import Uploaded, UploadOptions, upload_run
from secagg.pipeline.uploadruns import make_bundle, publish_fork, runs_of_files, runs_of_scan


def upload(
    files: FilesArgument,
    root: RootOption = Path(),
    repository: RepositoryOption = None,
    ref: RefOption = None,
    commit: CommitOption = None,
    api_url: ApiUrlOption = None,
    category: CategoryOption = None,
    suppressed: SuppressedOption = SuppressedName.DISMISS,
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
    from secagg.cli.screen import Screen

    screen = Screen(json=output_format is OutputFormat.JSON, quiet=quiet)
    request = request_of(
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
    from secagg.github.target import Asked

    asked = Asked(repository=repository, ref=ref, commit=commit)
    raise typer.Exit(bundle_files(files, out, asked, root=root, config=config))


def publish(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="What secagg bundle wrote.")],
    api_url: ApiUrlOption = None,
    category: CategoryOption = None,
    comment: CommentOption = False,
    output_format: FormatOption = OutputFormat.TABLE,
) -> None:
    """Upload a BUNDLE of an untrusted job, in a workflow_run job that may."""
    from secagg.cli.screen import Screen

    screen = Screen(json=output_format is OutputFormat.JSON)
    request = request_of(api_url=api_url, category=category, comment=comment)
    raise typer.Exit(publish_bundle(bundle, request, screen=screen))


def request_of(
    *,
    repository: str | None = None,
    ref: str | None = None,
    commit: str | None = None,
    api_url: str | None = None,
    category: str | None = None,
    suppressed: SuppressedName = SuppressedName.DISMISS,
    dry_run: Path | None = None,
    explain: bool = False,
    comment: bool = False,
    journal: bool = True,
    complete: bool = False,
) -> UploadRequest:
    """Return the options as the pipeline takes them."""
    from secagg.github.target import Asked
    from secagg.pipeline import upload as uploading

    return UploadRequest(
        asked=Asked(repository=repository, ref=ref, commit=commit, api_url=api_url),
        options=uploading.UploadOptions(
            category=category,
            suppressed=uploading.Suppressed(suppressed.value),
            dry_run=dry_run,
            explain=explain,
            comment=comment,
        ),
        use_journal=journal,
        complete=complete,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadRequest:
    """What the command line says about an upload.

    ``complete``: the files are all that their tools have to say, so that categories that none
    of them has any more are emptied.
    """

    asked: Asked = field(default_factory=Asked)
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
    """Run ``secagg upload`` and return its exit code."""
    settings = load_config(root, config)
    target = find_target(request.asked, os.environ, root)
    given = runs_of_files(files, root=root.resolve(), config=settings)
    if request.complete:
        options = replace(
            request.options, gone=lambda name: name.startswith(_category_prefix(request))
        )
        request = replace(request, options=options)
    done = _upload(given, target, request, root, screen)
    return _print_upload(done, screen, explain=request.options.explain)


def upload_outcome(
    outcome: Outcome,
    sarif: bytes,
    decision: DecisionDocument,
    target: Target,
    request: UploadRequest,
    *,
    root: Path,
    screen: Screen,
) -> Uploaded:
    """Upload ``sarif``, the file that the scan wrote; the caller shows the account.

    What is told of it on GitHub begins with the gate's decision.
    """
    given = runs_of_scan(sarif, outcome, screen.view, prefix_of(root))
    part = comment_part(decision, os.environ)
    options = replace(request.options, decision=part, gone=lambda name: is_gone(root, name))
    request = replace(request, options=options)
    return _upload(given, target, request, root, screen)


def comment_part(decision: DecisionDocument, environ: Mapping[str, str]) -> str:
    """Write the decision for a comment that also has to hold what became of the upload."""
    site = CodeSite.of(environ)
    return decision_markdown(decision, longest=LONGEST_COMMENT // 2, site=site)


def bundle_files(
    files: Sequence[str], out: Path, asked: Asked, *, root: Path, config: Path | None
) -> int:
    """Run ``secagg bundle`` and return its exit code."""
    settings = load_config(root, config)
    bundle = make_bundle(files, out, asked, root=root, config=settings, environ=os.environ)
    runs = bundle.sarif["runs"]
    results = sum(len(run.get("results") or ()) for run in runs)
    where = f"pull request {bundle.pull_number} at {bundle.commit[:12]}"
    console.out(f"{results} results in {len(runs)} runs for {where}: {terminal(str(out))}\n")
    return int(ExitCode.PASS)


def publish_bundle(path: Path, request: UploadRequest, *, screen: Screen) -> int:
    """Run ``secagg publish`` and return its exit code."""
    done = publish_fork(
        path,
        request.options,
        token=find_token(os.environ),
        environ=os.environ,
        given_api_url=request.asked.api_url,
    )
    return _print_upload(done, screen)


def target_of_scan(
    request: UploadRequest,
    *,
    root: Path,
    view: View,
    tools: Sequence[str],
    components: Sequence[str],
    since: str | None,
) -> Target:
    """Return where a scan's results go, known before it begins.

    Raises :class:`UsageError` for a scan of a part whose upload would close alerts of the rest.
    """
    if view is View.MERGED and (tools or components):
        raise UsageError(
            "the merged view of some tools or components cannot be uploaded: GitHub would close "
            "the alerts of the others",
            hint="use --view per-tool, or scan with everything",
        )
    if request.options.dry_run is None:
        find_token(os.environ)
    target = find_target(request.asked, os.environ, root)
    if since is not None and not target.ref.startswith(_OF_CHANGES):
        raise UsageError(
            f"a scan with --since cannot be uploaded to {target.ref}: it looks at a part of the "
            "history, and GitHub would close the alerts of the rest",
            hint="leave --since or --upload out, or say --since event, which reads all there",
        )
    return target


# What is uploaded for a change closes no alert of a branch.
_OF_CHANGES = ("refs/pull/", "refs/heads/gh-readonly-queue/")


def worse(verdict: int, uploaded: ExitCode) -> int:
    """Return the exit code of a scan with an upload.

    An interruption and an incomplete scan outweigh a failed upload, and that a failed gate:
    who looks for exit code 1 alone must not take it for an upload that worked.
    """
    order = [ExitCode.PASS, ExitCode.GATE_FAILED, ExitCode.STORE_OR_UPLOAD, ExitCode.INCOMPLETE]
    order.append(ExitCode.INTERRUPTED)
    codes = {int(code): rank for rank, code in enumerate(order)}
    return max(verdict, int(uploaded), key=lambda code: codes.get(code, len(codes)))


def _print_upload(done: Uploaded, screen: Screen, *, explain: bool = False) -> int:
    if screen.json:
        console.json(indented(done.summary))
    else:
        console.out(upload_text(done, screen, explain=explain) + "\n")
    return int(done.exit_code)


def upload_text(done: Uploaded, screen: Screen, *, explain: bool) -> str:
    """Draw an upload's account: as lines, or with ``explain`` as a table of what would be sent."""
    lines = account_lines(done.summary)
    if explain:
        return upload_table(done.summary, lines, screen.style())
    return upload_lines(done.summary, lines)


def _upload(
    given: Sequence[GivenRun], target: Target, request: UploadRequest, root: Path, screen: Screen
) -> Uploaded:
    options = request.options
    if request.use_journal and options.journal is None:
        options = replace(options, journal=journal_directory(os.environ))
    offline = options.dry_run is not None or options.explain
    token = None if offline else find_token(os.environ)

    def say(line: str) -> None:
        if not screen.quiet:
            console.err(f"{terminal(line)}\n")

    options = replace(options, prefix=prefix_of(root))
    done = upload_run(
        given,
        target,
        options,
        token=token,
        root=root.resolve(),
        environ=os.environ,
        on_line=say,
    )
    # The runner reads workflow commands from both streams; standard output stays clean.
    console.commands(done.annotations)
    return done


def _category_prefix(request: UploadRequest) -> str:
    """What the categories begin with that an upload of files gives."""
    category = request.options.category
    return OURS if category is None else f"{category.rstrip('/')}/"


def is_gone(root: Path, category: str) -> bool:
    """Whether a scan's category is that of a directory that git knows and the tree has no more.

    A file that was uploaded beside the scan may have a category that looks the same: only git
    can tell. Where the clone is too shallow for that, nothing is emptied.
    """
    checkout = read_checkout(root)
    place = "/".join(category.split("/")[2:]).rstrip("/")
    if checkout is None or not place or not category.startswith(OURS):
        return False
    return not (checkout.top / place).exists() and checkout.had_directory(place)


def upload_lines(upload: UploadSummary, account: list[str]) -> str:
    """Return what was sent where, and ``account``: what was done to results on the way."""
    sent = sum(a.results for a in upload.analyses)
    withheld = sum(w.results for w in upload.withheld)
    left_out = sum(upload.left_out.values())
    verb = "would be sent" if upload.dry_run else "sent"
    counts = (
        f"{upload.given} results: {sent} {verb} in {len(upload.analyses)} analyses "
        f"(GitHub shows {upload.shown}), {withheld} withheld, {left_out} left out"
    )
    lines = [f"{upload.repository} {upload.ref} {upload.commit[:12]}", counts]
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


def upload_table(upload: UploadSummary, account: list[str], style: Style) -> str:
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
