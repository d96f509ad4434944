"""The truth about the sample monorepo, and what the real tools said, in forms that compare.

A *sighting* is what one tool reports at one place: rule, path, line and, for a vulnerability,
package and version.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

TRUTH = Path(__file__).resolve().parent.parent / "fixtures" / "sample-monorepo.truth.json"


@dataclass(frozen=True, slots=True, order=True)
class Sighting:
    """One report of one tool. ``line`` is 0 where the tool names none."""

    rule: str
    path: str
    line: int
    package: str = ""
    version: str = ""
    commit: str = ""


def load(path: Path = TRUTH) -> dict[str, Any]:
    """The truth file; the file itself says what stands in it."""
    truth: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return truth


def expected_of_trivy(truth: dict[str, Any]) -> set[Sighting]:
    """What ``trivy fs --scanners vuln,misconfig,secret`` shall report about main."""
    sightings = {
        Sighting(other["rule"], other["path"], other["line"] or 0)
        for other in truth["also_reported"]
        if other["tool"] == "trivy"
    }
    for problem in truth["problems"]:
        if "trivy" in problem["seen_by"] and "trivy" not in problem.get("needs", {}):
            sightings |= set(_sightings(problem, "trivy"))
    return sightings


def expected_of_gitleaks(truth: dict[str, Any], *, history: bool) -> set[Sighting]:
    """What ``gitleaks dir`` shall report about main, or ``gitleaks git`` about all branches.

    In history each place of a secret is looked at without its commit: ``commits`` says those.
    """
    return {
        sighting
        for problem in truth["problems"]
        if "gitleaks" in problem["seen_by"] and (history or not problem["in_history_only"])
        for sighting in _sightings(problem, "gitleaks")
    }


def expected_of_snyk(truth: dict[str, Any]) -> set[Sighting]:
    """What ``snyk test --all-projects`` shall report about main, without lines: it has none."""
    return {
        replace(sighting, path=problem.get("paths", {}).get("snyk", sighting.path), line=0)
        for problem in truth["problems"]
        if "snyk" in problem["seen_by"] and "snyk" not in problem.get("needs", {})
        for sighting in _sightings(problem, "snyk")
    }


def reported_by_trivy(report: dict[str, Any]) -> Iterator[Sighting]:
    """Every vulnerability, misconfiguration and secret of a Trivy report, in its order."""
    for result in report.get("Results", []):
        target = result["Target"]
        lines = {
            package["Identifier"]["UID"]: package["Locations"][0]["StartLine"]
            for package in result.get("Packages", [])
            if package.get("Locations")
        }
        for found in result.get("Vulnerabilities", []):
            yield Sighting(
                found["VulnerabilityID"],
                target,
                lines.get(found["PkgIdentifier"]["UID"], 0),
                found["PkgName"],
                found["InstalledVersion"],
            )
        for found in result.get("Misconfigurations", []):
            yield Sighting(found["ID"], target, found["CauseMetadata"].get("StartLine", 0))
        for found in result.get("Secrets", []):
            yield Sighting(found["RuleID"], target, found["StartLine"])


def reported_by_gitleaks(report: list[dict[str, Any]]) -> Iterator[Sighting]:
    """Every leak of a Gitleaks report, in its order."""
    for leak in report:
        yield Sighting(leak["RuleID"], leak["File"], leak["StartLine"], commit=leak["Commit"])


def reported_by_snyk(report: list[dict[str, Any]]) -> Iterator[Sighting]:
    """Every vulnerability and license issue of a Snyk report, once for each dependency path."""
    for project in report:
        for found in project["vulnerabilities"]:
            yield Sighting(
                found["id"],
                project["displayTargetFile"],
                0,
                found["packageName"],
                found["version"],
            )


def _sightings(problem: dict[str, Any], tool: str) -> Iterator[Sighting]:
    lines = problem.get("lines", {})
    places = [problem, *problem.get("also_at", [])]
    for rule in problem["rules"][tool]:
        for place in places:
            line = lines.get(rule, lines.get(tool, place["line"])) or 0
            package, version = problem.get("package", ""), problem.get("version", "")
            yield Sighting(rule, place["path"], line, package, version)
