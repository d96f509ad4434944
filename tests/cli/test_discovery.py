"""The repository and its configuration are found as people expect."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from secagg.config import Config, load_config
from secagg.errors import ConfigError
from secagg.system.root import find_root
from tests.cli.running import secagg


@pytest.mark.parametrize("mark", ["secagg.yaml", "pyproject.toml"])
def test_no_configuration_below_the_top_of_a_repository_is_a_root(
    tmp_path: Path, mark: str
) -> None:
    # A change that adds one would take the place of the one that judges it.
    below = tmp_path / "web" / "src"
    below.mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    (tmp_path / "web" / mark).write_text("[tool.secagg]\n" if "toml" in mark else "")
    assert find_root(below) == below / ".." / ".."


@pytest.mark.parametrize("mark", [".git", "secagg.yaml", "pyproject.toml"])
def test_the_root_is_the_nearest_directory_that_says_so(tmp_path: Path, mark: str) -> None:
    below = tmp_path / "outer" / "web" / "src"
    below.mkdir(parents=True)
    if mark == ".git":
        (tmp_path / "outer" / mark).mkdir()
    else:
        (tmp_path / "outer" / mark).write_text("[tool.secagg]\n" if "toml" in mark else "")
    assert find_root(below) == below / ".." / ".."
    assert find_root(tmp_path / "outer") == tmp_path / "outer"


def test_a_project_file_that_says_nothing_of_secagg_is_no_root(tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / ".git").mkdir()
    (tmp_path / "web" / "pyproject.toml").write_text("[tool.ruff]\n")
    assert find_root(tmp_path / "web") == tmp_path / "web" / ".."


def test_the_configuration_may_stand_in_pyproject(tmp_path: Path) -> None:
    file = tmp_path / "pyproject.toml"
    file.write_text('[tool.secagg]\nrequire = ["code"]\ntools.snyk.enabled = false\n')
    config = load_config(tmp_path)
    assert config.require == ["code"]
    assert not config.enabled("snyk")
    file.write_text("[tool.secagg]\njobs = 0\n")
    with pytest.raises(ConfigError, match=r"pyproject.toml \[tool.secagg\]: jobs: at least 1"):
        load_config(tmp_path)
    file.write_text("[tool.secagg]\njobs = \n")
    with pytest.raises(ConfigError, match=r"pyproject.toml: not valid TOML"):
        load_config(tmp_path)
    file.write_text("[tool.other]\njobs = \n")
    assert load_config(tmp_path) == Config()
    # tomllib takes minutes for a key of so many parts.
    file.write_text("a" + ".a" * 20_000 + " = 1\n")
    assert load_config(tmp_path) == Config()
    file.write_bytes(b"[project]\nname = '\xff'\n")
    assert load_config(tmp_path) == Config()


def test_two_configurations_are_refused(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.secagg]\n")
    (tmp_path / "secagg.yaml").write_text("jobs: 3\n")
    with pytest.raises(ConfigError, match=r"both secagg.yaml and \[tool.secagg\]"):
        load_config(tmp_path)


@pytest.mark.parametrize("name", ["secagg.yml", ".secagg.yaml", ".secagg.yml"])
def test_a_name_that_is_nearly_right_is_said(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("jobs: 3\n")
    with pytest.raises(ConfigError, match=f"{name} is not read") as caught:
        load_config(tmp_path)
    assert f"mv {name} secagg.yaml" in str(caught.value.hint)
    assert load_config(tmp_path, tmp_path / name).jobs == 3


def test_config_show_says_where_each_value_comes_from(tmp_path: Path) -> None:
    root = tmp_path / "repo"
    (root / "web").mkdir(parents=True)
    (root / "secagg.yaml").write_text("jobs: 3\ntools:\n  snyk: {modes: [iac]}\n")
    shown = secagg("config", "show", bin_dir=tmp_path, home=tmp_path, cwd=root / "web")
    assert shown.code == 0, shown.stderr
    lines = {line.split()[0]: line for line in shown.stdout.splitlines() if line}
    assert lines["jobs"].split(None, 1)[1] == "3  # secagg.yaml:1"
    assert lines["tools.snyk.modes"].split(None, 1)[1] == "[iac]  # secagg.yaml:3"
    assert "#" not in lines["policy"]
    document = json.loads(
        secagg(
            *("config", "show", "--format", "json"), bin_dir=tmp_path, home=tmp_path, cwd=root
        ).stdout
    )
    assert document["file"] == "secagg.yaml"
    assert {"key": "jobs", "value": 3, "from": "secagg.yaml:1"} in document["settings"]


def test_a_change_of_the_table_in_pyproject_touches_the_gate(tmp_path: Path) -> None:
    root = tmp_path / "repo"
    root.mkdir()

    def git(*arguments: str) -> str:
        author = ("-c", "user.name=Ada", "-c", "user.email=ada@shelf.example")
        done = subprocess.run(
            ["git", *author, *arguments], cwd=root, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    git("init", "-q", "-b", "main")
    (root / "pyproject.toml").write_text('[tool.secagg]\nrequire = ["code"]\n')
    git("add", "--all")
    git("commit", "-q", "-m", "Begin")
    (root / "pyproject.toml").write_text("[tool.secagg]\nrequire = []\n")
    git("commit", "-q", "-a", "-m", "Require nothing")
    report = tmp_path / "trivy.json"
    report.write_text('{"SchemaVersion": 2, "ArtifactName": ".", "Results": []}')
    ran = secagg(
        *("gate", report, "--policy-from", "HEAD^", "--no-store"),
        bin_dir=tmp_path,
        home=tmp_path,
        cwd=root,
    )
    assert ran.code == 3, ran.stderr
    assert "no tool that completed looked for flaws in code" in ran.stdout
    assert "touches the gate itself (pyproject.toml [tool.secagg])" in ran.stdout
