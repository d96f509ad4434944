"""What ``secagg init`` writes is right by the linters, is written once, and loses no hand's work."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from typer.testing import CliRunner, Result

from secagg.cli.app import app
from secagg.config import load_config
from secagg.init.files import compare, with_digest, write
from secagg.init.plan import pins, planned_files, quoted
from secagg.init.survey import FEATURES, Answers, read_answers, survey
from secagg.scanners import SCANNERS
from tests.init.shapes import SHAPES, make_shape
from tests.workflows.act import BIN, git

YAML_FILE = YAML(typ="safe")


def init(root: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["init", str(root), *arguments])


def contents(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and ".git" not in path.relative_to(root).parts
    }


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All shapes with everything that there is, each in a directory."""
    top = tmp_path_factory.mktemp("shapes")
    for name in SHAPES:
        assert init(make_shape(name, top / name), "--with", "all").exit_code == 0
    return top


def linted(*arguments: str | Path, cwd: Path) -> str:
    """Run a linter of the tests' environment; what it says, with its exit code."""
    env = {"PATH": f"{BIN}:/usr/bin:/bin", "HOME": str(cwd), "NO_COLOR": "1"}
    done = subprocess.run(
        [BIN / str(arguments[0]), *map(str, arguments[1:])],
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return f"{done.returncode} {done.stdout}{done.stderr}"


def files(top: Path, pattern: str) -> list[Path]:
    found = sorted(path for name in SHAPES for path in (top / name).glob(pattern))
    assert found
    return found


def different(paths: list[Path]) -> list[Path]:
    """One of those that are the same: linters need not say all five times."""
    return list({path.read_bytes(): path for path in paths}.values())


def test_actionlint_and_shellcheck_find_nothing(generated: Path) -> None:
    workflows = files(generated, ".github/workflows/*.yml")
    # Where nothing is locked there is nothing to bring up to date.
    assert len(workflows) == len(SHAPES) * (4 + len(FEATURES)) - 1
    assert linted("actionlint", *different(workflows), cwd=generated) == "0 "


def test_zizmor_finds_nothing_at_its_strictest(generated: Path) -> None:
    said = linted("zizmor", "--offline", "--persona", "pedantic", "--quiet", *SHAPES, cwd=generated)
    assert said.startswith("0 "), said
    assert "No findings to report" in said


@pytest.mark.parametrize(
    ("schema", "pattern"),
    [
        ("vendor.github-workflows", ".github/workflows/*.yml"),
        ("vendor.github-actions", ".github/actions/*/action.yml"),
        ("vendor.dependabot", ".github/dependabot.yml"),
    ],
)
def test_the_schemas_are_kept(generated: Path, schema: str, pattern: str) -> None:
    wanted = different(files(generated, pattern))
    said = linted("check-jsonschema", "--builtin-schema", schema, *wanted, cwd=generated)
    assert said.startswith("0 "), said


def test_a_linter_that_finds_something_is_seen(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yml"
    bad.write_text("on: push\njobs: {a: {runs-on: x, steps: [{uses: actions/checkout@v3}]}}\n")
    assert linted("actionlint", bad, cwd=tmp_path).startswith("1 ")
    assert not linted("zizmor", "--offline", "--quiet", bad, cwd=tmp_path).startswith("0 ")


def test_each_action_is_pinned_by_a_commit_of_the_list(generated: Path) -> None:
    known = {f"{name}@{pin['commit']}" for name, pin in pins().items()}
    for path in files(generated, ".github/**/*.yml"):
        for line in path.read_text().splitlines():
            if "uses: " in line and "uses: ./" not in line:
                action, _, rest = line.partition("uses: ")[2].partition("@")
                commit, _, version = rest.partition(" # ")
                repository = "/".join(action.split("/")[:2])
                assert f"{repository}@{commit}" in known, line
                assert version == pins()[repository]["version"]


def test_what_is_promised_of_permissions_and_triggers_holds(generated: Path) -> None:
    for path in files(generated, ".github/workflows/*.yml"):
        workflow = YAML_FILE.load(path)
        assert workflow["permissions"] == {}
        assert "pull_request_target" not in workflow["on"]
        assert workflow["concurrency"]["cancel-in-progress"] is not True
        for job in workflow["jobs"].values():
            assert job["timeout-minutes"] <= 120
            for step in job["steps"]:
                assert "${{" not in step.get("run", "")
                if "actions/checkout" in step.get("uses", ""):
                    assert step["with"]["persist-credentials"] is False
                assert "secrets." not in str(step.get("env", {})) or "run" in step


@pytest.mark.parametrize("name", SHAPES)
def test_a_second_run_is_silent_and_check_agrees(name: str, tmp_path: Path) -> None:
    root = make_shape(name, tmp_path / name)
    assert init(root, "--check").exit_code == 1
    assert init(root, "--no-snyk", "--branches", "trunk", "--with", "release").exit_code == 0
    before = contents(root)
    again = init(root)
    assert (again.exit_code, again.output) == (0, "")
    assert (init(root, "--check").exit_code, init(root, "--diff").output) == (0, "")
    assert contents(root) == before
    answers = read_answers(root)
    assert answers is not None
    assert (answers.snyk, answers.branches) == (False, ["trunk"])


def test_what_a_person_wrote_is_shown_and_kept(tmp_path: Path) -> None:
    root = make_shape("python", tmp_path / "python")
    (root / "secagg.yaml").write_text("policy: strict\n")
    result = init(root)
    assert result.exit_code == 1
    assert "-policy: strict" in result.output
    assert (root / "secagg.yaml").read_text() == "policy: strict\n"
    assert init(root, "--force").exit_code == 0
    assert "strict" not in (root / "secagg.yaml").read_text()


def test_an_unchanged_file_is_brought_up_to_date_and_an_edited_one_is_not(tmp_path: Path) -> None:
    root = make_shape("python", tmp_path / "python")
    assert init(root).exit_code == 0
    gate = root / ".github/workflows/pr-gate.yml"
    edited = gate.read_text().replace("timeout-minutes: 30", "timeout-minutes: 5")
    gate.write_text(edited)
    assert (init(root).exit_code, gate.read_text()) == (0, edited)
    result = init(root, "--branches", "main,release")
    assert result.exit_code == 1
    assert (
        "kept, edited by hand; a newer version is available: .github/workflows/pr-gate.yml"
        in result.output
    )
    assert gate.read_text() == edited
    assert "[main, release]" in (root / ".github/workflows/secrets-scan.yml").read_text()


def test_nothing_is_written_through_a_link(tmp_path: Path) -> None:
    root = make_shape("python", tmp_path / "python")
    (tmp_path / "outside").mkdir()
    (root / ".github").symlink_to(tmp_path / "outside")
    result = init(root)
    assert result.exit_code != 0
    assert "symbolic link" in str(result.exception)
    assert list((tmp_path / "outside").iterdir()) == []


texts = st.text(st.characters(codec="utf-8", exclude_characters="\r\x00"), max_size=60)


@settings(max_examples=30)
@given(old=texts, new=texts, edit=st.one_of(st.none(), texts))
def test_a_hand_edit_is_never_lost(old: str, new: str, edit: str | None) -> None:
    """Whatever was generated, edited and is generated next: what is no edit is the new file."""
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        for placed in compare(root, {"a/f.yml": old}):
            write(root, placed)
        path = root / "a/f.yml"
        if edit is not None:
            path.write_text(edit, encoding="utf-8")
        (placed,) = compare(root, {"a/f.yml": new})
        present = path.read_bytes().decode()
        if placed.state in ("updated", "new"):
            assert present == with_digest(old)
        elif placed.state == "unchanged":
            assert present == with_digest(new)
        else:
            assert present == edit


@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_a_name_of_the_repository_is_a_string_and_no_expression(name: str) -> None:
    written = quoted(name)
    assert "${{" not in written.replace("${{ '${{' }}", "")
    if "${{" not in name:
        assert YAML_FILE.load(f"x: {written}\n") == {"x": name}


def test_the_plan_follows_what_there_is(tmp_path: Path) -> None:
    root = make_shape("monorepo", tmp_path / "monorepo")
    there = survey(root)
    assert there.snyk == ("nextjs-ui-dashboard", "python-ai-service")
    assert [language for language, _ in there.languages] == [
        "javascript-typescript",
        "python",
        "rust",
    ]
    plan = planned_files(there, Answers(branches=["main"], minute=there.minute))
    updates = YAML_FILE.load(plan[".github/dependabot.yml"])["updates"]
    assert {(u["package-ecosystem"], tuple(u["directories"])) for u in updates} == {
        ("cargo", ("/rust-core-engine",)),
        ("docker", ("/rust-core-engine",)),
        ("docker-compose", ("/",)),
        ("github-actions", ("/", "/.github/actions/*")),
        ("npm", ("/nextjs-ui-dashboard",)),
        ("pip", ("/python-ai-service", "/python-ai-service/worker")),
        ("terraform", ("/infra",)),
    }
    scan = YAML_FILE.load(plan[".github/workflows/security-scan.yml"])
    assert set(scan["jobs"]) == {"trivy", "snyk", "codeql", "aggregate"}
    assert scan["jobs"]["aggregate"]["needs"] == ["trivy", "snyk", "codeql"]
    expected = scan["jobs"]["aggregate"]["steps"][-1]["with"]["expect"].split()
    assert expected == [
        "report-trivy",
        "report-snyk-nextjs-ui-dashboard",
        "report-snyk-python-ai-service",
        "report-codeql-javascript-typescript",
        "report-codeql-python",
        "report-codeql-rust",
        "report-codeql-actions",
    ]
    assert 1 <= there.minute <= 58


def test_the_scanners_that_are_written_down_are_required(tmp_path: Path) -> None:
    """A desk without them has an incomplete scan, not a clean one."""
    root = make_shape("empty", tmp_path / "empty")
    assert init(root).exit_code == 0
    config = load_config(root)
    assert {name for name in SCANNERS if config.asks_for(name)} == {"trivy", "gitleaks"}


def test_owners_are_proposed_where_there_are_none(tmp_path: Path) -> None:
    root = make_shape("monorepo", tmp_path / "monorepo")
    git(root, "remote", "add", "origin", "https://github.com/acme/shop.git")
    (root / "CODEOWNERS").write_text("/rust-core-engine/ @acme/core\n/secagg.yaml @acme/sec\n")
    proposed = dict(
        line.split() for line in init(root).output.splitlines() if line.endswith("@acme/TEAM")
    )
    assert set(proposed) == {
        "/nextjs-ui-dashboard/",
        "/python-ai-service/",
        "/python-ai-service/worker/",
        "/.github/",
        "/policies/",
        "/secagg-exceptions.yaml",
    }
    (root / "CODEOWNERS").write_text("* @acme/everyone\n")
    assert "CODEOWNERS" not in init(root, "--force", "--with", "release").output


def test_gitlab_gets_the_same_stages(tmp_path: Path) -> None:
    root = make_shape("python", tmp_path / "python")
    assert init(root, "--ci", "gitlab").exit_code == 0
    pipeline = YAML_FILE.load(root / ".gitlab/secagg.gitlab-ci.yml")
    assert pipeline["stages"] == ["scan", "gate"]
    assert set(pipeline["secagg:gate"]["artifacts"]["reports"]) == {
        "sast",
        "dependency_scanning",
        "secret_detection",
    }
    assert not (root / ".github").exists()
    said = linted(
        "check-jsonschema",
        "--builtin-schema",
        "vendor.gitlab-ci",
        "--data-transform",
        "gitlab-ci",
        root / ".gitlab/secagg.gitlab-ci.yml",
        cwd=root,
    )
    assert said.startswith("0 "), said


@pytest.mark.parametrize(
    "arguments",
    [
        ("--with", "everything"),
        ("--branches", "a b;c"),
        ("--action", "acme/secagg@v1"),
        ("--runner", "x y"),
        ("--ci", "jenkins"),
    ],
)
def test_an_option_that_cannot_be_writes_nothing(
    arguments: tuple[str, ...], tmp_path: Path
) -> None:
    root = make_shape("empty", tmp_path / "empty")
    assert init(root, *arguments).exit_code != 0
    assert contents(root) == {}
