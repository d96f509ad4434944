"""Trivy: vulnerable dependencies, misconfigurations, secrets and licences.

Command lines, streams and messages are those of 0.76 (its documentation and ``--help``).
Settings that only some versions have as flags are set by variables, which other versions ignore.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from msgspec.structs import replace as with_fields

from secagg.packages.components import ROOT
from secagg.packages.manifests import is_requirements
from secagg.scanners.base import Job, RunContext, ScanRequest, ToolRun
from secagg.scanners.configuration import Unusable, paths_outside, require_untouched
from secagg.scanners.coverage import requirements_files, unpinned, unread_manifests
from secagg.scanners.job import (
    ProgramJob,
    add_gap,
    components_in,
    config_file_note,
    prepare,
    read_report,
    scopes,
    whole_report,
)
from secagg.scanners.options import TrivyOptions, read_options
from secagg.scanners.program import ToolSpec
from secagg.scanners.trivydb import (
    DATABASE_HINT,
    NO_DATABASE,
    cache_directory,
    database_time,
    lacks_database,
    outdated_note,
)
from secagg.system.dates import utc_now
from secagg.system.globs import paths
from secagg.system.process import ProcessResult, private_directory

_APP_VERSION = re.compile(rb"aquasecurity/trivy/pkg/version/app\.ver=v?(\d+\.\d+\.\d+)")


def _embedded_version(path: Path) -> str | None:
    """The version that the Go linker wrote into the file, read without running it."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            match = _APP_VERSION.search(data)
            return match.group(1).decode() if match else None
    except (OSError, ValueError):
        return None


SPEC = ToolSpec(
    name="trivy",
    title="Trivy",
    version_argv=("--version",),
    version_pattern=r"Version: v?(\d+\.\d+\.\d+)",
    supported=">=0.50,<1",
    install="secagg tools install trivy",
    variables=(
        "TRIVY_USERNAME",
        "TRIVY_PASSWORD",
        "TRIVY_REGISTRY_TOKEN",
        "TRIVY_DB_REPOSITORY",
        "TRIVY_JAVA_DB_REPOSITORY",
        "TRIVY_CHECKS_BUNDLE_REPOSITORY",
        "TRIVY_CACHE_DIR",
        # Set after an update of the database failed, so that not every run tries it again.
        "TRIVY_SKIP_DB_UPDATE",
        "DOCKER_HOST",
        "DOCKER_CONFIG",
    ),
    extra={
        "TRIVY_SKIP_VERSION_CHECK": "true",
        "TRIVY_DISABLE_TELEMETRY": "true",
        "TRIVY_NO_PROGRESS": "true",
        "NO_COLOR": "1",
    },
    refused={
        ">=0.69.4,<=0.69.6": "these releases were replaced by ones that steal credentials "
        "(March 2026); rotate what a machine that ran one could reach"
    },
    inspect=_embedded_version,
)

_CONFIG_FILES = ("trivy.yaml", ".trivyignore", ".trivyignore.yaml", "trivy-secret.yaml")
# Level, message and file; the rest of such a line may quote the content of the file.
_WARNING = re.compile(
    r"\t(?:ERROR\t(?P<error>[^\t\n]+)"
    r"|WARN\t(?P<warning>[^\t\n]{0,2000}(?:[Uu]nable|[Ff]ailed) to[^\t\n]*))"
)
_WARNED_FILE = re.compile(r"\bfile_path=\"(?P<file>[^\"\n]*)\"")
_HARMLESS = re.compile(r"Falling back to embedded checks|site-packages|version check")
_IGNORED_BY_COMMENT = re.compile(r"\bIgnore finding\b")
_MOST_WARNINGS = 20
# Trivy passes over these directories of its target, as of the root of an image (seen with 0.76).
_PASSED_OVER = ("dev", "proc", "sys")
_MOST_PASSED_OVER = 8


class TrivyScanner:
    """Plans Trivy for the tree, and for the images and SBOMs of the configuration."""

    name = "trivy"

    def __init__(self, context: RunContext) -> None:
        self._context = context

    def plan(self, request: ScanRequest) -> Sequence[Job | ToolRun]:
        """Plan a job for the tree (or each chosen component), image and SBOM.

        Raises ConfigError for invalid options.
        """
        options = read_options(
            TrivyOptions, self.name, request.options.get(self.name, {}), request.root
        )
        program = prepare(SPEC, options, self._context)
        if isinstance(program, ToolRun):
            return [program]
        work = [("fs", scope, str(request.root / scope)) for scope in scopes(request)]
        work += [("image", ROOT, image) for image in options.images]
        work += [("sbom", ROOT, str(sbom)) for sbom in options.sboms]
        return [
            TrivyJob(
                program=program,
                request=request,
                component=scope,
                mode=command if command == "fs" else f"{command} {subject}",
                options=options,
                command=command,
                subject=subject,
                lane="trivy",
            )
            for command, scope, subject in work
        ]


@dataclass(frozen=True, kw_only=True)
class TrivyJob(ProgramJob):
    """One Trivy command for one subject.

    It runs in an empty directory, as Trivy uses configuration and ignore files of the working
    directory, which could hide findings (seen with 0.76). The report lists all packages, which
    shows that a lock file was read.
    """

    options: TrivyOptions
    command: str
    subject: str

    def scan(self, tool_run: ToolRun) -> None:
        with private_directory() as directory:
            cwd = directory / "nothing"
            cwd.mkdir()
            if self.options.trust_target_config and self.command == "fs":
                cwd = self.trusted_config(_CONFIG_FILES, directory)
                self._check_names(cwd)
            self._check_cache()
            passed_over = self._passed_over() if self.command == "fs" else []
            logs = []
            for job in (self, *passed_over[:_MOST_PASSED_OVER]):
                result = job._run_once(tool_run, directory, cwd)
                logs.append(result.stderr.read_text("utf-8", "replace"))
            for job in passed_over[_MOST_PASSED_OVER:][:1]:
                sentence = (
                    f"{job.component} was not scanned: Trivy passes over a directory so named"
                )
                add_gap(tool_run, sentence, self.program.context, fatal=True)
            self._add_gaps(tool_run, "\n".join(logs))

    def _run_once(self, tool_run: ToolRun, directory: Path, cwd: Path) -> ProcessResult:
        report = directory / "report.json"
        try:
            result = self.execute(
                [*self._arguments(report), self.subject],
                directory,
                cwd=cwd,
                watched=[report],
            )
        except Unusable:
            partial = whole_report(self.report, report)
            if partial is not None and _is_report(partial.document):
                tool_run.reports.append(partial)
            elif self._lacks_database(directory):
                self._scan_without_database(tool_run, directory, cwd)
                raise Unusable(NO_DATABASE, DATABASE_HINT) from None
            raise
        tool_run.reports.append(self.report(read_report(report, "Trivy")))
        if not _is_report(tool_run.reports[-1].document):
            raise Unusable("Trivy wrote something else than a Trivy report")
        return result

    def _passed_over(self) -> list[TrivyJob]:
        """Return a job for each directory that Trivy passes over for its name alone.

        One more than :data:`_MOST_PASSED_OVER` is the last: a change can nest them.
        """
        skipped = paths(self.options.skip_dirs)
        pending = [*_PASSED_OVER]
        jobs: list[TrivyJob] = []
        while pending and len(jobs) <= _MOST_PASSED_OVER:
            name = pending.pop(0)
            path = self.target / name
            if skipped(name) or path.is_symlink() or not path.is_dir():
                continue
            patterns = [pattern.removeprefix(f"{name}/") for pattern in self.options.skip_dirs]
            jobs.append(
                replace(
                    self,
                    component=name if self.component == ROOT else f"{self.component}/{name}",
                    subject=str(path),
                    options=with_fields(self.options, skip_dirs=patterns),
                )
            )
            pending += [f"{name}/{inner}" for inner in _PASSED_OVER]
        return jobs

    def _check_names(self, directory: Path) -> None:
        """Refuse a trivy.yaml that names a file that the change touches."""
        file = directory / _CONFIG_FILES[0]
        if not self.base_decides or not file.exists():
            return
        for name in paths_outside(file):
            path = directory / Path(name).expanduser()
            require_untouched(self.program.context.controls, path, f"{_CONFIG_FILES[0]}: {name}")

    def _check_cache(self) -> None:
        """Refuse a cache of databases and checks that the change touches."""
        option = self.options.cache_dir
        cache = option or self.program.context.environ.get("TRIVY_CACHE_DIR")
        if cache:
            setting = "tools.trivy.cache_dir" if option else "TRIVY_CACHE_DIR"
            require_untouched(self.program.context.controls, Path(cache).absolute(), setting)

    def _lacks_database(self, directory: Path) -> bool:
        try:
            log = (directory / "stderr").read_text("utf-8", "replace")
        except OSError:
            return False
        return "vuln" in self.options.scanners and lacks_database(log)

    def _scan_without_database(self, tool_run: ToolRun, directory: Path, cwd: Path) -> None:
        """Run the scanners that need no database; the failure of the run is recorded already."""
        scanners = [name for name in self.options.scanners if name not in ("vuln", "license")]
        if self.command != "fs" or not scanners:
            return
        report = directory / "rest.json"
        with suppress(Unusable):
            self.execute(
                [*self._arguments(report, scanners), self.subject],
                directory,
                cwd=cwd,
                watched=[report],
            )
        result = whole_report(self.report, report)
        if result is not None and _is_report(result.document):
            tool_run.reports.append(result)

    def _arguments(self, report: Path, scanners: Sequence[str] | None = None) -> Iterator[str]:
        yield self.command
        yield "--format=json"
        yield f"--output={report}"
        yield "--exit-code=0"
        yield "--list-all-pkgs"
        yield f"--timeout={self.timeout + 60:.0f}s"  # The job's deadline comes first.
        if self.command == "sbom":
            supported = [name for name in self.options.scanners if name in ("vuln", "license")]
            yield f"--scanners={','.join(supported or ['vuln'])}"
        else:
            yield f"--scanners={','.join(scanners or self.options.scanners)}"
        if self.options.cache_dir is not None:
            yield f"--cache-dir={self.options.cache_dir}"
        if self.options.offline:
            yield "--offline-scan"
            yield "--skip-db-update"
            yield "--skip-java-db-update"
            if self.command != "sbom" and "misconfig" in self.options.scanners:
                yield "--skip-check-update"
        if self.command == "fs":
            # By default Trivy reads requirements.txt only.
            yield r"--file-patterns=pip:requirements[^/]*\.txt$"
            yield r"--file-patterns=pip:(?:^|/)requirements/[^/]+\.txt$"
            for path in self._included_patterns():
                yield f"--file-patterns=pip:^{path}$"
            for pattern in self.options.skip_dirs:
                yield f"--skip-dirs={pattern}"
            if self.options.include_dev_dependencies:
                yield "--include-dev-deps"

    def _included_patterns(self) -> list[str]:
        """Patterns for files with other names that requirements files include."""
        components = components_in(self.request, self.component)
        prefix = "" if self.component == ROOT else f"{self.component}/"
        return [
            # Trivy splits patterns at commas.
            re.escape(path.removeprefix(prefix)).replace(",", ".")
            for path in requirements_files(self.request.root, components)
            if path.startswith(prefix) and not is_requirements(path)
        ]

    def _add_gaps(self, tool_run: ToolRun, log: str) -> None:
        context = self.program.context
        scanned = [(report.component or ROOT, report.document) for report in tool_run.reports]
        document = scanned[0][1]
        metadata = document.get("Metadata") or {}
        system = metadata.get("OS") if isinstance(metadata, dict) else None
        if isinstance(system, dict) and system.get("EOSL") is True:
            add_gap(
                tool_run,
                f"{system.get('Family')} {system.get('Name')} is past its end of life: "
                "nobody publishes advisories for it any more",
                context,
                fatal=not self.options.allow_end_of_life,
            )
        if "vuln" in self.options.scanners:
            cache = cache_directory(self.options, context.environ)
            tool_run.database = database_time(cache)
            max_days = self.options.max_database_age or self.request.max_database_days
            if note := outdated_note(cache, utc_now(), max_days):
                # It must not count as a gap of the base, which is scanned with the same database.
                add_gap(tool_run, f"{note} ({DATABASE_HINT})", context, fatal=True, whole=True)
        warnings = list(dict.fromkeys(_warnings(log)))
        for warning in warnings[:_MOST_WARNINGS]:
            add_gap(tool_run, f"Trivy: {warning}", context)
        if len(warnings) > _MOST_WARNINGS:
            more = len(warnings) - _MOST_WARNINGS
            add_gap(tool_run, f"Trivy: {more} more warnings of this sort", context)
        if self.command != "fs":
            return
        if ignored := len(_IGNORED_BY_COMMENT.findall(log)):
            add_gap(
                tool_run,
                f"comments in the repository's own files hid {ignored} misconfigurations",
                context,
                fatal=self.adds_words(b"trivy:ignore", b"tfsec:ignore"),
            )
        for name in _CONFIG_FILES:
            if (self.target / name).exists():
                add_gap(
                    tool_run, config_file_note(name, used=self.options.trust_target_config), context
                )
        if "vuln" in self.options.scanners:
            components = components_in(self.request, self.component)
            for sentence in unpinned(self.request.root, components):
                add_gap(tool_run, sentence, context)
            for name in (n for scope, read in scanned for n in _unversioned_packages(read, scope)):
                add_gap(
                    tool_run,
                    f"{name} has no version that Trivy could determine: it was not checked",
                    context,
                    fatal=not self.options.allow_unread_manifests,
                )
            reported = {name for scope, read in scanned for name in _targets(read, scope)}
            for sentence in unread_manifests(self.request.root, components, reported):
                add_gap(tool_run, sentence, context, fatal=not self.options.allow_unread_manifests)


def _warnings(log: str) -> Iterator[str]:
    """What Trivy could not read or do, by its log; it exits with 0 even so."""
    for line in log.splitlines():
        if (match := _WARNING.search(line)) is None:
            continue
        message = (match["error"] or match["warning"]).strip()
        if not _HARMLESS.search(message):
            file = _WARNED_FILE.search(line, match.end())
            yield f"{message}: {file['file']}" if file and file["file"] else message


def _unversioned_packages(document: Any, component: str) -> Iterator[str]:
    """The Maven packages of a report without a version, each with its file.

    Trivy's own warning does not name them (its documentation, "Java: Empty dependency version").
    """
    prefix = "" if component == ROOT else f"{component}/"
    for result in document.get("Results") or []:
        if isinstance(result, dict) and result.get("Type") == "pom":
            packages = [p for p in result.get("Packages") or [] if isinstance(p, dict)]
            for package in packages:
                if package.get("Name") and not package.get("Version"):
                    yield f"{prefix}{result.get('Target')}: {package['Name']}"


def _is_report(document: Any) -> bool:
    return isinstance(document, dict) and "SchemaVersion" in document


def _targets(document: Any, component: str) -> set[str]:
    """The files, relative to the root, whose dependencies are in a report."""
    results = document.get("Results") or []
    prefix = "" if component == ROOT else f"{component}/"
    return {
        f"{prefix}{result['Target']}"
        for result in results
        if isinstance(result, dict)
        and isinstance(result.get("Target"), str)
        and result.get("Class") == "lang-pkgs"
    }
