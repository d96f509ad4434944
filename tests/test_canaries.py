"""Fifty secrets through the formats of all five tools: none may come out anywhere."""

from __future__ import annotations

import io
import logging
from pathlib import Path
from typing import Any

import pytest
from secagg_parsers.codeql import CodeqlParser
from secagg_parsers.gitleaks import GitleaksParser
from secagg_parsers.sarif import SarifParser
from secagg_parsers.snyk import SnykParser
from secagg_parsers.trivy import TrivyParser
from secagg_parsers.trufflehog import TrufflehogParser

from secagg.errors import SecaggError
from secagg.parsing import ParseContext, ParsedReport, RawReport
from secagg.pipeline.assemble import DisplayPaths
from secagg.sarif import SarifRun, learn_report, read_report, write
from secagg.secrets.redactor import Redactor
from tests.canaries import canaries, reports, survivors

_PARSERS: dict[str, Any] = {
    "gitleaks.json": GitleaksParser(),
    "trufflehog.jsonl": TrufflehogParser(),
    "trivy.json": TrivyParser(),
    "snyk.json": SnykParser(),
    "snyk-code.sarif": SnykParser(),
    "codeql.sarif": CodeqlParser(),
    "gitleaks.sarif": SarifParser(),
}


def test_every_report_holds_every_secret() -> None:
    planted = canaries()
    for name, data in reports(planted).items():
        found = {line.partition(" as ")[0] for line in survivors(data, planted)}
        assert len(found) == 50, name


def _sarif(parsed: ParsedReport) -> bytes:
    out = io.BytesIO()
    run = SarifRun(tool=parsed.tool, category=f"{parsed.tool}/", findings=parsed.findings)
    write(out, [run])
    merged = SarifRun(tool="secagg", category="secagg/", findings=parsed.findings)
    write(out, [merged])
    return out.getvalue()


@pytest.mark.parametrize("seed", range(3))
def test_none_survives_in_sarif_read_beside_a_secret_scanner(seed: int) -> None:
    planted = canaries(seed)
    context = ParseContext(redactor=Redactor(b"key"))
    raw = [
        RawReport(name=name, data=data)
        for name, data in reports(planted).items()
        if name.endswith(".sarif")
    ]
    for each in raw:
        learn_report(each, context=context, tool=None)
    parsed = [
        read_report(each.document, report_name=each.name, context=context, tool=None)
        for each in raw
    ]
    for report in parsed:
        assert report.reported == len(report.findings) == 50
        DisplayPaths(context.redactor).mask_findings(report.findings)
        assert survivors(_sarif(report), planted) == []
        assert survivors(repr(report).encode(), planted) == []


@pytest.mark.parametrize("seed", range(3))
def test_none_survives_all_five_tools(seed: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    planted = canaries(seed)
    context = ParseContext(redactor=Redactor(b"key"), root=Path("/checkout"))
    raw = [RawReport(name=name, data=data) for name, data in reports(planted).items()]
    for each in raw:
        _PARSERS[each.name].learn(each, context)
    parsed = [_PARSERS[each.name].parse(each, context) for each in raw]
    for report in parsed:
        assert report.findings
        DisplayPaths(context.redactor).mask_findings(report.findings)
        assert survivors(_sarif(report), planted) == []
        assert survivors(repr(report).encode(), planted) == []
    assert survivors(caplog.text.encode(), planted) == []


@pytest.mark.parametrize("name", sorted(_PARSERS))
def test_no_error_holds_a_secret(name: str) -> None:
    """A report cut off in its middle is refused, or read in part, without quoting it."""
    planted = canaries()
    data = reports(planted)[name]
    for part in (len(data) // 3, len(data) // 2, len(data) - 5):
        context = ParseContext(redactor=Redactor(b"key"))
        try:
            parsed = _PARSERS[name].parse(RawReport(name=name, data=data[:part]), context)
        except SecaggError as error:
            told = f"{error!r} {error} {error.hint} {error.__cause__!r} {error.__context__!r}"
        else:
            told = repr((parsed.problems, parsed.gaps))
        assert survivors(told.encode(), planted) == []
