"""Findings of native formats, written as SARIF that GitHub shows as meant."""

from __future__ import annotations

import io
import json
import tracemalloc
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from secagg.model.finding import (
    Finding,
    Kind,
    Location,
    Misconfiguration,
    Package,
    Rating,
    Rule,
    SecretSighting,
    Severity,
    Suppression,
    Vulnerability,
)
from secagg.parsing import Gap
from secagg.sarif import GroupedResult, Invocation, Revision, SarifRun, read, write
from secagg.sarif.build import correlation_guid
from secagg.secrets.redactor import Redactor
from tests.sarif.om import load
from tests.sarif.roundtrip import schema_errors
from tests.sarif.test_roundtrip import RICH

BAG = json.loads((resources.files("secagg") / "schemas/properties.secagg.schema.json").read_bytes())


def _finding(**values: Any) -> Finding:
    return Finding(
        **{
            "tool": "trivy",
            "kind": Kind.VULNERABILITY,
            "rule_id": "CVE-2018-18074",
            "severity": Severity.HIGH,
            "title": "requests leaks credentials",
            "message": "requests 2.19.0 has CVE-2018-18074",
            "location": Location(uri="a b/requirements.txt", start_line=3),
            **values,
        }
    )


FULL = _finding(
    score=7.5,
    severity_known=True,
    ratings=(Rating(source="nvd", severity=Severity.HIGH, score=7.5, vector="CVSS:3.1/AV:N"),),
    related=(Location(uri="other.txt", start_line=9, logical="x"),),
    rule=Rule(
        id="CVE-2018-18074",
        name="leak",
        short_description="short",
        full_description="full",
        help_text="text",
        help_markdown="*md*",
        help_uri="https://example.com",
        tags=("pip",),
        precision="very-high",
    ),
    cwes=("CWE-522",),
    package=Package(
        type="pypi", name="requests", version="2.19.0", purl="pkg:pypi/requests@2.19.0"
    ),
    vulnerability=Vulnerability(
        aliases=("CVE-2018-18074", "GHSA-x84v-xcm2-53pg"),
        fixed_versions=("2.20.0",),
        dependency_paths=(("app", "requests"),),
        direct=True,
        scope="runtime",
        status="fixed",
        epss=0.5,
        kev=False,
        published="2018-10-09T00:00:00Z",
    ),
    secret=SecretSighting(
        id="hmac-sha256:" + "0" * 64, detector="d", decoder="BASE64", verified=True, in_history=True
    ),
    misconfiguration=Misconfiguration(checks=("DS-0002",), resource="r", provider="p"),
    license="MIT",
    fix="upgrade to 2.20.0",
    references=("https://example.com/advisory",),
    suppressions=(Suppression(source=".trivyignore", justification="not used"),),
    fingerprints={"own": "x"},
    component="app",
    identity="0" * 32,
    line_hash="39fa2ee980eb94b0:1",
)


def _write(*runs: SarifRun) -> dict[str, Any]:
    out = io.BytesIO()
    write(out, runs)
    log: dict[str, Any] = json.loads(out.getvalue())
    assert schema_errors(log) == []
    assert len(load(log).runs) == len(log["runs"])
    for run in log["runs"]:
        for result in run.get("results", ()):
            jsonschema.validate(result["properties"]["secagg"], BAG)
    return log


def _run(*findings: Finding | GroupedResult, **values: Any) -> SarifRun:
    return SarifRun(**{"tool": "Trivy", "category": "trivy/app/", "findings": findings, **values})


def test_a_run_says_what_ran_where_and_how() -> None:
    run = _write(
        _run(
            version="0.76.0",
            information_uri="https://example.com/trivy",
            component="app",
            invocation=Invocation(
                successful=False,
                start="2026-01-31T12:00:00Z",
                end="2026-01-31T12:01:00Z",
                exit_code=1,
                gaps=[Gap(message="no lock file"), Gap(message="broken", fatal=True)],
            ),
            revision=Revision(
                repository_uri="https://example.com/r", revision="0" * 40, branch="main"
            ),
            properties={"mode": "fs"},
        )
    )["runs"][0]
    assert run["tool"]["driver"]["name"] == "Trivy"
    assert run["tool"]["driver"]["version"] == "0.76.0"
    assert run["automationDetails"] == {"id": "trivy/app/"}
    invocation = run["invocations"][0]
    assert (invocation["executionSuccessful"], invocation["exitCode"]) == (False, 1)
    levels = [n.get("level", "warning") for n in invocation["toolExecutionNotifications"]]
    assert levels == ["warning", "error"]
    assert run["versionControlProvenance"][0]["revisionId"] == "0" * 40
    assert run["properties"] == {"mode": "fs", "secagg": {"version": 1, "component": "app"}}
    assert run["results"] == []
    assert "uri" not in run["originalUriBaseIds"]["%SRCROOT%"]


def test_a_finding_is_written_whole() -> None:
    run = _write(_run(FULL))["runs"][0]
    result, rule = run["results"][0], run["tool"]["driver"]["rules"][0]
    assert (result["ruleId"], result["ruleIndex"], result["level"]) == (FULL.rule_id, 0, "error")
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "a%20b/requirements.txt", "uriBaseId": "%SRCROOT%"}
    assert place["region"] == {"startLine": 3}
    assert result["partialFingerprints"] == {
        "own": "x",
        "primaryLocationLineHash": "39fa2ee980eb94b0:1",
        "secagg/v1": "0" * 32,
    }
    assert result["suppressions"][0]["justification"] == "not used"
    assert result["relatedLocations"][0]["id"] == 1
    assert rule["help"] == {"text": "text", "markdown": "*md*"}
    assert rule["properties"]["security-severity"] == "7.5"
    assert rule["properties"]["tags"] == [
        "security",
        "vulnerability",
        "external/cwe/cwe-522",
        "pip",
    ]
    assert rule["properties"]["precision"] == "very-high"


def test_a_finding_is_read_back_as_it_was(tmp_path: Path) -> None:
    bare = _finding(location=Location(uri="package.json"), severity_known=False)
    image = _finding(location=Location(uri="app", image="app:1", layer="sha256:0", start_line=2))
    lower = _finding(severity=Severity.LOW, score=1.0)
    file = tmp_path / "a.sarif"
    with file.open("wb") as out:
        write(out, [_run(FULL, bare, image, lower)])
    for old, new in zip(
        (FULL, bare, image, lower), read(file, redactor=Redactor(b"k")).findings, strict=True
    ):
        for name in (
            "tool", "kind", "rule_id", "severity", "severity_known", "score", "ratings", "package",
            "vulnerability", "secret", "misconfiguration", "license", "fix", "references", "cwes",
            "component", "message", "line_hash", "suppressed",
        ):  # fmt: skip
            assert getattr(new, name) == getattr(old, name), name
        assert new.location.uri == old.location.uri
        assert new.location.start_line == old.location.start_line
        assert new.location.image == old.location.image


def test_rules_are_written_once() -> None:
    other = _finding(rule_id="CVE-2020-1")
    run = _write(_run(_finding(), other, _finding(), other))["runs"][0]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == [
        "CVE-2018-18074",
        "CVE-2020-1",
    ]
    assert [result["ruleIndex"] for result in run["results"]] == [0, 1, 0, 1]


def _band(shown: str) -> str:
    """The band as GitHub reads the number."""
    score = float(shown)
    return (
        "critical" if score > 9.0 else "high" if score >= 7 else "medium" if score >= 4 else "low"
    )


@pytest.mark.parametrize("severity", [s for s in Severity if s is not Severity.NONE])
@pytest.mark.parametrize("score", [None, 0.0, 0.05, 3.95, 4.0, 6.95, 7.0, 8.95, 9.0, 9.04, 10.0])
def test_github_shows_the_same_band(severity: Severity, score: float | None) -> None:
    run = _write(_run(_finding(severity=severity, score=score)))["runs"][0]
    properties = run["tool"]["driver"]["rules"][0]["properties"]
    assert _band(properties["security-severity"]) == severity.value


def test_two_severities_of_one_check_are_two_rules() -> None:
    low, high = _finding(severity=Severity.LOW, score=2.5), _finding(score=8.1)
    for findings in ((low, high), (high, low)):
        run = _write(_run(*findings))["runs"][0]
        rules = run["tool"]["driver"]["rules"]
        shown = {rule["id"]: rule["properties"]["security-severity"] for rule in rules}
        assert shown == {"CVE-2018-18074": "8.1", "CVE-2018-18074/low": "2.5"}
        for finding, result in zip(findings, run["results"], strict=True):
            assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
            assert _band(shown[result["ruleId"]]) == finding.severity.value


def test_no_severity_is_shown_as_none() -> None:
    run = _write(_run(_finding(severity=Severity.NONE)))["runs"][0]
    assert "security-severity" not in run["tool"]["driver"]["rules"][0]["properties"]
    assert run["results"][0]["level"] == "note"


def test_no_rule_has_more_tags_than_github_takes() -> None:
    rule = Rule(id="r", tags=tuple(f"t{n}" for n in range(40)))
    run = _write(_run(_finding(rule=rule)))["runs"][0]
    tags = run["tool"]["driver"]["rules"][0]["properties"]["tags"]
    assert len(tags) == 20 and tags[0] == "security"


@pytest.mark.parametrize(
    ("location", "uri"),
    [
        (Location(uri="a#b?c%d.py"), "a%23b%3Fc%25d.py"),
        (Location(uri="a:b/c.py"), "a%3Ab/c.py"),
        (Location(uri="ä/日.py"), "%C3%A4/%E6%97%A5.py"),
        (Location(uri="https://example.com/a"), "https://example.com/a"),
        (Location(image="acme/app:1 (debian 11)"), "acme/app_1_debian_11_"),
        (Location(logical="com.acme.App"), "com.acme.App"),
        (Location(), "."),
    ],
)
def test_every_result_has_a_place_that_github_takes(location: Location, uri: str) -> None:
    result = _write(_run(_finding(location=location)))["runs"][0]["results"][0]
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == uri
    assert place["region"]["startLine"] >= 1


# -- the merged view ----------------------------------------------------------------------------


def test_a_group_names_its_sources() -> None:
    snyk = _finding(
        tool="snyk", rule_id="SNYK-PYTHON-REQUESTS-72435", location=Location(uri="b.txt")
    )
    guid = correlation_guid("0" * 32)
    grouped = GroupedResult(finding=FULL, sources=[FULL, snyk], group="0" * 32)
    log = _write(
        SarifRun(tool="secagg", category="secagg/", findings=[grouped]),
        _run(GroupedResult(finding=snyk, group="0" * 32), tool="Snyk", category="snyk/"),
    )
    result, own = log["runs"][0]["results"][0], log["runs"][1]["results"][0]
    sources = result["properties"]["secagg"]["sources"]
    assert [source["tool"] for source in sources] == ["trivy", "snyk"]
    assert [place["id"] for place in result["relatedLocations"]] == [1, 2]
    assert result["relatedLocations"][1]["message"]["text"] == "snyk: SNYK-PYTHON-REQUESTS-72435"
    assert result["correlationGuid"] == own["correlationGuid"] == guid


def test_the_merged_view_keeps_flows_and_fixes(tmp_path: Path) -> None:
    file = tmp_path / "rich.sarif"
    file.write_text(json.dumps(RICH))
    finding = read(file).findings[0]
    grouped = GroupedResult(finding=finding, sources=[finding])
    result = _write(SarifRun(tool="secagg", category="s/", findings=[grouped]))["runs"][0][
        "results"
    ][0]
    assert result["fixes"][0]["artifactChanges"][0]["replacements"][0]["insertedContent"]
    flow = result["codeFlows"][0]["threadFlows"][0]["locations"][0]["location"]
    assert flow["physicalLocation"]["artifactLocation"] == {
        "uri": "src/a%20b.c",
        "uriBaseId": "%SRCROOT%",
    }
    assert '"index"' not in json.dumps(result)


# -- runs read from SARIF -------------------------------------------------------------------------


def test_findings_of_two_files_stay_in_runs_of_their_own(tmp_path: Path) -> None:
    file = tmp_path / "rich.sarif"
    file.write_text(json.dumps(RICH))
    findings = [*read(file).findings, *read(file).findings]
    runs = _write(SarifRun(tool="Rich", category="rich/", findings=[*findings, _finding()]))["runs"]
    assert [run["automationDetails"]["id"] for run in runs] == ["rich/", "rich/2/", "rich/3/"]
    assert [len(run["results"]) for run in runs] == [1, 2, 2]


def test_a_failure_that_we_saw_is_added_to_what_the_file_says(tmp_path: Path) -> None:
    file = tmp_path / "rich.sarif"
    file.write_text(json.dumps(RICH))
    failed = Invocation(successful=False, gaps=[Gap(message="killed", fatal=True)])
    parsed = read(file)
    run = _write(
        SarifRun(
            tool="Rich",
            frame=parsed.runs[0],
            findings=parsed.findings,
            invocation=failed,
            revision=Revision(repository_uri="https://example.com/r"),
        )
    )["runs"][0]
    assert [i["executionSuccessful"] for i in run["invocations"]] == [False]
    assert run["automationDetails"]["id"] == "former/1"
    assert run["versionControlProvenance"]


# -- the stream ---------------------------------------------------------------------------------


class _Many(Sequence[Finding]):
    """As many findings as wanted, none of them kept."""

    def __init__(self, number: int) -> None:
        self._number = number

    def __len__(self) -> int:
        return self._number

    def __getitem__(self, index: Any) -> Any:
        raise NotImplementedError

    def __iter__(self) -> Iterator[Finding]:
        return (_finding(message="x" * 500) for _ in range(self._number))


class _Nowhere(io.RawIOBase):
    size = 0

    def write(self, data: Any) -> int:
        self.size += len(data)
        return len(data)


def _peak(number: int) -> int:
    write(_Nowhere(), [_run(_finding())])  # type: ignore[arg-type]
    tracemalloc.start()
    out = _Nowhere()
    write(out, [SarifRun(tool="T", category="t/", findings=_Many(number))])  # type: ignore[arg-type]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert out.size > number * 500
    return peak


def test_memory_does_not_grow_with_the_number_of_results() -> None:
    assert _peak(8000) < 1.5 * _peak(2000)


def test_an_empty_log_and_no_runs_are_valid() -> None:
    assert _write()["runs"] == []
