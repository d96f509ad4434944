"""Run the real scanners on the sample monorepo, and keep what they print as fixtures.

``python -m scripts.make_fixtures`` writes fixtures/reports/<tool>/ anew, and beside it
PROVENANCE.toml: which command of which tool wrote each file, and with which exit code. The
outputs stay as they were printed, with the planted secrets in them. It needs ``make setup`` and no
network: Trivy gets the small database, Snyk the stand-in of its API.

The sample is built at a fixed place, since some tools print where they ran.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts import sample_repo, trivy_db
from tests.standins.snyk_api import SnykApi

REPORTS = Path(__file__).resolve().parent.parent / "fixtures" / "reports"
SAMPLE = Path("/tmp/secagg-sample/shelf")
_TOOLS = Path(sysconfig.get_path("scripts"))

_TRIVY = ("--cache-dir", "{cache}", "--skip-db-update", "--offline-scan", "--skip-version-check")
_QUIET = ("--quiet", "--no-progress", "--exit-code", "0")
_FS = ("trivy", "fs", *_TRIVY, *_QUIET)
_LEAKS = ("--no-banner", "--exit-code", "0")
_SCANNERS = ("--scanners", "vuln,misconfig,secret")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One fixture: the file under fixtures/reports and the command that writes it.

    The file is standard output, unless ``{out}`` stands in the command. ``folder`` is where it
    runs, in the sample.
    """

    file: str
    command: Sequence[str]
    folder: str = "."


RECIPES = (
    Recipe(file="trivy/fs.json", command=[*_FS, *_SCANNERS, "--format", "json", "."]),
    Recipe(
        file="trivy/fs-few-packages.json",
        command=[*_FS, *_SCANNERS, "--list-all-pkgs=false", "--format", "json", "."],
    ),
    Recipe(file="trivy/fs.sarif", command=[*_FS, *_SCANNERS, "--format", "sarif", "."]),
    Recipe(
        file="trivy/license.json",
        command=[*_FS, "--scanners", "license", "--license-full", "--format", "json", "."],
    ),
    Recipe(
        file="trivy/nothing.json",
        command=[*_FS, *_SCANNERS, "--format", "json", "rust-core-engine/src"],
    ),
    Recipe(
        file="trivy/config.json",
        command=["trivy", "config", "--quiet", "--skip-version-check", "--format", "json", "."],
    ),
    Recipe(
        file="trivy/config-with-passes.json",
        command=[
            *("trivy", "config", "--quiet", "--skip-version-check", "--include-non-failures"),
            *("--format", "json", "rust-core-engine"),
        ],
    ),
    Recipe(
        file="trivy/sbom.cdx.json",
        command=[*_FS, "--scanners", "vuln", "--format", "cyclonedx", "."],
    ),
    Recipe(
        file="trivy/sbom.json",
        command=[
            *("trivy", "sbom", *_TRIVY, *_QUIET),
            *("--format", "json", "../reports/trivy/sbom.cdx.json"),
        ],
    ),
    *(
        Recipe(
            file=f"gitleaks/{mode}.{extension}",
            command=[
                *("gitleaks", mode, *_LEAKS, "--report-format", form),
                *("--report-path", "{out}", "."),
            ],
        )
        for mode in ("dir", "git")
        for form, extension in (("json", "json"), ("sarif", "sarif"))
    ),
    *(
        Recipe(
            file=f"gitleaks/{name}.json",
            command=[
                *("gitleaks", "git", *_LEAKS, "--report-format", "json"),
                *("--log-opts", f"main..{branch}", "--report-path", "{out}", "."),
            ],
        )
        for name, branch in (
            ("range", "pr/secret-added-and-removed"),
            ("nothing", "pr/nothing-new"),
        )
    ),
    Recipe(file="snyk/all-projects.json", command=["snyk", "test", "--all-projects", "--json"]),
    Recipe(file="snyk/npm.json", command=["snyk", "test", "--json"], folder="nextjs-ui-dashboard"),
    Recipe(
        file="snyk/poetry.json",
        command=["snyk", "test", "--json"],
        folder="python-ai-service/worker",
    ),
    Recipe(
        file="snyk/not-supported.json",
        command=["snyk", "test", "--json"],
        folder="rust-core-engine",
    ),
    Recipe(
        file="snyk/pip-without-plugin.json",
        command=["snyk", "test", "--json"],
        folder="python-ai-service",
    ),
)
_VERSIONS = {
    "trivy": ["trivy", "--version"],
    "gitleaks": ["gitleaks", "version"],
    "snyk": ["snyk", "--version"],
}


def make() -> None:
    """Write every fixture. Raises ``RuntimeError`` if a tool wrote nothing, or too much."""
    shutil.rmtree(SAMPLE.parent, ignore_errors=True)
    shutil.rmtree(REPORTS, ignore_errors=True)
    sample_repo.build(SAMPLE)
    REPORTS.mkdir()
    (SAMPLE.parent / "reports").symlink_to(REPORTS)
    with tempfile.TemporaryDirectory() as home, SnykApi() as api:
        cache = Path(home) / "cache"
        trivy_db.build(cache)
        environment = {
            **api.environment(),
            "PATH": f"{_TOOLS}:{os.environ['PATH']}",
            "HOME": home,
            "LC_ALL": "C.UTF-8",
        }
        versions = {
            tool: _run(command, Path(home), environment)[1].decode().split("\n")[0]
            for tool, command in _VERSIONS.items()
        }
        entries = [_make(recipe, cache, environment, versions) for recipe in RECIPES]
    (REPORTS / "PROVENANCE.toml").write_text(_HEAD + "\n".join(entries), encoding="utf-8")
    shutil.rmtree(SAMPLE.parent)


_HEAD = """\
# Written by scripts/make_fixtures.py: the command behind each file, run in the sample monorepo
# (scripts/sample_repo.py). {cache} is the database of scripts/trivy_db.py, {out} the file itself;
# Snyk asked tests/standins/snyk_api.py.

"""


def _make(
    recipe: Recipe, cache: Path, environment: dict[str, str], versions: dict[str, str]
) -> str:
    out = REPORTS / recipe.file
    out.parent.mkdir(parents=True, exist_ok=True)
    places = {"{cache}": str(cache), "{out}": str(out)}
    arguments = list(recipe.command)
    for place, value in places.items():
        arguments = [argument.replace(place, value) for argument in arguments]
    code, printed = _run(arguments, SAMPLE / recipe.folder, environment)
    if "{out}" not in recipe.command:
        out.write_bytes(printed)
    if not out.is_file() or not out.stat().st_size:
        raise RuntimeError(f"{' '.join(recipe.command)} wrote nothing (exit code {code})")
    if str(REPORTS.parent).encode() in out.read_bytes():
        raise RuntimeError(f"{recipe.file} holds the path of this checkout")
    tool = recipe.command[0]
    return "\n".join(
        [
            "[[fixture]]",
            f'path = "{recipe.file}"',
            f"command = '{' '.join(recipe.command)}'",
            f'folder = "{recipe.folder}"',
            f'tool = "{tool} {versions[tool].removeprefix("Version: ")}"',
            f"exit_code = {code}",
            "",
        ]
    )


def _run(arguments: Sequence[str], folder: Path, environment: dict[str, str]) -> tuple[int, bytes]:
    ran = subprocess.run(
        arguments, cwd=folder, env=environment, stdout=subprocess.PIPE, timeout=300, check=False
    )
    return ran.returncode, ran.stdout


if __name__ == "__main__":
    make()
