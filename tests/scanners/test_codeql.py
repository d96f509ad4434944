"""CodeQL, stood in for by an executable that keeps its contract."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

from secagg.scanners.base import Status, ToolRun
from secagg.scanners.codeql import cpus, memory_megabytes, spare_megabytes, spare_threads
from tests.scanners.conftest import Bench, Repo

PYTHON = {"service/app.py": "import pickle\npickle.loads(x)\n"}


def scan(bench: Bench, repo: Repo, **settings: Any) -> dict[str | None, ToolRun]:
    runs = bench.scan("codeql", repo.root, **settings)
    assert bench.leftovers() == []
    return {run.mode: run for run in runs}


def calls(program: Path) -> list[list[str]]:
    """The argument lists that a stand-in was called with; :func:`noting` makes it note them."""
    return [ast.literal_eval(line) for line in Path(f"{program}.argv").read_text().splitlines()]


def noting(program: Path) -> Path:
    note = "print(sys.argv[1:], file=open(sys.argv[0] + '.argv', 'a'))\n"
    text = program.read_text()
    program.write_text(text.replace("import misbehave\n", f"import misbehave\n\n{note}"))
    return program


def test_each_language_found_has_a_run(bench: Bench, repo: Repo) -> None:
    bench.stand_in("codeql")
    repo.write(
        {
            **PYTHON,
            "web/pages/x.tsx": "eval(request.query)\n",
            "web/node_modules/y.rb": "",
            ".github/workflows/ci.yml": "on: push\n",
        }
    )
    runs = scan(bench, repo)
    assert list(runs) == ["actions", "javascript", "python"]
    assert {run.status for run in runs.values()} == {Status.COMPLETE}
    (result,) = runs["python"].reports[0].document["runs"][0]["results"]
    assert result["ruleId"] == "py/unsafe-deserialization"


def test_the_commands_are_the_documented_ones(bench: Bench, repo: Repo) -> None:
    program = noting(bench.stand_in("codeql"))
    repo.write({"main.rs": "fn main() {}\n"})
    scan(bench, repo, packs=["acme/queries"], threads=3, ram=4096)
    create, analyze = (call for call in calls(program) if call[0] == "database")
    database = create[2]
    assert create == [
        "database",
        "create",
        database,
        "--language=rust",
        f"--source-root={repo.root}",
        "--overwrite",
        "--build-mode=none",
        "--threads=3",
        "--ram=4096",
    ]
    assert analyze == [
        "database",
        "analyze",
        database,
        "--format=sarifv2.1.0",
        next(word for word in analyze if word.startswith("--output=")),
        "--sarif-category=/language:rust",
        "--threads=3",
        "--ram=4096",
        "--download",
        "rust-security-extended.qls",
        "acme/queries",
    ]


def test_offline_downloads_nothing(bench: Bench, repo: Repo) -> None:
    program = noting(bench.stand_in("codeql"))
    repo.write(PYTHON)
    scan(bench, repo, offline=True, suite="code-scanning")
    assert "--download" not in calls(program)[-1]
    assert calls(program)[-1][-1] == "python-code-scanning.qls"


def test_no_code_is_skipped_without_the_program(bench: Bench, repo: Repo) -> None:
    repo.write({"README.md": "text\n"})
    (run,) = scan(bench, repo).values()
    assert (run.status, run.reason) == (
        Status.SKIPPED,
        "no code in a language that CodeQL knows",
    )


def test_no_code_found_by_codeql_itself_is_skipped(bench: Bench, repo: Repo) -> None:
    bench.stand_in("codeql", "no code")
    repo.write(PYTHON)
    (run,) = scan(bench, repo).values()
    assert (run.status, run.reason) == (Status.SKIPPED, "CodeQL found no python code to analyse")


def test_a_query_that_timed_out_leaves_the_others_results(bench: Bench, repo: Repo) -> None:
    bench.stand_in("codeql", "query timeout")
    repo.write(PYTHON)
    (run,) = scan(bench, repo).values()
    assert run.status is Status.FAILED
    assert "query timed out" in str(run.reason)
    assert len(run.reports) == 1


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ("out of memory", "CodeQL ran out of memory"),
        ("exit 3", "CodeQL does not find its own installation"),
        ("exit 100", "CodeQL has an internal error"),
        ("exit 137", "CodeQL failed with exit code 137"),
        ("not successful", "CodeQL says in its report that the analysis did not succeed"),
    ],
)
def test_failures_are_told_apart(bench: Bench, repo: Repo, told: str, reason: str) -> None:
    bench.stand_in("codeql", told)
    repo.write(PYTHON)
    (run,) = scan(bench, repo).values()
    assert (run.status, run.reason) == (Status.FAILED, reason)


def test_a_language_that_it_cannot_analyse_is_a_failure(bench: Bench, repo: Repo) -> None:
    bench.stand_in("codeql")
    repo.write({**PYTHON, "App.swift": "print(1)\n"})
    runs = scan(bench, repo)
    assert runs["python"].status is Status.COMPLETE
    assert runs["swift"].status is Status.FAILED
    assert "cannot analyse swift, which the repository has" in str(runs["swift"].reason)


def test_languages_may_be_chosen_by_githubs_names(bench: Bench, repo: Repo) -> None:
    bench.stand_in("codeql")
    repo.write({**PYTHON, "x.js": "", "App.swift": ""})
    assert list(scan(bench, repo, languages=["javascript-typescript"])) == ["javascript"]


def test_untrusted_code_is_not_built(bench: Bench, repo: Repo) -> None:
    bench.stand_in("codeql")
    repo.write({**PYTHON, "main.rs": "fn main() {}\n", "main.go": "package main\n"})
    runs = scan(bench, repo, allow_builds=False)
    assert runs["python"].status is Status.COMPLETE
    for language in ("rust", "go"):
        assert runs[language].status is Status.SKIPPED
        assert [gap.message for gap in runs[language].gaps] == [f"{language} was not analysed"]


def test_languages_that_are_not_told_are_a_failure(bench: Bench, repo: Repo) -> None:
    program = bench.stand_in("codeql")
    program.write_text(
        program.read_text().replace("print(json.dumps({language", "print(({language")
    )
    repo.write(PYTHON)
    (run,) = scan(bench, repo).values()
    assert run.reason == "CodeQL does not say which languages it knows"


def test_both_steps_share_one_deadline(bench: Bench, repo: Repo) -> None:
    program = bench.stand_in("codeql", "hang")
    repo.write(PYTHON)
    (run,) = scan(bench, repo, timeout=4.0).values()
    assert "deadline" in str(run.reason)
    assert Path(f"{program}.pids").exists()


def test_the_budget_fits_the_machine() -> None:
    assert 1 <= spare_threads() <= cpus()
    assert 2048 <= spare_megabytes() <= max(2048, memory_megabytes())
