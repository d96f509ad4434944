"""Made problems: what is really there, and which tools see it how.

A problem's rows are entries of the tools' reports; its sightings say, for each finding that
a parser makes of them, by which signature it is known. Nothing here knows how secagg merges:
the truth is how the problems were made.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from bench import rows, sarifrows
from bench.packages import IMAGES, LANGUAGES, WORDS, Advisory, Image, PackageAt
from bench.sarifrows import WEAKNESSES, Place, Weakness
from bench.secretwords import SecretWords


class Row(NamedTuple):
    """An entry of a report: of which list of which part of it, and its JSON."""

    report: str
    part: tuple[str, str]
    data: bytes


@dataclass
class Problem:
    """One real problem: its rows by report file, and the signatures of its findings."""

    rows: list[Row] = field(default_factory=list)
    sightings: set[str] = field(default_factory=set)

    def add(
        self, report: str, entry: dict[str, Any], known: str, part: tuple[str, str] = ("", "")
    ) -> None:
        """Add an entry of ``report``, and the signature of the finding that it is read as.

        ``part`` says where in the report the entry goes: the target, and its type.
        """
        # A copy is as long as the entry; the buffer that orjson leaves behind is four times that.
        data = memoryview(orjson.dumps(entry)).tobytes()
        self.rows.append(Row(report, part, data))
        self.sightings.add(known)


def signature(
    tool: str,
    rule: str,
    uri: str | None,
    *,
    version: str | None = None,
    line: int | None = None,
    commit: str | None = None,
    image: str | None = None,
    licensed: str | None = None,
) -> str:
    """By what a finding is known, without anything of how it is merged.

    ``licensed`` is the package whose licence a finding is about.
    """
    parts = (tool, rule, uri, version, line, commit, image, licensed)
    return "|".join(str(part or "") for part in parts)


class Maker:
    """Makes problems from a seed; two makers with one seed make the same.

    ``components`` are directories of the repository. With ``plain`` no entry gets a secret word
    (:mod:`bench.secretwords`); all else is the same.
    """

    def __init__(self, seed: int, components: Sequence[str], *, plain: bool = False) -> None:
        self.random = random.Random(seed)  # noqa: S311 (not for secrets)
        self._components = components
        self._words = SecretWords(plain=plain)
        self._count = 0
        self._kinds: list[tuple[Callable[[], list[Problem]], int]] = [
            (self._same_cve, 18),
            (self._ghsa_only, 5),
            (self._chain, 4),
            (self._two_versions, 3),
            (self._two_places, 3),
            (self._contested, 1),
            (self._alone, 13),
            (self._system_package, 8),
            (self._base_image, 2),
            (self._binary, 2),
            (self._license, 5),
            (self._secret, 9),
            (self._copied_secret, 2),
            (self._code, 13),
            (self._two_weaknesses, 4),
            (self._check, 8),
        ]

    def problems(self) -> list[Problem]:
        """A few problems that belong together (one, mostly)."""
        makers, weights = zip(*self._kinds, strict=True)
        make: Callable[[], list[Problem]] = self.random.choices(makers, weights)[0]
        return make()

    def lone(self) -> Problem:
        """A problem with one row."""
        return self._alone()[0]

    def code(self) -> Problem:
        """A flow that CodeQL sees, and no other tool."""
        return self._flow(*self._line(), self.random.choice(WEAKNESSES), ("codeql",))

    def _next(self) -> int:
        self._count += 1
        return self._count

    def _package(self, ecosystem: str | None = None) -> PackageAt:
        chosen = ecosystem or self.random.choice(tuple(LANGUAGES))
        directory = self.random.choice(self._components)
        return PackageAt.make(self.random, chosen, directory, self._next())

    def _image(self) -> Image:
        return self.random.choice(IMAGES)

    def _advisory(self) -> Advisory:
        return Advisory.make(self.random, self._next())

    # Vulnerabilities

    def _same_cve(self) -> list[Problem]:
        """One CVE, by Trivy and by Snyk with several dependency paths."""
        ghsa = self.random.random() < 0.6
        return [self._by_both(self._package(), self._advisory(), ghsa=ghsa)]

    def _ghsa_only(self) -> list[Problem]:
        """No CVE yet: the GHSA joins."""
        package, advisory, problem = self._package(), self._advisory(), Problem()
        self._trivy(problem, package, advisory, advisory.ghsa)
        self._snyk(problem, package, advisory, cve=False, ghsa=True)
        return [problem]

    def _chain(self) -> list[Problem]:
        """Trivy has the CVE in one file and the GHSA in another; Snyk has both."""
        package, advisory, problem = self._package(), self._advisory(), Problem()
        self._trivy(problem, package, advisory, advisory.cve)
        self._trivy(problem, package, advisory, advisory.ghsa, second=True)
        self._snyk(problem, package, advisory, cve=True, ghsa=True)
        return [problem]

    def _two_versions(self) -> list[Problem]:
        """One CVE in two versions of a package in one lock file: two problems."""
        package, advisory = self._package("npm"), self._advisory()
        return [self._by_both(one, advisory) for one in (package, package.of_version("9.9.9"))]

    def _two_places(self) -> list[Problem]:
        """One CVE in one package of two components: two problems."""
        package, advisory = self._package(), self._advisory()
        copy = package.at(f"{package.directory}-copy")
        return [self._by_both(one, advisory, ghsa=True) for one in (package, copy)]

    def _contested(self) -> list[Problem]:
        """Trivy lists two CVEs, Snyk one issue with both: three findings that stay apart."""
        package, one, two = self._package(), self._advisory(), self._advisory()
        first, second, both = Problem(), Problem(), Problem()
        self._trivy(first, package, one, one.cve)
        self._trivy(second, package, two, two.cve)
        self._snyk(both, package, one, cve=True, ghsa=False, more=(two.cve,))
        return [first, second, both]

    def _alone(self) -> list[Problem]:
        package, advisory, problem = self._package(), self._advisory(), Problem()
        self._trivy(problem, package, advisory, advisory.cve)
        return [problem]

    def _system_package(self) -> list[Problem]:
        """A package of an image's operating system, by both tools or by Trivy alone."""
        package = PackageAt.of_system(self.random, self._image(), self._next())
        advisory = self._advisory()
        if self.random.random() < 0.7:
            return [self._by_both(package, advisory)]
        problem = Problem()
        self._trivy(problem, package, advisory, advisory.cve)
        return [problem]

    def _base_image(self) -> list[Problem]:
        """One CVE in the system on which two images are built: two problems."""
        one, two = IMAGES
        package = PackageAt.of_system(self.random, one, self._next())
        advisory = self._advisory()
        return [self._by_both(each, advisory) for each in (package, package.within(two))]

    def _binary(self) -> list[Problem]:
        """A module that is linked into a program in an image."""
        package = PackageAt.of_binary(self.random, self._image(), self._next())
        return [self._by_both(package, self._advisory(), ghsa=True)]

    def _by_both(self, package: PackageAt, advisory: Advisory, *, ghsa: bool = False) -> Problem:
        problem = Problem()
        self._trivy(problem, package, advisory, advisory.cve)
        self._snyk(problem, package, advisory, cve=True, ghsa=ghsa)
        return problem

    def _trivy(
        self,
        problem: Problem,
        package: PackageAt,
        advisory: Advisory,
        name: str,
        second: bool = False,
    ) -> None:
        text = advisory.text_for("trivy", self._words)
        row = rows.trivy_vulnerability(package, advisory, name, text)
        uri = package.second if second else package.lock
        report = f"trivy-image-{package.image.name}" if package.image else "trivy"
        known = self._known("trivy", name, package, uri)
        problem.add(report, row, known, (uri, package.trivy_type))

    def _snyk(
        self,
        problem: Problem,
        package: PackageAt,
        advisory: Advisory,
        *,
        cve: bool,
        ghsa: bool,
        more: tuple[str, ...] = (),
    ) -> None:
        cves = [advisory.cve, *more] if cve else []
        ghsas = [advisory.ghsa] if ghsa else []
        known = self._known("snyk", advisory.snyk, package, package.lock)
        report = f"snyk-container-{package.image.name}" if package.image else "snyk"
        for path in range(self.random.choice((1, 1, 1, 2, 3, 5))):
            text = advisory.text_for("snyk", self._words)
            row = rows.snyk_issue(package, advisory, cves, ghsas, path=path, text=text)
            problem.add(report, row, known, (package.lock, package.manager))

    def _known(self, tool: str, rule: str, package: PackageAt, uri: str) -> str:
        image = package.image.reference if package.image else None
        return signature(tool, rule, uri, version=package.version, image=image)

    # Licences

    def _license(self) -> list[Problem]:
        """A package under a licence that is to be reported, by one of the tools."""
        package, name = self._package(), self.random.choice(rows.LICENSES)[0]
        problem = Problem()
        if self.random.random() < 0.6:
            known = signature("trivy", name, None, licensed=package.name)
            part = (package.lock, "license")
            problem.add("trivy", rows.trivy_license(package, name), known, part)
            self._words.count("trivy", worded=False)
        else:
            row = rows.snyk_license(package, name)
            known = signature(
                "snyk", row["id"], package.lock, version=package.version, licensed=package.name
            )
            problem.add("snyk", row, known, (package.lock, package.manager))
            self._words.count("snyk", worded=False)
        return [problem]

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
            problem.add("gitleaks", rows.gitleaks_leak(value, uri, line, None), known)
        if in_tree and self.random.random() < 0.5:
            known = signature("trivy", "github-pat", uri, line=line)
            problem.add("trivy", rows.trivy_secret(line), known, (uri, "secret"))
            self._words.count("trivy", worded=True)
        for commit in commits:
            moved = line + self.random.randrange(3)
            known = signature("gitleaks", "github-pat", uri, line=moved, commit=commit)
            problem.add("gitleaks", rows.gitleaks_leak(value, uri, moved, commit), known)
        if commits and self.random.random() < 0.7:
            known = signature("trufflehog", "Github", uri, line=line, commit=commits[0])
            for decoder in self.random.choice((("PLAIN",), ("PLAIN", "BASE64"))):
                row = rows.trufflehog_detection(value, uri, line, commits[0], decoder)
                problem.add("trufflehog", row, known)
        return problem

    def _file(self, suffix: str) -> str:
        name = f"{self.random.choice(WORDS)}{self._next()}.{suffix}"
        return f"{self.random.choice(self._components)}/{name}"

    # Code and configuration

    def _line(self) -> tuple[str, int]:
        return self._file("py"), self.random.randrange(1, 900)

    def _code(self) -> list[Problem]:
        """One flow into one sink, by all code scanners or by some of them."""
        seen_by = self.random.choice(
            (
                ("codeql",),
                ("snyk",),
                ("semgrep",),
                ("codeql", "snyk"),
                ("codeql", "snyk"),
                ("codeql", "semgrep"),
                ("codeql", "snyk", "semgrep"),
            )
        )
        return [self._flow(*self._line(), self.random.choice(WEAKNESSES), seen_by)]

    def _two_weaknesses(self) -> list[Problem]:
        """Two weaknesses on one line, and one of them again below: three problems."""
        uri, line = self._line()
        one, two = self.random.sample(WEAKNESSES, 2)
        both = ("codeql", "snyk")
        return [
            self._flow(uri, line, one, both),
            self._flow(uri, line, two, both),
            self._flow(uri, line + 7, one, both),
        ]

    def _flow(self, uri: str, line: int, weakness: Weakness, seen_by: Sequence[str]) -> Problem:
        problem = Problem()
        suppressed = self.random.random() < 0.08
        for tool in seen_by:
            worded = self._words.due("sarif")
            self._words.count("sarif", worded=worded)
            place = Place(uri, line, worded)
            if tool == "codeql":
                row = sarifrows.codeql_result(weakness, place, suppressed=suppressed)
            elif tool == "snyk":
                row = sarifrows.snyk_code_result(weakness, place)
            else:
                row = sarifrows.semgrep_result(weakness, place, suppressed=suppressed)
            report = "snyk-code" if tool == "snyk" else tool
            problem.add(report, row, signature(tool, row["ruleId"], uri, line=line))
        return problem

    def _check(self) -> list[Problem]:
        """Several checks fail in one file."""
        uri = f"{self.random.choice(self._components)}/images/{self._next()}/Dockerfile"
        made = []
        for check in self.random.sample(rows.CHECKS, self.random.randrange(1, 4)):
            problem = Problem()
            known = signature("trivy", check, uri)
            problem.add("trivy", rows.trivy_check(check), known, (uri, "dockerfile"))
            self._words.count("trivy", worded=False)
            made.append(problem)
        return made
