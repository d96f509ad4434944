"""Every problem planted in the sample monorepo is found by every tool that should see it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scripts import planted, sample_repo, trivy_db, truth
from secagg.scanners.base import Status, ToolRun
from tests.scanners.conftest import Bench
from tests.standins.snyk_api import SnykApi


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    dest = tmp_path_factory.mktemp("sample") / "repo"
    sample_repo.build(dest)
    return dest


def fatal(run: ToolRun) -> list[str]:
    return [gap.message for gap in run.gaps if gap.fatal]


def problems(tool: str) -> Iterator[dict[str, Any]]:
    yield from (p for p in truth.load()["problems"] if tool in p["seen_by"])


def test_trivy(bench: Bench, sample: Path, tmp_path: Path) -> None:
    bench.install_real("trivy")
    cache = tmp_path / "cache"
    trivy_db.build(cache)
    (run,) = bench.scan("trivy", sample, offline=True, cache_dir=cache)
    assert run.status is Status.COMPLETE, run.hint
    assert fatal(run) == []
    reported = set(truth.reported_by_trivy(run.reports[0].document))
    assert reported == truth.expected_of_trivy(truth.load())


def test_trivy_by_component(bench: Bench, sample: Path, tmp_path: Path) -> None:
    """Component by component, what is in a component is found, and nothing else is new."""
    bench.install_real("trivy")
    cache = tmp_path / "cache"
    trivy_db.build(cache)
    request = bench.request(sample, {})
    chosen = [c for c in request.components if c.path != "."]
    tops = [c.path for c in chosen if "/" not in c.path]
    options: dict[str, Any] = {"offline": True, "cache_dir": cache}
    runs = bench.scan("trivy", sample, components=chosen, whole=False, **options)
    assert [run.component for run in runs] == tops
    reported = {
        replace(sighting, path=f"{run.component}/{sighting.path}")
        for run in runs
        for sighting in truth.reported_by_trivy(run.reports[0].document)
    }
    places = tuple(f"{top}/" for top in tops)
    expected = truth.expected_of_trivy(truth.load())
    assert reported == {s for s in expected if s.path.startswith(places)}


def test_gitleaks(bench: Bench, sample: Path) -> None:
    bench.install_real("gitleaks")
    history, tree = bench.scan("gitleaks", sample)
    assert history.status is tree.status is Status.COMPLETE
    for run, in_history in ((history, True), (tree, False)):
        assert run.gaps == []
        reported = {
            replace(s, commit="", path=s.path.removeprefix(f"{sample}/"))
            for s in truth.reported_by_gitleaks(run.reports[0].document)
        }
        assert reported == truth.expected_of_gitleaks(truth.load(), history=in_history)


def test_gitleaks_of_a_pull_request(bench: Bench, sample: Path) -> None:
    """Only what a branch adds: the token on new-secret, and nothing that was there before."""
    bench.install_real("gitleaks")
    git = ["git", "-C", str(sample)]
    subprocess.run([*git, "checkout", "-q", "pr/new-secret"], check=True)
    try:
        (run,) = bench.scan("gitleaks", sample, modes=["git"], since="main")
    finally:
        subprocess.run([*git, "checkout", "-q", "main"], check=True)
    secrets = {entry["Secret"] for entry in run.reports[0].document}
    assert secrets == {planted.load()["github_token_pull_request"]}


def test_snyk(bench: Bench, sample: Path) -> None:
    bench.install_real("snyk")
    (bench.bin_dir / "python").symlink_to(sys.executable)  # it asks Python about Poetry's files
    with SnykApi() as api:
        bench.extra |= api.environment()
        (run,) = bench.scan("snyk", sample, modes=["test"])
    assert run.status is Status.COMPLETE, run.hint
    reported = set()
    for report in run.reports:
        document = report.document
        parts = document if isinstance(document, list) else [document]
        reported |= set(truth.reported_by_snyk(parts))
    assert reported == truth.expected_of_snyk(truth.load())
    # The JavaScript CLI comes without the Python scripts by which it would resolve this one.
    (told,) = fatal(run)
    assert told.startswith("Snyk did not check python-ai-service/requirements.txt: ")


def test_codeql(bench: Bench, sample: Path) -> None:
    bench.stand_in("codeql")
    runs = bench.scan("codeql", sample)
    assert {run.mode for run in runs} >= {"javascript", "python", "rust"}
    assert {run.status for run in runs} == {Status.COMPLETE}
    reported = set()
    for run in runs:
        for result in run.reports[0].document["runs"][0]["results"]:
            place = result["locations"][0]["physicalLocation"]
            reported.add(
                (result["ruleId"], place["artifactLocation"]["uri"], place["region"]["startLine"])
            )
    expected = {(p["rules"]["codeql"][0], p["path"], p["line"]) for p in problems("codeql")}
    assert reported == expected


def test_trufflehog(bench: Bench, sample: Path) -> None:
    bench.stand_in("trufflehog")
    (run,) = bench.scan("trufflehog", sample)
    assert run.status is Status.COMPLETE, run.hint
    found = [json.loads(line) for line in run.reports[0].data.splitlines()]
    seen = {
        (entry["DetectorName"], entry["SourceMetadata"]["Data"]["Git"]["file"]) for entry in found
    }
    for problem in problems("trufflehog"):
        places = {problem["path"], *(at["path"] for at in problem.get("also_at", []))}
        rules = problem["rules"]["trufflehog"]
        assert any((rule, place) in seen for rule in rules for place in places), problem["id"]
