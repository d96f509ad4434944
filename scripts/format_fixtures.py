"""Run scanners that secagg only reads on the sample monorepo, and keep what they print.

``python -m scripts.format_fixtures`` writes fixtures/formats/ anew, with the tools on PATH: Bandit,
Semgrep, Checkov, Hadolint, detect-secrets, Kingfisher, npm, pip-audit and cargo-audit. It needs no
network: npm and pip-audit ask tests/standins/advisory_api.py, cargo-audit reads a database made of
fixtures/advisories.yaml, and Semgrep has the rules of fixtures/labels/semgrep.yaml. Reports of
tools that no package registry carries stand in tests/parsers/formats.py, made by hand.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from scripts import advisories, sample_repo
from scripts.make_fixtures import SAMPLE
from tests.standins.advisory_api import AdvisoryApi

FORMATS = Path(__file__).resolve().parent.parent / "fixtures" / "formats"
_RULES = FORMATS.parent / "labels" / "semgrep.yaml"
_WEB, _SERVICE, _CORE = "nextjs-ui-dashboard", "python-ai-service", "rust-core-engine"


def main() -> None:
    """Write every report. Raises ``RuntimeError`` if a tool wrote nothing."""
    shutil.rmtree(SAMPLE.parent, ignore_errors=True)
    sample_repo.build(SAMPLE)
    FORMATS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as home, AdvisoryApi() as api:
        database, out = Path(home) / "advisory-db", Path(home) / "out"
        _rustsec(database)
        _say_sources(SAMPLE / _CORE / "Cargo.lock")
        environment = {**os.environ, "HOME": home, "LC_ALL": "C.UTF-8"}
        for name, (folder, command) in _commands(api.address, database, out).items():
            out.unlink(missing_ok=True)
            printed = _run(command, SAMPLE / folder, environment)
            _keep(name, out.read_bytes() if out.exists() else printed)
    shutil.rmtree(SAMPLE.parent)


def _commands(api: str, database: Path, out: Path) -> Mapping[str, tuple[str, Sequence[str]]]:
    """The folder and the command behind each report; what is in ``out`` counts before output."""
    files = sorted(str(path.relative_to(SAMPLE)) for path in SAMPLE.rglob("Dockerfile"))
    return {
        "bandit": (".", ["bandit", "-q", "-r", ".", "-f", "json"]),
        "semgrep": (
            ".",
            [
                *("semgrep", "scan", "--metrics=off", "--disable-version-check", "--quiet"),
                *("--no-git-ignore", "--config", str(_RULES), "--json", "."),
            ],
        ),
        "checkov": (
            ".",
            [
                *("checkov", "-d", ".", "--framework", "terraform", "dockerfile", "kubernetes"),
                *("secrets", "--quiet", "--compact", "--skip-download", "-o", "json"),
            ],
        ),
        "hadolint": (".", ["hadolint", "--no-fail", "-f", "json", *files]),
        "detect-secrets": (".", ["detect-secrets", "scan", "--all-files", "."]),
        "kingfisher": (
            ".",
            ["kingfisher", "scan", ".", "--no-validate", "--format", "json", "--output", str(out)],
        ),
        "npm-audit": (_WEB, ["npm", "audit", "--json", "--registry", api]),
        "pip-audit": (
            _SERVICE,
            [
                *("pip-audit", "-r", "requirements.txt", "--no-deps", "--disable-pip"),
                *("-s", "osv", "--osv-url", api, "-f", "json"),
            ],
        ),
        "cargo-audit": (
            _CORE,
            ["cargo-audit", "audit", "--db", str(database), "--no-fetch", "--stale", "--json"],
        ),
    }


def _keep(name: str, printed: bytes) -> None:
    """Keep a report as it was written, without the place where this ran."""
    if not printed.strip():
        raise RuntimeError(f"{name} wrote nothing")
    text = printed.decode().replace(f"{SAMPLE}/", "").replace(str(SAMPLE), ".")
    # Semgrep puts the path of a rule's file before its id.
    text = text.replace(".".join((*_RULES.parent.parts[1:], "")), "")
    document = json.loads(text)
    if name == "checkov":
        for framework in document:
            for check in framework["results"]["failed_checks"]:
                for machine in ("file_abs_path", "definition_context_file_path"):
                    check.pop(machine, None)
    if name == "kingfisher":
        # How and where it was started.
        document.pop("audit", None)
        document["metadata"].pop("command_line_args", None)
    made = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    (FORMATS / f"{name}.json").write_text(made, encoding="utf-8")


def _say_sources(lock: Path) -> None:
    """Let each crate say that it came from crates.io: cargo-audit looks at no others."""
    source = 'source = "registry+https://github.com/rust-lang/crates.io-index"'
    lines = [
        f"{line}\n{source}" if line.startswith('version = "') else line
        for line in lock.read_text(encoding="utf-8").splitlines()
    ]
    lock.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _rustsec(database: Path) -> None:
    """Write the advisories on crates as RustSec's database has them, in a git repository."""
    for advisory in advisories.load():
        name = next((name for name in advisory.names if name.startswith("RUSTSEC-")), None)
        if name is None:
            continue
        rating = next(iter(advisory.ratings.values()), None)
        *older, newest = advisory.patched or ("",)
        patched = [f"^{version}" for version in older] + ([f">= {newest}"] if newest else [])
        front = [
            "[advisory]",
            f'id = "{name}"',
            f'package = "{advisory.package}"',
            f'date = "{advisory.published}"',
            f"aliases = {json.dumps([other for other in advisory.names if other != name])}",
            *([f'cvss = "{rating.vector}"'] if rating else ['informational = "unmaintained"']),
            "",
            "[versions]",
            f"patched = {json.dumps(patched)}",
        ]
        file = database / "crates" / advisory.package / f"{name}.md"
        file.parent.mkdir(parents=True, exist_ok=True)
        text = "\n".join(["```toml", *front, "```", "", f"# {advisory.title}", ""])
        file.write_text(f"{text}\n{advisory.description}\n", encoding="utf-8")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for command in (["init", "-q", "."], ["add", "-A"], ["commit", "-q", "-m", "advisories"]):
        subprocess.run([*git, *command], cwd=database, check=True)


def _run(command: Sequence[str], folder: Path, environment: dict[str, str]) -> bytes:
    ran = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, timeout=600, check=False
    )
    return ran.stdout


if __name__ == "__main__":
    main()
