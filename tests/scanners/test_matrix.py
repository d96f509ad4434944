"""Five tools, each way of failing: each with its own message and status, and nothing left."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from secagg.scanners.base import Status, ToolRun
from tests.scanners.conftest import Bench, Repo

TITLES = {
    "trivy": "Trivy",
    "snyk": "Snyk",
    "codeql": "CodeQL",
    "gitleaks": "Gitleaks",
    "trufflehog": "TruffleHog",
}
OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "trivy": {"scanners": ["misconfig"]},
    "snyk": {"modes": ["test"]},
    "codeql": {},
    "gitleaks": {"modes": ["git"]},
    "trufflehog": {},
}
# What is told -> what the reason says.
WAYS = {
    "bad version": "0.1.0 is not supported",
    "garbled version": "does not answer like",
    "exit 9": "failed with exit code 9",
    "killed": "was killed by signal 9",
    "hang": "was stopped at its deadline",
    "flood stdout": "wrote too much output",
    "flood stderr": "wrote too much output",
}
EMPTY = {
    "trivy": "Trivy wrote an empty report",
    "snyk": "Snyk wrote an empty report",
    "codeql": "CodeQL wrote an empty report",
    "gitleaks": "Gitleaks wrote an empty report",
    "trufflehog": "TruffleHog did not say that it finished scanning",
}
TRUNCATED = {name: f"{title} wrote no report that can be read" for name, title in TITLES.items()}
TRUNCATED["trufflehog"] = "TruffleHog's output ends in the middle of a line"
WRONG = {
    "trivy": "Trivy wrote something else than a Trivy report",
    "snyk": "Snyk wrote something else than a Snyk report",
    "codeql": "CodeQL wrote something else than SARIF",
    "gitleaks": "Gitleaks wrote something else than a list of findings",
    "trufflehog": "TruffleHog wrote something else than JSON lines",
}


@pytest.fixture
def target(repo: Repo) -> Path:
    """A repository in which every tool has something to do."""
    token = "ghp_" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0dF3gH6"
    repo.commit(
        {
            "app.py": f"TOKEN = '{token}'\n",
            "package.json": "{}",
            "package-lock.json": "{}",
            "Dockerfile": "FROM scratch\n",
        }
    )
    return repo.root


def scan(bench: Bench, tool: str, target: Path, timeout: float = 60.0) -> ToolRun:
    bench.extra["SNYK_TOKEN"] = "a-token-of-the-test"
    (run,) = bench.scan(tool, target, timeout=timeout, **OPTIONS[tool])
    return run


def gone(pid: str) -> bool:
    return not Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize("tool", TITLES)
def test_a_tool_that_behaves_is_complete(bench: Bench, target: Path, tool: str) -> None:
    bench.stand_in(tool)
    run = scan(bench, tool, target)
    assert run.status is Status.COMPLETE, run.reason
    assert [bool(report.data) for report in run.reports] == [True]
    assert run.version not in (None, "0.1.0")
    assert bench.leftovers() == []


@pytest.mark.parametrize("tool", TITLES)
def test_missing(bench: Bench, target: Path, tool: str) -> None:
    run = scan(bench, tool, target)
    assert run.status is Status.FAILED
    assert run.reason == f"{TITLES[tool]} is not installed: no {tool} on PATH"
    way = f"tools.{tool}.path" if tool == "codeql" else f"secagg tools install {tool};"
    assert way in str(run.hint)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("tool", TITLES)
def test_failing(
    bench: Bench, target: Path, tool: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("secagg.scanners.program.DEFAULT_OUTPUT_LIMIT", 1 << 20)
    monkeypatch.setattr("secagg.scanners.program.DEFAULT_GRACE", 0.3)
    program = bench.stand_in(tool, way)
    run = scan(bench, tool, target, timeout=3.0 if way == "hang" else 60.0)
    assert run.status is Status.FAILED
    assert run.reason is not None
    assert run.reason.startswith((TITLES[tool], str(program)))
    assert WAYS[way] in run.reason
    assert run.hint
    assert bench.leftovers() == []
    if way == "exit 9":
        assert "it said: something went wrong" in run.hint
        assert "s3cr3tpw" not in run.hint
    if way == "hang":
        pids = Path(f"{program}.pids").read_text().split()
        assert [gone(pid) for pid in pids] == [True, True]


@pytest.mark.parametrize(
    ("tool", "way", "reason"),
    [
        (tool, way, reasons[tool])
        for way, reasons in (("empty", EMPTY), ("truncated", TRUNCATED), ("wrong", WRONG))
        for tool in TITLES
    ],
)
def test_output_that_is_no_report(
    bench: Bench, target: Path, tool: str, way: str, reason: str
) -> None:
    bench.stand_in(tool, way)
    run = scan(bench, tool, target)
    assert run.status is Status.FAILED
    assert str(run.reason).startswith(reason)
    assert bench.leftovers() == []


@pytest.mark.parametrize("tool", TITLES)
def test_a_child_left_behind_is_ended(bench: Bench, target: Path, tool: str) -> None:
    program = bench.stand_in(tool, "orphan")
    assert scan(bench, tool, target).status is Status.COMPLETE
    _, child = Path(f"{program}.pids").read_text().split()
    assert gone(child)


def test_no_token(bench: Bench, target: Path) -> None:
    bench.stand_in("snyk")
    (run,) = bench.scan("snyk", target, modes=["test"])
    assert (run.status, run.reason) == (Status.FAILED, "Snyk has no token")
    assert "SNYK_TOKEN" in str(run.hint)


def test_a_token_that_the_tool_does_not_take(bench: Bench, target: Path) -> None:
    bench.stand_in("snyk", "no token")
    run = scan(bench, "snyk", target)
    assert (run.status, run.reason) == (Status.FAILED, "Snyk has no token")


@pytest.mark.parametrize("tool", TITLES)
def test_the_reasons_differ(tool: str) -> None:
    reasons = [*WAYS.values(), EMPTY[tool], TRUNCATED[tool], WRONG[tool]]
    assert len(set(reasons)) == len(reasons) - 1  # both streams flood alike
