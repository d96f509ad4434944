"""Jobs install secagg itself by the digest of its wheel, and nothing else of that name."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from typer.testing import CliRunner

from secagg import __version__
from secagg.cli.app import app
from secagg.errors import SecaggError, UsageError
from secagg.init.ownwheel import installed_pin, named_pin, pinned_digest

INFO = f"secagg-{__version__}.dist-info"


def make_wheel(
    directory: Path, text: str = "print('secagg')\n", *, unlisted: str | None = None
) -> Path:
    """A wheel that is called secagg, of this version; ``unlisted`` is a file that RECORD lacks."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"secagg-{__version__}-py3-none-any.whl"
    files = {
        "secagg/__init__.py": text,
        f"{INFO}/METADATA": f"Metadata-Version: 2.1\nName: secagg\nVersion: {__version__}\n",
        f"{INFO}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\n"
        "Tag: py3-none-any\n",
    }
    rows = []
    for name, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content.encode()).digest())
        rows.append(f"{name},sha256={digest.decode().rstrip('=')},{len(content)}")
    files[f"{INFO}/RECORD"] = "\n".join([*rows, f"{INFO}/RECORD,,", ""])
    if unlisted is not None:
        files[unlisted] = "import os\n"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return path


def digest(path: Path) -> str:
    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The metadata of an installation of a wheel, which is in no package index yet."""
    wheel = make_wheel(tmp_path / "origin")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    info = tmp_path / "site" / INFO
    # What an installer adds.
    record = (info / "RECORD").read_text()
    (info / "RECORD").write_text(f"../../../bin/secagg,sha256=abc,2\n{record}{INFO}/INSTALLER,,\n")
    monkeypatch.setattr(
        "secagg.init.ownwheel.metadata.distribution", lambda name: metadata.PathDistribution(info)
    )
    (tmp_path / "index").mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    return info


def test_what_a_person_names_is_a_wheel_of_this_version_or_a_digest(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path)
    assert named_pin(str(wheel)) == f"{__version__} {digest(wheel)}"
    assert pinned_digest(named_pin(digest(wheel))) == digest(wheel)
    other = wheel.rename(tmp_path / "secagg-0.0.1-py3-none-any.whl")
    for wrong in (str(other), str(tmp_path / "requests-1-py3-none-any.whl"), "sha256:12", ""):
        with pytest.raises(UsageError):
            named_pin(wrong)
    with pytest.raises(UsageError, match="cannot read"):
        named_pin(str(wheel))


@pytest.mark.parametrize("text", ["", "0.0.0 sha256:" + "a" * 64, f"{__version__} sha256:a", "x"])
def test_the_digest_of_another_version_is_none(text: str) -> None:
    assert pinned_digest(text) is None


@pytest.mark.parametrize(
    ("url", "archive"),
    [
        ("https://index.example/secagg-1-py3-none-any.whl", {"hashes": {"sha256": "ab" * 32}}),
        ("file:///secagg-1-py3-none-any.whl", {"hash": "sha256=" + "ab" * 32}),
    ],
)
def test_what_pip_recorded_is_taken(installed: Path, url: str, archive: dict[str, object]) -> None:
    (installed / "direct_url.json").write_text(json.dumps({"url": url, "archive_info": archive}))
    assert installed_pin() == f"{__version__} sha256:{'ab' * 32}"


@pytest.mark.parametrize(
    "origin",
    [
        {"url": "file:///src/secagg", "dir_info": {"editable": True}},
        {
            "url": "https://x.example/secagg-1.tar.gz",
            "archive_info": {"hash": "sha256=" + "a" * 64},
        },
        {"url": "file:///secagg-1-py3-none-any.whl", "archive_info": {}},
        {},
    ],
)
def test_what_was_not_installed_from_a_wheel_has_no_digest(
    installed: Path, origin: dict[str, object]
) -> None:
    (installed / "direct_url.json").write_text(json.dumps(origin))
    with pytest.raises(SecaggError, match=r"not a wheel|nothing recorded"):
        installed_pin()


def test_the_indexs_wheel_is_taken_if_it_is_what_runs_here(installed: Path, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path / "index")
    assert installed_pin() == f"{__version__} {digest(wheel)}"


@pytest.mark.parametrize(
    ("text", "unlisted"),
    [("print('another')\n", None), ("print('secagg')\n", "start.pth")],
)
def test_another_wheel_of_the_index_is_refused(
    installed: Path, tmp_path: Path, text: str, unlisted: str | None
) -> None:
    make_wheel(tmp_path / "index", text, unlisted=unlisted)
    with pytest.raises(SecaggError, match="is not what runs here"):
        installed_pin()


def test_an_index_without_secagg_is_said_so(installed: Path) -> None:
    with pytest.raises(SecaggError, match="secagg could not be downloaded"):
        installed_pin()


def pip(lock: Path, wheels: Path) -> str:
    """What pip says to the generated lock, as the generated jobs call it."""
    arguments = ["install", "--require-hashes", "--no-deps", "--only-binary", ":all:", "--dry-run"]
    arguments += ["--ignore-installed", "--no-index", "--find-links", str(wheels), "-r", str(lock)]
    done = subprocess.run(
        [sys.executable, "-I", "-m", "pip", "--disable-pip-version-check", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return f"{done.returncode} {done.stdout}{done.stderr}"


def test_jobs_install_the_wheel_of_the_lock_and_no_other(tmp_path: Path) -> None:
    root = tmp_path / "tree"
    root.mkdir()
    lock = root / ".github/actions/secagg/locks/secagg.txt"
    first = CliRunner().invoke(app, ["init", str(root)])
    assert "The digest of secagg's wheel is not known" in first.output
    wheel = make_wheel(tmp_path / "wheels")
    assert "Hashes are required" in pip(lock, wheel.parent)
    again = CliRunner().invoke(app, ["init", str(root), "--wheel", str(wheel)])
    assert f"updated: {lock.relative_to(root)}" in again.output
    assert pip(lock, wheel.parent).startswith("0 ")
    assert CliRunner().invoke(app, ["init", str(root)]).output == ""
    make_wheel(wheel.parent, "print('another')\n")
    assert "DO NOT MATCH THE HASHES" in pip(lock, wheel.parent)


def test_every_install_of_the_generated_jobs_asks_for_hashes(tmp_path: Path) -> None:
    for ci in ("github", "gitlab"):
        (tmp_path / ci).mkdir()
        CliRunner().invoke(app, ["init", str(tmp_path / ci), "--ci", ci])
    texts = [
        (tmp_path / "github/.github/actions/secagg/action.yml").read_text(),
        (tmp_path / "gitlab/.gitlab/secagg.gitlab-ci.yml").read_text(),
    ]
    installs = [line for text in texts for line in text.splitlines() if "pip install" in line]
    # The one without hashes is of the action's own checkout, which its commit pins.
    assert sum("--require-hashes" in line for line in installs) == 5
    (own,) = (line for line in installs if "--require-hashes" not in line)
    assert "--no-index" in own and own.rstrip().endswith('"$GITHUB_ACTION_PATH"')
