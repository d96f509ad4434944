"""The problems of the matrix: for each source of decisions one for each thing that happens to it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tests.parsers.samples import GITLEAKS, SNYK_ROW, snyk, trivy, trivy_result

TOKEN = "ghp_" + "Zx7" * 12


class Fate(StrEnum):
    """What happens to a decision after it was made."""

    STAYS = "stays"
    ENDS = "ends"
    UNDONE = "undone"
    OVERRULED = "overruled"


class Reporter(StrEnum):
    """Who reports the problem: scanners' own files speak of their own findings."""

    TRIVY = "trivy"
    SNYK = "snyk"
    GITLEAKS = "gitleaks"
    SARIF = "sarif"


@dataclass(frozen=True, slots=True)
class Row:
    """A problem; ``source`` is the name of the source that decides on it."""

    number: int
    source: str
    fate: Fate
    reporter: Reporter = Reporter.TRIVY

    @property
    def cve(self) -> str:
        return f"CVE-2026-{10_000 + self.number}"

    @property
    def package(self) -> str:
        return f"package-{self.number}"

    @property
    def purl(self) -> str:
        return f"pkg:npm/{self.package}@1.0.0"

    @property
    def is_vulnerability(self) -> bool:
        return self.reporter in (Reporter.TRIVY, Reporter.SNYK)

    @property
    def rule(self) -> str:
        """The rule's id as the tool writes it."""
        return {
            Reporter.TRIVY: self.cve,
            Reporter.SNYK: f"SNYK-JS-PACKAGE{self.number}-{100_000 + self.number}",
            Reporter.GITLEAKS: "github-pat",
            Reporter.SARIF: "eval",
        }[self.reporter]

    @property
    def path(self) -> str:
        if self.is_vulnerability:
            return "package-lock.json"
        return f"src/file_{self.number}.py"

    @property
    def mark(self) -> str:
        """A text that stands wherever the row is shown, and nowhere else."""
        return self.cve if self.is_vulnerability else self.path

    @property
    def title(self) -> str:
        return f"made-up problem {self.number}."


def trivy_report(rows: list[Row]) -> dict[str, Any]:
    """Trivy's rows, and a bystander on which nobody decides."""
    bystander = Row(999, "nobody", Fate.STAYS)
    found = [
        {
            "VulnerabilityID": row.cve,
            "PkgName": row.package,
            "InstalledVersion": "1.0.0",
            "PkgIdentifier": {"PURL": row.purl},
            "Severity": "MEDIUM" if row is bystander else "HIGH",
            "Title": row.title,
        }
        for row in [*rows, bystander]
        if row.reporter is Reporter.TRIVY
    ]
    place = {"Target": "package-lock.json", "Type": "npm"}
    return trivy(trivy_result(**place, Vulnerabilities=found))


BYSTANDER = Row(999, "nobody", Fate.STAYS)


def snyk_report(rows: list[Row]) -> dict[str, Any]:
    """Snyk's rows."""
    return snyk(
        *(
            {
                **SNYK_ROW,
                "id": row.rule,
                "title": row.title,
                "identifiers": {"CVE": [row.cve], "CWE": []},
                "packageName": row.package,
                "moduleName": row.package,
                "name": row.package,
                "version": "1.0.0",
                "from": ["shop@1.0.0", f"{row.package}@1.0.0"],
                "fixedIn": [],
                "isUpgradable": False,
            }
            for row in rows
            if row.reporter is Reporter.SNYK
        )
    )


def gitleaks_report(rows: list[Row]) -> list[dict[str, Any]]:
    """Gitleaks' rows, each with a value of its own."""
    found = []
    for row in rows:
        if row.reporter is Reporter.GITLEAKS:
            value = TOKEN[: -len(f"{row.number:04d}")] + f"{row.number:04d}"
            own = {"File": row.path, "Secret": value, "Match": f'token = "{value}"'}
            found.append(
                {**GITLEAKS, **own, "RuleID": row.rule, "StartLine": 1, "EndLine": 1, "Commit": ""}
            )
    return found


def sarif_report(rows: list[Row], suppressed: set[int]) -> dict[str, Any]:
    """A linter's rows in SARIF; those whose numbers are in ``suppressed`` say so themselves."""
    results = []
    for row in rows:
        if row.reporter is not Reporter.SARIF:
            continue
        region = {"startLine": 1, "snippet": {"text": f"eval(text_{row.number})"}}
        place = {"artifactLocation": {"uri": row.path}, "region": region}
        result: dict[str, Any] = {
            "ruleId": row.rule,
            "level": "error",
            "message": {"text": row.title},
            "locations": [{"physicalLocation": place}],
        }
        if row.number in suppressed:
            result["suppressions"] = [
                {"kind": "external", "status": "accepted", "justification": "looked at"}
            ]
        results.append(result)
    rules = [{"id": "eval", "properties": {"security-severity": "8.0", "tags": ["security"]}}]
    driver = {"name": "Linter", "rules": rules}
    return {"version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": results}]}
