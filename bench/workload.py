"""Made workloads: scanners' reports on one repository, and the truth about it.

``python -m bench.workload --findings 100000 --seed 1 DIR`` writes the reports (FILES), the
truth about them (``truth.json``), and in ``checkout`` the manifests of the repository's
components. Findings are counted as the tools report them. The same seed gives the same bytes,
another seed another repository. ``--plain`` leaves words like "token" and "password" out.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from bench import sarifrows
from bench.floor import LINES
from bench.packages import IMAGES, LANGUAGES, Image, components
from bench.problems import Maker, Problem, Row
from bench.rows import layer_of

TRUTH = "truth.json"
CHECKOUT = "checkout"
FILES = (
    "trivy.json",
    *(f"trivy-image-{image.name}.json" for image in IMAGES),
    "snyk.json",
    "snyk-container.json",
    "snyk-code.sarif",
    "codeql.sarif",
    "semgrep.sarif",
    "gitleaks.json",
    LINES,
)
_Parts = dict[tuple[str, str], list[orjson.Fragment]]


@dataclass
class Workload:
    """Reports by file name, the problems that they are about, and the repository's components."""

    reports: dict[str, bytes]
    problems: list[Problem]
    components: list[str]

    @property
    def findings(self) -> int:
        """Entries in all reports together."""
        return sum(len(problem.rows) for problem in self.problems)


def make_workload(findings: int, seed: int, *, plain: bool = False) -> Workload:
    """Make a workload of exactly ``findings`` reported entries."""
    directories = list(components(max(3, min(100, findings // 100))))
    maker = Maker(seed, directories, plain=plain)
    problems: list[Problem] = []
    count = 0
    fits = True
    while count < findings:
        made = maker.problems() if fits else [maker.lone()]
        rows_made = sum(len(problem.rows) for problem in made)
        # What is too many is left out, and the rest is filled up row by row.
        if count + rows_made > findings:
            fits = False
        else:
            problems += made
            count += rows_made
    by_report: dict[str, list[Row]] = {}
    for problem in problems:
        for row in problem.rows:
            by_report.setdefault(row.report, []).append(row)
    order = random.Random(seed)  # noqa: S311 (not for secrets)
    parts = {}
    for report, rows in by_report.items():
        order.shuffle(rows)
        parts[report] = _parts(rows)
    return Workload(_reports(parts), problems, directories)


def make_sarif(size: int, seed: int) -> bytes:
    """Make CodeQL's report of at least ``size`` bytes, and hardly more."""
    maker = Maker(seed, components(100))
    rows: list[Row] = []
    made = 0
    while made < size:
        rows += maker.code().rows
        made += len(rows[-1].data) + 1
    return _sarif(sarifrows.codeql_run(len(rows) // 3), _parts(rows))


def write_workload(workload: Workload, directory: Path) -> None:
    """Write reports, truth and checkout into ``directory``, which is made if needed."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, data in workload.reports.items():
        (directory / name).write_bytes(data)
    for component in workload.components:
        # What a copy of a component holds is read as its own.
        for each in (component, f"{component}-copy"):
            place = directory / CHECKOUT / each
            place.mkdir(parents=True, exist_ok=True)
            for lock, *_ in LANGUAGES.values():
                (place / lock).write_bytes(b"")
    truth = {
        "findings": workload.findings,
        "rows": dict(Counter(row.report for p in workload.problems for row in p.rows)),
        "problems": [sorted(problem.sightings) for problem in workload.problems],
    }
    (directory / TRUTH).write_bytes(orjson.dumps(truth))


def _parts(rows: Iterable[Row]) -> _Parts:
    found: _Parts = {}
    for row in rows:
        found.setdefault(row.part, []).append(orjson.Fragment(row.data))
    return found


def _reports(parts: dict[str, _Parts]) -> dict[str, bytes]:
    images = {
        f"trivy-image-{image.name}.json": _trivy_image(
            image, parts.get(f"trivy-image-{image.name}", {})
        )
        for image in IMAGES
    }
    containers = [
        _snyk_image(image, parts.get(f"snyk-container-{image.name}", {})) for image in IMAGES
    ]
    detections = _entries(parts.get("trufflehog", {}))
    return {
        "trivy.json": orjson.dumps(_trivy(parts.get("trivy", {}))),
        **images,
        "snyk.json": orjson.dumps(_snyk(parts.get("snyk", {}))),
        "snyk-container.json": orjson.dumps(containers),
        "snyk-code.sarif": _sarif(sarifrows.snyk_code_run(), parts.get("snyk-code", {})),
        "codeql.sarif": _codeql(parts.get("codeql", {})),
        "semgrep.sarif": _sarif(sarifrows.semgrep_run(), parts.get("semgrep", {})),
        "gitleaks.json": orjson.dumps(_entries(parts.get("gitleaks", {}))),
        LINES: b"".join(orjson.dumps(entry) + b"\n" for entry in detections),
    }


def _entries(parts: _Parts) -> list[orjson.Fragment]:
    return [entry for entries in parts.values() for entry in entries]


def _trivy(parts: _Parts) -> dict[str, Any]:
    results: list[dict[str, Any]] = []
    for (target, kind), entries in parts.items():
        result: dict[str, Any] = {"Target": target}
        if kind == "secret":
            result |= {"Class": "secret", "Secrets": entries}
        elif kind == "license":
            result |= {"Class": "license", "Licenses": entries}
        elif kind == "dockerfile":
            result |= {"Class": "config", "Type": kind, "Misconfigurations": entries}
        else:
            result |= {"Class": "lang-pkgs", "Type": kind, "Vulnerabilities": entries}
        results.append(result)
    return {
        "SchemaVersion": 2,
        "Trivy": {"Version": "0.76.0"},
        "CreatedAt": "2026-11-23T08:00:00Z",
        "ArtifactName": ".",
        "ArtifactType": "filesystem",
        "Results": results,
    }


def _trivy_image(image: Image, parts: _Parts) -> bytes:
    layer = layer_of(image)
    results = []
    for (target, kind), entries in parts.items():
        system = kind == "debian"
        results.append(
            {
                "Target": f"{image.reference} (debian 12.7)" if system else target,
                "Class": "os-pkgs" if system else "lang-pkgs",
                "Type": kind,
                "Vulnerabilities": entries,
            }
        )
    return orjson.dumps(
        {
            "SchemaVersion": 2,
            "Trivy": {"Version": "0.76.0"},
            "CreatedAt": "2026-11-23T08:00:00Z",
            "ArtifactName": image.reference,
            "ArtifactType": "container_image",
            "Metadata": {
                "OS": {"Family": "debian", "Name": "12.7"},
                "ImageID": layer["Digest"],
                "DiffIDs": [layer["DiffID"]],
                "RepoTags": [image.reference],
            },
            "Results": results,
        }
    )


def _snyk(parts: _Parts) -> list[dict[str, Any]]:
    return [
        {
            **_snyk_project(manager, entries),
            "projectName": target.rpartition("/")[0],
            "displayTargetFile": target,
            "path": "/src",
        }
        for (target, manager), entries in parts.items()
    ]


def _snyk_image(image: Image, parts: _Parts) -> dict[str, Any]:
    """An image: the packages of its system, and as applications the programs in it."""
    applications = [
        {
            **_snyk_project(manager, entries),
            "projectName": target.rpartition("/")[2],
            "targetFile": f"/{target}",
            "displayTargetFile": f"/{target}",
            "path": image.reference,
        }
        for (target, manager), entries in parts.items()
        if target
    ]
    system = [entry for (target, _), entries in parts.items() if not target for entry in entries]
    return {
        **_snyk_project("deb", system),
        "projectName": f"docker-image|{image.reference.partition(':')[0]}",
        "platform": "linux/amd64",
        "docker": {"binariesVulns": {"issuesData": {}, "affectedPkgs": {}}},
        "path": image.reference,
        "applications": applications,
    }


def _snyk_project(manager: str, entries: list[orjson.Fragment]) -> dict[str, Any]:
    return {
        "vulnerabilities": entries,
        "ok": not entries,
        "dependencyCount": 100,
        "org": "acme",
        "packageManager": manager,
        "filtered": {"ignore": [], "patch": []},
    }


def _codeql(parts: _Parts) -> bytes:
    """CodeQL notes each file that it read: so many notifications as a third of its results."""
    return _sarif(sarifrows.codeql_run(len(_entries(parts)) // 3), parts)


def _sarif(run: dict[str, Any], parts: _Parts) -> bytes:
    return orjson.dumps({"version": "2.1.0", "runs": [{**run, "results": _entries(parts)}]})


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.workload", description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--findings", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plain", action="store_true", help="leave secret words out")
    given = parser.parse_args()
    workload = make_workload(given.findings, given.seed, plain=given.plain)
    write_workload(workload, given.directory)
    size = sum(map(len, workload.reports.values()))
    print(
        f"{workload.findings} findings, {len(workload.problems)} problems, "
        f"{size / workload.findings:.0f} bytes a finding"
    )


if __name__ == "__main__":
    main()
