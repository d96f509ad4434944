"""Prepare SARIF runs for an upload, from a scan, files or the bundle of a fork's workflow."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import orjson

from secagg.config import Config
from secagg.errors import ReportError, UsageError
from secagg.github.bundle import (
    Bundle,
    UntrustedBundle,
    bundle_target,
    pack,
    read_bundle_origin,
    unpack,
)
from secagg.github.category import categorize, category_of, tool_of
from secagg.github.client import Client, Clock, Token
from secagg.github.event import read_event
from secagg.github.limits import Tally
from secagg.github.payload import set_category
from secagg.github.preflight import RunToUpload, read_runs
from secagg.github.target import TargetOptions as TargetOptions
from secagg.github.target import api_url, find_target
from secagg.jsonio.members import text_at
from secagg.jsonio.packed import MOST_PACKED_BYTES
from secagg.model.finding import Finding
from secagg.model.identity import set_identities
from secagg.parsing import ParseContext, ParsedReport, RawReport, choose, installed_parsers, learn
from secagg.pipeline.assemble import DisplayPaths
from secagg.pipeline.choices import SuppressedHandling, View
from secagg.pipeline.gate import plain_gate
from secagg.pipeline.outcome import Outcome
from secagg.pipeline.ownsarif import category
from secagg.pipeline.parse import parse_files, read_file
from secagg.pipeline.sarifruns import driver, sarif_runs
from secagg.pipeline.upload import UploadOptions, UploadReport, upload_run
from secagg.sarif import SarifRun, write
from secagg.sarif.bag import component_of
from secagg.scanners.base import Status
from secagg.secrets.lastfilter import run_redactor
from secagg.system.files import replacing

# A bundle may replace the analyses that secagg uploads for the pull request, which GitHub compares
# with the base, but no other tool's.
_OUR_PREFIX = "secagg/"
_FOREIGN_PREFIX = "secagg-bundle/"


def runs_from_scan(
    sarif: bytes, outcome: Outcome, view: View = View.PER_TOOL, prefix: str = ""
) -> list[RunToUpload]:
    """Return the runs of ``sarif``, the scan's own file, and mark those whose tools failed.

    In the merged view one failed tool, optional or not, makes every run incomplete: GitHub would
    close the alerts that only this tool reports. An interrupted scan has no complete run.
    ``prefix`` is the path of the scanned directory in the repository: scans of two directories
    have categories of their own.
    """
    runs = read_runs(sarif, "the scan")
    reason = "the scan was interrupted" if outcome.interrupted else None
    if view is View.MERGED and reason is None:
        failed = [
            result.run.tool for result in outcome.results if result.run.status is Status.FAILED
        ]
        reason = f"{failed[0]} did not complete" if failed else None
    for run in runs:
        run.incomplete = run.incomplete or reason
    runs += _failed_without_run(outcome, {tool_of(run.run) for run in runs}, view)
    for run in runs if prefix else ():
        secagg, tool, component = category_of(run.run).split("/", 2)
        set_category(run.run, f"{secagg}/{tool}/{prefix}{component}")
    return runs


def runs_from_files(files: Sequence[str], *, root: Path, config: Config) -> list[RunToUpload]:
    """Return the runs in ``files``: SARIF of any producer, or the native report of a known tool.

    Parses and writes every file again, so that secrets are masked, paths are relative and
    fingerprints are present. SARIF runs keep their categories; those of native reports have none
    yet. Raises :class:`UsageError` for a file that cannot be read, and :class:`ReportError` for one
    that cannot be parsed.
    """
    parsers = installed_parsers()
    context = ParseContext(redactor=run_redactor(root), root=root)
    parsed_reports: list[tuple[str, ParsedReport | None]] = []
    raw_reports = [(file, RawReport(name=Path(file).name, data=read_file(file))) for file in files]
    for _, report in raw_reports:
        learn(report, parsers, context)
    for file, report in raw_reports:
        parsed = choose(report, parsers).parse(report, context)
        parsed_reports.append((file, parsed if parsed.runs else None))
    sarif_reports = [parsed for _, parsed in parsed_reports if parsed is not None]
    findings = [finding for parsed in sarif_reports for finding in parsed.findings]
    set_identities(findings, root, context.redactor)
    DisplayPaths(context.redactor).mask_findings(findings)
    runs: list[RunToUpload] = []
    for file, report_read in parsed_reports:
        if report_read is None:
            gate = plain_gate(root, config)
            outcome = parse_files(
                [file], tool=None, root=root, gate=gate, redactor=context.redactor
            )
            runs += [
                _without_category(run) for run in read_runs(_encode(sarif_runs(outcome)), file)
            ]
        else:
            runs += _runs_of_report(report_read, file)
    return runs


def runs_from_report(data: bytes, name: str) -> list[RunToUpload]:
    """Return the runs of an untrusted SARIF log of which there is no checkout."""
    report = RawReport(name=name, data=data, tool="sarif")
    context = ParseContext(redactor=run_redactor(), root=None)
    parsers = installed_parsers()
    learn(report, parsers, context)
    parsed = choose(report, parsers).parse(report, context)
    set_identities(parsed.findings, None, context.redactor)
    DisplayPaths(context.redactor).mask_findings(parsed.findings)
    return _runs_of_report(parsed, name)


def make_bundle(
    files: Sequence[str],
    out: Path,
    options: TargetOptions,
    *,
    root: Path,
    config: Config,
    environ: Mapping[str, str],
) -> Bundle:
    """Write the runs in ``files`` into one bundle at ``out``; needs no token.

    Its commit is the head of the pull request, which the publishing job checks. Incomplete runs
    keep their mark, so that the publishing job withholds them.
    """
    event = read_event(environ)
    head = None if event is None else text_at(event.pull_request, "head", "sha")
    target = find_target(replace(options, commit=options.commit or head), environ, root)
    if target.pull_number is None:
        raise UsageError(
            "a bundle is for a pull request, and this is none",
            hint="elsewhere use secagg upload; or give --ref refs/pull/N/head",
        )
    runs = runs_from_files(files, root=root.resolve(), config=config)
    # Here, as categories depend on the files' names, which the publishing job does not know.
    categorize([g.run for g in runs], [g.source for g in runs], None, Tally())
    bundle = Bundle(
        repository=target.repository,
        commit=target.commit,
        pull_number=target.pull_number,
        sarif={"version": "2.1.0", "runs": [_with_incomplete_mark(entry) for entry in runs]},
    )
    try:
        with replacing(out, packed=True) as file:
            file.write(pack(bundle))
    except OSError as error:
        raise UsageError(f"cannot write {out}: {error.strerror}") from error
    return bundle


def publish_fork(
    path: Path,
    options: UploadOptions,
    *,
    token: Token,
    environ: Mapping[str, str],
    given_api_url: str | None = None,
    clock: Clock | None = None,
) -> UploadReport:
    """Upload the bundle at ``path`` for the pull request to which GitHub says it belongs.

    The bundle is untrusted: its results are parsed like those of any file, and its suppressions
    dismiss nothing. Raises :class:`UntrustedBundle`, before anything is sent, for a bundle that
    does not match the event.
    """
    origin = read_bundle_origin(read_event(environ), environ)
    bundle = unpack(_read_bundle(path))
    address = api_url(given_api_url or environ.get("GITHUB_API_URL"), None, environ)
    with Client(address, token, clock=clock, patience=options.patience) as client:
        target = bundle_target(bundle, origin, client, address)
    runs = runs_from_report(orjson.dumps(bundle.sarif), "the bundle")
    for run in runs:
        category = category_of(run.run)
        if not category.startswith(_OUR_PREFIX):
            set_category(run.run, f"{_FOREIGN_PREFIX}{category.lstrip('/')}")
    if origin.conclusion != "success":
        note = f"the workflow that made the bundle ended with {origin.conclusion}"
        target = replace(target, notes=(note,))
    return upload_run(
        runs,
        target,
        replace(options, suppressed=SuppressedHandling.OMIT),
        token=token,
        root=None,
        environ=environ,
        clock=clock,
    )


def _failed_without_run(outcome: Outcome, tools: set[str], view: View) -> Iterator[RunToUpload]:
    """Yield a run to withhold for each failed tool that has no run, as it reported nothing."""
    for result in outcome.results if view is View.PER_TOOL else ():
        name = driver(result.run.tool)
        reported_nothing = not any(parsed.findings for parsed in result.parsed)
        if result.run.status is Status.FAILED and reported_nothing and name not in tools:
            tools.add(name)
            details = {"id": category(result.run.tool, result.run.component)}
            run = {"tool": {"driver": {"name": name}}, "automationDetails": details}
            reason = result.run.reason or "it did not complete"
            yield RunToUpload(run=run, source="the scan", incomplete=reason)


def _without_category(run: RunToUpload) -> RunToUpload:
    """Remove the category of a scan from ``run``: an upload may have several reports of a tool."""
    run.run.pop("automationDetails", None)
    return run


def _runs_of_report(parsed: ParsedReport, file: str) -> list[RunToUpload]:
    """Return the runs of a SARIF report with what secagg adds; mark those not parsed completely."""
    findings_of_run: dict[int, list[Finding]] = {id(frame): [] for frame in parsed.runs}
    for finding in parsed.findings:
        assert finding.sarif is not None
        findings_of_run[id(finding.sarif.run)].append(finding)
    runs = read_runs(
        _encode(
            SarifRun(
                tool=parsed.tool,
                component=component_of(frame),
                frame=frame,
                findings=findings_of_run[id(frame)],
            )
            for frame in parsed.runs
        ),
        file,
    )
    for problem in parsed.problems:
        # The path begins as in runs[1].results[7]. A result that cannot be parsed may be the worst.
        number = int((problem.where or "runs[0]").split("]")[0].removeprefix("runs["))
        run = runs[number]
        run.incomplete = run.incomplete or f"{problem.where}: {problem.message}"
    if not runs:
        raise ReportError("the report holds no run of any tool", report=file)
    return runs


def _encode(runs: Iterable[SarifRun]) -> bytes:
    out = BytesIO()
    write(out, runs)
    return out.getvalue()


def _with_incomplete_mark(run: RunToUpload) -> dict[str, object]:
    if run.incomplete is None:
        return run.run
    notification = {"level": "error", "message": {"text": run.incomplete}}
    failed = {"executionSuccessful": False, "toolExecutionNotifications": [notification]}
    return {**run.run, "invocations": [*(run.run.get("invocations") or ()), failed]}


def _read_bundle(path: Path) -> bytes:
    """Read the file at ``path``, no link, up to one byte more than a bundle may have."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        with os.fdopen(descriptor, "rb") as file:
            return file.read(MOST_PACKED_BYTES + 1)
    except OSError as error:
        raise UntrustedBundle(f"the bundle cannot be read: {error.strerror}") from None
