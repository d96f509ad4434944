"""The keys that match groups with their baseline, and whether a change touches a group."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from enum import IntEnum
from pathlib import PurePosixPath

from secagg.change.keys import (
    MatchKey,
    PlacedFinding,
    content_keys,
    detector_keys,
    line_keys,
    message_keys,
    other_rule_keys,
)
from secagg.change.model import Diff
from secagg.jsonio.members import mapping_at, objects_in, value_at
from secagg.merge.groups import Group
from secagg.merge.secret import still_in_head
from secagg.model.finding import Finding, Kind, Location, replace
from secagg.model.identity import place_of
from secagg.model.place import is_foreign, manifest_place, package_place
from secagg.packages.keys import package_key, version_key

_TERRAFORM = (".tf", ".tf.json", ".tfvars", ".tfvars.json")
# A package's place, key and version.
PackageInPlace = tuple[str, str, str]
# A tool and the id of its rule.
RuleKey = tuple[str, str]
# A file with the first and the last line.
LineSpan = tuple[str, int, int]


def in_diff(group: Group, diff: Diff) -> bool | None:
    """Tell whether ``diff`` touches ``group``; None where no place of it is known.

    It touches a dependency with its manifest or lock file, a secret in history with a commit of
    the change, and anything else on its lines, or in its file where it has no lines.
    """
    answers = {touches_finding(finding, diff) for finding in group.members}
    if True in answers:
        return True
    return False if False in answers else None


def touches_finding(finding: Finding, diff: Diff) -> bool | None:
    """Tell whether ``diff`` touches one finding; see :func:`in_diff`."""
    answers = {
        _touches_place(finding, place, diff) for place in (finding.location, *finding.places)
    }
    if True in answers:
        return True
    # The change may touch a place that is not known.
    return None if None in answers else False


def may_follow(group: Group, diff: Diff) -> bool:
    """Tell whether ``group`` may follow from another place, which ``diff`` touches.

    For code that is a step of its data flow or a related place; for a misconfiguration, values
    and helpers of its chart, or variables and callers of its Terraform module.
    """
    return any(_may_follow(finding, diff) for finding in group.members)


def packages_of(groups: Iterable[Group]) -> frozenset[PackageInPlace]:
    """Return the packages of vulnerabilities, each with its place, key and version."""
    return frozenset(
        key
        for group in groups
        for finding in group.members
        if finding.kind is Kind.VULNERABILITY and (key := _package_in_place(finding)) is not None
    )


def has_package(group: Group, packages: Set[PackageInPlace]) -> bool:
    """Tell whether the package of a vulnerability is in ``packages``, in the same version."""
    if not packages or group.representative.kind is not Kind.VULNERABILITY:
        return False
    return all(_package_in_place(finding) in packages for finding in group.members)


def has_unchanged_entry(group: Group, diff: Diff) -> bool:
    """Tell whether ``diff`` leaves the lines of a package in its lock file unchanged.

    The base then has the same package in the same version. False where no tool gives lines.
    """
    if group.representative.kind is not Kind.VULNERABILITY:
        return False
    places = [f.location for f in group.members if f.location.start_line is not None]
    return bool(places) and all(diff.touches(place) is False for place in places)


class MatchLevel(IntEnum):
    """How a group was matched with the baseline, the surest way first."""

    CONTENT = 0
    IDENTITY = 1
    LINE = 2
    MESSAGE = 3
    OTHER_RULE = 4
    OTHER_KEY = 5


class KeyedGroup:
    """A group with what tells it from other groups; its keys are made level by level.

    ``values`` are the keyed hashes of a secret, ``hmac_keys`` the ids of the keys they were made
    with. ``in_head`` is False for a secret that is only in history. ``added`` says that the change
    touches its lines in the work tree. ``spans`` are its lines after the change; those of the
    baseline's groups are the lines that the change left unchanged; None if not known. ``rules``
    counts the rules that report a secret, and ``masked`` those whose tool masks the value, with
    the hash of the line: a masked secret may be another one than those it is joined with.
    """

    __slots__ = (
        "_current",
        "_members",
        "_past",
        "added",
        "group",
        "hmac_keys",
        "in_head",
        "masked",
        "rules",
        "spans",
        "values",
    )

    def __init__(
        self,
        group: Group,
        members: Sequence[PlacedFinding],
        *,
        current: bool,
        past: bool = False,
        added: bool = False,
        spans: Sequence[LineSpan] | None = None,
    ) -> None:
        """``current`` groups are of this scan; ``past`` is a secret in the baseline's history."""
        self.group = group
        self._members = members
        self._current = current
        self._past = past
        self.added = added
        self.spans = spans
        self.in_head = not past and still_in_head(group)
        self.values = self.hmac_keys = _NO_TEXTS
        self.rules: Counter[RuleKey] = _NO_RULES
        self.masked: Counter[tuple[RuleKey, str | None]] = _NOT_MASKED
        sightings = [(f, f.secret) for f in group.members if f.secret is not None]
        if sightings:
            self.values = frozenset(s.id for _, s in sightings if s.id is not None)
            self.hmac_keys = frozenset(s.key for _, s in sightings if s.key is not None)
        if any(f.kind is Kind.SECRET for f in group.members):
            self.rules = Counter(_rule(f) for f in group.members if f.kind is Kind.SECRET)
        if sightings:
            self.masked = Counter(
                (_rule(placed.finding), _line_hash(placed))
                for placed in members
                if placed.finding.secret is not None and placed.finding.secret.id is None
            )

    def keys(self, level: MatchLevel) -> Set[MatchKey]:
        """Make the keys of ``level``."""
        if self._past:
            return _history_keys(self.group.members) if level is MatchLevel.CONTENT else set()
        if level is MatchLevel.IDENTITY:
            return _identity_keys(self.group, self._members)
        keys = {key for placed in self._members for key in _KEYS[level](placed)}
        if level is MatchLevel.CONTENT and self.values:
            if not self._current:
                # The value that one member knows is the value of all members.
                places = {place_of(placed.location) for placed in self._members}
                keys |= {("secret", place, value) for place in places for value in self.values}
            elif not self.in_head:
                keys |= _history_keys(self.group.members)
        return keys

    def in_history(self) -> KeyedGroup:
        """Return the same secret of the baseline as it may be found in the history."""
        return KeyedGroup(self.group, self._members, current=False, past=True, spans=self.spans)

    @property
    def versions(self) -> Set[str]:
        """The versions of a package."""
        return {_version(finding) for finding in self.group.members}

    @property
    def line(self) -> int:
        """The line after the change; 0 if it is gone or unknown."""
        place = self._place
        return 0 if place is None else place.start_line or 0

    @property
    def column(self) -> int:
        """The column of that line; 0 if it is unknown."""
        place = self._place
        return 0 if place is None else place.start_column or 0

    @property
    def _place(self) -> Location | None:
        places = (placed.location for placed in self._members)
        return next((place for place in places if place.start_line is not None), None)


_NO_TEXTS: frozenset[str] = frozenset()
_NO_RULES: Counter[RuleKey] = Counter()
_NOT_MASKED: Counter[tuple[RuleKey, str | None]] = Counter()
_KEYS: Mapping[MatchLevel, Callable[[PlacedFinding], Iterable[MatchKey]]] = {
    MatchLevel.CONTENT: content_keys,
    MatchLevel.LINE: line_keys,
    MatchLevel.MESSAGE: message_keys,
    MatchLevel.OTHER_RULE: other_rule_keys,
    MatchLevel.OTHER_KEY: detector_keys,
}


def current_group_keys(group: Group, diff: Diff | None) -> KeyedGroup:
    """Make the keys of a group of this scan."""
    members = []
    added = False
    for finding in group.members:
        touched = None if diff is None else touches_finding(finding, diff)
        in_tree = finding.location.commit is None
        carried = touched is False and in_tree
        members.append(
            PlacedFinding(finding, finding.location, carried, touched is True, current=True)
        )
        added |= touched is True and in_tree
    spans = None if diff is None else _spans(group.members, None)
    return KeyedGroup(group, members, current=True, added=added, spans=spans)


def baseline_group_keys(group: Group, diff: Diff | None) -> list[KeyedGroup]:
    """Make the keys that a group of the baseline would have in this scan.

    A secret may be found in its file as it is now, or in the history of its old place; so it
    gets two sets of keys.
    """
    in_tree = [f for f in group.members if f.secret is None or not f.secret.in_history]
    members = in_tree or group.members
    moved = [_moved(finding, diff) for finding in members]
    spans = None if diff is None else _spans(members, diff)
    keyed = KeyedGroup(group, moved, current=False, spans=spans)
    return [keyed, keyed.in_history()] if keyed.values else [keyed]


def _touches_place(finding: Finding, place: Location, diff: Diff) -> bool | None:
    if place.uri is not None and place.image is None and is_foreign(place.uri):
        # A path of another machine may mean any file.
        return None
    if finding.kind not in (Kind.VULNERABILITY, Kind.LICENSE) or place.uri is None:
        return diff.touches(place)
    if place.commit is not None or place.image is not None:
        return diff.touches(place)
    if diff.change_of(place.uri) is not None or manifest_place(place.uri) in diff.manifest_places:
        return True
    file = diff.file_of(place.uri)
    if file is None:
        has_manifest = diff.tree is not None and diff.tree.has_manifest(place.uri)
        return None if diff.may_be_changed(place.uri) and not has_manifest else False
    return diff.change_of(file.path) is not None or (
        manifest_place(file.path) in diff.manifest_places
    )


def _may_follow(finding: Finding, diff: Diff) -> bool:
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
    places = (*finding.related, *_flow_locations(finding))
    return any(place.uri is not None and diff.touches(place) is True for place in places)


def _chart_of(uri: str) -> PurePosixPath | None:
    """The directory of the Helm chart that has the template ``uri``."""
    parents = PurePosixPath(uri).parents
    return next((place.parent for place in parents if place.name == "templates"), None)


def _flow_locations(finding: Finding) -> Iterator[Location]:
    """The locations of a finding's data flow in its SARIF (2.1.0, 3.36)."""
    flows = None if finding.sarif is None else finding.sarif.result.get("codeFlows")
    for flow in objects_in(flows):
        for thread in objects_in(flow.get("threadFlows")):
            for step in objects_in(thread.get("locations")):
                location = mapping_at(step, "location", "physicalLocation")
                uri = value_at(location, "artifactLocation", "uri")
                region = mapping_at(location, "region")
                start, end = region.get("startLine"), region.get("endLine")
                if isinstance(uri, str) and isinstance(start, int):
                    last = end if isinstance(end, int) else start
                    yield Location(uri=uri, start_line=start, end_line=last)


def _package_in_place(finding: Finding) -> PackageInPlace | None:
    package = finding.package
    if package is None or not package.version:
        return None
    place = package_place(finding.location, package.type)
    return place, package_key(package), version_key(package.type, package.version)


def _moved(finding: Finding, diff: Diff | None) -> PlacedFinding:
    """A finding of the baseline at its location after the change."""
    place = finding.location
    if diff is None or place.uri is None or place.commit is not None or place.image is not None:
        return PlacedFinding(finding, place, carried=False, touched=False, current=False)
    line = None if place.start_line is None else diff.new_line(place.uri, place.start_line)
    moved = replace(place, uri=diff.new_path(place.uri), start_line=line)
    return PlacedFinding(finding, moved, carried=line is not None, touched=False, current=False)


def _identity_keys(group: Group, members: Sequence[PlacedFinding]) -> frozenset[MatchKey]:
    """The group's identity, with a hash of its code where the place alone is not enough."""
    finding = group.representative
    check = finding.misconfiguration
    if finding.kind in (Kind.VULNERABILITY, Kind.LICENSE) or _values(group.members):
        return frozenset({(group.identity,)})
    if check is not None and check.resource:
        return frozenset({(group.identity,)})
    code = min((f.line_hash for f in group.members if f.line_hash), default="")
    if not code and any(placed.touched for placed in members):
        return frozenset()
    return frozenset({(group.identity, code)})


def _spans(members: Sequence[Finding], diff: Diff | None) -> list[LineSpan] | None:
    """The lines of failed checks; with ``diff``, those of the baseline that it left unchanged.

    None for other kinds, whose lines do not count, and where a member has no lines.
    """
    spans: list[LineSpan] = []
    for finding in members:
        place = finding.location
        first, last = place.start_line, max(place.end_line or 0, place.start_line or 0)
        if finding.kind is not Kind.MISCONFIGURATION or first is None or place.uri is None:
            return None
        if diff is None:
            spans.append((place_of(place), first, last))
            continue
        new_place = place_of(replace(place, uri=diff.new_path(place.uri)))
        spans += [(new_place, *span) for span in diff.surviving_ranges(place.uri, first, last)]
    return spans


def _rule(finding: Finding) -> RuleKey:
    return finding.tool, finding.rule_id


def _line_hash(placed: PlacedFinding) -> str | None:
    """The hash of a masked secret's line; without one, empty, or None if the line is touched."""
    if placed.finding.line_hash:
        return placed.finding.line_hash.partition(":")[0]
    return None if placed.touched else ""


def _history_keys(members: Sequence[Finding]) -> frozenset[MatchKey]:
    return frozenset(
        ("past", place_of(f.location), f.secret.id)
        for f in members
        if f.secret is not None and f.secret.id is not None
    )


def _values(members: Sequence[Finding]) -> set[str]:
    return {f.secret.id for f in members if f.secret is not None and f.secret.id is not None}


def _version(finding: Finding) -> str:
    package = finding.package
    return "" if package is None else version_key(package.type, package.version)
