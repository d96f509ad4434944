"""The doctor says of each tool whether a scan with it would be complete, and what to do."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from secagg.doctor import Diagnosis, examine
from tests.scanners.conftest import Bench, Repo

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def diagnose(
    bench: Bench, root: Path, names: list[str] | None = None, **more: Any
) -> dict[str, Diagnosis]:
    options = more.pop("options", {})
    request = bench.request(root, options, **more)
    return {d.tool: d for d in examine(request, bench.context, names, now=NOW)}


def database(cache: Path, age: timedelta) -> Path:
    (cache / "db").mkdir(parents=True)
    updated = (NOW - age).isoformat().replace("+00:00", ".123456789Z")
    (cache / "db" / "metadata.json").write_text(json.dumps({"UpdatedAt": updated}))
    return cache


def test_every_tool_that_is_there_is_ready(bench: Bench, repo: Repo) -> None:
    for tool in ("trivy", "snyk", "codeql", "gitleaks", "trufflehog"):
        bench.stand_in(tool)
    bench.extra["SNYK_TOKEN"] = "a-token"
    repo.commit({"app.py": "x = 1\n", "package-lock.json": "{}"})
    found = diagnose(bench, repo.root)
    assert list(found) == ["trivy", "snyk", "codeql", "gitleaks", "trufflehog"]
    assert [(d.ready, d.problem) for d in found.values()] == [(True, None)] * 5
    assert [d.path for d in found.values()] == [bench.bin_dir / tool for tool in found]
    assert all(d.version and d.supported for d in found.values())
    assert [d.token for d in found.values()] == [None, True, None, None, None]
    assert "a-token" not in str(found)
    assert found["gitleaks"].network is found["trufflehog"].network is None
    assert all(found[tool].network for tool in ("trivy", "snyk", "codeql"))


def test_missing_tools_are_told_with_the_next_step(bench: Bench, repo: Repo) -> None:
    repo.commit({"app.py": "x = 1\n"})
    diagnoses = diagnose(bench, repo.root)
    assert len(diagnoses) == 5
    for tool, diagnosis in diagnoses.items():
        assert not diagnosis.ready
        assert "is not installed" in str(diagnosis.problem)
        assert f"tools: {{{tool}: {{enabled: false}}}}" in str(diagnosis.next_step)
        assert diagnosis.path is None


@pytest.mark.parametrize(
    ("told", "problem"),
    [("bad version", "Gitleaks 0.1.0 is not supported"), ("garbled version", "does not answer")],
)
def test_a_version_that_does_not_do_is_told(
    bench: Bench, repo: Repo, told: str, problem: str
) -> None:
    bench.stand_in("gitleaks", told)
    (diagnosis,) = diagnose(bench, repo.root, ["gitleaks"]).values()
    assert not diagnosis.ready
    assert problem in str(diagnosis.problem)
    assert diagnosis.path == bench.bin_dir / "gitleaks"


def test_a_missing_token_is_told(bench: Bench, repo: Repo) -> None:
    bench.stand_in("snyk")
    repo.write({"package-lock.json": "{}"})
    (diagnosis,) = diagnose(bench, repo.root, ["snyk"]).values()
    assert (diagnosis.ready, diagnosis.token) == (False, False)
    assert diagnosis.problem == "Snyk has no token"


def test_pins_are_shown_and_checked(bench: Bench, repo: Repo) -> None:
    program = bench.stand_in("trivy")
    pin = hashlib.sha256(program.read_bytes()).hexdigest()
    for sha256, ready in ((pin, True), ("0" * 64, False)):
        options = {"trivy": {"sha256": sha256}}
        (diagnosis,) = diagnose(bench, repo.root, ["trivy"], options=options).values()
        assert (diagnosis.pinned, diagnosis.ready) == (True, ready)


@pytest.mark.parametrize(
    ("age", "most", "advice"),
    [
        (timedelta(hours=5), 7, False),
        (timedelta(days=30), 7, True),
        (timedelta(days=30), 30, False),
    ],
)
def test_the_age_of_the_database_is_told(
    bench: Bench, repo: Repo, tmp_path: Path, age: timedelta, most: int, advice: bool
) -> None:
    bench.stand_in("trivy")
    cache = database(tmp_path / "cache", age)
    options = {"trivy": {"offline": True, "cache_dir": cache}}
    more: dict[str, Any] = {"options": options, "max_database_days": most}
    (diagnosis,) = diagnose(bench, repo.root, ["trivy"], **more).values()
    assert diagnosis.ready is not advice
    assert diagnosis.database_age is not None
    assert abs(diagnosis.database_age - age) < timedelta(seconds=1)
    assert (diagnosis.next_step is not None) is advice
    assert diagnosis.network is None


@pytest.mark.parametrize("where", ["home", "TRIVY_CACHE_DIR", "XDG_CACHE_HOME"])
def test_the_database_is_looked_for_where_trivy_does(
    bench: Bench, repo: Repo, tmp_path: Path, where: str
) -> None:
    bench.stand_in("trivy")
    place = bench.home / ".cache" / "trivy" if where == "home" else tmp_path / "x" / "trivy"
    if where != "home":
        bench.extra[where] = str(place if where == "TRIVY_CACHE_DIR" else place.parent)
    database(place, timedelta(hours=1))
    (diagnosis,) = diagnose(bench, repo.root, ["trivy"]).values()
    assert diagnosis.database_age is not None


def test_offline_without_a_database_is_not_ready(bench: Bench, repo: Repo, tmp_path: Path) -> None:
    bench.stand_in("trivy")
    for options, ready in (
        ({"offline": True, "cache_dir": tmp_path / "none"}, False),
        ({"offline": True, "cache_dir": tmp_path / "none", "scanners": ["secret"]}, True),
        ({"cache_dir": tmp_path / "none"}, True),
    ):
        (diagnosis,) = diagnose(bench, repo.root, ["trivy"], options={"trivy": options}).values()
        assert diagnosis.ready is ready
        assert diagnosis.database_age is None


def test_a_shallow_clone_is_told(bench: Bench, repo: Repo, tmp_path: Path) -> None:
    bench.stand_in("gitleaks")
    repo.commit({"a": "1"})
    repo.commit({"a": "2"})
    clone = tmp_path / "clone"
    repo.git("clone", "--quiet", "--depth=1", f"file://{repo.root}", str(clone))
    (diagnosis,) = diagnose(bench, clone, ["gitleaks"]).values()
    assert not diagnosis.ready
    assert "fetch-depth: 0" in str(diagnosis.next_step)
    for options in ({"allow_shallow": True}, {"modes": ["dir"]}):
        request: dict[str, Any] = {"gitleaks": options}
        (diagnosis,) = diagnose(bench, clone, ["gitleaks"], options=request).values()
        assert diagnosis.ready


def test_a_tool_that_does_not_apply_is_said_not_to(bench: Bench, repo: Repo) -> None:
    bench.stand_in("codeql")
    (diagnosis,) = diagnose(bench, repo.root, ["codeql"]).values()
    assert (diagnosis.applies, diagnosis.ready) == (False, True)
    repo.write({"App.swift": ""})
    (diagnosis,) = diagnose(bench, repo.root, ["codeql"]).values()
    assert (diagnosis.applies, diagnosis.ready) == (True, False)


def test_verification_needs_a_network(bench: Bench, repo: Repo) -> None:
    bench.stand_in("trufflehog")
    options = {"trufflehog": {"verify": True}}
    (diagnosis,) = diagnose(bench, repo.root, ["trufflehog"], options=options).values()
    assert "the services" in str(diagnosis.network)
