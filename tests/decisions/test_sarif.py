"""Suppressions that came with the findings, and exceptions that leave as suppressions."""

from __future__ import annotations

import datetime
import io

import pytest

from secagg.decisions import not_ours, suppression_of
from secagg.model.finding import Finding, SarifOrigin, Suppression
from secagg.parsing import ParseContext, RawReport, installed_parsers, parse
from secagg.policy.decision import ExceptionState, PolicyException
from secagg.sarif import SarifRun, write
from secagg.secrets.redactor import Redactor
from tests.decisions.make import TODAY, loaded, row, sources
from tests.merge.make import code


def suppressed(*given: Suppression, tool: str = "codeql") -> Finding:
    return code(tool, suppressions=given or (Suppression(source="SARIF", justification="tests"),))


def test_suppressed_row_is_covered_and_listed() -> None:
    found = loaded({})
    (exception,) = found.covering(row(suppressed()))
    assert (exception.source, exception.reason) == ("SARIF", "tests")
    assert exception.standing(TODAY) is ExceptionState.IN_FORCE
    assert found.all() == [exception]
    assert found.sentences() == ["SARIF: 1 decision honoured"]


def test_one_suppressed_source_does_not_silence_the_other() -> None:
    found = loaded({})
    assert sources(found, row(suppressed(), code("snyk"))) == []
    assert sources(found, row(suppressed(), suppressed(tool="snyk"))) == ["SARIF", "SARIF"]


def test_only_accepted_suppressions_count() -> None:
    accepted = Suppression(source="SARIF")
    for status in ("underReview", "rejected"):
        other = Suppression(source="SARIF", status=status)
        assert sources(loaded({}), row(suppressed(accepted, other))) == []


def test_suppression_in_the_scanned_code_is_told_apart() -> None:
    (exception,) = loaded({}).covering(
        row(suppressed(Suppression(source="SARIF", kind="inSource")))
    )
    assert exception.source == "SARIF (in source)"


@pytest.mark.parametrize(
    ("given", "refusal"),
    [
        (Suppression(source="SARIF", kind="inSource"), "is a comment in the source"),
        (Suppression(source="SARIF", kind="InSource"), "is a comment in the source"),
        (Suppression(source="SARIF", kind="somewhere"), "is a comment in the source"),
        (
            Suppression(source="SARIF", uri="config/brakeman.ignore"),
            "config/brakeman.ignore, which",
        ),
        (Suppression(source="SARIF", uri="file:///a%20b/x.ignore"), "is written in file:///a%20b/"),
        (Suppression(source="SARIF", uri="config/other.ignore"), None),
        (Suppression(source="SARIF"), None),
    ],
)
def test_what_a_change_could_have_brought_decides_nothing_in_it(
    given: Suppression, refusal: str | None
) -> None:
    asked: list[str] = []

    def touched(path: str) -> bool:
        asked.append(path)
        return path in ("config/brakeman.ignore", "/a b/x.ignore")

    found = loaded({}, touched=touched)
    (exception,) = found.covering(row(suppressed(given)))
    found.covering(row(suppressed(given, tool="semgrep")))
    assert (exception.refusal is None) is (refusal is None)
    assert (refusal or "") in (exception.refusal or "")
    assert len(asked) == len(set(asked)) <= 1
    (elsewhere,) = loaded({}).covering(row(suppressed(given)))
    assert elsewhere.refusal is None


def test_files_without_end_are_not_asked_about() -> None:
    asked: list[str] = []

    def touched(path: str) -> bool:
        asked.append(path)
        return False

    found = loaded({}, touched=touched)
    refused = 0
    for number in range(130):
        given = Suppression(source="SARIF", uri=f"{number}.ignore")
        (exception,) = found.covering(row(suppressed(given)))
        refused += exception.refusal is not None
    assert (len(asked), refused) == (100, 30)


def test_ceiling_for_all_refuses_suppressions_but_not_what_is_no_problem() -> None:
    strict = loaded({}, ceiling_for_all=True)
    (refused,) = strict.covering(row(suppressed()))
    assert refused.standing(TODAY) is ExceptionState.REFUSED
    passed = suppressed()
    passed.sarif = SarifOrigin.of({}, {"kind": "pass"})
    (kept,) = strict.covering(row(passed))
    assert kept.standing(TODAY) is ExceptionState.IN_FORCE


def test_an_exception_is_a_suppression_with_who_why_and_until() -> None:
    exception = PolicyException(
        source="secagg-exceptions.yaml:4",
        target="CVE-2021-44228",
        reason="not reachable",
        owner="ana@example.com",
        expires=datetime.date(2026, 12, 23),
    )
    given = suppression_of(exception)
    assert (given.kind, given.status, given.source) == (
        "external",
        "accepted",
        "exception: secagg-exceptions.yaml:4",
    )
    assert given.justification == (
        "not reachable (secagg-exceptions.yaml:4, by ana@example.com, until 2026-12-23)"
    )
    bare = suppression_of(PolicyException(source=".trivyignore:1", target="x"))
    assert bare.justification == "no reason given (.trivyignore:1)"


def test_a_suppression_that_an_exception_left_does_not_outlive_it() -> None:
    files = {
        "secagg-exceptions.yaml": {
            "exceptions": [
                {
                    "rule": "py/*",
                    "reason": "generated",
                    "owner": "ana",
                    "created": "2026-11-01",
                    "expires": "2026-11-23",
                }
            ]
        }
    }
    (exception,) = loaded(files).covering(row(code()))
    finding = suppressed(suppression_of(exception))
    finding = read_back(finding)
    assert finding.suppressed
    group = row(finding)
    assert loaded(files).covering(group) == [exception]
    after = loaded(files, today=TODAY + datetime.timedelta(days=1))
    (lapsed,) = after.covering(group)
    assert lapsed.standing(after.today) is ExceptionState.EXPIRED
    assert loaded({}).covering(group) == []


def test_suppressions_of_sarif_findings_come_and_go_with_the_exception() -> None:
    own = Suppression(source="SARIF", justification="tests", status="underReview")
    ours = suppression_of(PolicyException(source="secagg-exceptions.yaml:4", target="x"))
    finding = read_back(suppressed(own))
    assert finding.sarif is not None
    finding.suppressions += (ours,)
    again = read_back(finding)
    assert again.suppressions == (own, ours)
    again.suppressions = not_ours(again.suppressions)
    assert read_back(again).suppressions == (own,)
    bare = read_back(code())
    bare.suppressions = (ours,)
    lifted = read_back(bare)
    assert lifted.suppressions == (ours,)
    lifted.suppressions = ()
    assert read_back(lifted).suppressions == ()


def read_back(finding: Finding) -> Finding:
    """``finding`` as it is after it was written as SARIF and read again."""
    out = io.BytesIO()
    write(out, [SarifRun(tool=finding.tool, findings=[finding])])
    context = ParseContext(redactor=Redactor(b"a key that is only for tests"))
    report = RawReport(name="findings.sarif", data=out.getvalue(), tool="sarif")
    (found,) = parse(report, installed_parsers(), context).findings
    return found
