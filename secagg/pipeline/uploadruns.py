"""Make runs that may be uploaded from files or a scan, and bundles for forks."""

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
    LARGEST_PACKED,
    Bundle,
    UntrustedBundle,
    origin_of,
    pack,
    target_of,
    unpack,
)
from secagg.github.category import categorize, category_of, tool_of
from secagg.github.client import Client, Clock, Token
from secagg.github.event import read_event, text_at
from secagg.github.limits import Tally
from secagg.github.payload import set_category
from secagg.github.preflight import GivenRun, given_runs
from secagg.github.target import Asked as AskedTarget
from secagg.github.target import api_url, find_target
from secagg.model.finding import Finding
from secagg.model.identity import set_identities
from secagg.parsing import ParseContext, ParsedReport, RawReport, choose, installed_parsers, learn
from secagg.pipeline.assemble import Shown
from secagg.pipeline.gate import plain_gate
from secagg.pipeline.outcome import Outcome
from secagg.pipeline.ownsarif import category
from secagg.pipeline.parse import parse_files, read_file
from secagg.pipeline.sarifruns import View, driver, sarif_runs
from secagg.pipeline.upload import Suppressed, Uploaded, UploadOptions, upload_run
from secagg.sarif import SarifRun, write
from secagg.sarif.bag import component_of
from secagg.scanners.base import Status
from secagg.secrets.lastfilter import run_redactor
from secagg.system.files import replacing


def runs_of_scan(
    sarif: bytes, outcome: Outcome, view: View = View.PER_TOOL, prefix: str = ""
) -> list[GivenRun]:
    """Take the runs of ``sarif``, the scan's own file, and mark those whose tools failed.

    In the merged view one tool that failed makes all of it incomplete, be it optional or not:
    the alerts that only this tool reports would be closed. Of an interrupted scan nothing is
    complete. ``prefix`` is where the scanned directory is in the repository: scans of two
    directories have categories of their own.
    """
    given = given_runs(sarif, "the scan")
    reason = "the scan was interrupted" if outcome.interrupted else None
    if view is View.MERGED and reason is None:
        failed = [r.run.tool for r in outcome.results if r.run.status is Status.FAILED]
        reason = f"{failed[0]} did not complete" if failed else None
    for run in given:
        run.incomplete = run.incomplete or reason
    given += _silent(outcome, {tool_of(run.run) for run in given}, view)
    for run in given if prefix else ():
        ours, tool, component = category_of(run.run).split("/", 2)
        set_category(run.run, f"{ours}/{tool}/{prefix}{component}")
    return given


def _silent(outcome: Outcome, known: set[str], view: View) -> Iterator[GivenRun]:
    """Failed tools that reported nothing have no run: they are withheld by name all the same."""
    for result in outcome.results if view is View.PER_TOOL else ():
        name = driver(result.run.tool)
        silent = not any(parsed.findings for parsed in result.parsed)
        if result.run.status is Status.FAILED and silent and name not in known:
            known.add(name)
            details = {"id": category(result.run.tool, result.run.component)}
            run = {"tool": {"driver": {"name": name}}, "automationDetails": details}
            reason = result.run.reason or "it did not complete"
            yield GivenRun(run=run, source="the scan", incomplete=reason)


def runs_of_files(files: Sequence[str], *, root: Path, config: Config) -> list[GivenRun]:
    """Return the runs in ``files``: SARIF of any producer, or the native report of a known tool.

    Everything is read and written again on the way, so that secrets are masked, paths relative
    and fingerprints there, whoever wrote the file; SARIF runs keep their own categories, and
    those of native reports have none yet. Raises
    :class:`UsageError` for a file that cannot be read and :class:`ReportError` for one that
    cannot be understood.
    """
    parsers = installed_parsers()
    context = ParseContext(redactor=run_redactor(root), root=root)
    read: list[tuple[str, ParsedReport | None]] = []
    reports = [(file, RawReport(name=Path(file).name, data=read_file(file))) for file in files]
    for _, report in reports:
        learn(report, parsers, context)
    for file, report in reports:
        parsed = choose(report, parsers).parse(report, context)
        read.append((file, parsed if parsed.runs else None))
    sarif = [parsed for _, parsed in read if parsed is not None]
    findings = [finding for parsed in sarif for finding in parsed.findings]
    set_identities(findings, root, context.redactor)
    Shown(context.redactor).findings(findings)
    given: list[GivenRun] = []
    for file, report_read in read:
        if report_read is None:
            gate = plain_gate(root, config)
            outcome = parse_files(
                [file], tool=None, root=root, gate=gate, redactor=context.redactor
            )
            given += [_unnamed(run) for run in given_runs(_written(sarif_runs(outcome)), file)]
        else:
            given += _adopted(report_read, file)
    return given


def _unnamed(given: GivenRun) -> GivenRun:
    """``given`` without the category of a scan: several reports of one tool may come."""
    given.run.pop("automationDetails", None)
    return given


def read_report_runs(data: bytes, name: str) -> list[GivenRun]:
    """Return the runs of one SARIF log from untrusted hands, without a checkout beside it."""
    report = RawReport(name=name, data=data, tool="sarif")
    context = ParseContext(redactor=run_redactor(), root=None)
    parsers = installed_parsers()
    learn(report, parsers, context)
    parsed = choose(report, parsers).parse(report, context)
    set_identities(parsed.findings, None, context.redactor)
    Shown(context.redactor).findings(parsed.findings)
    return _adopted(parsed, name)


def _adopted(parsed: ParsedReport, file: str) -> list[GivenRun]:
    """The runs of a SARIF report as they were, with what secagg adds."""
    findings_of_run: dict[int, list[Finding]] = {id(frame): [] for frame in parsed.runs}
    for finding in parsed.findings:
        assert finding.sarif is not None
        findings_of_run[id(finding.sarif.run)].append(finding)
    given = given_runs(
        _written(
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
        # runs[1].results[7]: what nobody understands may be the worst of all.
        number = int((problem.where or "runs[0]").split("]")[0].removeprefix("runs["))
        run = given[number]
        run.incomplete = run.incomplete or f"{problem.where}: {problem.message}"
    if not given:
        raise ReportError("the report holds no run of any tool", report=file)
    return given


def _written(runs: Iterable[SarifRun]) -> bytes:
    out = BytesIO()
    write(out, runs)
    return out.getvalue()


# Runs of a bundle may take the place of those that secagg uploads for the pull request, by which
# GitHub compares it with its base, and of nobody else's.
_OURS = "secagg/"


_FOREIGN = "secagg-bundle/"


def make_bundle(
    files: Sequence[str],
    out: Path,
    asked: AskedTarget,
    *,
    root: Path,
    config: Config,
    environ: Mapping[str, str],
) -> Bundle:
    """Write ``files`` into one bundle at ``out``; needs no token.

    The commit is the pull request's head, by which the publishing job can check it. Runs of
    tools that did not complete go along with their mark, so that they are withheld there.
    """
    event = read_event(environ)
    head = None if event is None else text_at(event.pull_request, "head", "sha")
    target = find_target(replace(asked, commit=asked.commit or head), environ, root)
    if target.pull_number is None:
        raise UsageError(
            "a bundle is for a pull request, and this is none",
            hint="elsewhere use secagg upload; or give --ref refs/pull/N/head",
        )
    given = runs_of_files(files, root=root.resolve(), config=config)
    # While the names of the files are known: the other stage has only one.
    categorize([g.run for g in given], [g.source for g in given], None, Tally())
    bundle = Bundle(
        repository=target.repository,
        commit=target.commit,
        pull_number=target.pull_number,
        sarif={"version": "2.1.0", "runs": [_marked(entry) for entry in given]},
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
) -> Uploaded:
    """Upload the bundle at ``path`` for the pull request that GitHub says it belongs to.

    Nothing of the bundle is believed: its results are read as those of a foreign file, and
    nothing is dismissed on its word. Raises :class:`UntrustedBundle` for a bundle that does not
    fit to the event, before anything is sent.
    """
    origin = origin_of(read_event(environ), environ)
    bundle = unpack(_read(path))
    address = api_url(given_api_url or environ.get("GITHUB_API_URL"), None, environ)
    with Client(address, token, clock=clock, patience=options.patience) as client:
        target = target_of(bundle, origin, client, address)
    given = read_report_runs(orjson.dumps(bundle.sarif), "the bundle")
    for entry in given:
        category = category_of(entry.run)
        if not category.startswith(_OURS):
            set_category(entry.run, f"{_FOREIGN}{category.lstrip('/')}")
    if origin.conclusion != "success":
        note = f"the workflow that made the bundle ended with {origin.conclusion}"
        target = replace(target, notes=(note,))
    return upload_run(
        given,
        target,
        replace(options, suppressed=Suppressed.OMIT),
        token=token,
        root=None,
        environ=environ,
        clock=clock,
    )


def _marked(entry: GivenRun) -> dict[str, object]:
    if entry.incomplete is None:
        return entry.run
    notification = {"level": "error", "message": {"text": entry.incomplete}}
    failed = {"executionSuccessful": False, "toolExecutionNotifications": [notification]}
    return {**entry.run, "invocations": [*(entry.run.get("invocations") or ()), failed]}


def _read(path: Path) -> bytes:
    """A regular file of a size that can be a bundle's."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        with os.fdopen(descriptor, "rb") as file:
            return file.read(LARGEST_PACKED + 1)
    except OSError as error:
        raise UntrustedBundle(f"the bundle cannot be read: {error.strerror}") from None
