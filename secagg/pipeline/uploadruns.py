"""From files or a scan's outcome to runs that may be uploaded, without secrets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO
from pathlib import Path

from secagg.config import Config
from secagg.errors import ReportError
from secagg.github.category import category_of, tool_of
from secagg.github.given import given_runs
from secagg.github.preflight import GivenRun
from secagg.github.split import set_category
from secagg.model.finding import Finding
from secagg.model.identity import mark_findings
from secagg.parsing import ParseContext, ParsedReport, RawReport, choose, installed_parsers, learn
from secagg.pipeline.gate import plain_gate
from secagg.pipeline.outcome import Outcome
from secagg.pipeline.parse import parse_files, read_file
from secagg.pipeline.sarifruns import View, category, driver, sarif_runs
from secagg.pipeline.shown import Shown
from secagg.sarif import SarifRun, write
from secagg.sarif.bag import component_of
from secagg.scanners.base import Status
from secagg.secrets.lastfilter import run_redactor


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
    """The runs in ``files``: SARIF of any producer, or the native report of a known tool.

    Everything is read and written anew on the way, so that secrets are masked, paths relative
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
    mark_findings(findings, root, context.redactor)
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
    """The runs of one SARIF log from untrusted hands, without a checkout beside it."""
    report = RawReport(name=name, data=data, tool="sarif")
    context = ParseContext(redactor=run_redactor(), root=None)
    parsers = installed_parsers()
    learn(report, parsers, context)
    parsed = choose(report, parsers).parse(report, context)
    mark_findings(parsed.findings, None, context.redactor)
    Shown(context.redactor).findings(parsed.findings)
    return _adopted(parsed, name)


def _adopted(parsed: ParsedReport, file: str) -> list[GivenRun]:
    """The runs of a SARIF report as they were, with what secagg adds."""
    found: dict[int, list[Finding]] = {id(frame): [] for frame in parsed.runs}
    for finding in parsed.findings:
        assert finding.sarif is not None
        found[id(finding.sarif.run)].append(finding)
    given = given_runs(
        _written(
            SarifRun(
                tool=parsed.tool,
                component=component_of(frame),
                frame=frame,
                findings=found[id(frame)],
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
