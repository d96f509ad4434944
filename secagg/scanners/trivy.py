"""Trivy: vulnerable dependencies, misconfigurations, secrets and licences.

Command lines, streams and messages as of 0.76 (its documentation and ``--help``). Settings
that only some versions know as flags are given as variables, which the others ignore.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from secagg.packages.components import ROOT
from secagg.packages.manifests import is_requirements
from secagg.scanners.base import Job, RunContext, ScanRequest, ToolRun
from secagg.scanners.coverage import requirements_files, unpinned, unread_manifests
from secagg.scanners.deciding import Unusable, paths_out_of, require_untouched
from secagg.scanners.job import (
    ProgramJob,
    components_in,
    own_file,
    prepare,
    read_report,
    remark,
    scopes,
    whole_report,
)
from secagg.scanners.options import TrivyOptions, read_options
from secagg.scanners.program import Make
from secagg.scanners.trivydb import (
    DATABASE_HINT,
    NO_DATABASE,
    cache_of,
    lacks_database,
    too_old,
)
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


MAKE = Make(
    name="trivy",
    title="Trivy",
    version_argv=("--version",),
    version_pattern=r"Version: v?(\d+\.\d+\.\d+)",
    supported=">=0.50,<1",
    install="install Trivy 0.69.3 or 0.70 and newer, or name it by tools.trivy.path",
    own=(
        "TRIVY_USERNAME",
        "TRIVY_PASSWORD",
        "TRIVY_REGISTRY_TOKEN",
        "TRIVY_DB_REPOSITORY",
        "TRIVY_JAVA_DB_REPOSITORY",
        "TRIVY_CHECKS_BUNDLE_REPOSITORY",
        "TRIVY_CACHE_DIR",
        # A renewal that was refused before is not tried again in each run.
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

_CONFIGS = ("trivy.yaml", ".trivyignore", ".trivyignore.yaml", "trivy-secret.yaml")
# Level, what is wrong, and the file: the rest of such a line may quote the file's content.
_COMPLAINT = re.compile(
    r"\t(?:ERROR\t(?P<error>[^\t\n]+)"
    r"|WARN\t(?P<warning>[^\t\n]{0,2000}(?:[Uu]nable|[Ff]ailed) to[^\t\n]*))"
    r"(?:\t.{0,2000}?\bfile_path=\"(?P<file>[^\"\n]*)\")?"
)
_HARMLESS = re.compile(r"Falling back to embedded checks|site-packages|version check")
_COMMENT = re.compile(r"\bIgnore finding\b")
_MOST_COMPLAINTS = 20


class TrivyScanner:
    """Plans Trivy over the tree, and over images and SBOMs where asked to."""

    name = "trivy"

    def __init__(self, context: RunContext) -> None:
        self._context = context

    def plan(self, request: ScanRequest) -> Sequence[Job | ToolRun]:
        """One job for the tree (or a chosen component), image and SBOM.

        Raises ConfigError for options that do not fit.
        """
        options = read_options(
            TrivyOptions, self.name, request.options.get(self.name, {}), request.root
        )
        program = prepare(MAKE, options, self._context)
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
    """One Trivy command over one subject.

    It runs in an empty directory: Trivy reads its configuration and ignore files from the
    working directory, and a scanned repository's own hid findings there (seen with 0.76).
    All packages are listed, as proof that a lock file has been read.
    """

    options: TrivyOptions
    command: str
    subject: str

    def scan(self, tool_run: ToolRun) -> None:
        with private_directory() as directory:
            report = directory / "report.json"
            nothing = directory / "nothing"
            nothing.mkdir()
            cwd = nothing
            if self.options.trust_target_config and self.command == "fs":
                cwd = self.own_files(_CONFIGS, directory)
                self._check_names(cwd)
            self._check_cache()
            try:
                result = self.execute(
                    [*self._arguments(report), self.subject],
                    directory,
                    cwd=cwd,
                    watched=[report],
                )
            except Unusable:
                kept = whole_report(self.report, report)
                if kept is not None and _is_report(kept.document):
                    tool_run.reports.append(kept)
                elif self._lacks_database(directory):
                    self._scan_the_rest(tool_run, directory, cwd)
                    raise Unusable(NO_DATABASE, DATABASE_HINT) from None
                raise
            tool_run.reports.append(self.report(read_report(report, "Trivy")))
            document = tool_run.reports[-1].document
            if not _is_report(document):
                raise Unusable("Trivy wrote something else than a Trivy report")
            self._say_what_is_missing(tool_run, document, result)

    def _check_names(self, directory: Path) -> None:
        """Refuse a trivy.yaml that names a file of the change."""
        file = directory / _CONFIGS[0]
        if not self.base_decides or not file.exists():
            return
        for name in paths_out_of(file):
            path = directory / Path(name).expanduser()
            require_untouched(self.program.context.controls, path, f"{_CONFIGS[0]}: {name}")

    def _check_cache(self) -> None:
        """Refuse databases and checks that the change brings."""
        given = self.options.cache_dir
        named = given or self.program.context.environ.get("TRIVY_CACHE_DIR")
        if named:
            what = "tools.trivy.cache_dir" if given else "TRIVY_CACHE_DIR"
            require_untouched(self.program.context.controls, Path(named).absolute(), what)

    def _lacks_database(self, directory: Path) -> bool:
        try:
            log = (directory / "stderr").read_text("utf-8", "replace")
        except OSError:
            return False
        return "vuln" in self.options.scanners and lacks_database(log)

    def _scan_the_rest(self, tool_run: ToolRun, directory: Path, cwd: Path) -> None:
        """Look for what needs no database of advisories; what fails here is told already."""
        rest = [name for name in self.options.scanners if name not in ("vuln", "license")]
        if self.command != "fs" or not rest:
            return
        report = directory / "rest.json"
        with suppress(Unusable):
            self.execute(
                [*self._arguments(report, rest), self.subject],
                directory,
                cwd=cwd,
                watched=[report],
            )
        kept = whole_report(self.report, report)
        if kept is not None and _is_report(kept.document):
            tool_run.reports.append(kept)

    def _arguments(self, report: Path, scanners: Sequence[str] | None = None) -> Iterator[str]:
        yield self.command
        yield "--format=json"
        yield f"--output={report}"
        yield "--exit-code=0"
        yield "--list-all-pkgs"
        yield f"--timeout={self.timeout + 60:.0f}s"  # ours is the deadline
        if self.command == "sbom":
            wanted = [name for name in self.options.scanners if name in ("vuln", "license")]
            yield f"--scanners={','.join(wanted or ['vuln'])}"
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
            # Its own pattern is the one name requirements.txt.
            yield r"--file-patterns=pip:requirements[^/]*\.txt$"
            yield r"--file-patterns=pip:(?:^|/)requirements/[^/]+\.txt$"
            for path in self._included():
                yield f"--file-patterns=pip:^{path}$"
            for pattern in self.options.skip_dirs:
                yield f"--skip-dirs={pattern}"
            if self.options.include_dev_dependencies:
                yield "--include-dev-deps"

    def _included(self) -> list[str]:
        """What requirements include under other names, as patterns of paths below the target."""
        components = components_in(self.request, self.component)
        prefix = "" if self.component == ROOT else f"{self.component}/"
        return [
            # A comma would end the pattern.
            re.escape(path.removeprefix(prefix)).replace(",", ".")
            for path in requirements_files(self.request.root, components)
            if path.startswith(prefix) and not is_requirements(path)
        ]

    def _say_what_is_missing(self, tool_run: ToolRun, document: Any, result: ProcessResult) -> None:
        context = self.program.context
        metadata = document.get("Metadata") or {}
        system = metadata.get("OS") if isinstance(metadata, dict) else None
        if isinstance(system, dict) and system.get("EOSL") is True:
            remark(
                tool_run,
                f"{system.get('Family')} {system.get('Name')} is past its end of life: "
                "nobody publishes advisories for it any more",
                context,
                fatal=not self.options.allow_end_of_life,
            )
        if "vuln" in self.options.scanners:
            cache = cache_of(self.options, context.environ)
            most = self.options.max_database_age or self.request.max_database_days
            if old := too_old(cache, datetime.now(UTC), most):
                # The base is scanned with the same database: it is no gap that was there before.
                remark(tool_run, f"{old} ({DATABASE_HINT})", context, fatal=True, whole=True)
        log = result.stderr.read_text("utf-8", "replace")
        complaints = list(dict.fromkeys(_complaints(log)))
        for complaint in complaints[:_MOST_COMPLAINTS]:
            remark(tool_run, f"Trivy: {complaint}", context)
        if len(complaints) > _MOST_COMPLAINTS:
            more = len(complaints) - _MOST_COMPLAINTS
            remark(tool_run, f"Trivy: {more} more warnings of this sort", context)
        if self.command != "fs":
            return
        if ignored := len(_COMMENT.findall(log)):
            remark(
                tool_run,
                f"comments in the repository's own files hid {ignored} misconfigurations",
                context,
                fatal=self.adds_words(b"trivy:ignore", b"tfsec:ignore"),
            )
        for name in _CONFIGS:
            if (self.target / name).exists():
                remark(tool_run, own_file(name, used=self.options.trust_target_config), context)
        if "vuln" in self.options.scanners:
            components = components_in(self.request, self.component)
            for loose in unpinned(self.request.root, components):
                remark(tool_run, loose, context)
            for name in _without_version(document, self.component):
                remark(
                    tool_run,
                    f"{name} has no version that Trivy could determine: it was not checked",
                    context,
                    fatal=not self.options.allow_unread_manifests,
                )
            spoken_of = _targets(document, self.component)
            for unread in unread_manifests(self.request.root, components, spoken_of):
                remark(tool_run, unread, context, fatal=not self.options.allow_unread_manifests)


def _complaints(log: str) -> Iterator[str]:
    """What Trivy could not read or do, by its log: it exits with 0 all the same."""
    for match in _COMPLAINT.finditer(log):
        message = (match["error"] or match["warning"]).strip()
        if not _HARMLESS.search(message):
            yield f"{message}: {match['file']}" if match["file"] else message


def _without_version(document: Any, component: str) -> Iterator[str]:
    """The Maven packages of a report that have no version, each with its file.

    Trivy's own warning names none of them (its documentation, "Java: Empty dependency version").
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
