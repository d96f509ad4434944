"""A manifest that nobody has spoken of is told, and one that needs no word is not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from secagg.packages.components import find_components
from secagg.packages.manifests import MANIFESTS
from secagg.packages.unchecked import UNCHECKED
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
    "go.mod": "module x\n\ngo 1.21\n\nrequire a.b/c v1.0.0\n",
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


NOT_LOCKED = {
    "package.json": '{"optionalDependencies": {"a": "1"}}',
    "py/pyproject.toml": '[project.optional-dependencies]\nx = ["a"]\n',
    "dynamic/pyproject.toml": '[tool.setuptools.dynamic]\ndependencies = {file = ["deps.in"]}\n',
    "group/pyproject.toml": '[tool.poetry.group.dev.dependencies]\na = "1"\n',
    "groups/pyproject.toml": '[dependency-groups]\ndev = ["a"]\n',
    "cfg/setup.cfg": "[options]\ninstall_requires =\n  a==1\n",
    "extras/setup.cfg": "[options.extras_require]\nx = a\n",
    "setup.py": "setup(install_requires=['a==1'])\n",
    "Pipfile": '[dev-packages]\na = "*"\n',
    "Cargo.toml": '[target."cfg(unix)".dependencies]\na = "1"\n',
    "app.csproj": '<Project><PackageReference Include="a" Version="1"/></Project>',
    "composer.json": '{"require": {"php": "^8", "a/b": "1"}}',
    "Gemfile": 'source "https://rubygems.org"\ngem "rails", "5.0.0"\n',
    "build.gradle.kts": "dependencies { }\n",
    "build.sbt": 'libraryDependencies += "a" %% "b" % "1"\n',
    "Package.swift": '.package(url: "https://example.com/a", from: "1.0.0")\n',
    "Podfile": "target 'A' do\n  pod 'a'\nend\n",
    "pubspec.yaml": "name: a\ndependencies:\n  http: ^1.0.0\n",
    "mix.exs": 'defp deps do\n  [{:plug, "~> 1.0"}]\nend\n',
    "conanfile.txt": "[requires]\nzlib/1.2.11\n",
    "requirements.in": "# direct ones\ndjango\n",
    "a.gemspec": 'Gem::Specification.new do |s|\n  s.add_dependency "rails", "5.0"\nend\n',
}


@pytest.mark.parametrize("name", NOT_LOCKED)
def test_each_sort_of_manifest_without_a_lock_is_told(tmp_path: Path, name: str) -> None:
    assert complaints(tmp_path, {name: NOT_LOCKED[name]}) == [
        f"{name} has dependencies but no lock file: they were not checked"
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("composer.json", '{"require": {"php": "^8", "ext-json": "*"}}'),
        ("Gemfile", '# gem "rails"\n'),
        ("app.csproj", "<Project/>"),
        ("setup.py", "setup(name='a')  # no install_requires\n# install_requires\n"),
        ("pubspec.yaml", "name: a\ndependencies:\n  flutter:\n    sdk: flutter\n"),
        ("mix.exs", "defp deps do\n  []\nend\n"),
        ("conanfile.txt", "[generators]\ncmake\n"),
    ],
)
def test_other_manifests_without_dependencies_are_not_told(
    tmp_path: Path, name: str, text: str
) -> None:
    assert complaints(tmp_path, {name: text}) == []


def test_compiled_requirements_and_a_gems_lock_file_cover(tmp_path: Path) -> None:
    files = {name: NOT_LOCKED[name] for name in ("requirements.in", "a.gemspec")}
    locks = {"requirements.txt": "django==5.0\n", "Gemfile.lock": "    rails (5.0)\n"}
    assert complaints(tmp_path, {**files, **locks}, set(locks)) == []


# By name, a text with dependencies, and one without.
UNCHECKED_MANIFESTS = {
    "deno.json": ('{"imports": {"a": "npm:lodash@4"}}', '{"imports": {"a": "./a.ts"}}'),
    "deno.jsonc": ('// c\n{"imports": {"a": "jsr:@std/path"}}', '// c\n{"tasks": {}}'),
    "bower.json": ('{"dependencies": {"jquery": "1"}}', '{"name": "a"}'),
    "environment.yml": (
        "dependencies:\n  - python=3.9\n  - pip:\n    - django==2.0\n",
        "name: a\ndependencies:\n  - python=3.9\n  - pip\n",
    ),
    "pixi.toml": ('[dependencies]\nopenssl = "1.1"\n', "[dependencies]\n"),
    "paket.dependencies": ("source x\nnuget Newtonsoft.Json 9\n", "source x\n"),
    "vcpkg.json": ('{"dependencies": ["openssl"]}', '{"dependencies": []}'),
    "Cartfile": ('github "A/A" ~> 4.0\n', "# github A/A\n"),
    "a.podspec": ('s.dependency "AFNetworking"\n', 's.name = "a"\n'),
    "Project.toml": ('[deps]\nHTTP = "cd3eb016"\n', 'name = "A"\n'),
    "DESCRIPTION": ("Package: a\nImports:\n    jsonlite\n", "A description.\nImports: none\n"),
    "renv.lock": ('{"Packages": {"a": {}}}', '{"Packages": {}}'),
    "a.cabal": ("library\n  build-depends: aeson\n", "library\n"),
    "package.yaml": ("dependencies:\n- aeson\n", "name: a\n"),
    "cpanfile": ("requires 'Mojolicious', '8';\n", "requires 'perl', '5.10';\n"),
    "project.clj": ('(defproject a "1" :dependencies [[ring "1"]])', '(defproject a "1")'),
    "deps.edn": ('{:deps {ring/ring {:mvn/version "1"}}}', '{:paths ["src"]}'),
    "ivy.xml": ('<dependencies><dependency org="a"/></dependencies>', "<dependencies/>"),
    "rebar.config": ('{deps, [{cowboy, "1.0.0"}]}.', "{deps, []}."),
    "a-1.rockspec": ('dependencies = {"luasocket"}\n', 'dependencies = {"lua >= 5.1"}\n'),
    "elm.json": ('{"dependencies": {"direct": {"elm/core": "1"}}}', '{"dependencies": {}}'),
    "a.opam": ('depends: ["lwt"]\n', 'depends: ["ocaml"]\n'),
    "dub.json": ('{"dependencies": {"vibe-d": "0.8"}}', '{"name": "a"}'),
    "shard.yml": ("dependencies:\n  kemal:\n    github: a/b\n", "name: a\n"),
    "a.nimble": ('requires "jester"\n', 'requires("nim >= 1.0")\n'),
    "build.zig.zon": (".{ .dependencies = .{ .x = .{} } }", ".{ .dependencies = .{} }"),
}


@pytest.mark.parametrize("name", UNCHECKED_MANIFESTS)
def test_a_manifest_that_no_scanner_checks_is_told(tmp_path: Path, name: str) -> None:
    declares, empty = UNCHECKED_MANIFESTS[name]
    sentence = f"app/{name} has dependencies of a kind that Trivy does not check"
    # Trivy names the files of some, of whose packages it has no advisories.
    for read in (set(), {f"app/{name}"}):
        assert complaints(tmp_path, {f"app/{name}": declares}, read) == [sentence]
    assert complaints(tmp_path, {f"app/{name}": empty}) == []


def test_each_unchecked_manifest_has_a_test_and_a_row_in_the_documentation() -> None:
    page = (Path(__file__).parents[2] / "docs" / "coverage.md").read_text()
    for manifest in UNCHECKED:
        assert any(manifest.is_named(name) for name in UNCHECKED_MANIFESTS), manifest.names
        assert all(f"`{name}`" in page for name in manifest.names), manifest.names


def test_a_lock_file_above_covers_only_members_of_its_workspace(tmp_path: Path) -> None:
    ui = {"ui/package.json": DECLARING["package.json"]}
    told = ["ui/package.json has dependencies but no lock file: they were not checked"]
    root = {"package.json": "{}", "package-lock.json": LOCKING["package-lock.json"]}
    assert complaints(tmp_path, root | ui, {"package-lock.json"}) == told
    root["package-lock.json"] = '{"packages": {"": {}, "ui": {}, "node_modules/a": {}}}'
    assert complaints(tmp_path, root | ui, {"package-lock.json"}) == []


def test_a_cargo_lock_above_covers_the_packages_that_it_names(tmp_path: Path) -> None:
    member = '[package]\nname = "{}"\n[dependencies]\na = "1"\n'
    files = {
        "Cargo.lock": CARGO + '[[package]]\nname = "one"\nversion = "1.0.0"\n',
        "one/Cargo.toml": member.format("one"),
        "two/Cargo.toml": member.format("two"),
    }
    assert complaints(tmp_path, files, {"Cargo.lock"}) == [
        "two/Cargo.toml has dependencies but no lock file: they were not checked"
    ]


def test_included_and_foldered_requirements_are_told_unless_they_were_read(tmp_path: Path) -> None:
    files = {
        "requirements.txt": "-r deps.txt\n-r ../outside.txt\na==1\n",
        "deps.txt": "b==1\n",
        "requirements/base.txt": "c==1\n",
        "notes.txt": "d==1\n",
    }
    assert complaints(tmp_path, files, {"requirements.txt"}) == [
        "deps.txt was not read: it locks dependencies",
        "requirements/base.txt was not read: it locks dependencies",
    ]
    assert complaints(tmp_path, {}, set(files)) == []


def test_direct_requirements_of_an_old_go_module_are_not_all(tmp_path: Path) -> None:
    module = "module x\n\ngo 1.16\n\nrequire a.b/c v1.0.0\n"
    assert complaints(tmp_path, {"go.mod": module}, {"go.mod"}) == [
        "go.mod has no go.sum: what its requirements need was not checked"
    ]
    assert complaints(tmp_path, {"go.sum": ""}, {"go.mod"}) == []


def test_table_of_the_documentation_names_every_manifest_and_lock() -> None:
    lines = (Path(__file__).parents[2] / "docs" / "coverage.md").read_text().splitlines()
    rows = [line.split("|")[1:3] for line in lines if line.startswith("| `")]
    locked = [manifest for manifest in MANIFESTS if manifest.locks]
    assert len(locked) > 10
    for manifest in locked:
        for name in manifest.names:
            (locks,) = [cells[1] for cells in rows if f"`{name}`" in cells[0]]
            named = set(re.findall(r"`([^`]+)`", locks))
            assert named == {*manifest.locks, *manifest.above}, name


NPM = '{"dependencies": {"a": "1", "@x/b": "^2"}, "optionalDependencies": {"c": "3"}}'
HELD = {
    "package-lock.json": '{"packages": {"": {}, "node_modules/a": {}, "node_modules/z/node_modules/'
    '@x/b": {}, "node_modules/c": {"link": true}}}',
    "npm-shrinkwrap.json": '{"dependencies": {"a": {}, "@x/b": {}, "c": {}}}',
    "yarn.lock": 'a@1:\n  version "1"\n"@x/b@npm:^2", "@x/b@npm:2":\n  version "2"\nc@3:\n',
    "pnpm-lock.yaml": "packages:\n  /a/1.0.0:\n  '@x/b@2.0.0':\n  /c@3.0.0:\n",
    "bun.lock": '{"packages": {"a": ["a@1.0.0"], "@x/b": ["@x/b@2.0.0"], "c": ["c@3.0.0"]}}',
}


@pytest.mark.parametrize("name", HELD)
def test_a_lock_file_that_lacks_what_the_manifest_declares_is_told(
    tmp_path: Path, name: str
) -> None:
    files = {"web/package.json": NPM, f"web/{name}": HELD[name]}
    assert complaints(tmp_path, files, {f"web/{name}"}) == []
    files["web/package.json"] = NPM.replace('"a"', '"aa"').replace('"c"', '"b"')
    assert complaints(tmp_path, files, {f"web/{name}"}) == [
        f"web/{name} does not hold aa, b, but web/package.json has dependencies: they were not "
        "checked"
    ]


@pytest.mark.parametrize("version", ["workspace:*", "link:../ui", "npm:z@1", "file:x", "x/y#main"])
def test_what_pnpm_locks_under_another_name_is_not_told(tmp_path: Path, version: str) -> None:
    files = {
        "package.json": f'{{"dependencies": {{"a": "{version}"}}}}',
        "pnpm-lock.yaml": "lockfileVersion: '9.0'\n",
    }
    assert complaints(tmp_path, files, {"pnpm-lock.yaml"}) == []


EMPTIED = {
    "pyproject.toml": ("poetry.lock", "package = []\n"),
    "setup.py": ("uv.lock", "version = 1\n"),
    "Pipfile": ("Pipfile.lock", "{}"),
    "Cargo.toml": ("Cargo.lock", CARGO),
    "app.csproj": ("packages.lock.json", '{"dependencies": {"net8.0": {}}}'),
    "composer.json": ("composer.lock", '{"packages": []}'),
    "Gemfile": ("Gemfile.lock", "GEM\n  specs:\n"),
    "build.gradle": ("gradle.lockfile", "# nothing\n"),
    "Podfile": ("Podfile.lock", ""),
    "pubspec.yaml": ("pubspec.lock", ""),
    "mix.exs": ("mix.lock", "%{}\n"),
    "Package.swift": ("Package.resolved", '{"pins": []}'),
    "conanfile.txt": ("conan.lock", "{}"),
}


@pytest.mark.parametrize("name", EMPTIED)
def test_an_emptied_lock_file_is_as_good_as_none(tmp_path: Path, name: str) -> None:
    lock, text = EMPTIED[name]
    manifest = {**DECLARING, **NOT_LOCKED}[name]
    (told,) = complaints(tmp_path, {name: manifest, lock: text})
    assert told.startswith(f"{lock} does not hold a")
    assert told.endswith(f", but {name} has dependencies: they were not checked")


def test_names_of_python_packages_are_compared_as_pip_does(tmp_path: Path) -> None:
    files = {
        "pyproject.toml": '[project]\ndependencies = ["Flask_Login>=1; python_version>\'3\'", "b"]\n'
        '[tool.poetry.dependencies]\npython = "^3"\n"zope.event" = "*"\nC = "1"\n',
        "poetry.lock": "".join(
            f'[[package]]\nname = "{name}"\nversion = "1"\n'
            for name in ("flask-login", "zope-event", "c")
        ),
    }
    assert complaints(tmp_path, files, {"poetry.lock"}) == [
        "poetry.lock does not hold b, but pyproject.toml has dependencies: they were not checked"
    ]


def test_one_lock_file_of_two_that_holds_all_is_enough(tmp_path: Path) -> None:
    files = {"package.json": NPM, "package-lock.json": "{}", "yarn.lock": HELD["yarn.lock"]}
    assert complaints(tmp_path, files, {"yarn.lock"}) == []
    assert len(complaints(tmp_path, {"yarn.lock": ""})) == 1


def test_gradle_may_lock_nothing_and_say_so(tmp_path: Path) -> None:
    files = {"build.gradle": "dependencies { }\n", "gradle.lockfile": "empty=compileClasspath\n"}
    assert complaints(tmp_path, files) == []


def test_a_member_of_a_workspace_may_lack_nothing_either(tmp_path: Path) -> None:
    files = {
        "package.json": '{"workspaces": ["packages/*"]}',
        "package-lock.json": LOCKING["package-lock.json"],
        "packages/a/package.json": NPM,
    }
    assert complaints(tmp_path, files, {"package-lock.json"}) == [
        "package-lock.json does not hold @x/b, c, but packages/a/package.json has dependencies: "
        "they were not checked"
    ]
    files["yarn.lock"] = files.pop("package-lock.json")
    (tmp_path / "package-lock.json").unlink()
    assert complaints(tmp_path, files, {"yarn.lock"}) == []
