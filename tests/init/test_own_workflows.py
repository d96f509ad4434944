"""This repository's own workflows, image and hooks, by the same linters."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from secagg.init.plan import pins
from tests.init.test_init import linted

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def test_actionlint_and_shellcheck_find_nothing() -> None:
    assert linted("actionlint", *WORKFLOWS, cwd=ROOT) == "0 "


def test_zizmor_finds_nothing_at_its_strictest() -> None:
    said = linted(
        *("zizmor", "--offline", "--persona", "pedantic", "--quiet", ".github", "action.yml"),
        cwd=ROOT,
    )
    assert said.startswith("0 "), said


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("vendor.github-workflows", WORKFLOWS),
        ("vendor.github-actions", [ROOT / "action.yml"]),
        ("vendor.dependabot", [ROOT / ".github" / "dependabot.yml"]),
        ("vendor.compose-spec", [ROOT / "compose.yaml"]),
    ],
)
def test_the_schemas_are_kept(schema: str, files: list[Path]) -> None:
    assert linted("check-jsonschema", "--builtin-schema", schema, *files, cwd=ROOT).startswith("0 ")


def test_nothing_that_a_caller_gives_becomes_part_of_a_script() -> None:
    for path in [*WORKFLOWS, ROOT / "action.yml"]:
        document = YAML(typ="safe").load(path)
        steps = document["runs"]["steps"] if "runs" in document else []
        steps += [step for job in document.get("jobs", {}).values() for step in job["steps"]]
        assert steps
        for step in steps:
            assert "${{" not in step.get("run", "")
            assert "GITHUB_ENV" not in step.get("run", "")


def test_the_verdict_is_the_last_step_of_the_action() -> None:
    steps = YAML(typ="safe").load(ROOT / "action.yml")["runs"]["steps"]
    assert (steps[-1]["id"], steps[-1]["if"]) == ("verdict", "always()")


def test_the_image_is_written_as_it_should_be() -> None:
    assert linted("hadolint", "Dockerfile", cwd=ROOT) == "0 "


def test_the_scripts_of_the_workflows_are_sound() -> None:
    scripts = [ROOT / "scripts" / name for name in ("db_cycle.sh", "load_test.sh")]
    assert linted("shellcheck", *scripts, cwd=ROOT) == "0 "


def test_pins_are_those_of_the_list() -> None:
    known = {(f"{name}@{pin['commit']}", pin["version"]) for name, pin in pins().items()}
    used = set()
    for path in [*WORKFLOWS, ROOT / "action.yml"]:
        for action, commit, version in re.findall(
            r"uses: ([\w./-]+)@([0-9a-f]+) # (\S+)", path.read_text()
        ):
            used.add((f"{'/'.join(action.split('/')[:2])}@{commit}", version))
    assert len(used) > 10
    assert used - known == set()


def test_no_lock_names_where_packages_come_from() -> None:
    locks = list((ROOT / "requirements").glob("*.txt"))
    assert locks
    for path in locks:
        assert "://" not in path.read_text()
