"""Build the label repositories, and keep what the real scanners say of them.

``python -m scripts.label_reports`` writes ``fixtures/labels/<repository>/reports/`` anew, with
the scanners on PATH: Trivy, Gitleaks, the Snyk CLI, Semgrep, Bandit and Checkov. It needs no
network: Trivy gets a database made of our advisories, Snyk the stand-in of its API, Semgrep the
rules beside the labels. The labels are written by hand (``fixtures/labels/README.md``) and
are checked again after this has run.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from scripts import advisories, trivy_db
from scripts.label_repos import LABELS, build_repository, repositories
from tests.standins.snyk_api import SnykApi

_TRIVY = ("--skip-db-update", "--offline-scan", "--skip-version-check", "--skip-check-update")


def main() -> None:
    """Scan every repository with every tool."""
    everything = [*advisories.load(), *advisories.load(LABELS / "advisories.yaml")]
    with tempfile.TemporaryDirectory() as home, SnykApi() as api:
        trivy_db.build(Path(home) / "cache", everything)
        environment = {**os.environ, **api.environment(), "HOME": home, "LC_ALL": "C.UTF-8"}
        for name in repositories():
            tree = Path(home) / name
            build_repository(name, tree)
            reports = LABELS / name / "reports"
            shutil.rmtree(reports, ignore_errors=True)
            reports.mkdir()
            for file, command in _commands(Path(home) / "cache", Path(home) / "out").items():
                out = Path(home) / "out"
                shutil.rmtree(out, ignore_errors=True)
                out.mkdir()
                printed = _run(command, tree, environment)
                _keep(out, printed, reports / file, str(tree))


def _commands(cache: Path, out: Path) -> dict[str, list[str]]:
    """The command behind each file; what it writes into ``out`` counts, else what it prints."""
    trivy = ["trivy", "fs", "--quiet", "--cache-dir", str(cache), *_TRIVY, "--format", "json"]
    leaks = ["--no-banner", "--exit-code", "0", "--report-format", "json", "--report-path"]
    rules = str(LABELS / "semgrep.yaml")
    return {
        "trivy.json": [*trivy, "--scanners", "vuln,misconfig,secret", "."],
        "gitleaks-dir.json": ["gitleaks", "dir", *leaks, str(out / "report"), "."],
        "gitleaks-git.json": ["gitleaks", "git", *leaks, str(out / "report"), "."],
        "snyk.json": ["snyk", "test", "--all-projects", "--json"],
        "semgrep.sarif": [
            *("semgrep", "scan", "--metrics=off", "--disable-version-check", "--quiet"),
            *("--no-git-ignore", "--config", rules, "--sarif", "."),
        ],
        "bandit.sarif": ["bandit", "-q", "-r", ".", "-f", "sarif", "-o", str(out / "report")],
        "checkov.sarif": [
            *("checkov", "-d", ".", "--framework", "terraform", "dockerfile", "kubernetes"),
            *("--quiet", "--compact", "--skip-download", "-o", "sarif", "--output-file-path"),
            str(out),
        ],
    }


def _keep(out: Path, printed: bytes, report: Path, tree: str) -> None:
    """Keep a report as it was written, only without the place where this ran."""
    written = next((path for path in sorted(out.iterdir()) if path.is_file()), None)
    data = printed if written is None else written.read_bytes()
    if not data.strip():
        return
    data = data.replace(f"{tree}/".encode(), b"").replace(tree.encode(), b".")
    # Semgrep puts the path of a rule's file before its id.
    data = data.replace(".".join((*LABELS.parts[1:], "")).encode(), b"")
    document = json.loads(data)
    if report.suffix == ".sarif" and not any(run.get("results") for run in document["runs"]):
        return
    report.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _run(command: Sequence[str], tree: Path, environment: dict[str, str]) -> bytes:
    ran = subprocess.run(
        command, cwd=tree, env=environment, capture_output=True, timeout=600, check=False
    )
    return ran.stdout


if __name__ == "__main__":
    main()
