"""SARIF of any producer, read by the rules of the standard."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from secagg.errors import ReportError
from secagg.model.finding import Finding, Kind, Location, Severity
from secagg.parsing import ParseContext, ParsedReport, RawReport
from secagg.sarif import learn_report, read, read_report
from secagg.secrets.patterns import MASK
from secagg.secrets.redactor import Redactor, Secret
from tests.canaries import canaries, gitleaks_sarif, survivors


def _log(*runs: Mapping[str, Any]) -> dict[str, Any]:
    return {"version": "2.1.0", "runs": list(runs)}


def _run(
    *results: Mapping[str, Any], driver: Mapping[str, Any] | None = None, **run: Any
) -> dict[str, Any]:
    return {"tool": {"driver": {"name": "Tool", **(driver or {})}}, "results": [*results], **run}


def _at(uri: str | None = None, **region: int) -> dict[str, Any]:
    artifact = {} if uri is None else {"uri": uri}
    return {"physicalLocation": {"artifactLocation": artifact, "region": region}}


def _parse(log: Any, root: Path | None = None, tool: str | None = None) -> ParsedReport:
    context = ParseContext(redactor=Redactor(b"key"), root=root)
    parsed = read_report(log, report_name="r.sarif", context=context, tool=tool)
    assert parsed.balances
    return parsed


def _one(*args: Any, root: Path | None = None, **run: Any) -> Finding:
    parsed = _parse(_log(_run(*args, **run)), root)
    assert len(parsed.findings) == 1, parsed.problems
    return parsed.findings[0]


def _result(**values: Any) -> dict[str, Any]:
    return {"ruleId": "R1", "message": {"text": "m"}, **values}


# -- logs -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "log",
    [
        [],
        "text",
        {},
        {"runs": []},
        {"version": "3.0.0", "runs": []},
        {"version": "1.0.0", "runs": {}},
        {"version": "2.1.0"},
        {"version": "2.1.0", "runs": {}},
    ],
)
def test_what_is_no_log_is_refused(log: Any) -> None:
    with pytest.raises(ReportError) as caught:
        _parse(log)
    assert caught.value.report == "r.sarif"


def test_results_in_other_files_are_named() -> None:
    references = {"results": [{"location": {"uri": "results-1.sarif"}, "itemCount": 3}]}
    with pytest.raises(ReportError, match=r"results in results-1\.sarif") as caught:
        _parse(_log({**_run(), "externalPropertyFileReferences": references}))
    assert caught.value.hint


def test_a_log_of_no_runs_vouches_for_nothing() -> None:
    assert [gap.fatal for gap in _parse(_log()).gaps] == [True]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_every_encoding_is_read(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "a.sarif"
    log = _log(_run(_result(message={"text": "schön €"})))
    file.write_bytes(json.dumps(log, ensure_ascii=False).encode(encoding))
    assert read(file).findings[0].message == "schön €"


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"{", b"\xff\xfe{\x00\xd8", b"\x00{\x00"])
def test_a_broken_file_is_refused_by_name(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "a.sarif"
    file.write_bytes(data)
    with pytest.raises(ReportError) as caught:
        read(file)
    assert caught.value.report == str(file) and caught.value.offset is not None


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="cannot be read"):
        read(tmp_path / "none.sarif")


def test_all_runs_are_read_each_with_its_tool() -> None:
    parsed = _parse(
        _log(
            _run(_result(), driver={"name": "CodeQL", "semanticVersion": "2.20.1"}),
            _run(_result(), _result(), driver={"name": "Semgrep OSS"}),
        )
    )
    assert (parsed.tool, parsed.tool_version, parsed.reported) == ("codeql", "2.20.1", 3)
    assert [finding.tool for finding in parsed.findings] == ["codeql", "semgrep", "semgrep"]
    assert len(parsed.runs) == 2 and "results" not in parsed.runs[0]


def test_the_caller_may_name_the_tool() -> None:
    parsed = _parse(_log(_run(_result())), tool="mine")
    assert parsed.tool == parsed.findings[0].tool == "mine"


# -- odd results ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "odd",
    [
        None,
        "text",
        7,
        [],
        {},
        {"message": {}},
        {"ruleId": "R1", "message": {"text": "m"}, "locations": ["x"]},
        {"ruleId": "R1", "message": {"text": "m"}, "locations": {"a": 1}},
        {"ruleId": "R1", "message": {"text": "m"}, "locations": [{"physicalLocation": 3}]},
        {"ruleId": "R1", "message": {"text": "m"}, "suppressions": ["x"]},
        {"ruleId": "R1", "message": {"text": "m"}, "fingerprints": [1]},
    ],
)
def test_an_odd_result_is_a_problem_and_the_others_stay(odd: Any) -> None:
    parsed = _parse(_log(_run(_result(), odd, _result())))
    assert len(parsed.findings) == 2
    assert [problem.where for problem in parsed.problems] == ["runs[0].results[1]"]


def test_an_odd_run_is_a_gap_and_the_others_stay() -> None:
    parsed = _parse(_log("run", _run(_result()), {**_run(), "results": "none"}))  # type: ignore[arg-type]
    assert len(parsed.findings) == 1
    assert [gap.fatal for gap in parsed.gaps] == [True, True]


# -- rules ------------------------------------------------------------------------------------

_RULES = [
    {"id": "R0", "shortDescription": {"text": "Zero"}},
    {"id": "R1", "name": "One", "fullDescription": {"text": "The first.\nMore."}},
    {"id": "CA/1", "shortDescription": {"text": "Above"}, "deprecatedIds": ["OLD1"]},
]
_EXTENSIONS = [
    {"name": "pack-a", "rules": [{"id": "X0", "shortDescription": {"text": "X zero"}}]},
    {
        "name": "pack-b",
        "guid": "0a0a0a0a-0a0a-4a0a-8a0a-0a0a0a0a0a0a",
        "rules": [{"id": "Y0", "shortDescription": {"text": "Y zero"}}, {"id": "R1"}],
    },
]


@pytest.mark.parametrize(
    ("reference", "rule_id", "title"),
    [
        ({"ruleId": "R0"}, "R0", "Zero"),
        ({"ruleIndex": 0}, "R0", "Zero"),
        ({"ruleId": "R1", "ruleIndex": 1}, "R1", "The first."),
        ({"ruleId": "R1", "ruleIndex": 0}, "R1", "The first."),
        ({"ruleId": "R0", "ruleIndex": 99}, "R0", "Zero"),
        ({"ruleId": "R0", "ruleIndex": -1}, "R0", "Zero"),
        ({"ruleId": "CA/1/x/y"}, "CA/1/x/y", "Above"),
        ({"ruleId": "CA/1/x", "ruleIndex": 2}, "CA/1/x", "Above"),
        ({"ruleId": "OLD1"}, "OLD1", "Above"),
        ({"ruleId": "X0"}, "X0", "X zero"),
        ({"rule": {"id": "R0"}}, "R0", "Zero"),
        ({"rule": {"index": 0}}, "R0", "Zero"),
        ({"rule": {"index": 0, "toolComponent": {"index": 1}}}, "Y0", "Y zero"),
        ({"rule": {"index": 0, "toolComponent": {"name": "pack-b"}}}, "Y0", "Y zero"),
        (
            {"ruleId": "Y0", "rule": {"id": "Y0", "index": 0, "toolComponent": {"index": 1}}},
            "Y0",
            "Y zero",
        ),
        ({"ruleIndex": 0, "rule": {"toolComponent": {"index": 0}}}, "X0", "X zero"),
        ({"ruleId": "unheard-of"}, "unheard-of", "m"),
        ({}, "m", "m"),
    ],
)
def test_a_result_finds_its_rule(reference: dict[str, Any], rule_id: str, title: str) -> None:
    run = _run({"message": {"text": "m"}, **reference}, driver={"rules": _RULES})
    run["tool"]["extensions"] = _EXTENSIONS
    finding = _parse(_log(run)).findings[0]
    assert (finding.rule_id, finding.title) == (rule_id, title)


def test_findings_of_one_rule_share_it() -> None:
    parsed = _parse(_log(_run(_result(), _result(), driver={"rules": _RULES})))
    assert parsed.findings[0].rule is parsed.findings[1].rule


def test_a_rule_is_read_whole() -> None:
    rule = {
        "id": "R1",
        "name": "One",
        "shortDescription": {"text": "short"},
        "fullDescription": {"text": "full"},
        "help": {"text": "help", "markdown": "*help*"},
        "helpUri": "https://example.com/r1",
        "properties": {"tags": ["security", "external/cwe/cwe-079"], "precision": "high"},
    }
    finding = _one(_result(), driver={"rules": [rule]})
    assert finding.rule is not None
    assert (finding.rule.help_markdown, finding.rule.precision) == ("*help*", "high")
    assert finding.rule.tags == ("security", "external/cwe/cwe-079")
    assert finding.cwes == ("CWE-79",)


@pytest.mark.parametrize(
    "rule",
    [
        {"properties": {"tags": ["CWE-89: SQL Injection"]}},
        {"properties": {"tags": ["external/cwe/cwe-089"]}},
        {"properties": {"cwe": ["CWE-89"]}},
        {"properties": {"cwe": 89}},
        {"helpUri": "https://cwe.mitre.org/data/definitions/89.html"},
        {"relationships": [{"target": {"id": "89", "toolComponent": {"name": "CWE"}}}]},
        {"relationships": [{"target": {"id": "CWE-89"}}]},
    ],
)
def test_weaknesses_are_found_where_tools_put_them(rule: dict[str, Any]) -> None:
    assert _one(_result(), driver={"rules": [{"id": "R1", **rule}]}).cwes == ("CWE-89",)


def test_taxa_of_a_result_count() -> None:
    guid = "1b1b1b1b-1b1b-4b1b-8b1b-1b1b1b1b1b1b"
    taxa = [{"id": "22", "toolComponent": {"guid": guid}}]
    finding = _one(_result(taxa=taxa), taxonomies=[{"name": "CWE", "guid": guid}])
    assert finding.cwes == ("CWE-22",)


# -- severity ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("result", "rule", "expected"),
    [
        ({"level": "error"}, {}, (Severity.HIGH, True, None)),
        ({"level": "note"}, {}, (Severity.LOW, True, None)),
        ({"level": "none"}, {}, (Severity.NONE, True, None)),
        ({}, {"defaultConfiguration": {"level": "error"}}, (Severity.HIGH, True, None)),
        ({}, {}, (Severity.MEDIUM, False, None)),
        ({"level": "unheard-of"}, {}, (Severity.MEDIUM, False, None)),
        (
            {"kind": "review"},
            {"defaultConfiguration": {"level": "error"}},
            (Severity.NONE, True, None),
        ),
        ({}, {"properties": {"security-severity": "9.8"}}, (Severity.CRITICAL, True, 9.8)),
        ({}, {"properties": {"security-severity": 5}}, (Severity.MEDIUM, True, 5.0)),
        (
            {"properties": {"security-severity": "3.1"}},
            {"properties": {"security-severity": "9.8"}},
            (Severity.LOW, True, 3.1),
        ),
        # As the upload has it too.
        ({}, {"properties": {"security-severity": "high"}}, (Severity.HIGH, True, 8.0)),
        (
            {"level": "error"},
            {"properties": {"security-severity": "11"}},
            (Severity.CRITICAL, True, 10.0),
        ),
        (
            {"level": "error"},
            {"properties": {"security-severity": "-1"}},
            (Severity.HIGH, True, None),
        ),
        ({"properties": {"issue_severity": "LOW"}}, {}, (Severity.LOW, True, None)),
    ],
)
def test_severity(
    result: dict[str, Any], rule: dict[str, Any], expected: tuple[Severity, bool, float | None]
) -> None:
    finding = _one(_result(**result), driver={"rules": [{"id": "R1", **rule}]})
    assert (finding.severity, finding.severity_known, finding.score) == expected


def test_an_invocation_overrides_the_level_of_a_rule() -> None:
    override = {"descriptor": {"id": "R1"}, "configuration": {"level": "error"}}
    invocation = {"executionSuccessful": True, "ruleConfigurationOverrides": [override]}
    plain = {"executionSuccessful": True}
    assert _one(_result(), invocations=[invocation]).severity is Severity.HIGH
    assert _one(_result(level="note"), invocations=[invocation]).severity is Severity.LOW
    of_second = _result(provenance={"invocationIndex": 1})
    assert _one(of_second, invocations=[plain, invocation]).severity is Severity.HIGH
    assert _one(_result(), invocations=[plain, invocation]).severity is Severity.MEDIUM


# -- locations --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("src/a.py", "src/a.py"),
        ("./src/../src/a.py", "src/a.py"),
        ("src/with%20space/%C3%A4.py", "src/with space/ä.py"),
        ("src\\win.c", "src/win.c"),
        ("{root}/src/a.py", "src/a.py"),
        ("file://{root}/src/a%20b.py", "src/a b.py"),
        ("file://localhost{root}/src/a.py", "src/a.py"),
        ("file:{root}/src/a.py", "src/a.py"),
        ("FILE://{root}/src/a.py", "src/a.py"),
        ("/src/there.py", "src/there.py"),
        ("/elsewhere/a.py", "/elsewhere/a.py"),
        ("file:///elsewhere/a.py", "/elsewhere/a.py"),
        ("file:///C:/code/a.c", "C:/code/a.c"),
        ("https://example.com/a.js", "https://example.com/a.js"),
        ("../outside.py", "../outside.py"),
    ],
)
def test_uris_become_paths(tmp_path: Path, uri: str, path: str) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "there.py").touch()
    place = _at(uri.format(root=tmp_path), startLine=3)
    finding = _one(_result(locations=[place]), root=tmp_path)
    assert finding.location.uri == path


def test_base_ids_are_followed() -> None:
    bases = {
        "PROJECT": {"uri": "file:///build/agent/work/"},
        "SRC": {"uri": "src/", "uriBaseId": "PROJECT"},
        "LOOP": {"uri": "a/", "uriBaseId": "LOOP"},
        "BARE": {"description": {"text": "no uri"}},
    }
    for base, path in (
        ("PROJECT", "a.c"),
        ("SRC", "src/a.c"),
        ("BARE", "a.c"),
        ("%UNHEARD%", "a.c"),
    ):
        location = {"physicalLocation": {"artifactLocation": {"uri": "a.c", "uriBaseId": base}}}
        finding = _one(_result(locations=[location]), originalUriBaseIds=bases)
        assert finding.location.uri == path
    endless = {"physicalLocation": {"artifactLocation": {"uri": "a.c", "uriBaseId": "LOOP"}}}
    assert _one(_result(locations=[endless]), originalUriBaseIds=bases).location.uri


def test_a_base_below_the_checkout_keeps_its_directory(tmp_path: Path) -> None:
    bases = {"SUB": {"uri": f"file://{tmp_path}/service/"}}
    location = {"physicalLocation": {"artifactLocation": {"uri": "a.c", "uriBaseId": "SUB"}}}
    finding = _one(_result(locations=[location]), root=tmp_path, originalUriBaseIds=bases)
    assert finding.location.uri == "service/a.c"


def test_an_artifact_may_be_given_by_index() -> None:
    artifacts = [{"location": {"uri": "x.c"}}, {"location": {"uri": "src/y.c"}}]
    location = {"physicalLocation": {"artifactLocation": {"index": 1}}}
    assert _one(_result(locations=[location]), artifacts=artifacts).location.uri == "src/y.c"


def test_absolute_uris_below_the_checkout_are_written_relative(tmp_path: Path) -> None:
    place = _at(f"file://{tmp_path}/src/a%20b.py", startLine=3)
    flow = [{"threadFlows": [{"locations": [{"location": place}]}]}]
    finding = _one(_result(locations=[place], codeFlows=flow), root=tmp_path)
    assert finding.sarif is not None
    assert str(tmp_path) not in json.dumps(finding.sarif.result)
    assert json.dumps(finding.sarif.result).count("src/a%20b.py") == 2


def test_regions() -> None:
    full = _at("a", startLine=3, startColumn=5, endLine=4, endColumn=2)
    assert _one(_result(locations=[full])).location == Location(
        uri="a", start_line=3, start_column=5, end_line=4, end_column=2
    )
    short = _one(_result(locations=[_at("a", startLine=3)])).location
    assert (short.start_column, short.end_line, short.end_column) == (1, 3, None)
    for region in ({}, {"charOffset": 5}, {"startLine": 0}):
        assert _one(_result(locations=[_at("a", **region)])).location == Location(uri="a")


def test_logical_locations_and_analysis_targets() -> None:
    named = {"logicalLocations": [{"fullyQualifiedName": "a::b", "name": "b"}]}
    assert _one(_result(locations=[named])).location == Location(logical="a::b")
    listed = {"logicalLocations": [{"index": 1}]}
    run: dict[str, Any] = {"logicalLocations": [{"name": "x"}, {"name": "y"}]}
    assert _one(_result(locations=[listed]), **run).location.logical == "y"
    assert _one(_result(analysisTarget={"uri": "t.c"})).location == Location(uri="t.c")
    assert _one(_result()).location == Location()


def test_other_locations_are_related() -> None:
    places = [_at("a", startLine=1), _at("b", startLine=2)]
    finding = _one(_result(locations=places, relatedLocations=[_at("c", startLine=3)]))
    assert [place.uri for place in finding.places] == ["b"]
    assert [place.uri for place in finding.related] == ["c"]


# -- messages ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"text": "plain"}, "plain"),
        ({"text": "{0} and {1}, {{0}} {9}", "arguments": ["a", "b"]}, "a and b, {0} {9}"),
        (
            {"text": "see [the source](1) and [docs](https://x.y)"},
            "see the source and [docs](https://x.y)",
        ),
        ({"id": "one", "arguments": ["x"]}, "rule says x"),
        ({"id": "all"}, "driver says"),
        ({"id": "none"}, ""),
        ({"markdown": "*only*"}, "*only*"),
    ],
)
def test_messages(message: dict[str, Any], text: str) -> None:
    driver = {
        "globalMessageStrings": {"all": {"text": "driver says"}},
        "rules": [{"id": "R1", "messageStrings": {"one": {"text": "rule says {0}"}}}],
    }
    assert _one(_result(message=message), driver=driver).message == text


# -- suppressions -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "suppressed"),
    [
        ({}, False),
        ({"suppressions": []}, False),
        ({"suppressions": [{"kind": "inSource"}]}, True),
        ({"suppressions": [{"kind": "external", "status": "underReview"}]}, False),
        ({"suppressions": [{"kind": "external", "status": "rejected"}]}, False),
        ({"suppressions": [{"kind": "external", "state": "rejected"}]}, False),
        (
            {"suppressions": [{"kind": "inSource"}, {"kind": "external", "status": "rejected"}]},
            False,
        ),
        ({"kind": "pass"}, True),
        ({"kind": "notApplicable"}, True),
        ({"kind": "informational"}, True),
        ({"kind": "review"}, False),
        ({"kind": "open"}, False),
        ({"baselineState": "absent"}, True),
        ({"baselineState": "unchanged"}, False),
    ],
)
def test_suppressions(values: dict[str, Any], suppressed: bool) -> None:
    finding = _one(_result(**values))
    assert finding.suppressed is suppressed


# -- gaps -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("invocation", "gaps"),
    [
        ({"executionSuccessful": True}, []),
        (
            {"executionSuccessful": False, "exitCode": 2},
            [("Tool: the tool says that it failed with exit code 2", True)],
        ),
        ({"executionSuccessful": "false"}, [("Tool: the tool says that it failed", True)]),
        ({"exitCode": 0}, []),
        ({"exitCode": 3}, [("Tool: the tool says that it failed with exit code 3", True)]),
        ({"executionSuccessful": True, "exitCode": 3}, []),
        (
            {"executionSuccessful": True, "exitSignalName": "SIGKILL"},
            [("Tool: the tool says that it failed: SIGKILL", True)],
        ),
        (
            {"executionSuccessful": True, "exitSignalNumber": 9},
            [("Tool: the tool says that it failed", True)],
        ),
        (
            {"executionSuccessful": True, "processStartFailureMessage": "no such file"},
            [("Tool: the tool says that it failed: no such file", True)],
        ),
        (
            {
                "toolExecutionNotifications": [
                    {"level": "error", "message": {"text": "no parse"}, "locations": [_at("a.py")]}
                ]
            },
            [("Tool: no parse (a.py)", True)],
        ),
        (
            {"toolConfigurationNotifications": [{"message": {"text": "odd"}}]},
            [("Tool: odd", False)],
        ),
        ({"toolExecutionNotifications": [{"level": "note", "message": {"text": "hello"}}]}, []),
        (
            {
                "toolExecutionNotifications": [
                    {
                        "level": "error",
                        "descriptor": {"id": "N1"},
                        "message": {"id": "default", "arguments": ["x"]},
                    }
                ]
            },
            [("Tool: broken x", True)],
        ),
    ],
)
def test_gaps(invocation: dict[str, Any], gaps: list[tuple[str, bool]]) -> None:
    driver = {
        "notifications": [{"id": "N1", "messageStrings": {"default": {"text": "broken {0}"}}}]
    }
    parsed = _parse(_log(_run(driver=driver, invocations=[invocation])))
    assert [(gap.message, gap.fatal) for gap in parsed.gaps] == gaps


def test_a_run_with_results_may_exit_with_another_code() -> None:
    assert _parse(_log(_run(_result(), invocations=[{"exitCode": 1}]))).gaps == []


@pytest.mark.parametrize(("part", "count"), [({"results": [{}]}, 1), ({"artifacts": [{}]}, 0)])
def test_results_in_inline_external_properties_are_told(part: Any, count: int) -> None:
    parsed = _parse({**_log(_run()), "inlineExternalProperties": [part]})
    assert [gap.fatal for gap in parsed.gaps] == [True] * count


def test_a_run_that_did_not_look_vouches_for_nothing() -> None:
    for run in ({"tool": {"driver": {"name": "T"}}}, {**_run(), "results": None}):
        assert [gap.fatal for gap in _parse(_log(run)).gaps] == [True]


# -- kinds ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("driver", "rule", "kind"),
    [
        ("CodeQL", {}, Kind.CODE),
        ("Semgrep OSS", {}, Kind.CODE),
        ("SnykCode", {}, Kind.CODE),
        ("Snyk Open Source", {}, Kind.VULNERABILITY),
        ("Snyk IaC", {}, Kind.MISCONFIGURATION),
        ("Checkov", {}, Kind.MISCONFIGURATION),
        ("tfsec", {}, Kind.MISCONFIGURATION),
        ("defsec", {}, Kind.MISCONFIGURATION),
        ("gitleaks", {}, Kind.SECRET),
        ("dependency-check", {}, Kind.VULNERABILITY),
        ("Trivy", {"properties": {"tags": ["vulnerability", "security"]}}, Kind.VULNERABILITY),
        ("Trivy", {"properties": {"tags": ["misconfiguration"]}}, Kind.MISCONFIGURATION),
        ("Trivy", {"properties": {"tags": ["secret"]}}, Kind.SECRET),
        ("Trivy", {"properties": {"tags": ["license"]}}, Kind.LICENSE),
        ("Unheard-of", {}, Kind.CODE),
    ],
)
def test_kinds(driver: str, rule: dict[str, Any], kind: Kind) -> None:
    finding = _one(_result(), driver={"name": driver, "rules": [{"id": "R1", **rule}]})
    assert finding.kind is kind


def test_an_advisory_id_makes_a_vulnerability() -> None:
    assert _one(_result(ruleId="GHSA-x84v-xcm2-53pg")).kind is Kind.VULNERABILITY


@pytest.mark.parametrize(
    ("driver", "rule", "message", "package", "aliases"),
    [
        (
            "Trivy",
            {"id": "CVE-2018-18074", "properties": {"tags": ["vulnerability"]}},
            (
                "Package: requests\nInstalled Version: 2.19.0\nVulnerability CVE-2018-18074\n"
                "Fixed Version: 2.20.0"
            ),
            ("generic", "requests", "2.19.0"),
            ("CVE-2018-18074",),
        ),
        (
            "Grype",
            {"id": "CVE-2020-8203-lodash"},
            (
                "A high vulnerability in npm package: lodash, version 4.17.4 was found at: "
                "/package-lock.json"
            ),
            ("npm", "lodash", "4.17.4"),
            ("CVE-2020-8203",),
        ),
        (
            "Snyk Open Source",
            {
                "id": "SNYK-JS-LODASH-567746",
                "fullDescription": {"text": "(CVE-2020-8203) lodash@4.17.4"},
                "properties": {"tags": ["security", "npm"]},
            },
            "This file introduces a vulnerable lodash package with a high severity vulnerability.",
            ("npm", "lodash", "4.17.4"),
            ("SNYK-JS-LODASH-567746", "CVE-2020-8203"),
        ),
        (
            "osv-scanner",
            {"id": "CVE-2022-24713"},
            (
                "Package 'regex@1.5.1' is vulnerable to 'CVE-2022-24713' "
                "(also known as 'RUSTSEC-2022-0013', 'GHSA-m5pq-gvj9-9vr8')."
            ),
            ("generic", "regex", "1.5.1"),
            ("CVE-2022-24713", "RUSTSEC-2022-0013", "GHSA-m5pq-gvj9-9vr8"),
        ),
    ],
)
def test_packages_and_aliases(
    driver: str,
    rule: dict[str, Any],
    message: str,
    package: tuple[str, str, str],
    aliases: tuple[str, ...],
) -> None:
    result = _result(ruleId=rule["id"], message={"text": message})
    finding = _one(result, driver={"name": driver, "rules": [rule]})
    assert finding.package is not None and finding.vulnerability is not None
    assert (finding.package.type, finding.package.name, finding.package.version) == package
    assert finding.vulnerability.aliases == aliases


# -- secrets ----------------------------------------------------------------------------------


def test_gitleaks_leaves_neither_secret_nor_person() -> None:
    planted = canaries()
    parsed = _parse(gitleaks_sarif(planted))
    assert len(parsed.findings) == 50
    assert len({f.secret.id for f in parsed.findings if f.secret}) == 50
    assert all(f.location.commit and f.secret and f.secret.in_history for f in parsed.findings)
    assert all(f.severity is Severity.HIGH for f in parsed.findings)
    whole = repr([(f, f.sarif and (f.sarif.run, f.sarif.result)) for f in parsed.findings])
    assert survivors(whole.encode(), planted) == []
    assert "Person" not in whole and "mail.example" not in whole


def test_a_credential_rule_keeps_no_literal() -> None:
    rule = {"id": "py/hardcoded-credentials", "properties": {"tags": ["external/cwe/cwe-798"]}}
    place = _at("a.py", startLine=1)
    place["physicalLocation"]["region"]["snippet"] = {"text": "login('hunter2-of-mine', user)"}
    message = {"text": 'The value "hunter2-of-mine" is a password; Password is too long.'}
    finding = _one(
        _result(ruleId=rule["id"], message=message, locations=[place]), driver={"rules": [rule]}
    )
    assert finding.sarif is not None
    assert "hunter2" not in repr(finding) + json.dumps(finding.sarif.result)
    assert finding.message == f'The value "{MASK}" is a password; Password is too long.'


def test_the_environment_of_a_tool_is_not_kept() -> None:
    invocation = {
        "executionSuccessful": True,
        "environmentVariables": {"HOME": "/home/someone"},
        "account": "someone",
        "machine": "somewhere",
        "commandLine": "scan --token abcdef123456",
    }
    parsed = _parse(_log(_run(_result(), invocations=[invocation])))
    kept = json.dumps(parsed.runs)
    assert "some" not in kept and "abcdef123456" not in kept and "commandLine" in kept


def test_fingerprints_of_the_tool_are_kept() -> None:
    result = _result(
        fingerprints={"0": "a"},
        partialFingerprints={"primaryLocationLineHash": "39fa2ee980eb94b0:1"},
    )
    finding = _one(result)
    assert finding.line_hash == "39fa2ee980eb94b0:1"
    assert finding.fingerprints["0"] == "a"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize(
    "before",
    [
        {"ruleId": "other", "ruleIndex": {}, "message": {"text": "odd"}},
        {"rule": [], "message": 7},
        7,
    ],
)
def test_quoted_credentials_are_learned_whatever_stands_before_them(
    before: object, encoding: str
) -> None:
    quoting = {"ruleId": "hardcoded-password", "message": {"text": "'kZ8fQm21vX90' is hard-coded"}}
    run = {"tool": {"driver": {"name": "Any"}}, "results": [before, quoting]}
    data = json.dumps({"version": "2.1.0", "runs": [run]}).encode(encoding)
    context = ParseContext(redactor=Redactor(b"key"))
    learn_report(RawReport(name="r", data=data), context=context, tool=None)
    assert context.redactor.mask("see kZ8fQm21vX90 there") == f"see {MASK} there"


def test_a_credential_is_learned_from_a_result_without_a_rule() -> None:
    result = {"message": {"text": "hardcoded secret 'kZ8fQm21vX90' in code"}}
    run = {"tool": {"driver": {"name": "Any"}}, "results": [result]}
    data = json.dumps({"version": "2.1.0", "runs": [run]}).encode()
    context = ParseContext(redactor=Redactor(b"key"))
    learn_report(RawReport(name="r", data=data), context=context, tool=None)
    assert context.redactor.mask("kZ8fQm21vX90") == MASK


def test_a_secret_in_the_id_of_a_rule_is_masked() -> None:
    result = {"ruleId": "a/kZ8fQm21vX90/b", "message": {"text": "m"}}
    run = {"tool": {"driver": {"name": "Any"}}, "results": [result]}
    redactor = Redactor(b"key")
    redactor.identify(Secret("kZ8fQm21vX90"))
    context = ParseContext(redactor=redactor)
    log = {"version": "2.1.0", "runs": [run]}
    (finding,) = read_report(log, report_name="r", context=context, tool=None).findings
    assert re.fullmatch(r"a/\[redacted-[0-9a-f]{12}\]/b", finding.rule_id)
    assert "kZ8fQm21vX90" not in repr(finding)
