"""The real Snyk CLI against a loopback API; its other products by a stand-in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from secagg.packages.components import find_components
from secagg.scanners.base import Status, ToolRun
from tests.scanners.conftest import Bench, Repo
from tests.standins.snyk_api import SnykApi

IGNORE = (
    "version: v1.25.0\nignore:\n  SNYK-JS-LODASH-450202:\n    - '*':\n"
    "        reason: hidden\n        created: 2026-01-01T00:00:00.000Z\npatch: {}\n"
)


def npm(name: str = "web", version: str = "4.17.10") -> dict[str, str]:
    about = {"name": name, "version": "1.0.0", "dependencies": {"lodash": version}}
    packages = {"": about, "node_modules/lodash": {"version": version}}
    lock = {
        "name": name,
        "version": "1.0.0",
        "lockfileVersion": 2,
        "requires": True,
        "packages": packages,
        "dependencies": {"lodash": {"version": version}},
    }
    return {"package.json": json.dumps(about), "package-lock.json": json.dumps(lock)}


def below(directory: str, files: dict[str, str]) -> dict[str, str]:
    return {f"{directory}/{name}": text for name, text in files.items()}


@pytest.fixture
def snyk(bench: Bench) -> Iterator[Bench]:
    bench.install_real("snyk")
    with SnykApi() as api:
        bench.extra |= api.environment()
        yield bench


def scan(snyk: Bench, repo: Repo, **settings: Any) -> ToolRun:
    (run,) = snyk.scan("snyk", repo.root, modes=["test"], **settings)
    assert snyk.leftovers() == []
    return run


def projects(run: ToolRun) -> dict[str, set[str]]:
    """The issues of each manifest reported."""
    parts: list[dict[str, Any]] = []
    for report in run.reports:
        parts += report.document if isinstance(report.document, list) else [report.document]
    return {p["displayTargetFile"]: {v["id"] for v in p["vulnerabilities"]} for p in parts}


def gaps(run: ToolRun, *, fatal: bool) -> list[str]:
    return [gap.message for gap in run.gaps if gap.fatal is fatal]


def test_all_projects_are_tested(snyk: Bench, repo: Repo) -> None:
    repo.write(below("a", npm()) | below("b/c/d/e/f", npm("deep")))
    run = scan(snyk, repo)
    assert run.status is Status.COMPLETE
    assert run.version is not None
    found = projects(run)
    assert set(found) == {"a/package-lock.json", "b/c/d/e/f/package-lock.json"}
    assert all("SNYK-JS-LODASH-450202" in ids for ids in found.values())
    assert run.gaps == []


def test_a_project_that_it_drops_is_told(snyk: Bench, repo: Repo) -> None:
    repo.write(below("a", npm()) | below("b", npm() | {"package-lock.json": '{"na'}))
    run = scan(snyk, repo)
    assert set(projects(run)) == {"a/package-lock.json"}
    (told,) = gaps(run, fatal=True)
    assert told.startswith("Snyk did not check b/package-lock.json: Snyk failed with exit code 2")
    assert "parsing failed" in told
    allowed = scan(snyk, repo, allow_unread_manifests=True)
    assert gaps(allowed, fatal=False) == [told]


def test_no_project_that_can_be_read_is_a_failure(snyk: Bench, repo: Repo) -> None:
    repo.write(npm() | {"package-lock.json": '{"na'})
    run = scan(snyk, repo)
    assert run.status is Status.FAILED
    assert "parsing failed" in str(run.reason)


@pytest.mark.parametrize("place", [".", "a"])
def test_a_policy_in_the_target_does_not_act(snyk: Bench, repo: Repo, place: str) -> None:
    repo.write(below("a", npm()))
    (repo.root / place / ".snyk").write_text(IGNORE)
    run = scan(snyk, repo)
    assert "SNYK-JS-LODASH-450202" in projects(run)["a/package-lock.json"]
    name = ".snyk" if place == "." else "a/.snyk"
    assert gaps(run, fatal=False) == [f"the repository's own {name} was not used"]


def test_a_trusted_target_is_obeyed_and_that_is_told(snyk: Bench, repo: Repo) -> None:
    repo.write(npm() | {".snyk": IGNORE})
    run = scan(snyk, repo, trust_target_config=True)
    assert "SNYK-JS-LODASH-450202" not in projects(run)["package-lock.json"]
    assert gaps(run, fatal=False) == ["the repository's own .snyk was used"]


def test_a_chosen_component_is_tested_alone(snyk: Bench, repo: Repo) -> None:
    repo.write(below("a", npm()) | below("b", npm()))
    chosen = [c for c in find_components(repo.root) if c.path == "b"]
    run = scan(snyk, repo, components=chosen, whole=False)
    assert set(projects(run)) == {"b/package-lock.json"}
    assert run.reports[0].component is None  # its paths start at the root


def test_what_it_does_not_support_is_told(snyk: Bench, repo: Repo) -> None:
    repo.write(below("a", npm()) | {"engine/Cargo.lock": "", "engine/Cargo.toml": ""})
    run = scan(snyk, repo)
    assert gaps(run, fatal=False) == ["Snyk does not read Cargo.lock: engine was not checked by it"]


def test_nothing_to_test_is_skipped(snyk: Bench, repo: Repo) -> None:
    repo.write({"engine/Cargo.lock": ""})
    run = scan(snyk, repo)
    assert (run.status, run.reason) == (Status.SKIPPED, "no manifest that Snyk supports")


@pytest.mark.parametrize("status", [401, 403, 500])
def test_a_service_that_refuses_is_a_failure(bench: Bench, repo: Repo, status: int) -> None:
    bench.install_real("snyk")
    repo.write(npm())
    with SnykApi(fail_with=status) as api:
        bench.extra |= api.environment()
        run = scan(bench, repo)
    assert run.status is Status.FAILED
    assert run.reports == []


def test_a_service_that_is_not_there_is_a_failure(bench: Bench, repo: Repo) -> None:
    bench.install_real("snyk")
    repo.write(npm())
    with SnykApi() as api:
        bench.extra |= api.environment()
    run = scan(bench, repo)
    assert run.status is Status.FAILED
    assert "ECONNREFUSED" in str(run.reason)


def test_the_real_one_without_a_token_is_told_by_its_own_words(
    snyk: Bench, repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.write(npm())
    del snyk.extra["SNYK_TOKEN"]
    monkeypatch.setattr("secagg.scanners.snyk.has_token", lambda context: True)
    run = scan(snyk, repo)  # exit code 2, and a stack instead of JSON
    assert (run.status, run.reason) == (Status.FAILED, "Snyk has no token")


def test_a_stored_token_counts_as_one(snyk: Bench, repo: Repo) -> None:
    repo.write(npm())
    store = snyk.home / ".config" / "configstore"
    store.mkdir(parents=True)
    (store / "snyk.json").write_text(json.dumps({"api": snyk.extra.pop("SNYK_TOKEN")}))
    assert scan(snyk, repo).status is Status.COMPLETE


def test_code_and_iac_and_containers_have_runs_of_their_own(bench: Bench, repo: Repo) -> None:
    bench.stand_in("snyk")
    bench.extra["SNYK_TOKEN"] = "x"
    repo.write({".dcignore": "*\n", ".snyk": IGNORE})
    runs = bench.scan("snyk", repo.root, modes=["code", "iac"], containers=["image:1"])
    assert [run.mode for run in runs] == ["code", "iac", "container image:1"]
    assert {run.status for run in runs} == {Status.COMPLETE}
    assert gaps(runs[0], fatal=False) == [
        "the repository's own .snyk was used",
        "the repository's own .dcignore was used",
    ]
    assert gaps(runs[1], fatal=False) == ["the repository's own .snyk was not used"]
    assert runs[2].gaps == []


@pytest.mark.parametrize(
    ("code", "status", "reason"),
    [
        (3, Status.SKIPPED, "Snyk found nothing that code supports"),
        (69, Status.FAILED, "Snyk's service is unavailable"),
        (75, Status.FAILED, "Snyk's service is under maintenance"),
        (77, Status.FAILED, "Snyk's service does not permit this"),
    ],
)
def test_exit_codes_are_told_apart(
    bench: Bench, repo: Repo, code: int, status: Status, reason: str
) -> None:
    bench.stand_in("snyk", f"exit {code}")
    bench.extra["SNYK_TOKEN"] = "x"
    (run,) = bench.scan("snyk", repo.root, modes=["code"])
    assert run.status is status
    assert str(run.reason).startswith(reason)


def test_an_error_in_a_list_of_results_is_told(bench: Bench, repo: Repo) -> None:
    program = bench.stand_in("snyk")
    bench.extra["SNYK_TOKEN"] = "x"
    error = "{'ok': False, 'error': 'cannot parse', 'path': 'main.tf'}"
    program.write_text(
        program.read_text().replace(
            "misbehave.deliver(json.dumps(report)",
            f"misbehave.deliver(json.dumps([report, {error}])",
        )
    )
    (run,) = bench.scan("snyk", repo.root, modes=["iac"])
    assert gaps(run, fatal=True) == ["Snyk did not check main.tf: cannot parse"]


@pytest.mark.parametrize("written", ["{{'ok': False, 'error': {0!r}}}", "{0!r}"])
def test_an_error_that_is_cut_leaves_nothing_of_a_token(
    bench: Bench, repo: Repo, written: str
) -> None:
    token = "ghp_" + "aB3dE6gH9jK2mN5pQ8sT1vW4xY7zA0cF2eG4"
    error = "x" * 1_985 + f" {token} " + "y" * 1_000
    program = bench.stand_in("snyk", "exit 2")
    bench.extra["SNYK_TOKEN"] = "x"
    said = written.format(error)
    text = f"import json; print(json.dumps({said}))" if "ok" in said else f"print({said})"
    program.write_text(
        program.read_text().replace("import misbehave\n", f"import misbehave\n{text}\n")
    )
    (run,) = bench.scan("snyk", repo.root, modes=["iac"])
    assert run.status is Status.FAILED
    assert "x" * 1_900 in str(run.reason)
    assert token[:8] not in f"{run.reason} {run.hint}"


def test_its_organisation_and_region_are_handed_on(bench: Bench, repo: Repo) -> None:
    program = bench.stand_in("snyk", "environment")
    note = "open(__file__ + '.argv', 'w').write(str(sys.argv))\n"
    program.write_text(
        program.read_text().replace("import misbehave\n", f"import misbehave\n{note}")
    )
    bench.extra["SNYK_TOKEN"] = "x"
    bench.scan("snyk", repo.root, modes=["iac"], org="acme", api="https://api.example")
    assert "--org=acme" in Path(f"{program}.argv").read_text()
    environment = json.loads(Path(f"{program}.environment").read_text())
    assert environment["SNYK_API"] == "https://api.example"
