"""A manifest that nobody has spoken of is told, and one that needs no word is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from secagg.components import find_components
from secagg.scanners.coverage import unpinned, unread_manifests

CARGO = '[[package]]\nname = "a"\nversion = "1.0.0"\n'


def complaints(root: Path, files: dict[str, str], spoken_of: set[str] | None = None) -> list[str]:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return list(unread_manifests(root, find_components(root), spoken_of or set()))


LOCKING = {
    "package-lock.json": '{"packages": {"": {}, "node_modules/a": {}}}',
    "npm-shrinkwrap.json": '{"dependencies": {"a": {"version": "1"}}}',
    "yarn.lock": 'a@^1:\n  version "1.0.0"\n',
    "pnpm-lock.yaml": "lockfileVersion: '9.0'\npackages:\n  a@1.0.0: {}\n",
    "Cargo.lock": CARGO + CARGO,
    "poetry.lock": CARGO,
    "uv.lock": CARGO + CARGO,
    "Pipfile.lock": '{"default": {"a": {"version": "==1"}}}',
    "requirements-dev.txt": "a==1\n",
    "go.mod": "module x\n\nrequire a.b/c v1.0.0\n",
    "pom.xml": "<project><dependencies><dependency/></dependencies></project>",
    "gradle.lockfile": "# a comment\na:b:1.0=compileClasspath\n",
}
EMPTY = {
    "package-lock.json": '{"packages": {"": {}, "node_modules/a": {"dev": true}}}',
    "yarn.lock": "# yarn lockfile v1\n\n",
    "pnpm-lock.yaml": "lockfileVersion: '9.0'\n",
    "Cargo.lock": CARGO,
    "poetry.lock": "package = []\n",
    "uv.lock": CARGO,
    "Pipfile.lock": '{"default": {}}',
    "requirements.txt": "# nothing\n-r other.txt\n",
    "go.mod": "module x\n",
    "pom.xml": "<project/>",
    "gradle.lockfile": "# a comment\nempty=\n",
}
BROKEN = {
    "package-lock.json": "[]",
    "npm-shrinkwrap.json": "{",
    "Cargo.lock": "[[",
    "poetry.lock": "=",
    "Pipfile.lock": "null",
}
DECLARING = {
    "package.json": '{"dependencies": {"a": "1"}}',
    "pyproject.toml": '[project]\ndependencies = ["a"]\n',
    "Cargo.toml": '[dependencies]\na = "1"\n',
    "Pipfile": '[packages]\na = "*"\n',
    "build.gradle": "dependencies { }\n",
}


@pytest.mark.parametrize("name", LOCKING)
def test_a_lock_file_is_told_unless_it_was_read(tmp_path: Path, name: str) -> None:
    files = {f"web/{name}": LOCKING[name]}
    assert complaints(tmp_path, files) == [f"web/{name} was not read: it locks dependencies"]
    assert complaints(tmp_path, files, {f"web/{name}"}) == []


@pytest.mark.parametrize("name", EMPTY)
def test_a_lock_file_that_locks_nothing_is_not_told(tmp_path: Path, name: str) -> None:
    assert complaints(tmp_path, {name: EMPTY[name]}) == []


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_lock_file_is_told(tmp_path: Path, name: str) -> None:
    assert complaints(tmp_path, {name: BROKEN[name]}) == [f"{name} was not read: it is broken"]


def test_a_lock_file_that_is_not_utf8_is_broken(tmp_path: Path) -> None:
    (tmp_path / "yarn.lock").write_bytes(b"\xff\xfe")
    assert complaints(tmp_path, {}) == ["yarn.lock was not read: it is broken"]


def test_a_lock_file_that_leads_nowhere_is_told(tmp_path: Path) -> None:
    (tmp_path / "yarn.lock").symlink_to(tmp_path / "nowhere")
    (told,) = complaints(tmp_path, {})
    assert told.startswith("yarn.lock was not read: it cannot be opened")


@pytest.mark.parametrize("name", DECLARING)
def test_dependencies_without_a_lock_file_are_told(tmp_path: Path, name: str) -> None:
    files = {f"web/{name}": DECLARING[name]}
    assert complaints(tmp_path, files) == [
        f"web/{name} has dependencies but no lock file: they were not checked"
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("package.json", '{"devDependencies": {"a": "1"}}'),
        ("pyproject.toml", "[tool.ruff]\n"),
        ("pyproject.toml", '[tool.poetry.dependencies]\npython = "^3.11"\n'),
        ("Cargo.toml", "[package]\n"),
        ("setup.cfg", "[metadata]\n"),
    ],
)
def test_a_manifest_without_dependencies_is_not_told(tmp_path: Path, name: str, text: str) -> None:
    assert complaints(tmp_path, {name: text}) == []


def test_poetrys_own_dependencies_count(tmp_path: Path) -> None:
    text = '[tool.poetry.dependencies]\npython = "^3.11"\na = "1"\n'
    assert len(complaints(tmp_path, {"pyproject.toml": text})) == 1


def test_a_broken_manifest_is_told(tmp_path: Path) -> None:
    assert len(complaints(tmp_path, {"package.json": "{"})) == 1


def test_a_workspaces_lock_file_covers_its_members(tmp_path: Path) -> None:
    files = {
        "package.json": '{"workspaces": ["packages/*"]}',
        "package-lock.json": LOCKING["package-lock.json"],
        "packages/a/package.json": DECLARING["package.json"],
    }
    assert complaints(tmp_path, files, {"package-lock.json"}) == []


def test_a_directory_with_two_ecosystems_is_judged_for_each(tmp_path: Path) -> None:
    files = {"yarn.lock": LOCKING["yarn.lock"], "pyproject.toml": DECLARING["pyproject.toml"]}
    assert complaints(tmp_path, files, {"yarn.lock"}) == [
        "pyproject.toml has dependencies but no lock file: they were not checked"
    ]


def test_requirements_that_are_all_pinned_or_all_loose_are_not_counted(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("a==1\nb===2\nc @ https://example.org/c.whl\n")
    (tmp_path / "requirements-dev.txt").write_text("a\nb>1\n")
    (tmp_path / "requirements-test.txt").write_bytes(b"\xff")
    assert list(unpinned(tmp_path, find_components(tmp_path))) == []
