"""The sample monorepo is what its truth file says, by the word of the real scanners."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sysconfig
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scripts import planted, sample_repo, trivy_db, truth
from tests.standins.snyk_api import SnykApi

ROOT = Path(__file__).resolve().parent.parent
TOOLS = Path(sysconfig.get_path("scripts"))


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    dest = tmp_path_factory.mktemp("sample") / "repo"
    sample_repo.build(dest)
    return dest


def _git(repository: Path, *arguments: str) -> str:
    command = ["git", "-C", str(repository), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _gitleaks(mode: str, sample: Path, tmp_path: Path) -> list[truth.Sighting]:
    report = tmp_path / "gitleaks.json"
    options = ["--no-banner", "--exit-code=0", "--report-format=json", f"--report-path={report}"]
    command: list[str | Path] = [TOOLS / "gitleaks", mode, *options, "."]
    subprocess.run(command, cwd=sample, check=True, capture_output=True)
    return list(truth.reported_by_gitleaks(json.loads(report.read_text())))


def test_trivy_reports_what_the_truth_says_and_nothing_else(sample: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    trivy_db.build(cache)
    command: list[str | Path] = [
        TOOLS / "trivy",
        "fs",
        "--cache-dir",
        cache,
        "--skip-db-update",
        "--offline-scan",
    ]
    command += ["--skip-version-check", "--quiet", "--scanners", "vuln,misconfig,secret"]
    command += ["--list-all-pkgs", "--format", "json", sample]
    printed = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True).stdout
    reported = list(truth.reported_by_trivy(json.loads(printed)))
    assert set(reported) == truth.expected_of_trivy(truth.load())
    assert [sighting for sighting, times in Counter(reported).items() if times > 1] == []


def test_gitleaks_reports_what_the_truth_says_of_the_work_tree(
    sample: Path, tmp_path: Path
) -> None:
    reported = _gitleaks("dir", sample, tmp_path)
    assert set(reported) == truth.expected_of_gitleaks(truth.load(), history=False)


def test_gitleaks_reports_what_the_truth_says_of_the_history(sample: Path, tmp_path: Path) -> None:
    reported = _gitleaks("git", sample, tmp_path)
    places = {replace(sighting, commit="") for sighting in reported}
    assert places == truth.expected_of_gitleaks(truth.load(), history=True)
    for problem in truth.load()["problems"]:
        if "gitleaks" in problem["seen_by"]:
            its_places = {problem["path"], *(at["path"] for at in problem.get("also_at", []))}
            rules = problem["rules"]["gitleaks"]
            seen = {s.commit for s in reported if s.path in its_places and s.rule in rules}
            assert set(problem["commits"]) <= seen, problem["id"]


@pytest.mark.parametrize("folder", ["nextjs-ui-dashboard", "python-ai-service/worker"])
def test_snyk_reports_what_the_truth_says_and_nothing_else(
    sample: Path, tmp_path: Path, folder: str
) -> None:
    with SnykApi() as api:
        environment = {**api.environment(), "PATH": os.environ["PATH"], "HOME": str(tmp_path)}
        command: list[str | Path] = [TOOLS / "snyk", "test", "--json"]
        ran = subprocess.run(
            command, cwd=sample / folder, env=environment, capture_output=True, check=False
        )
    assert ran.returncode == 1, (ran.stdout, ran.stderr)
    reported = {
        replace(sighting, path=f"{folder}/{sighting.path}")
        for sighting in truth.reported_by_snyk([json.loads(ran.stdout)])
    }
    expected = truth.expected_of_snyk(truth.load())
    assert reported == {s for s in expected if s.path.startswith(f"{folder}/")}


def test_two_builds_have_the_same_commits(sample: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    sample_repo.build(again)
    refs = ["for-each-ref", "--format=%(refname) %(objectname)", "refs/heads"]
    assert _git(again, *refs) == _git(sample, *refs)
    assert _git(again, "status", "--porcelain") == ""


def test_every_planted_secret_is_in_the_history_and_in_the_truth(sample: Path) -> None:
    history = _git(sample, "log", "--all", "--patch", "--format=%B")
    # A diff puts a sign before each line: take it off, for the secret of several lines.
    text = "\n".join(line[1:] for line in history.splitlines())
    secrets = planted.load()
    for name, value in secrets.items():
        assert value in text or base64.b64encode(value.encode()).decode() in text, name
    named = {problem["secret"] for problem in truth.load()["problems"] if "secret" in problem}
    assert named == set(secrets)


def test_no_planted_secret_stands_outside_of_its_files() -> None:
    tracked = _git(ROOT, "ls-files", "-z").split("\0")
    allowed = (
        "fixtures/planted_secrets.json",
        "fixtures/reports/",
        "fixtures/labels/",
        "fixtures/formats/",
    )
    values = [value.encode() for value in planted.load().values()]
    for name in tracked:
        path = ROOT / name
        if not name or name.startswith(allowed) or not path.is_file():
            continue
        content = path.read_bytes()
        assert not any(value in content for value in values), name


def test_the_truth_names_what_a_good_sample_needs() -> None:
    problems: list[dict[str, Any]] = truth.load()["problems"]
    kinds = Counter(problem["kind"] for problem in problems)
    assert kinds["vulnerability"] >= 12
    assert kinds["secret"] >= 8
    assert kinds["misconfiguration"] >= 10
    assert kinds["code"] >= 8
    assert kinds["license"] >= 1
    assert len({problem["id"] for problem in problems}) == len(problems)


def test_an_existing_directory_is_not_built_over(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    answer = sample_repo.main([str(tmp_path)])
    assert answer is not None
    assert "is no sample repository" in answer
    assert (tmp_path / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("data", "value"),
    [(b"", 0xCBF29CE484222325), (b"a", 0xAF63DC4C8601EC8C), (b"foobar", 0x85944171F73967E8)],
)
def test_fnv1a(data: bytes, value: int) -> None:
    """The test vectors of draft-eastlake-fnv, section 6 and appendix C."""
    assert trivy_db.fnv1a_64(data) == value
