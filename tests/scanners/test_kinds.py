"""A scanner that is not installed is left out, unless somebody needs it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from secagg.config import Config, read_config
from secagg.model.finding import Kind
from secagg.packages.components import Component
from secagg.parsing import ParsedReport
from secagg.pipeline.assemble import tool_outcome
from secagg.pipeline.lookedfor import kinds_seen, skip_missing_scanners, tools_left_out
from secagg.pipeline.outcome import ToolResult
from secagg.policy.decision import NoExceptions
from secagg.policy.gaps import assess_coverage
from secagg.scanners.base import Status, ToolRun
from secagg.system.validation import validate
from tests.policy.subjects import TODAY

ALL = ("trivy", "snyk", "codeql", "gitleaks", "trufflehog")
MODES = {"trivy": "fs", "snyk": "test", "codeql": "python", "gitleaks": "dir", "trufflehog": "git"}
MANIFESTS = [Component(path="web", ecosystems=("npm",), manifests=("package.json",))]
PLAIN = [Component(path=".", ecosystems=("docker",), manifests=("Dockerfile",))]


def result(tool: str, *, broken: bool = False, optional: bool = False) -> ToolResult:
    status = Status.FAILED if broken else Status.COMPLETE
    run = ToolRun(tool=tool, mode=MODES[tool], status=status, reason="broke" if broken else None)
    return ToolResult(run=run, optional=optional, broken=broken)


def missing(tool: str, *, optional: bool = False) -> ToolResult:
    reason = f"{tool} is not installed"
    run = ToolRun(tool=tool, status=Status.FAILED, missing=True, reason=reason)
    return ToolResult(run=run, optional=optional, broken=True)


def sentences(
    *results: ToolResult,
    config: Config | None = None,
    components: list[Component] = MANIFESTS,
    requested: tuple[str, ...] = (),
    optional: tuple[str, ...] = (),
    required: tuple[Kind, ...] = (),
) -> list[str]:
    """Why the scan is incomplete."""
    settings = config or Config()
    skip_missing_scanners(
        results, settings, settings.tool_options(), components, requested=requested
    )
    seen = assess_coverage(
        [tool_outcome(one) for one in results],
        optional_tools=optional,
        exceptions=NoExceptions(),
        in_base=frozenset(),
        today=TODAY,
        required=[*settings.require, *required],
    )
    return seen.sentences


def test_what_is_not_there_is_left_out_on_a_first_run() -> None:
    gone = [missing(tool) for tool in ("snyk", "codeql", "trufflehog")]
    assert sentences(result("trivy"), result("gitleaks"), *gone) == []
    assert [one.run.status for one in gone] == [Status.SKIPPED] * 3


def test_what_is_broken_is_not_missing() -> None:
    assert len(sentences(result("trivy"), result("snyk", broken=True), missing("codeql"))) == 1


@pytest.mark.parametrize("text", ["{enabled: true}", "{timeout: 5m}"])
def test_a_tool_that_the_configuration_names_is_asked_for(text: str) -> None:
    config = read_config(f"tools: {{codeql: {text}}}\n", name="secagg.yaml")
    assert len(sentences(result("trivy"), missing("codeql"), config=config)) == 1


def test_a_tool_that_the_command_line_names_is_asked_for() -> None:
    assert len(sentences(result("trivy"), missing("codeql"), requested=("trivy", "codeql"))) == 1


@pytest.mark.parametrize("tool", ["snyk", "codeql"])
def test_somebody_must_look_for_secrets(tool: str) -> None:
    said = sentences(result(tool), *(missing(other) for other in ALL if other != tool))
    assert len(said) == 1
    assert "nothing looked for" in said[0] and "secrets" in said[0]


def test_somebody_must_look_at_dependencies_where_there_are_manifests() -> None:
    def gone() -> list[ToolResult]:
        return [missing(tool) for tool in ALL if tool != "gitleaks"]

    assert len(sentences(result("gitleaks"), *gone())) == 1
    assert sentences(result("gitleaks"), *gone(), components=PLAIN) == []


def test_nobody_at_all_is_one_sentence() -> None:
    said = sentences(*(missing(tool) for tool in ALL))
    assert len(said) == 1
    assert "nothing looked for vulnerable dependencies and secrets" in said[0]


@pytest.mark.parametrize("by", ["configuration", "policy"])
def test_optional_excuses_nobody_who_is_the_only_one(by: str) -> None:
    mine = by == "configuration"
    results = [result("trivy", broken=True, optional=mine), missing("gitleaks"), missing("snyk")]
    assert sentences(*results, optional=() if mine else ("trivy",)) != []


def test_a_mode_or_a_setting_can_take_a_kind_away() -> None:
    config = validate(Config, {"tools": {"trivy": {"scanners": ["vuln"]}}})
    assert len(sentences(result("trivy"), missing("gitleaks"), config=config)) == 1


def test_an_image_says_nothing_of_the_tree() -> None:
    image = ToolResult(run=ToolRun(tool="trivy", mode="image x", status=Status.COMPLETE))
    assert len(sentences(image, missing("gitleaks"), components=PLAIN)) == 1


def test_what_is_required_must_have_been_looked_for_to_the_end() -> None:
    results = [result("trivy"), result("gitleaks"), missing("codeql")]
    said = sentences(*results, required=(Kind.CODE, Kind.SECRET))
    assert len(said) == 1
    assert said[0].startswith("no tool that completed looked for flaws in code, which is required")
    done = [result("trivy"), result("gitleaks"), result("codeql")]
    assert sentences(*done, required=(Kind.CODE,)) == []


def test_a_report_from_elsewhere_counts_by_what_its_tool_always_looks_for() -> None:
    def seen(run: Mapping[str, object]) -> frozenset[Kind]:
        parsed = ParsedReport(tool="sarif", runs=[run])
        given = ToolRun(tool="sarif", mode="a.sarif", status=Status.COMPLETE)
        return kinds_seen(ToolResult(run=given, parsed=[parsed]))

    codeql = {"tool": {"driver": {"name": "CodeQL"}}}
    assert seen(codeql) == {Kind.CODE}
    assert seen({**codeql, "invocations": [{"executionSuccessful": False}]}) == frozenset()
    ours = {"properties": {"secagg": {"lookedFor": ["secret", "no such kind"]}}}
    trivy = {"tool": {"driver": {"name": "Trivy"}}}
    assert seen({**trivy, **ours}) == {Kind.SECRET}
    # A report can claim what it likes.
    assert seen({**codeql, **ours}) == frozenset()
    unheard_of = {"tool": {"driver": {"name": "mylint"}}}
    assert seen({**unheard_of, **ours}) == frozenset()
    assert seen({"tool": {"driver": {"name": "pip-audit"}}}) == {Kind.VULNERABILITY}
    # trivy config and trivy image --scanners secret write the same driver.
    assert seen({"tool": {"driver": {"name": "Trivy"}}}) == frozenset()
    assert seen({"tool": {"driver": {"name": "Unheard-of"}}}) == frozenset()
    json = ToolRun(tool="trivy", mode="config.json", status=Status.COMPLETE)
    assert kinds_seen(ToolResult(run=json, parsed=[ParsedReport(tool="trivy")])) == frozenset()


def test_the_doctor_leaves_out_what_a_scan_would() -> None:
    options = Config().tool_options()
    gone = ["snyk", "codeql", "trufflehog"]
    assert tools_left_out(["trivy", "gitleaks"], gone, options, MANIFESTS) == set(gone)
    rest = [tool for tool in ALL if tool != "codeql"]
    assert tools_left_out(["codeql"], rest, options, MANIFESTS) == {"snyk", "trufflehog"}
