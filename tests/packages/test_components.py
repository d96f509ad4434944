"""Which directories of a monorepo are components, and whose a file is."""

from __future__ import annotations

from pathlib import Path

import pytest

from secagg.model.place import ecosystem_of
from secagg.packages.components import Component, find_components, innermost_component
from secagg.packages.manifests import (
    FAMILIES,
    component_kind,
    counterpart_name,
    locks_of,
    snyk_files,
)


def tree(root: Path, *files: str) -> Path:
    for name in files:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    return root


def test_directories_with_manifests_and_the_root(tmp_path: Path) -> None:
    tree(tmp_path, "a/Cargo.toml", "a/Cargo.lock", "b/c/package.json", "b/Dockerfile.web", "d/x.py")
    assert find_components(tmp_path) == [
        Component("."),
        Component("a", ("cargo",), ("Cargo.lock", "Cargo.toml")),
        Component("b", ("docker",), ("Dockerfile.web",)),
        Component("b/c", ("npm",), ("package.json",)),
    ]


@pytest.mark.parametrize("foreign", ["node_modules", "vendor", ".venv", "target", ".git"])
def test_other_peoples_code_is_no_component(tmp_path: Path, foreign: str) -> None:
    assert find_components(tree(tmp_path, f"{foreign}/x/package.json")) == [Component(".")]


def test_link_to_elsewhere_is_not_followed(tmp_path: Path) -> None:
    tree(tmp_path / "elsewhere", "package.json")
    root = tree(tmp_path / "root", "a.txt")
    (root / "link").symlink_to(tmp_path / "elsewhere")
    assert [c.path for c in find_components(root)] == ["."]


@pytest.mark.parametrize(
    ("uri", "component"),
    [
        ("a/src/x.rs", "a"),
        ("a/b/y.py", "a/b"),
        ("ab/y.py", "."),
        ("x.py", "."),
        (None, "."),
        ("../outside", "."),
        ("a/b/", "a"),
        ("a/./b//y.py", "a/b"),
        ("a/b/.", "a"),
        ("/a/y.py", "."),
        ("a/" * 3000 + "y.py", "a"),
    ],
)
def test_innermost_component_holds_a_file(uri: str | None, component: str) -> None:
    components = [Component("."), Component("a"), Component("a/b")]
    assert innermost_component(components)(uri) == component


@pytest.mark.parametrize(
    ("name", "ecosystem"),
    [
        ("requirements-dev.txt", "pypi"),
        ("poetry.lock", "pypi"),
        ("go.mod", "golang"),
        ("web.Dockerfile", "docker"),
        ("README.md", None),
    ],
)
def test_ecosystem_of_a_file_name(name: str, ecosystem: str | None) -> None:
    assert component_kind(name) == ecosystem


@pytest.mark.parametrize(
    ("uri", "ecosystem"),
    [
        ("requirements.txt", "pypi"),
        ("api/dev_requirement.in", "pypi"),
        ("requirements/dev.txt", "pypi"),
        ("api/base-requirements/dev.in", "pypi"),
        ("requirements/dev/a.txt", None),
        ("myrequirements.txt", None),
        ("requirements.txt.md", None),
        ("requirements-dev/notes.txt", None),
        ("web/package-lock.json", "npm"),
    ],
)
def test_ecosystem_of_a_place(uri: str, ecosystem: str | None) -> None:
    assert ecosystem_of(uri) == ecosystem


def test_the_files_of_one_manager_go_together() -> None:
    assert (FAMILIES["bun.lock"], FAMILIES["gems.locked"], FAMILIES["go.sum"]) == (
        "npm",
        "gem",
        "golang",
    )
    assert "Dockerfile" not in FAMILIES
    assert locks_of({"go.mod", "package.json", "uv.lock", "x.csproj", "packages.config"}) == [
        "go.mod",
        "packages.config",
        "uv.lock",
    ]


def test_what_snyk_is_asked_for_and_how_it_may_answer() -> None:
    assert snyk_files("npm", {"yarn.lock", "pnpm-lock.yaml", "package.json"}) == ["yarn.lock"]
    assert snyk_files("pypi", {"uv.lock", "Pipfile", "setup.py"}) == ["uv.lock", "Pipfile"]
    assert snyk_files("cargo", {"Cargo.lock"}) == []
    assert counterpart_name("yarn.lock") == "package.json"
    assert counterpart_name("Pipfile") == "Pipfile.lock"
    assert counterpart_name("pom.xml") is None
