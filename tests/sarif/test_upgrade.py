"""SARIF 1.0.0 and 2.0.0, read as what they would be today."""

from __future__ import annotations

from typing import Any

import pytest

from secagg.errors import ReportError
from secagg.model.finding import Severity
from secagg.parsing import ParseContext, ParsedReport
from secagg.sarif import read_report
from secagg.secrets.redactor import Redactor

ONE = {
    "version": "1.0.0",
    "runs": [
        {
            "tool": {"name": "Microsoft (R) Visual C# Compiler", "version": "4.7.0"},
            "rules": {
                "CA2100": {
                    "id": "CA2100",
                    "shortDescription": "Review SQL",
                    "defaultLevel": "error",
                    "messageFormats": {"default": "Query {0} is built from text"},
                }
            },
            "results": [
                {
                    "ruleId": "CA2100",
                    "level": "warning",
                    "message": "Review SQL",
                    "locations": [{"resultFile": {"uri": "src/Db.cs", "region": {"startLine": 7}}}],
                },
                {
                    "ruleId": "CA2100",
                    "formattedRuleMessage": {"formatId": "default", "arguments": ["q"]},
                    "suppressionStates": ["suppressedInSource"],
                    "locations": [{"fullyQualifiedLogicalName": "Db.Run"}],
                },
                {"ruleId": "CA2100", "level": "pass", "message": "fine"},
            ],
        }
    ],
}
TWO = {
    "version": "2.0.0-csd.2.beta.2018-10-10",
    "runs": [
        {
            "tool": {"name": "Older", "semanticVersion": "1.2.3"},
            "resources": {
                "rules": {"R1": {"id": "R1", "configuration": {"defaultLevel": "error"}}}
            },
            "originalUriBaseIds": {"SRC": "file:///elsewhere/src/"},
            "results": [
                {
                    "ruleId": "R1",
                    "message": {"text": "said"},
                    "locations": [
                        {
                            "physicalLocation": {
                                "fileLocation": {"uri": "a.c", "uriBaseId": "SRC"},
                                "region": {"startLine": 3},
                            },
                            "fullyQualifiedLogicalName": "main",
                        }
                    ],
                }
            ],
        }
    ],
}


def _read(log: Any) -> ParsedReport:
    context = ParseContext(redactor=Redactor(b"key"), root=None)
    parsed = read_report(log, report_name="r", context=context, tool=None)
    assert parsed.balances
    return parsed


def test_version_1() -> None:
    parsed = _read(ONE)
    one, other, passed = parsed.findings
    assert parsed.tool_version == "4.7.0"
    assert (one.rule_id, one.location.uri, one.location.start_line) == ("CA2100", "src/Db.cs", 7)
    assert (one.message, one.title, one.severity) == ("Review SQL", "Review SQL", Severity.MEDIUM)
    assert (other.message, other.location.logical) == ("Query q is built from text", "Db.Run")
    assert (other.severity, other.suppressed) == (Severity.HIGH, True)
    assert passed.suppressed


def test_version_2() -> None:
    (finding,) = _read(TWO).findings
    place = finding.location
    assert (place.uri, place.start_line, place.logical) == ("a.c", 3, "main")
    assert finding.severity is Severity.HIGH


@pytest.mark.parametrize("version", ["0.4", "3.0.0", 1.0])
def test_other_versions_are_refused_with_a_way_out(version: object) -> None:
    with pytest.raises(ReportError) as caught:
        _read({"version": version, "runs": []})
    assert "version=2.1" in str(caught.value.hint)


@pytest.mark.parametrize("odd", [None, 3, "x", [], {"tool": 3, "results": [{"locations": [[]]}]}])
def test_what_is_not_built_as_its_version_says_breaks_nothing(odd: object) -> None:
    for version in ("1.0.0", "2.0.0"):
        parsed = _read({"version": version, "runs": [odd]})
        assert parsed.gaps or parsed.problems or not parsed.findings
