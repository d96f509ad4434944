"""Each job that ``docs/specification.md`` names exists, here and in what ``secagg init`` writes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from secagg.init.plan import planned_files
from secagg.init.survey import FEATURES, Answers, survey
from tests.init.shapes import make_shape

ROOT = Path(__file__).parents[2]
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in (ROOT / "docs/specification.md").read_text().splitlines()
    if line.startswith("| ") and not line.startswith(("| ---", "| its"))
]
ITS_JOBS = {
    *("update-rust-deps", "update-python-deps", "update-npm-deps"),
    *("trivy-scan", "snyk-scan", "code-scanning", "gitleaks", "trufflehog"),
    *("load-test", "stress-test", "validate-migration", "migrate-staging", "migrate-production"),
    *("generate-rust-docs", "generate-python-docs", "generate-api-specs", "publish-docs"),
    "release",
}


def named(cell: str) -> set[tuple[str, str]]:
    """The files and jobs that a cell names."""
    found = set()
    for part in cell.split(";"):
        names = re.findall(r"`([\w.-]+)`", part)
        if names:
            found |= {(names[0], job) for job in names[1:] or [""]}
    return found


def jobs(file: str, text: str) -> set[tuple[str, str]]:
    """What a file has: itself, and its jobs."""
    return {(file, "")} | {(file, job) for job in YAML(typ="safe").load(text).get("jobs", {})}


def test_every_job_of_the_specification_is_on_the_page() -> None:
    assert {job for row in ROWS for job in re.findall(r"`([\w-]+)`", row[0])} == ITS_JOBS


@pytest.mark.parametrize("where", ["generated", "here"])
def test_every_counterpart_exists(where: str, tmp_path: Path) -> None:
    if where == "here":
        files = {path.name: path.read_text() for path in (ROOT / ".github").rglob("*.yml")}
    else:
        there = survey(make_shape("monorepo", tmp_path / "monorepo"))
        answers = Answers(branches=["main"], minute=1, features=list(FEATURES))
        files = {Path(path).name: text for path, text in planned_files(there, answers).items()}
    column = 2 if where == "generated" else 3
    wanted = {one for row in ROWS for one in named(row[column])}
    there_are = {
        one for name, text in files.items() if name.endswith(".yml") for one in jobs(name, text)
    }
    assert len(wanted) > 20
    assert wanted - there_are == set()
