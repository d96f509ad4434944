"""A report of Trivy as a whole: its artifacts, results, licences and gaps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from secagg.jsonio.reading import Entries, is_list
from secagg.model.finding import Finding, Kind, Package, Rule
from secagg.model.place import ecosystem_of
from secagg.model.severity import of_word
from secagg.parsing import NO_RESULTS, EntryProblem, Gap, ParseContext, ParsedReport, RawReport
from secagg.secrets.redactor import Redactor
from secagg_parsers.fields import (
    Entry,
    Masker,
    OddEntry,
    add_problem,
    any_mapping,
    any_text,
    integer,
    mapping,
    objects,
    objects_with_redactor,
    reason,
    text,
)
from secagg_parsers.purls import type_of
from secagg_parsers.trivy.artifact import Artifact, PackageList, TrivyTarget, digests_of
from secagg_parsers.trivy.misconfigurations import Misconfigurations
from secagg_parsers.trivy.secrets import Secrets
from secagg_parsers.trivy.vulnerabilities import Vulnerabilities

_WHY = {
    "forbidden": "must not be used",
    "restricted": "requires derived work to be published under it",
    "reciprocal": "requires changes to be published under it",
}


def license_finding(target: TrivyTarget, entry: Entry) -> Finding:
    """Make the finding of one licence of a package or a file. Raises OddEntry."""
    # A licence that is not known by name is given with its text.
    name = text(entry, "Name") or text(entry, "Text")
    if name is None:
        raise OddEntry("Name is missing")
    name = name.strip().partition("\n")[0][:200] or "unnamed license"
    category = any_text(entry, "Category") or "unknown"
    severity, is_known = of_word(text(entry, "Severity"))
    package, path = text(entry, "PkgName"), text(entry, "FilePath")
    title = f"License {name} ({category})"
    whose = package or path or target.name or "the artifact"
    why = _WHY.get(category)
    return Finding(
        tool="trivy",
        kind=Kind.LICENSE,
        rule_id=name,
        severity=severity,
        severity_known=is_known,
        title=title,
        message=f"{whose} is under {name}" + (f", which {why}" if why else "") + ".",
        location=target.place(entry, path=path),
        rule=Rule(
            id=name,
            short_description=title,
            help_uri=any_text(entry, "Link"),
            tags=("license",),
        ),
        package=Package(type=_type(target, path), name=package) if package else None,
        license=name,
    )


def _type(target: TrivyTarget, path: str | None) -> str:
    """The purl type: licences have a class of their own, so that the lock file must tell it."""
    kind = type_of(target.type)
    file = path or target.name
    return (ecosystem_of(file) if kind == "generic" and file else None) or kind


# ``trivy k8s`` names its list of resources by version and by --report.
_RESOURCES = ("Resources", "Findings", "Vulnerabilities", "Misconfigurations")


class TrivyReport:
    """Reads one report; used once."""

    def __init__(self, report: RawReport, context: ParseContext) -> None:
        self._report = report
        self._context = context
        self._parsed = ParsedReport(tool="trivy")
        mask = Masker(context.redactor)
        self._mask = mask
        self._secrets = Secrets(context, mask)
        self._vulnerabilities = Vulnerabilities(mask)
        self._misconfigurations = Misconfigurations()

    def read(self, document: Entry) -> ParsedReport:
        parsed = self._parsed
        trivy = document.get("Trivy")
        if isinstance(trivy, dict) and isinstance(trivy.get("Version"), str):
            parsed.tool_version = self._mask[trivy["Version"]]
        if "ClusterName" in document:
            for key in _RESOURCES:
                for where, resource in objects(parsed, document, key, ""):
                    self._artifact(resource, f"{where}.", _name_of(resource))
        elif document.get("Results") is None:
            parsed.gaps.append(Gap(message=NO_RESULTS))
        self._artifact(document, "", None)
        self._without_details()
        return parsed

    def _artifact(self, document: Entry, where: str, resource: str | None) -> None:
        """Read the results of one artifact: the report itself, or one resource of a cluster."""
        parsed = self._parsed
        try:
            self._systems(document, where)
            name, kind = text(document, "ArtifactName"), text(document, "ArtifactType")
        except OddEntry as why:
            parsed.gaps.append(Gap(message=f"{where}Metadata is not understood: {why}"))
            name = kind = None
        error = document.get("Error")
        if error:
            sentence = reason(self._context.redactor, str(error))
            parsed.gaps.append(
                Gap(message=f"{resource or 'the scan'} failed: {sentence}", fatal=True)
            )
        artifact = self._artifact_of(
            name, kind, resource, digests_of(any_mapping(document, "Metadata"))
        )
        redactor = self._context.redactor
        for place, result, masking in objects_with_redactor(
            parsed, document, "Results", where, redactor
        ):
            try:
                target = TrivyTarget(artifact, result)
            except OddEntry as why:
                add_problem(parsed, place, why)
            else:
                self._result(f"{place}.", target, result, masking)

    def _artifact_of(
        self,
        name: str | None,
        kind: str | None,
        resource: str | None,
        digests: tuple[str, ...] = (),
        mask: Callable[[str], str] | None = None,
    ) -> Artifact:
        return Artifact(
            self._context.root,
            self._report.component,
            mask or self._mask.__getitem__,
            self._context.real_path,
            name=name,
            kind=kind,
            resource=resource,
            digests=digests,
        )

    def learn(self, document: Entry) -> None:
        """Read the secrets of all results from the checkout, as far as its files are there."""
        self._learn(document, None)
        if "ClusterName" in document:
            for key in _RESOURCES:
                for _, resource in objects(ParsedReport(tool="trivy"), document, key, ""):
                    self._learn(resource, _name_of(resource))

    def _learn(self, document: Entry, resource: str | None) -> None:
        name, kind = document.get("ArtifactName"), document.get("ArtifactType")
        artifact = self._artifact_of(
            name if isinstance(name, str) else None,
            kind if isinstance(kind, str) else None,
            resource,
            # Nothing of it is shown, and not all secrets are known yet.
            mask=str,
        )
        results = document.get("Results")
        if isinstance(results, Entries):
            results = [result for _, result in results.with_text(b'"Secrets"')]
        for result in results if isinstance(results, list) else ():
            if isinstance(result, dict) and is_list(result.get("Secrets")):
                try:
                    target = TrivyTarget(artifact, result)
                except OddEntry:
                    continue
                for entry in result["Secrets"]:
                    self._secrets.sighting(target, entry)

    def _systems(self, document: Entry, where: str) -> None:
        """Add gaps for systems without support. A cluster resource has metadata for each image."""
        given = document.get("Metadata")
        for metadata in given if isinstance(given, list) else [mapping(document, "Metadata")]:
            system = metadata.get("OS") if isinstance(metadata, dict) else None
            if not isinstance(system, dict) or system.get("EOSL") is not True:
                continue
            name = " ".join(str(system[key]) for key in ("Family", "Name") if system.get(key))
            self._parsed.gaps.append(
                Gap(
                    message=self._mask[
                        f"{where}{name or 'the operating system'} is past its end of life: "
                        "its vendor publishes no more advisories"
                    ]
                )
            )

    def _result(
        self, where: str, target: TrivyTarget, result: Entry, redactor: Redactor | None
    ) -> None:
        parsed = self._parsed
        if result.get("Vulnerabilities"):
            packages = PackageList(result, self._mask)
            for place, entry in objects(parsed, result, "Vulnerabilities", where, redactor):
                self._keep(place, self._vulnerabilities.finding, target, packages, entry)
        if result.get("Misconfigurations") or result.get("MisconfSummary"):
            self._checks(where, target, result, redactor)
        if result.get("Secrets"):
            for place, entry in objects(parsed, result, "Secrets", where):
                self._keep(place, self._secrets.finding, target, entry)
        if result.get("Licenses"):
            for place, entry in objects(parsed, result, "Licenses", where, redactor):
                self._keep(place, license_finding, target, entry)
        if result.get("ExperimentalModifiedFindings"):
            for _ in objects(parsed, result, "ExperimentalModifiedFindings", where):
                # Hidden by .trivyignore, VEX or an ignore policy.
                self._suppress(1)

    def _checks(
        self, where: str, target: TrivyTarget, result: Entry, redactor: Redactor | None
    ) -> None:
        """Read the failed checks; passed ones are not counted, excepted ones are suppressed."""
        excepted = 0
        for place, entry in objects(self._parsed, result, "Misconfigurations", where, redactor):
            status = entry.get("Status")
            if status == "EXCEPTION":
                excepted += 1
            elif status != "PASS":
                self._keep(place, self._misconfigurations.finding, target, entry)
        try:
            counted = integer(mapping(result, "MisconfSummary"), "Exceptions") or 0
        except OddEntry:
            counted = 0
        # The list leaves exceptions out unless asked to show them, the summary counts them.
        self._suppress(max(excepted, counted))

    def _suppress(self, count: int) -> None:
        self._parsed.reported += count
        self._parsed.suppressed += count

    def _keep(self, where: str, build: Any, *arguments: Any) -> None:
        self._parsed.reported += 1
        try:
            finding: Finding = build(*arguments)
        except OddEntry as why:
            self._parsed.problems.append(EntryProblem(message=str(why), where=where))
        else:
            self._parsed.findings.append(finding)

    def _without_details(self) -> None:
        count = self._vulnerabilities.without_details
        if count:
            self._parsed.gaps.append(
                Gap(message=f"Trivy has no details of {count} vulnerabilities: severity unknown")
            )


def _name_of(resource: Entry) -> str:
    parts = [resource.get(key) for key in ("Namespace", "Kind", "Name")]
    return "/".join(part for part in parts if isinstance(part, str) and part) or "a resource"
