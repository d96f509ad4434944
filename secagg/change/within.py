"""Whether a change touches what a group is about."""

from __future__ import annotations

from secagg.change.model import Diff
from secagg.finding import Finding, Kind
from secagg.merge.groups import Group
from secagg.naming.place import manifest_place


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
    place = finding.location
    if finding.kind not in (Kind.VULNERABILITY, Kind.LICENSE) or place.uri is None:
        return diff.touches(place)
    if place.commit is not None or place.image is not None:
        return diff.touches(place)
    if diff.change_of(place.uri) is not None:
        return True
    return manifest_place(place.uri) in diff.manifest_places
