"""Whether a change touches what a group is about, or what it follows from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from pathlib import PurePosixPath
from typing import Any

from secagg.change.model import Diff
from secagg.merge.groups import Group
from secagg.model.finding import Finding, Kind, Location
from secagg.model.foreignpaths import is_foreign
from secagg.model.place import manifest_place, package_place
from secagg.packages.keys import package_key, version_key

_TERRAFORM = (".tf", ".tf.json", ".tfvars", ".tfvars.json")


def in_diff(group: Group, diff: Diff) -> bool | None:
    """Whether ``diff`` touches ``group``; None where no place is known to tell it by.

    A dependency is touched with its manifest or its lock file, a secret in history by a commit
    of the change, everything else on its lines; what has no lines, with its file.
    """
    answers = {touched(finding, diff) for finding in group.members}
    if True in answers:
        return True
    return False if False in answers else None


def touched(finding: Finding, diff: Diff) -> bool | None:
    """Whether ``diff`` touches one finding, as :func:`in_diff` says."""
    answers = {_touched_at(finding, place, diff) for place in (finding.location, *finding.places)}
    if True in answers:
        return True
    # A place that is not known may be one that the change touches.
    return None if None in answers else False


def _touched_at(finding: Finding, place: Location, diff: Diff) -> bool | None:
    if place.uri is not None and place.image is None and is_foreign(place.uri):
        # Another machine's path: which file it means is not known.
        return None
    if finding.kind not in (Kind.VULNERABILITY, Kind.LICENSE) or place.uri is None:
        return diff.touches(place)
    if place.commit is not None or place.image is not None:
        return diff.touches(place)
    if diff.change_of(place.uri) is not None:
        return True
    return manifest_place(place.uri) in diff.manifest_places


def follows(group: Group, diff: Diff) -> bool:
    """Whether ``group`` may follow from a place that ``diff`` touches and that is not its own.

    Of code that is another step of its data flow or a place that it names; of a misconfiguration,
    the values and helpers of its chart, and the variables and callers of its Terraform module.
    """
    return any(_follows(finding, diff) for finding in group.members)


def _follows(finding: Finding, diff: Diff) -> bool:
    if finding.kind is Kind.MISCONFIGURATION:
        uri = finding.location.uri
        if uri is None:
            return False
        if any(place.uri is not None and diff.touches(place) for place in finding.related):
            return True
        if uri.endswith(_TERRAFORM):
            return any(path.endswith(_TERRAFORM) for path in diff.files)
        chart = _chart_of(uri)
        return chart is not None and any(
            PurePosixPath(path).is_relative_to(chart) for path in diff.files
        )
    if finding.kind is not Kind.CODE:
        return False
    places = (*finding.related, *_steps(finding))
    return any(place.uri is not None and diff.touches(place) is True for place in places)


def _chart_of(uri: str) -> PurePosixPath | None:
    """The directory of the Helm chart whose template ``uri`` is."""
    parents = PurePosixPath(uri).parents
    return next((place.parent for place in parents if place.name == "templates"), None)


def _steps(finding: Finding) -> Iterator[Location]:
    """The places of a finding's data flow, as its SARIF has them (2.1.0, 3.36)."""
    flows = None if finding.sarif is None else finding.sarif.result.get("codeFlows")
    for flow in _objects(flows):
        for thread in _objects(flow.get("threadFlows")):
            for step in _objects(thread.get("locations")):
                place = _object(_object(step.get("location")).get("physicalLocation"))
                uri = _object(place.get("artifactLocation")).get("uri")
                region = _object(place.get("region"))
                start, end = region.get("startLine"), region.get("endLine")
                if isinstance(uri, str) and isinstance(start, int):
                    last = end if isinstance(end, int) else start
                    yield Location(uri=uri, start_line=start, end_line=last)


def _objects(value: Any) -> Iterator[Mapping[str, Any]]:
    return (v for v in value if isinstance(v, Mapping)) if isinstance(value, list) else iter(())


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


PackageInPlace = tuple[str, str, str]


def packages_of(groups: Iterable[Group]) -> frozenset[PackageInPlace]:
    """The packages that ``groups`` are about: place, package and version of each."""
    return frozenset(
        key
        for group in groups
        for finding in group.members
        if finding.kind is Kind.VULNERABILITY and (key := _package(finding)) is not None
    )


def has_package(group: Group, packages: Set[PackageInPlace]) -> bool:
    """Whether the package of a vulnerability is among ``packages``, in the same version."""
    if not packages or group.representative.kind is not Kind.VULNERABILITY:
        return False
    return all(_package(finding) in packages for finding in group.members)


def same_entry(group: Group, diff: Diff) -> bool:
    """Whether ``diff`` leaves the lines of a package in its lock file as they were.

    The base then has the same package in the same version. False where no tool gives the lines.
    """
    if group.representative.kind is not Kind.VULNERABILITY:
        return False
    placed = [f.location for f in group.members if f.location.start_line is not None]
    return bool(placed) and not any(diff.touches(place) is not False for place in placed)


def _package(finding: Finding) -> PackageInPlace | None:
    package = finding.package
    if package is None or not package.version:
        return None
    place = package_place(finding.location, package.type)
    return place, package_key(package), version_key(package.type, package.version)
