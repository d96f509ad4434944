"""Overrules: decisions of people on what is one problem, which outrank the merging rules.

They are kept, with their reasons, in a YAML file that can be reviewed::

    version: 1
    overrules:
      - split: 5c2f0f4a4d5b7c7e8f90a1b2c3d4e5f6
        apart: [snyk]                # optional: only these tools' findings
        reason: Snyk means the server, Trivy the client
        by: ana
        date: 2026-11-20
      - join: [1a..., 2b...]         # the first identity is kept
        reason: one key, written with and without its prefix
"""

from __future__ import annotations

import datetime
import io
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from secagg.merge.groups import (
    Group,
    MergedSet,
    MergeOutcome,
    NearMiss,
    Reason,
    identity_of,
    known_as,
)
from secagg.model.finding import Finding
from secagg.system.validation import FileModel, key, limited, stripped

OVERRULED = "overrule"


class Split(Struct, frozen=True, kw_only=True):
    """The group ``identity`` is several problems.

    Each source (tool and rule) becomes a group. If ``apart`` names tools, only their sources do,
    and the others keep the identity.
    """

    identity: str
    reason: str
    apart: tuple[str, ...] = ()
    by: str | None = None


class Join(Struct, frozen=True, kw_only=True):
    """The groups ``identities`` are one problem, which gets the first of them."""

    identities: tuple[str, ...]
    reason: str
    by: str | None = None


Overrule = Split | Join


def apply_overrules(merged: MergedSet, overrules: Sequence[Overrule], out: MergeOutcome) -> None:
    """Apply ``overrules`` to the groups of ``merged``: all splits, then all joins.

    Overrules that cannot be applied add to ``merged.warnings`` or ``merged.unused_overrules``.
    """
    groups = {group.identity: group for group in merged.groups}
    renamed: dict[str, str | None] = {}
    for overrule in overrules:
        if isinstance(overrule, Split):
            _split(groups, overrule, merged, renamed, out)
    for overrule in overrules:
        if isinstance(overrule, Join):
            _join(groups, overrule, merged, renamed, out)
    merged.groups = list(groups.values())
    for group in merged.groups:
        _relink(group, renamed)


def _split(
    groups: dict[str, Group],
    overrule: Split,
    merged: MergedSet,
    renamed: dict[str, str | None],
    out: MergeOutcome,
) -> None:
    group = _group_of(groups, overrule.identity, renamed)
    if group is None:
        merged.unused_overrules.append(f"split {overrule.identity}: no such group in this scan")
        return
    remaining: list[Finding] = []
    apart: dict[tuple[str, str], list[Finding]] = {}
    for finding in group.members:
        if overrule.apart and finding.tool not in overrule.apart:
            remaining.append(finding)
        else:
            apart.setdefault((finding.tool, finding.rule_id), []).append(finding)
    if len(apart) + bool(remaining) < 2:
        merged.unused_overrules.append(f"split {overrule.identity}: it has one source only")
        return
    del groups[group.identity]
    parts: dict[str, list[Finding]] = {group.identity: remaining} if remaining else {}
    for (tool, rule), members in apart.items():
        kind = members[0].kind
        parts[identity_of(kind, group.identity, "split", tool, rule)] = members
    if not remaining:
        renamed[group.identity] = None
    for identity, members in parts.items():
        reasons = []
        if len(members) > 1:
            everyone = tuple(range(len(members)))
            reasons = [
                Reason(rule=OVERRULED, key=f"left by split: {overrule.reason}", members=everyone)
            ]
        part = out.group(identity, members, reasons)
        part.related = group.related
        part.near_misses = [
            *group.near_misses,
            *(
                NearMiss(identity=other, why=f"split by overrule: {overrule.reason}")
                for other in parts
                if other != identity
            ),
        ]
        groups[identity] = part


def _join(
    groups: dict[str, Group],
    overrule: Join,
    merged: MergedSet,
    renamed: dict[str, str | None],
    out: MergeOutcome,
) -> None:
    groups_by_id = {i: _group_of(groups, i, renamed) for i in overrule.identities}
    identities = list(dict.fromkeys(g.identity if g else i for i, g in groups_by_id.items()))
    label = f"join {' '.join(overrule.identities)}"
    missing = [identity for identity in identities if identity not in groups]
    if missing:
        merged.unused_overrules.append(f"{label}: no group {' '.join(missing)} in this scan")
    existing = [groups[identity] for identity in identities if identity in groups]
    if len(existing) < 2:
        return
    if len({group.members[0].kind for group in existing}) > 1:
        merged.warnings.append(f"{label}: groups of different kinds cannot be joined")
        return
    members = [finding for group in existing for finding in group.members]
    reasons = _combined_reasons(existing)
    starts = tuple(sum(len(g.members) for g in existing[:at]) for at in range(len(existing)))
    reasons.append(Reason(rule=OVERRULED, key=f"joined: {overrule.reason}", members=starts))
    # The first identity is kept even if its group is not in this scan.
    joined = out.group(overrule.identities[0], members, reasons)
    joined.related = tuple(dict.fromkeys(i for group in existing for i in group.related))
    joined.near_misses = [miss for group in existing for miss in group.near_misses]
    for group in existing:
        del groups[group.identity]
        renamed[group.identity] = joined.identity
    groups[joined.identity] = joined


def _group_of(
    groups: Mapping[str, Group], identity: str, renamed: Mapping[str, str | None]
) -> Group | None:
    """Return the group with ``identity``, else the only one with a member of that id.

    ``renamed`` has the new identity of each group that an earlier overrule changed, None for one
    that was split: a member of it may still have its identity.
    """
    identity = renamed.get(identity, identity) or ""
    if not identity or identity in groups:
        return groups.get(identity)
    matches = [group for group in groups.values() if identity in known_as(group)]
    return matches[0] if len(matches) == 1 else None


def _combined_reasons(groups: Sequence[Group]) -> list[Reason]:
    """Return the reasons of ``groups``, with indices into all their members in a row."""
    reasons = []
    start = 0
    for group in groups:
        reasons += [
            replace(reason, members=tuple(start + m for m in reason.members))
            for reason in group.reasons
        ]
        start += len(group.members)
    return reasons


def _relink(group: Group, renamed: Mapping[str, str | None]) -> None:
    """Update the links of ``group`` to groups that were renamed or split."""
    if group.related:
        group.related = tuple(
            dict.fromkeys(
                new
                for old in group.related
                if (new := renamed.get(old, old)) is not None and new != group.identity
            )
        )
    if group.near_misses:
        group.near_misses = [
            replace(miss, identity=new)
            for miss in group.near_misses
            if (new := renamed.get(miss.identity, miss.identity)) is not None
            if new != group.identity
        ]


Identity = Annotated[str, limited(pattern=r"^[0-9a-f]{32}$")]
Text = Annotated[str, stripped(min_length=3)]


class OverruleEntry(FileModel, kw_only=True):
    """One decision: ``split: ID`` (not one problem) or ``join: [ID, ID]`` (one problem)."""

    split: Identity | None = None
    apart: list[str] = key(default=[])
    join: Annotated[list[Identity], limited(min_length=2)] | None = None
    reason: Text
    by: str | None = None
    date: datetime.date | None = None

    def __post_init__(self) -> None:
        if (self.split is None) == (self.join is None):
            raise ValueError("give either split: ID, or join: [ID, ID]")
        if self.apart and self.split is None:
            raise ValueError("apart goes with split only")

    def overrule(self) -> Overrule:
        """Return the entry as a :class:`Split` or :class:`Join`."""
        if self.split is not None:
            return Split(
                identity=self.split, reason=self.reason, apart=tuple(self.apart), by=self.by
            )
        return Join(identities=tuple(self.join or ()), reason=self.reason, by=self.by)


class OverruleFile(FileModel, kw_only=True):
    """The whole file."""

    version: Literal[1] = 1
    overrules: list[OverruleEntry] = key(default=[])


def read_overrules(text: str, *, name: str) -> list[Overrule]:
    """Read the overrules in ``text``, the contents of the file ``name``, which may be empty.

    Raises :class:`secagg.errors.ConfigError` with file, line and column.
    """
    from secagg.system.yamlfile import load_model

    return [entry.overrule() for entry in load_model(text, OverruleFile, name=name).overrules]


def write_overrules(text: str, overrule: Overrule, *, date: datetime.date) -> str:
    """Add ``overrule`` to the ``text`` of an overrule file, which may be empty; keep comments."""
    from ruamel.yaml import YAML

    yaml = YAML(typ="rt")
    yaml.indent(mapping=2, sequence=4, offset=2)
    data = yaml.load(text) or {"version": 1, "overrules": []}
    entry: dict[str, Any] = {}
    if isinstance(overrule, Split):
        entry["split"] = overrule.identity
        if overrule.apart:
            entry["apart"] = list(overrule.apart)
    else:
        entry["join"] = list(overrule.identities)
    entry["reason"] = overrule.reason
    if overrule.by is not None:
        entry["by"] = overrule.by
    entry["date"] = date
    data.setdefault("overrules", []).append(entry)
    out = io.StringIO()
    yaml.dump(data, out)
    return out.getvalue()
