"""Made workloads: the reports of five tools on one repository, and the truth about it.

``python -m bench.workload --findings 100000 --seed 1 DIR`` writes ``trivy.json``,
``snyk.json`` (and ``snyk-code.sarif``), ``codeql.sarif``, ``gitleaks.json``,
``trufflehog.json`` and ``truth.json``. Findings are counted as the tools report them. The
same seed gives the same bytes, another seed another repository.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from bench.problems import Maker, Problem
from bench.rows import WEAKNESSES

TRUTH = "truth.json"
FILES = {
    "trivy": "trivy.json",
    "snyk": "snyk.json",
    "snyk-code": "snyk-code.sarif",
    "codeql": "codeql.sarif",
    "gitleaks": "gitleaks.json",
    "trufflehog": "trufflehog.json",
}
# A problem can have up to so many rows, with those that are made along with it.
_LARGEST = 64


@dataclass
class Workload:
    """Reports by file name, and the problems that they are about."""

    reports: dict[str, bytes]
    problems: list[Problem]

    @property
    def findings(self) -> int:
        """Entries in all reports together."""
        return sum(len(problem.rows) for problem in self.problems)


def make_workload(findings: int, seed: int) -> Workload:
    """A workload of exactly ``findings`` reported entries."""
    maker = Maker(seed)
    problems: list[Problem] = []
    count = 0
    while count < findings:
        made = maker.problems() if findings - count > _LARGEST else [maker.lone()]
        problems += made
        count += sum(len(problem.rows) for problem in made)
    rows: dict[str, list[dict[str, Any]]] = {}
    for problem in problems:
        for file, row in problem.rows:
            rows.setdefault(file, []).append(row)
    order = random.Random(seed)  # noqa: S311 (not for secrets)
    for held in rows.values():
        order.shuffle(held)
    return Workload(reports=_reports(rows), problems=problems)


def write_workload(workload: Workload, directory: Path) -> None:
    """Write the reports and the truth into ``directory``, which is made if needed."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, data in workload.reports.items():
        (directory / name).write_bytes(data)
    truth = {
        "findings": workload.findings,
        "rows": dict(Counter(file for p in workload.problems for file, _ in p.rows)),
        "problems": [sorted(problem.sightings) for problem in workload.problems],
    }
    (directory / TRUTH).write_bytes(orjson.dumps(truth))


def _reports(rows: dict[str, list[dict[str, Any]]]) -> dict[str, bytes]:
    return {
        "trivy.json": orjson.dumps(_trivy(rows)),
        "snyk.json": orjson.dumps(_snyk(rows.get("snyk", []))),
        "snyk-code.sarif": orjson.dumps(_snyk_code(rows.get("snyk-code", []))),
        "codeql.sarif": orjson.dumps(_codeql(rows.get("codeql", []))),
        "gitleaks.json": orjson.dumps(rows.get("gitleaks", [])),
        "trufflehog.json": b"".join(
            orjson.dumps(row) + b"\n" for row in rows.get("trufflehog", [])
        ),
    }


def _by_target(rows: list[dict[str, Any]]) -> dict[tuple[str, str], list[dict[str, Any]]]:
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        entry = dict(row)
        found.setdefault(entry.pop("_target"), []).append(entry)
    return found


def _trivy(rows: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    results: list[dict[str, Any]] = []
    for (target, kind), entries in _by_target(rows.get("trivy", [])).items():
        frame = {"Target": target, "Class": "lang-pkgs", "Type": kind}
        results.append({**frame, "Vulnerabilities": entries})
    for (target, kind), entries in _by_target(rows.get("trivy-config", [])).items():
        frame = {"Target": target, "Class": "config", "Type": kind}
        results.append({**frame, "Misconfigurations": entries})
    for (target, _), entries in _by_target(rows.get("trivy-secret", [])).items():
        results.append({"Target": target, "Class": "secret", "Secrets": entries})
    return {
        "SchemaVersion": 2,
        "Trivy": {"Version": "0.76.0"},
        "CreatedAt": "2026-11-23T08:00:00Z",
        "ArtifactName": ".",
        "ArtifactType": "filesystem",
        "Results": results,
    }


def _snyk(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "vulnerabilities": entries,
            "ok": False,
            "dependencyCount": 100,
            "org": "acme",
            "packageManager": manager,
            "projectName": target.rpartition("/")[0],
            "displayTargetFile": target,
            "uniqueCount": len({entry["id"] for entry in entries}),
            "filtered": {"ignore": [], "patch": []},
            "path": "/src",
        }
        for (target, manager), entries in _by_target(rows).items()
    ]


def _codeql(results: list[dict[str, Any]]) -> dict[str, Any]:
    rules = [
        {
            "id": weakness.codeql,
            "name": weakness.codeql,
            "shortDescription": {"text": weakness.codeql},
            "defaultConfiguration": {"enabled": True, "level": "error"},
            "properties": {
                "tags": ["security", f"external/cwe/cwe-{weakness.cwe:03d}"],
                "precision": "high",
                "security-severity": "8.8",
            },
        }
        for weakness in WEAKNESSES
    ]
    index = {rule["id"]: number for number, rule in enumerate(rules)}
    for result in results:
        result["rule"]["index"] = index[result["ruleId"]]
    tool = {
        "driver": {"name": "CodeQL", "semanticVersion": "2.23.3"},
        "extensions": [{"name": "codeql/python-queries", "rules": rules}],
    }
    return {"version": "2.1.0", "runs": [{"tool": tool, "results": results}]}


def _snyk_code(results: list[dict[str, Any]]) -> dict[str, Any]:
    rules = [
        {
            "id": weakness.snyk,
            "shortDescription": {"text": weakness.snyk},
            "defaultConfiguration": {"level": "error"},
            "properties": {"tags": ["python", "security"], "cwe": [f"CWE-{weakness.cwe}"]},
        }
        for weakness in WEAKNESSES
    ]
    driver = {"name": "SnykCode", "semanticVersion": "1.0.0", "rules": rules}
    return {"version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": results}]}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.workload", description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--findings", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    workload = make_workload(given.findings, given.seed)
    write_workload(workload, given.directory)
    size = sum(map(len, workload.reports.values()))
    print(
        f"{workload.findings} findings, {len(workload.problems)} problems, "
        f"{size / workload.findings:.0f} bytes a finding"
    )


if __name__ == "__main__":
    main()
