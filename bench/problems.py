"""Made problems: what is really there, and which tools see it how.

A problem's rows are entries of the tools' reports; its sightings say, for each finding that
a parser makes of them, by which signature it is known. Nothing here knows how secagg merges:
the truth is how the problems were made.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bench import rows

Row = tuple[str, dict[str, Any]]

LANGUAGES = {
    # purl type: (lock file, second manifest of the same place, Trivy's type, Snyk's manager)
    "npm": ("package-lock.json", "yarn.lock", "npm", "npm"),
    "pypi": ("poetry.lock", "requirements.txt", "poetry", "poetry"),
    "maven": ("pom.xml", "gradle.lockfile", "pom", "maven"),
    "cargo": ("Cargo.lock", "Cargo.toml", "cargo", "cargo"),
    "golang": ("go.mod", "go.sum", "gomod", "gomodules"),
}


@dataclass
class Problem:
    """One real problem: its rows by report file, and the signatures of its findings."""

    rows: list[Row] = field(default_factory=list)
    sightings: set[str] = field(default_factory=set)

    def add(self, row: Row, signature: str) -> None:
        self.rows.append(row)
        self.sightings.add(signature)


def signature(
    tool: str,
    rule: str,
    uri: str | None,
    *,
    version: str | None = None,
    line: int | None = None,
    commit: str | None = None,
) -> str:
    """By what a finding is known, without anything of how it is merged."""
    return "|".join(str(part or "") for part in (tool, rule, uri, version, line, commit))


class Maker:
    """Makes problems from a seed; two makers with one seed make the same."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 (not for secrets)
        self._count = 0
        self._kinds: list[tuple[Callable[[], list[Problem]], int]] = [
            (self._same_cve, 22),
            (self._ghsa_only, 6),
            (self._chain, 4),
            (self._two_versions, 3),
            (self._two_places, 3),
            (self._contested, 1),
            (self._alone, 16),
            (self._secret, 14),
            (self._copied_secret, 3),
            (self._code, 14),
            (self._two_weaknesses, 4),
            (self._check, 10),
        ]

    def problems(self) -> list[Problem]:
        """A few problems that belong together (one, mostly)."""
        makers, weights = zip(*self._kinds, strict=True)
        make: Callable[[], list[Problem]] = self.random.choices(makers, weights)[0]
        return make()

    def lone(self) -> Problem:
        """A problem with one row."""
        return self._alone()[0]

    def _next(self) -> int:
        self._count += 1
        return self._count

    def _where(self) -> tuple[str, str]:
        ecosystem = self.random.choice(tuple(LANGUAGES))
        return ecosystem, f"services/{self.random.choice(rows.WORDS)}-{self.random.randrange(400)}"

    def _advisory(self) -> rows.Advisory:
        return rows.Advisory.make(self.random, self._next())

    # Vulnerabilities

    def _same_cve(self) -> list[Problem]:
        """One CVE, by Trivy and by Snyk with several dependency paths."""
        package = rows.PackageAt.make(self.random, *self._where(), self._next())
        advisory = self._advisory()
        problem = Problem()
        self._trivy(problem, package, advisory, advisory.cve)
        self._snyk(problem, package, advisory, cve=True, ghsa=self.random.random() < 0.6)
        return [problem]

    def _ghsa_only(self) -> list[Problem]:
        """No CVE yet: the GHSA joins."""
        package = rows.PackageAt.make(self.random, *self._where(), self._next())
        advisory = self._advisory()
        problem = Problem()
        self._trivy(problem, package, advisory, advisory.ghsa)
        self._snyk(problem, package, advisory, cve=False, ghsa=True)
        return [problem]

    def _chain(self) -> list[Problem]:
        """Trivy has the CVE in one file and the GHSA in another; Snyk has both."""
        package = rows.PackageAt.make(self.random, *self._where(), self._next())
        advisory = self._advisory()
        problem = Problem()
        self._trivy(problem, package, advisory, advisory.cve)
        self._trivy(problem, package, advisory, advisory.ghsa, second=True)
        self._snyk(problem, package, advisory, cve=True, ghsa=True)
        return [problem]

    def _two_versions(self) -> list[Problem]:
        """One CVE in two versions of a package in one lock file: two problems."""
        package = rows.PackageAt.make(self.random, "npm", self._where()[1], self._next())
        advisory = self._advisory()
        made = []
        for one in (package, package.of_version("9.9.9")):
            problem = Problem()
            self._trivy(problem, one, advisory, advisory.cve)
            self._snyk(problem, one, advisory, cve=True, ghsa=False)
            made.append(problem)
        return made

    def _two_places(self) -> list[Problem]:
        """One CVE in one package of two services: two problems."""
        package = rows.PackageAt.make(self.random, *self._where(), self._next())
        advisory = self._advisory()
        made = []
        for one in (package, package.at(f"{package.directory}-copy")):
            problem = Problem()
            self._trivy(problem, one, advisory, advisory.cve)
            self._snyk(problem, one, advisory, cve=True, ghsa=True)
            made.append(problem)
        return made

    def _contested(self) -> list[Problem]:
        """Trivy lists two CVEs, Snyk one issue with both: three findings that stay apart."""
        package = rows.PackageAt.make(self.random, *self._where(), self._next())
        one, two = self._advisory(), self._advisory()
        first, second, both = Problem(), Problem(), Problem()
        self._trivy(first, package, one, one.cve)
        self._trivy(second, package, two, two.cve)
        self._snyk(both, package, one, cve=True, ghsa=False, more=(two.cve,))
        return [first, second, both]

    def _alone(self) -> list[Problem]:
        package = rows.PackageAt.make(self.random, *self._where(), self._next())
        advisory = self._advisory()
        problem = Problem()
        self._trivy(problem, package, advisory, advisory.cve)
        return [problem]

    def _trivy(
        self,
        problem: Problem,
        package: rows.PackageAt,
        advisory: rows.Advisory,
        name: str,
        second: bool = False,
    ) -> None:
        row = rows.trivy_vulnerability(package, advisory, name, second=second)
        uri = package.second if second else package.lock
        problem.add(("trivy", row), signature("trivy", name, uri, version=package.version))

    def _snyk(
        self,
        problem: Problem,
        package: rows.PackageAt,
        advisory: rows.Advisory,
        *,
        cve: bool,
        ghsa: bool,
        more: tuple[str, ...] = (),
    ) -> None:
        cves = [advisory.cve, *more] if cve else []
        known = signature("snyk", advisory.snyk, package.lock, version=package.version)
        for path in range(self.random.choice((1, 1, 1, 2, 3, 5))):
            row = rows.snyk_issue(package, advisory, cves, [advisory.ghsa] if ghsa else [], path)
            problem.add(("snyk", row), known)

    # Secrets

    def _secret(self) -> list[Problem]:
        return [self._secret_at(rows.secret_value(self.random), self._file("env"))]

    def _copied_secret(self) -> list[Problem]:
        """One value in two files: two places to clean."""
        value = rows.secret_value(self.random)
        return [self._secret_at(value, self._file("env")) for _ in range(2)]

    def _secret_at(self, value: str, uri: str) -> Problem:
        problem = Problem()
        line = self.random.randrange(1, 400)
        commits = [f"{self.random.getrandbits(160):040x}" for _ in range(self.random.randrange(4))]
        in_tree = not commits or self.random.random() < 0.6
        if in_tree:
            known = signature("gitleaks", "github-pat", uri, line=line)
            problem.add(("gitleaks", rows.gitleaks_leak(value, uri, line, None)), known)
        if in_tree and self.random.random() < 0.5:
            known = signature("trivy", "github-pat", uri, line=line)
            problem.add(("trivy-secret", rows.trivy_secret(uri, line)), known)
        for commit in commits:
            moved = line + self.random.randrange(3)
            known = signature("gitleaks", "github-pat", uri, line=moved, commit=commit)
            problem.add(("gitleaks", rows.gitleaks_leak(value, uri, moved, commit)), known)
        if commits and self.random.random() < 0.7:
            known = signature("trufflehog", "Github", uri, line=line, commit=commits[0])
            for decoder in self.random.choice((("PLAIN",), ("PLAIN", "BASE64"))):
                row = rows.trufflehog_detection(value, uri, line, commits[0], decoder)
                problem.add(("trufflehog", row), known)
        return problem

    def _file(self, suffix: str) -> str:
        name = f"{self.random.choice(rows.WORDS)}{self._next()}.{suffix}"
        return f"{self._where()[1]}/{name}"

    # Code and configuration

    def _code(self) -> list[Problem]:
        """One flow into one sink, by CodeQL and Snyk Code, or by one of them."""
        uri, line = self._file("py"), self.random.randrange(1, 900)
        weakness = self.random.choice(rows.WEAKNESSES)
        return [self._flow(uri, line, weakness, self.random.choice((1, 2, 3, 3)))]

    def _two_weaknesses(self) -> list[Problem]:
        """Two weaknesses on one line, and one of them again below: three problems."""
        uri, line = self._file("py"), self.random.randrange(1, 900)
        one, two = self.random.sample(rows.WEAKNESSES, 2)
        return [
            self._flow(uri, line, one, 3),
            self._flow(uri, line, two, 3),
            self._flow(uri, line + 7, one, 3),
        ]

    def _flow(self, uri: str, line: int, weakness: rows.Weakness, seen_by: int) -> Problem:
        problem = Problem()
        if seen_by & 1:
            known = signature("codeql", weakness.codeql, uri, line=line)
            problem.add(("codeql", rows.codeql_result(weakness, uri, line)), known)
        if seen_by & 2:
            known = signature("snyk", weakness.snyk, uri, line=line)
            problem.add(("snyk-code", rows.snyk_code_result(weakness, uri, line)), known)
        return problem

    def _check(self) -> list[Problem]:
        """Several checks fail in one file."""
        uri = f"{self._where()[1]}/{self._next()}/Dockerfile"
        made = []
        for check in self.random.sample(rows.CHECKS, self.random.randrange(1, 4)):
            problem = Problem()
            known = signature("trivy", check, uri)
            problem.add(("trivy-config", rows.trivy_check(check, uri)), known)
            made.append(problem)
        return made
