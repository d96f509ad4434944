"""A small shop with planted problems, and stand-ins for scanners that report them.

Trivy's stand-in prints ``planted.json`` of the tree that it scans, so that a base and a change
differ as their trees do.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from tests.cli.running import standin

_TRIVY = """
out = next(a for a in sys.argv if a.startswith('--output=')).partition('=')[2]
pathlib.Path(out).write_text((pathlib.Path(sys.argv[-1]) / 'planted.json').read_text())
"""
_MILD = """
out = next(a for a in sys.argv if a.startswith('--output=')).partition('=')[2]
pathlib.Path(out).write_text(pathlib.Path(__file__).with_name('mild.json').read_text())
"""
_GITLEAKS = """
out = next(a for a in sys.argv if a.startswith('--report-path=')).partition('=')[2]
pathlib.Path(out).write_text('[]')
print('1:00PM INF 2 commits scanned.', file=sys.stderr)
"""
_BROKEN = "print('FATAL no space left on device', file=sys.stderr); sys.exit(1)\n"
_DAY = {"GIT_AUTHOR_DATE": "2026-03-01T06:00:00Z", "GIT_COMMITTER_DATE": "2026-03-01T06:00:00Z"}


def build(home: Path) -> dict[str, str]:
    """The repository ``home/shop`` on the branch ``change``, and the scanners in ``home/bin``.

    ``home/broken`` has a Trivy that fails, ``home/mild`` one that reports nothing that fails the
    gate, and ``home/none`` has no scanner. Returns the commits of
    ``main`` and ``change``.
    """
    shop = home / "shop"
    standin(home / "bin", "trivy", "Version: 0.76.0", _TRIVY)
    standin(home / "bin", "gitleaks", "8.30.1", _GITLEAKS)
    standin(home / "broken", "trivy", "Version: 0.76.0", _BROKEN)
    standin(home / "broken", "gitleaks", "8.30.1", _GITLEAKS)
    standin(home / "mild", "trivy", "Version: 0.76.0", _MILD)
    standin(home / "mild", "gitleaks", "8.30.1", _GITLEAKS)
    mild = [entry for entry in _BASE if entry[0] == "deploy/engine.yaml"]
    (home / "mild" / "mild.json").write_text(json.dumps(_report(mild)))
    (home / "none").mkdir()
    for name, text in {
        "web/package-lock.json": "{}\n",
        "api/requirements.txt": "flask==1.0.2\nunheard-of==0.1\n",
        "deploy/engine.yaml": "kind: Pod\n" * 20,
        "CODEOWNERS": "web/ @shelf/web\n",
        "planted.json": json.dumps(_report(_BASE)),
    }.items():
        path = shop / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    _git(shop, "init", "-q", "-b", "main")
    _git(shop, "remote", "add", "origin", "https://github.com/shelf/shop.git")
    _git(shop, "add", "--all")
    _git(shop, "commit", "-q", "-m", "Begin")
    base = _git(shop, "rev-parse", "HEAD")
    _git(shop, "checkout", "-q", "-b", "change")
    (shop / "planted.json").write_text(json.dumps(_report([*_BASE, *_CHANGE])))
    (shop / "api" / "requirements.txt").write_text("flask==1.0.2\nunheard-of==0.1\npyyaml==5.3\n")
    _git(shop, "add", "--all")
    _git(shop, "commit", "-q", "-m", "Read YAML")
    return {"main": base, "change": _git(shop, "rev-parse", "HEAD")}


def _git(root: Path, *arguments: str) -> str:
    author = ("-c", "user.name=Ada", "-c", "user.email=ada@shelf.example")
    done = subprocess.run(
        ["git", *author, *arguments],
        cwd=root,
        env={**os.environ, **_DAY},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def _package(
    advisory: str, name: str, version: str, severity: str, title: str, fixed: str = ""
) -> dict[str, Any]:
    return {
        "VulnerabilityID": advisory,
        "PkgName": name,
        "InstalledVersion": version,
        "FixedVersion": fixed,
        "Severity": severity,
        "Title": title,
    }


def _check(rule: str, line: int, severity: str, title: str, remedy: str) -> dict[str, Any]:
    return {
        "Type": "Kubernetes Security Check",
        "ID": rule,
        "Title": title,
        "Description": title,
        "Message": title,
        "Resolution": remedy,
        "Severity": severity,
        "Status": "FAIL",
        "CauseMetadata": {"StartLine": line, "EndLine": line + 2},
    }


_BASE = [
    (
        "web/package-lock.json",
        _package("CVE-2021-44906", "minimist", "1.2.0", "CRITICAL", "Prototype pollution", "1.2.6"),
    ),
    (
        "web/package-lock.json",
        _package(
            *("CVE-2025-29927", "next", "14.1.0", "HIGH"),
            "A request header makes Next.js skip the middleware that authorizes, in every "
            "deployment that does not strip it before the request reaches the server",
            "13.5.9, 14.2.25, 15.2.3",
        ),
    ),
    (
        "api/requirements.txt",
        _package("GHSA-wq7g-23rq-cjr6", "unheard-of", "0.1", "UNKNOWN", "Runs what it reads"),
    ),
    (
        "deploy/engine.yaml",
        _check("KSV-0023", 6, "MEDIUM", "hostPath volumes mounted", "Do not set hostPath."),
    ),
    (
        "deploy/engine.yaml",
        _check(
            *("KSV-0104", 6, "MEDIUM", "Seccomp policies disabled"),
            "Specify seccomp either by annotation or by seccomp profile type having allowed values "
            "as per pod security standards",
        ),
    ),
    ("deploy/engine.yaml", _check("KSV-0011", 6, "LOW", "CPU not limited", "Limit the CPU.")),
    ("deploy/engine.yaml", _check("KSV-0018", 6, "LOW", "Memory not limited", "Limit it.")),
]
_CHANGE = [
    (
        "api/requirements.txt",
        _package("CVE-2020-14343", "pyyaml", "5.3", "CRITICAL", "Runs code from a document", "5.4"),
    )
]
_CLASSES = {
    "web/package-lock.json": ("lang-pkgs", "npm", "Vulnerabilities"),
    "api/requirements.txt": ("lang-pkgs", "pip", "Vulnerabilities"),
    "deploy/engine.yaml": ("config", "kubernetes", "Misconfigurations"),
}


def _report(planted: list[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    results = []
    for target, (what, kind, key) in _CLASSES.items():
        found = [entry for path, entry in planted if path == target]
        packages = [
            {"Name": entry["PkgName"], "Version": entry["InstalledVersion"]}
            for entry in found
            if "PkgName" in entry
        ]
        results.append({"Target": target, "Class": what, "Type": kind, key: found})
        if packages:
            results[-1]["Packages"] = packages
    return {
        "SchemaVersion": 2,
        "Trivy": {"Version": "0.76.0"},
        "ArtifactName": ".",
        "ArtifactType": "filesystem",
        "Results": results,
    }
