"""A report of Snyk as a whole: projects, images with the applications in them, and failures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from secagg.errors import ReportError
from secagg.jsonio.reading import is_list
from secagg.model.finding import Finding
from secagg.parsing import EntryProblem, Gap, ParseContext, ParsedReport, RawReport
from secagg.secrets.redactor import Redactor
from secagg_parsers.fields import (
    Entry,
    Masker,
    OddEntry,
    add_problem,
    json_type,
    mapping,
    objects,
    reason,
    with_redactor,
)
from secagg_parsers.places import Places, base_of
from secagg_parsers.snyk.issues import USED, Issues, iac_finding
from secagg_parsers.snyk.project import Project

_ISSUES = ("vulnerabilities", "infrastructureAsCodeIssues", "cloudConfigResults")
# What is long in a row.
_REPEATED = ("description", "identifiers", "references")
_Key = tuple[Any, ...]


class SnykReport:
    """Reads one report; used once."""

    def __init__(self, report: RawReport, context: ParseContext) -> None:
        self._report = report
        self._context = context
        self._redactor = context.redactor
        self._places: dict[str | None, Places] = {}
        self._parsed = ParsedReport(tool="snyk")
        self._mask = Masker(context.redactor)
        self._issues = Issues(self._mask)
        # Whether the rows of each project are merged before the next is read.
        self._by_project = False
        # By project, then by issue.
        self._rows: dict[_Key, dict[_Key, tuple[Project, list[tuple[str, Entry]]]]] = {}
        self._merged_projects: set[_Key] = set()
        # Of vulnerabilities and licences, which come after all else.
        self._findings: list[Finding] = []
        self._problems: list[EntryProblem] = []

    def read(self, projects: Sequence[Any], *, one: bool) -> ParsedReport:
        """Read all projects, and free each before the next.

        A project that a report lists twice has its rows in two places: such a report is read
        again, with all rows in memory.
        """
        try:
            return self._read(projects, one=one, by_project=True)
        except _ListedTwice:
            again = SnykReport(self._report, self._context)
            return again._read(projects, one=one, by_project=False)

    def _read(self, projects: Sequence[Any], *, one: bool, by_project: bool) -> ParsedReport:
        self._by_project = by_project
        failures: list[str] = []
        read = 0
        all_projects = with_redactor(projects, self._redactor, "vulnerabilities")
        for index, (entry, redactor) in enumerate(all_projects):
            where = "" if one else f"[{index}]."
            if not isinstance(entry, dict):
                add_problem(
                    self._parsed, f"[{index}]", f"the entry is {json_type(entry)}, not a project"
                )
            elif (failure := self._failure(entry)) is not None:
                failures.append(failure)
            elif not any(key in entry for key in _ISSUES):
                # It would pass for a project in which nothing was found.
                if one:
                    raise ReportError(
                        "this is no report of snyk: it has no list of issues",
                        report=self._report.name,
                        hint="write it with snyk test --json",
                    )
                add_problem(self._parsed, f"[{index}]", "the entry has no list of issues")
            else:
                if isinstance(said := entry.get("error"), str) and said:
                    failures.append(self._sentence(entry, said))
                self._project(entry, where, None, redactor)
                read += 1
                if by_project:
                    self._merge_projects()
        self._merge_projects()
        self._parsed.findings += self._findings
        self._parsed.problems += self._problems
        if failures and not read and len(failures) == len(projects):
            raise ReportError(
                failures[0],
                report=self._report.name,
                hint="nothing was tested; run snyk there by hand to see why",
            )
        self._parsed.gaps += [Gap(message=failure, fatal=True) for failure in failures]
        return self._parsed

    def _failure(self, entry: Entry) -> str | None:
        """Return the error, if Snyk prints one in place of a project."""
        if any(is_list(entry.get(key)) for key in _ISSUES):
            return None
        message = entry.get("error") or entry.get("errors") or entry.get("message")
        if isinstance(message, list) and message:
            message = message[0]
        if isinstance(message, dict):
            message = message.get("detail") or message.get("message") or message.get("title")
        if not isinstance(message, str):
            if entry.get("ok") is not False:
                return None
            message = "no reason given"
        return self._sentence(entry, message)

    def _sentence(self, entry: Entry, message: str) -> str:
        path = entry.get("path")
        place = f" in {path}" if isinstance(path, str) and path not in ("", ".") else ""
        return f"Snyk failed{self._mask[place]}: {reason(self._context.redactor, message)}"

    def _project(
        self, entry: Entry, where: str, image: str | None, redactor: Redactor | None
    ) -> None:
        """Read one project; ``redactor`` is None if nothing in its rows is to be masked."""
        parsed = self._parsed
        try:
            project = Project(self._context, self._mask, self._places_of, entry, image)
        except OddEntry as why:
            add_problem(parsed, where or "the report", why)
            return
        # Rows that were decoded with their project are in memory as long as it is.
        in_memory = type(entry.get("vulnerabilities")) is list and self._by_project
        for place, row in objects(parsed, entry, "vulnerabilities", where, redactor):
            self._row(place, project, row, in_memory=in_memory)
        if "docker" in entry:
            for place, row in project.binaries(entry, where):
                self._row(place, project.of_binaries(), self._redactor.mask_json(row))
        for key in _ISSUES[1:]:
            if key in entry:
                for place, issue in objects(parsed, entry, key, where, redactor):
                    self._check(place, project, issue)
        if entry.get("filtered") is not None:
            self._ignored(entry, where)
        if entry.get("ok") is False and not any(entry.get(key) for key in (*_ISSUES, "docker")):
            sentence = f"{project.name or project.uri or 'a project'}: Snyk found issues, and the "
            parsed.gaps.append(Gap(message=f"{sentence}report lists none", fatal=True))
        if image is None and "applications" in entry:
            for place, application in objects(parsed, entry, "applications", where):
                name = project.image or project.name or "image"
                self._project(application, f"{place}.", name, redactor)

    def _places_of(self, path: str | None) -> Places:
        """Return the places of projects that were tested at ``path``, cached."""
        places = self._places.get(path)
        if places is None:
            context = self._context
            base = self._report.component or (base_of(path, context.root) if path else None)
            places = self._places[path] = Places(context.root, base, context.real_path)
        return places

    def _row(self, place: str, project: Project, row: Entry, *, in_memory: bool = False) -> None:
        try:
            key = self._issues.key(row)
        except OddEntry as why:
            add_problem(self._parsed, place, why)
        else:
            issues = self._rows.get(project.key)
            if issues is None:
                if project.key in self._merged_projects:
                    raise _ListedTwice
                issues = self._rows[project.key] = {}
            rows = issues.setdefault(key, (project, []))[1]
            rows.append((place, row if in_memory else _used(row, rows[0][1] if rows else {})))

    def _merge_projects(self) -> None:
        for issues in self._rows.values():
            self._merge(issues)
        self._merged_projects.update(self._rows)
        self._rows.clear()

    def _merge(self, issues: dict[_Key, tuple[Project, list[tuple[str, Entry]]]]) -> None:
        """Make a finding for each issue, package and version of a project; rows are its paths."""
        parsed = self._parsed
        for project, rows in issues.values():
            parsed.reported += len(rows)
            try:
                finding = self._issues.finding(project, [row for _, row in rows])
            except OddEntry:
                self._apart(project, rows)
            else:
                self._findings.append(finding)
                parsed.merged += len(rows) - 1

    def _apart(self, project: Project, rows: list[tuple[str, Entry]]) -> None:
        """Leave out the odd rows of an issue, so that the others still make a finding."""
        good: list[Entry] = []
        for place, row in rows:
            try:
                self._issues.finding(project, [row])
            except OddEntry as why:
                self._problems.append(EntryProblem(message=str(why), where=place))
            else:
                good.append(row)
        if good:
            self._findings.append(self._issues.finding(project, good))
            self._parsed.merged += len(good) - 1

    def _check(self, place: str, project: Project, issue: Entry) -> None:
        self._parsed.reported += 1
        if issue.get("isIgnored") is True:
            self._parsed.suppressed += 1
            return
        try:
            finding: Finding = iac_finding(project, issue)
        except OddEntry as why:
            self._parsed.problems.append(EntryProblem(message=str(why), where=place))
        else:
            self._parsed.findings.append(finding)

    def _ignored(self, entry: Entry, where: str) -> None:
        """Count what a ``.snyk`` policy, a patch or Snyk's web site suppresses."""
        try:
            filtered = mapping(entry, "filtered")
        except OddEntry as why:
            add_problem(self._parsed, f"{where}filtered", why)
            return
        for key in ("ignore", "patch"):
            for _ in objects(self._parsed, filtered, key, f"{where}filtered."):
                self._parsed.reported += 1
                self._parsed.suppressed += 1


def _used(row: Entry, first: Entry) -> Entry:
    """Return the fields of ``row`` that are read, so that the rest can be let go of.

    What it repeats of the ``first`` row of its issue takes the memory of one.
    """
    used = {name: row[name] for name in USED if name in row}
    for name in _REPEATED:
        if name in used and used[name] == first.get(name):
            used[name] = first[name]
    return used


class _ListedTwice(Exception):
    """A project's rows go on behind those of other projects."""
