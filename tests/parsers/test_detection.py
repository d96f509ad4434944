"""Whose report it is, and reports that are nobody's."""

from __future__ import annotations

import json
from typing import Any

import pytest

from secagg.errors import ReportError, UsageError
from secagg.parsing import ParsedReport, Parser, RawReport, choose, installed_parsers, parse
from tests.fuzz.target import seeds_of
from tests.parsers import samples
from tests.parsers.reading import PARSERS, context_for, read
from tests.parsers.samples import SAMPLES

_AMBIGUOUS = (b"[]", b"null")


def every_sample() -> list[Any]:
    return [
        pytest.param(tool, data, id=f"{tool}-{number}")
        for tool in SAMPLES
        for number, data in enumerate(seeds_of(tool))
    ]


@pytest.mark.parametrize(("tool", "data"), every_sample())
def test_every_report_is_recognized_and_balances(tool: str, data: bytes) -> None:
    if data not in _AMBIGUOUS and tool != "sarif":
        report = RawReport(name="report", data=data)
        assert choose(report, PARSERS).tool == tool
    if b'"ok": false' not in data or b"vulnerabilities" in data:
        parsed = read(data, tool)
        accounted = len(parsed.findings) + parsed.suppressed + parsed.merged + len(parsed.problems)
        assert parsed.reported == accounted
        assert parsed.problems == []


@pytest.mark.parametrize(("tool", "data"), every_sample())
def test_a_wrong_tool_is_named(tool: str, data: bytes) -> None:
    if data in _AMBIGUOUS:
        return
    for other in set(PARSERS) - {tool, "sarif"}:
        report = RawReport(name="report", data=data, tool=other)
        if tool == "sarif" and other in data.decode().lower():
            continue
        assert PARSERS[other].confidence(report) == 0
        if tool == "trufflehog" or data.startswith(b"<?xml"):
            with pytest.raises(ReportError):
                PARSERS[other].parse(report, context_for())
            continue
        with pytest.raises(
            ReportError, match=f"this is no report of {other}|no output of"
        ) as caught:
            PARSERS[other].parse(report, context_for())
        assert caught.value.hint is not None


def test_the_name_decides_where_the_content_could_be_several_tools() -> None:
    for data in _AMBIGUOUS:
        assert choose(RawReport(name="gitleaks.json", data=data), PARSERS).tool == "gitleaks"
    assert choose(RawReport(name="Trivy-old.json", data=b"null"), PARSERS).tool == "trivy"


def test_own_sarif_is_read_by_the_tools_own_parser() -> None:
    for driver, tool in {"Trivy": "trivy", "gitleaks": "gitleaks", "SnykCode": "snyk",
                         "Snyk Open Source": "snyk", "CodeQL": "codeql", "Semgrep OSS": "sarif"}.items():  # fmt: skip
        document = samples.codeql()
        document["runs"][0]["tool"]["driver"]["name"] = driver
        report = RawReport(name="r", data=json.dumps(document).encode())
        assert choose(report, PARSERS).tool == tool


def passes(parser: Parser, report: RawReport) -> bool:
    """Whether a report is understood, without problems."""
    try:
        return not parser.parse(report, context_for()).problems
    except ReportError:
        return False


@pytest.mark.parametrize("data", [b"{}", b"[1]", b'"text"', b"17", b'{"a": 1}', b"[{}]"])
def test_nobodys_report(data: bytes) -> None:
    with pytest.raises(ReportError, match="no parser knows this format") as caught:
        read(data)
    assert caught.value.hint is not None
    assert "--as" in caught.value.hint
    for tool, parser in PARSERS.items():
        # Not one of them may pass for a report of nothing found.
        assert not passes(parser, RawReport(name="r", data=data, tool=tool))


@pytest.mark.parametrize("data", [b"", b" \n", b"\xef\xbb\xbf", b"not json", b"\x7fELF\x00", b"{"])
def test_what_is_no_json_says_where(data: bytes) -> None:
    with pytest.raises(ReportError) as caught:
        read(data)
    assert caught.value.offset is not None
    assert f"at byte {caught.value.offset}" in str(caught.value)


def test_an_unknown_tool_is_an_error_of_usage() -> None:
    with pytest.raises(UsageError, match="no parser for 'nessus'"):
        choose(RawReport(name="r", data=b"{}", tool="nessus"), PARSERS)


def test_the_entry_points_name_our_parsers() -> None:
    assert set(installed_parsers()) >= set(PARSERS)


REPORTS = [
    *(report for tool in sorted(samples.SAMPLES) for report in samples.SAMPLES[tool]),
    *(b"", b"null", b"[]", b"{}", b'{"a": 1}', b"not json", b'{"runs": []}', b"[[]]"),
    b'{"runs": [{"tool": {"driver": {"name": "CodeQL"}}}], "check_type": "terraform"}',
    b'{"msg": "x", "level": "info", "logger": "trufflehog"}\n{"a": 1}\n',
    b'{"rule": {}, "finding": {}}\n{"DetectorName": "AWS"}\n',
]


@pytest.mark.parametrize("name", ["report", "snyk-checkov.json"])
def test_only_parsers_that_may_know_a_report_are_imported(name: str) -> None:
    installed = installed_parsers()
    imported = 0
    for data in REPORTS:
        report = RawReport(name=name, data=data)
        asked = set(installed.candidates(report))
        knowing = {tool for tool, parser in PARSERS.items() if parser.confidence(report)}
        assert knowing <= asked, data
        imported += asked != set(installed)
    assert imported > len(REPORTS) // 2


class Broken:
    tool = "broken"

    def confidence(self, report: RawReport) -> int:
        return 100

    def parse(self, report: RawReport, context: Any) -> ParsedReport:
        raise KeyError(samples.TOKEN)


class Deep(Broken):
    def parse(self, report: RawReport, context: Any) -> ParsedReport:
        return self.parse(report, context)


def test_a_bug_in_a_parser_is_an_unread_report_and_shows_nothing_of_it() -> None:
    report = RawReport(name="r", data=b"{}")
    with pytest.raises(ReportError, match=r"the parser failed on it \(KeyError\)") as caught:
        parse(report, {"broken": Broken()}, context_for())
    assert samples.TOKEN not in f"{caught.value} {caught.value.hint}"
    with pytest.raises(ReportError, match="nested too deeply"):
        parse(report, {"deep": Deep()}, context_for())
