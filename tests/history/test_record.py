"""What of a scan's outcome goes into the store, and which tools may call a problem fixed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from secagg.config import Config
from secagg.merge import MergedSet
from secagg.model.problem import TimelineStep
from secagg.parsing import EntryProblem, Gap, ParsedReport
from secagg.pipeline.baseline import BaselineReport, ToolVersion
from secagg.pipeline.gate import GateOptions, plain_gate, prepare
from secagg.pipeline.judging import baseline_groups
from secagg.pipeline.origin import Origin, open_store_of, origin_of
from secagg.pipeline.outcome import Outcome, ToolResult
from secagg.pipeline.parse import parse_files
from secagg.pipeline.record import (
    complete_tools,
    first_seen,
    problem_of,
    record_outcome,
    run_record,
)
from secagg.policy import Decision, Verdict
from secagg.policy.gaps import gap_key
from secagg.scanners.base import PART_OF_HISTORY, Status, ToolRun
from secagg.secrets.patterns import MASK
from tests.change.repos import Repo


def outcome(*results: ToolResult, interrupted: bool = False) -> Outcome:
    decision = Decision(policy="default", verdict=Verdict.PASS)
    return Outcome(results=results, merged=MergedSet(), decision=decision, interrupted=interrupted)


def result(
    tool: str, status: Status = Status.COMPLETE, component: str = ".", **parsed: object
) -> ToolResult:
    reports = [ParsedReport(tool=tool, **parsed)] if parsed else []  # type: ignore[arg-type]
    return ToolResult(run=ToolRun(tool=tool, status=status, component=component), parsed=reports)


def test_a_tool_vouches_only_for_what_it_looked_at_whole() -> None:
    found = outcome(
        result("trivy"),
        result("snyk", component="web"),
        result("snyk", Status.SKIPPED, component="engine"),
        result("gitleaks"),
        result("gitleaks", Status.FAILED),
        result("codeql", problems=[EntryProblem(message="odd")], reported=1),
        result("trufflehog", gaps=[Gap(message="cut off", fatal=True)]),
    )
    assert complete_tools(found) == {("trivy", "."), ("snyk", "web")}


def test_a_part_of_the_history_vouches_for_no_secret() -> None:
    found = outcome(result("trivy"), result("gitleaks"), result("trufflehog"))
    assert complete_tools(found, since="HEAD~1") == {("trivy", ".")}
    assert complete_tools(outcome(result("trivy"), interrupted=True)) == set()


def test_a_file_of_secaggs_vouches_for_the_tools_of_its_runs() -> None:
    """A history kept from findings.sarif sees fixes too; SARIF of others says nothing of them."""

    def frame(driver: str, category: str) -> dict[str, object]:
        return {"tool": {"driver": {"name": driver}}, "automationDetails": {"id": category}}

    runs = [
        frame("Trivy", "secagg/trivy/"),
        frame("Trivy", "secagg/trivy/services/web/"),
        frame("Gitleaks", "secagg/gitleaks/"),
        frame("Snyk", "secagg/trivy/api/"),
        frame("Semgrep", "semgrep/"),
        frame("CodeQL", "/language:python/"),
        {},
    ]
    mine = result("sarif", runs=runs[:3])
    assert complete_tools(outcome(mine)) == {
        ("trivy", "."),
        ("trivy", "services/web"),
        ("gitleaks", "."),
    }
    own = {("trivy", "."), ("trivy", "services/web")}
    whole = result("sarif", runs=runs)
    assert complete_tools(outcome(whole)) == {("sarif", "."), ("gitleaks", "."), *own}
    part = result("sarif", runs=runs, gaps=[Gap(message=f"Gitleaks: {PART_OF_HISTORY}")])
    assert complete_tools(outcome(part)) == {("sarif", "."), *own}
    assert complete_tools(outcome(result("sarif", Status.FAILED, runs=runs))) == set()
    cut = result("sarif", runs=runs, gaps=[Gap(message="cut off", fatal=True)])
    assert complete_tools(outcome(cut)) == set()


def _sarif() -> bytes:
    def place(line: int, said: str) -> dict[str, object]:
        region = {"startLine": line, "snippet": {"text": f"line {line}"}}
        uri = {"uri": "app/my%20db.py"}
        return {
            "physicalLocation": {"artifactLocation": uri, "region": region},
            "message": {"text": said},
        }

    flow = {"threadFlows": [{"locations": [{"location": place(n, f"step {n}")} for n in (3, 9)]}]}
    found = {
        "ruleId": "py/sql-injection",
        "message": {"text": "Query built from user input."},
        "locations": [place(9, "")],
        "codeFlows": [flow],
    }
    tool = {"driver": {"name": "CodeQL", "rules": [{"id": "py/sql-injection"}]}}
    return json.dumps({"version": "2.1.0", "runs": [{"tool": tool, "results": [found]}]}).encode()


def test_a_problem_has_the_flow_and_the_lines_of_its_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECAGG_HMAC_KEY", "a key that is only for tests")
    (tmp_path / "r.sarif").write_bytes(_sarif())
    parsed = parse_files(
        [str(tmp_path / "r.sarif")], tool=None, root=tmp_path, gate=plain_gate(tmp_path, Config())
    )
    (judgement,) = parsed.decision.judgements
    made = problem_of(judgement)
    assert made.steps == (
        TimelineStep(uri="app/my db.py", line=3, message="step 3"),
        TimelineStep(uri="app/my db.py", line=9, message="step 9"),
    )
    assert made.snippet is not None
    assert (made.snippet.start_line, made.snippet.lines) == (9, ("line 9",))
    assert (made.uri, made.action) == ("app/my db.py", judgement.action)

    monkeypatch.delenv("SECAGG_STORE", raising=False)
    place = Origin(repository="acme/shop", branch="main", commit=None)
    assert first_seen(None, tmp_path, origin=place, identities=[made.identity]) == {}
    done = record_outcome(parsed, url=None, root=tmp_path, origin=place)
    again = record_outcome(parsed, url=None, root=tmp_path, origin=place)
    assert (done.new, again.again) == (1, True)
    seen = first_seen(None, tmp_path, origin=place, identities=[made.identity])
    with open_store_of(None, tmp_path, create=False) as store:
        (kept,) = store.problems("acme/shop", "main")
    assert seen == {made.identity: kept.first_seen}
    assert (kept.steps, kept.snippet, kept.sources) == (made.steps, made.snippet, made.sources)
    key = run_record(parsed, place).key
    assert key != run_record(parsed, replace(place, commit="f" * 40)).key


def test_a_directory_without_git_is_called_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GITHUB_HEAD_REF", "GITHUB_REF_NAME"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "shop").mkdir()
    assert origin_of(tmp_path / "shop") == Origin(repository="shop", branch="HEAD", commit=None)


def test_a_pull_request_is_no_branch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_HEAD_REF", "main")
    monkeypatch.setenv("GITHUB_REF_NAME", "7/merge")
    assert origin_of(tmp_path).branch == "pull request: main"


def test_a_stored_run_is_a_baseline_with_all_its_gaps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason of a tool run is the first of its gaps; an accepted one is a gap all the same."""
    monkeypatch.delenv("SECAGG_STORE", raising=False)
    repo = Repo(tmp_path)
    commit = repo.commit("Base")
    gaps = [Gap(message=f"{name} was not read", fatal=True) for name in ("a.json", "b.json")]
    trivy = result("trivy", Status.FAILED, gaps=gaps)
    trivy.run.reason = gaps[0].message
    gitleaks = result("gitleaks", gaps=[Gap(message="old.py was not read", fatal=True)])
    snyk = result("snyk", Status.SKIPPED)
    snyk.run.reason = "switched off in secagg.yaml"
    codeql = result("codeql", Status.FAILED)
    codeql.run.reason = "it crashed"
    place = Origin(repository="acme/shop", branch="main", commit=commit)
    record_outcome(outcome(trivy, gitleaks, snyk, codeql), url=None, root=tmp_path, origin=place)

    gate = plain_gate(tmp_path, Config())
    gate.options = GateOptions(repository="acme/shop", branch="main")
    baseline = baseline_groups("HEAD", gate)
    assert sorted(baseline.gaps.values()) == [
        "a.json was not read",
        "b.json was not read",
        "it crashed",
        "old.py was not read",
    ]
    assert list(baseline.doubts({gap_key(gap.message) for gap in gaps})) == [
        "the baseline is incomplete, so old problems may be called new: old.py was not read",
        "the baseline is incomplete, so old problems may be called new: it crashed",
    ]


def test_auto_takes_a_stored_run_only_if_all_tools_of_the_scan_ran_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever else were new for want of a tool would be laid to the change."""
    monkeypatch.delenv("SECAGG_STORE", raising=False)
    repo = Repo(tmp_path)
    commit = repo.commit("Base")
    trivy, gitleaks = result("trivy"), result("gitleaks", Status.FAILED)
    gitleaks.run.gaps = [Gap(message="old.py was not read", fatal=True)]
    gitleaks.run.reason = "old.py was not read"
    snyk = result("snyk", Status.FAILED)
    snyk.run.reason = "it crashed"
    place = Origin(repository="acme/shop", branch="main", commit=commit)
    record_outcome(outcome(trivy, gitleaks, snyk), url=None, root=tmp_path, origin=place)
    scanned = BaselineReport((), name="a scan")
    stored = f"the stored run of its base {commit[:12]}"

    def auto(*tools: str, scans: bool = True) -> str | None:
        options = GateOptions(repository="acme/shop", branch="main", policy_from="HEAD")
        gate = prepare(tmp_path, replace(options, policy="pr-gate"), environ={})
        gate.scan_base = (lambda tool_versions: scanned) if scans else None
        return baseline_groups("auto", gate, [ToolVersion(tool, "1.0") for tool in tools]).name

    assert auto("trivy", "gitleaks (git)") == stored
    assert auto("trivy", "trufflehog") == "a scan"
    assert auto("snyk") == "a scan"
    assert auto("snyk", scans=False) == stored


def test_a_token_in_a_name_is_masked_wherever_the_name_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GITHUB_HEAD_REF", "GITHUB_REF", "GITHUB_REF_NAME", "GITHUB_EVENT_PATH"):
        monkeypatch.delenv(name, raising=False)
    token = "ghp_" + "aB3dE6" * 6
    repo = Repo(tmp_path / "shop")
    repo.commit()
    repo.git("remote", "add", "origin", f"https://bot:{token}@github.com/acme/shop.git")
    repo.git("checkout", "-q", "-b", f"fix/{token}")
    assert (origin := origin_of(repo.root)).branch == f"fix/{MASK}"
    assert origin.repository == "acme/shop"
    # Who names it finds it.
    assert origin_of(repo.root, branch=f"fix/{token}").branch == f"fix/{MASK}"
    assert origin_of(repo.root, repository=f"acme/{token}").repository == f"acme/{MASK}"
    monkeypatch.setenv("GITHUB_HEAD_REF", f"fix/{token}")
    assert origin_of(repo.root).branch == f"pull request: fix/{MASK}"
    long_name = "dependabot/npm_and_yarn/web/lodash-4.17.21"
    assert origin_of(repo.root, branch=long_name).branch == long_name
