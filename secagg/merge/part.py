"""Parts of a bucket: findings of one package version that are one vulnerability.

Most buckets are plain: each finding has one id of its best database, and findings that share ids
have one such id too. For these the parts are found quickly, with the same result as by all ids.
A part is contested if its ids would join CVEs that one source lists as different problems.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from secagg.merge.groups import in_order
from secagg.merge.matching import components
from secagg.model.context import message_context
from secagg.model.finding import Finding
from secagg.packages.advisories import NOTICE_RANK, OTHER_RANK, Advisory, advisory, plain_name
from secagg.packages.keys import version_key

# CVEs with the number of the problem that they are.
Labels = Mapping[Advisory, int]


class AdvisoryPart:
    """The members of a future group, with the ids of each.

    ``contested`` is True if its ids would join problems that one source lists as different.
    ``plain`` is the name of a plain part, whose ``ids`` are not read; ``alike`` is True if each
    member has that name.
    """

    __slots__ = ("alike", "contested", "ids", "members", "plain", "version")

    def __init__(
        self,
        version: str,
        members: list[Finding],
        ids: list[tuple[Advisory, ...]],
        plain: str | None = None,
        alike: bool = False,
    ) -> None:
        self.version = version
        self.members = members
        self.ids = ids
        self.contested = False
        self.plain = plain
        self.alike = alike

    @property
    def all_ids(self) -> Collection[Advisory]:
        """The ids of all members, each once."""
        return self.ids[0] if len(self.ids) == 1 else set().union(*self.ids)

    @property
    def name(self) -> str:
        """The main id of the problem; a contested part cannot have a CVE that others have too."""
        if self.plain is not None:
            return self.plain
        if self.contested:
            others = [advisory_id for advisory_id in self.all_ids if advisory_id.rank != 0]
            if others:
                return min(others).id
        return min(self.all_ids).id

    def take(self, other: AdvisoryPart) -> None:
        """Add the members of ``other``."""
        self.members += other.members
        self.ids += other.ids

    def absorb(self, other: AdvisoryPart) -> None:
        """Add the members of ``other`` in order; the ids of both parts must be read."""
        ids = {
            id(member): member_ids
            for part in (self, other)
            for member, member_ids in zip(part.members, part.ids, strict=True)
        }
        self.members = in_order([*self.members, *other.members])
        self.ids = [ids[id(member)] for member in self.members]
        self.plain, self.alike = None, False


def aliases_of(finding: Finding) -> Sequence[str]:
    """Return the advisory ids of a vulnerability as reported, else the rule's id.

    A rule id that is no advisory is combined with the title.
    """
    vulnerability = finding.vulnerability
    if vulnerability is not None and vulnerability.aliases:
        return vulnerability.aliases
    rule = finding.rule_id
    if advisory(rule).rank < OTHER_RANK or not finding.title:
        return (rule,)
    return (f"{rule}: {message_context(finding.title)}",)


def linking(ids: Collection[Advisory]) -> Collection[Advisory]:
    """Return the ids by which a finding joins others.

    A distributor's notice covers several problems, so it counts only if a finding has no other id.
    """
    for one in ids:
        if one[0] == NOTICE_RANK:
            return [other for other in ids if other[0] != NOTICE_RANK] or ids
    return ids


def name_of(finding: Finding) -> str | None:
    """Return the main id of a vulnerability; None if all its ids have to be compared."""
    vulnerability = finding.vulnerability
    return finding.advisory or (
        None if vulnerability is None else plain_name(vulnerability.aliases)
    )


def plain_parts(bucket: Sequence[Finding]) -> list[AdvisoryPart] | None:
    """Return the parts of a plain bucket, each with its members in order; None for another."""
    versions: dict[str | None, dict[str, list[Finding]]] = {}
    for finding in bucket:
        name, package = name_of(finding), finding.package
        if name is None:
            return None
        version = None if package is None else package.version
        if version not in versions:
            versions[version] = {name: [finding]}
        elif name in versions[version]:
            versions[version][name].append(finding)
        else:
            versions[version][name] = [finding]
    if len(versions) > 1:
        versions = _joined_spellings(versions, bucket[0])
    parts = []
    for version, by_name in versions.items():
        joined = by_name if len(by_name) == 1 else _join_names(by_name)
        if joined is None:
            return None
        for name, findings in joined.items():
            members = _by_rule(findings)
            if members is None:
                return None
            # If not all members have the name, their ids are the reasons of the group.
            parts.append(
                AdvisoryPart(version or "", members, [], name, by_name.get(name) is findings)
            )
    return parts


def _joined_spellings(
    versions: dict[str | None, dict[str, list[Finding]]], first: Finding
) -> dict[str | None, dict[str, list[Finding]]]:
    """Join the ``versions`` that differ only in spelling."""
    package = first.package
    by_key: dict[str | None, dict[str, list[Finding]]] = {}
    for version, findings_by_name in versions.items():
        # Without a package in one finding of a bucket there is none in the others.
        key = version_key(package.type, version) if package is not None else ""
        by_name = by_key.setdefault(key, findings_by_name)
        if by_name is not findings_by_name:
            for name, findings in findings_by_name.items():
                by_name.setdefault(name, []).extend(findings)
    return by_key


def _by_rule(findings: list[Finding]) -> list[Finding] | None:
    """Sort ``findings`` by tool and rule; None if a rule has several."""
    if len(findings) == 1:
        return findings
    if len(findings) == 2:
        one, other = findings
        if one.tool != other.tool:
            return findings if one.tool < other.tool else [other, one]
    members = {(finding.tool, finding.rule_id): finding for finding in findings}
    return [members[rule] for rule in sorted(members)] if len(members) == len(findings) else None


def _join_names(by_name: dict[str, list[Finding]]) -> dict[str, list[Finding]] | None:
    """Join findings of several names that share ids; None if none of the names is the main one."""
    aliases = [
        [alias.strip().upper() for finding in findings for alias in aliases_of(finding)]
        for findings in by_name.values()
    ]
    names = list(by_name)
    joined = {}
    for indices in components(aliases):
        name = plain_name([names[index] for index in indices])
        if name is None:
            return None
        joined[name] = (
            by_name[names[indices[0]]]
            if len(indices) == 1
            else [finding for index in indices for finding in by_name[names[index]]]
        )
    return joined


def split(part: AdvisoryPart, where: str, warnings: list[str]) -> list[AdvisoryPart]:
    """Split ``part`` by its CVEs, if one source lists these as different problems.

    Each CVE (or set of CVEs that no tool lists as different) keeps the findings with no other CVE.
    A finding that names several of them, or shares ids with several, becomes a part of its own,
    with a sentence in ``warnings``; ``where`` names the package in it.
    """
    cves = [{one for one in ids if one.rank == 0} for ids in part.ids]
    labels_of_tools = _labels_of_tools(part, cves)
    if not labels_of_tools:
        return [part]
    classes = _classes(cves, labels_of_tools)
    _drop_linked_ids(part, cves, classes)
    by_class: dict[int, list[int]] = {}
    loose: list[int] = []
    for index, own_cves in enumerate(cves):
        labels = {classes[cve] for cve in own_cves}
        if len(labels) == 1:
            by_class.setdefault(labels.pop(), []).append(index)
        else:
            loose.append(index)
    parts = {label: _subset(part, indices) for label, indices in by_class.items()}
    labels_of_id: dict[Advisory, set[int]] = {}
    for label, part_of_label in parts.items():
        for one in linking(part_of_label.all_ids):
            labels_of_id.setdefault(one, set()).add(label)
    cves_of_label: dict[int, list[Advisory]] = {}
    for cve, label in classes.items():
        cves_of_label.setdefault(label, []).append(cve)
    apart = []
    for indices in components([_loose_keys(part.ids[i]) for i in loose]):
        loose_part = _subset(part, [loose[i] for i in indices])
        linked_labels = {
            label for one in linking(loose_part.all_ids) for label in labels_of_id.get(one, ())
        }
        related_labels = sorted(
            linked_labels | {classes[one] for one in loose_part.all_ids if one in classes}
        )
        if len(linked_labels) == 1 and all(one.rank != 0 for one in loose_part.all_ids):
            parts[linked_labels.pop()].take(loose_part)
            continue
        loose_part.contested = True
        apart.append(loose_part)
        warnings.append(
            _contested_warning(
                loose_part,
                where,
                labels_of_tools,
                [cves_of_label[label] for label in related_labels],
            )
        )
    return [*parts.values(), *apart]


def _drop_linked_ids(
    part: AdvisoryPart, cves: Sequence[set[Advisory]], classes: Mapping[Advisory, int]
) -> None:
    """Remove ids that a finding only links to, if a finding of another problem has them itself.

    A report of CVE-2021-45046 links to GHSA-jfh8-c2jp-5v3q only, which is the advisory of
    CVE-2021-44228: another report names these two without a link.
    """
    labels_of_findings = [{classes[cve] for cve in own_cves} for own_cves in cves]
    labels_of_id: dict[Advisory, set[int]] = {}
    for finding, ids, labels in zip(part.members, part.ids, labels_of_findings, strict=True):
        for one in ids:
            if one.rank != 0 and labels and not _is_linked(finding, one):
                labels_of_id.setdefault(one, set()).update(labels)
    for index, labels in enumerate(labels_of_findings):
        if labels:
            part.ids[index] = tuple(
                one
                for one in part.ids[index]
                if one not in labels_of_id or not labels.isdisjoint(labels_of_id[one])
            )


def _is_linked(finding: Finding, advisory_id: Advisory) -> bool:
    name = advisory_id.id.upper()
    return any(name in reference.upper() for reference in finding.references)


def _labels_of_tools(part: AdvisoryPart, cves: Sequence[set[Advisory]]) -> dict[str, Labels]:
    """Return the labels of each tool that lists CVEs of ``part`` as different problems."""
    by_tool: dict[str, list[set[Advisory]]] = {}
    for finding, own_cves in zip(part.members, cves, strict=True):
        if own_cves:
            by_tool.setdefault(finding.tool, []).append(own_cves)
    labels_of_tools: dict[str, Labels] = {}
    for tool, cve_sets in by_tool.items():
        if len(cve_sets) == 1:
            continue
        # A tool that lists each of two CVEs alone as well means two problems.
        single = {one for own_cves in cve_sets if len(own_cves) == 1 for one in own_cves}
        labels = _labels(
            own_cves for own_cves in cve_sets if len(own_cves) == 1 or not own_cves <= single
        )
        if len(set(labels.values())) > 1:
            labels_of_tools[tool] = labels
    return labels_of_tools


def _classes(
    cves: Sequence[set[Advisory]], labels_of_tools: Mapping[str, Labels]
) -> dict[Advisory, int]:
    """Label CVEs; those that are listed together, and by no tool as different, share a label."""

    def one_problem(names: Iterable[Advisory]) -> bool:
        cve_list = list(names)
        return all(
            len({labels[name] for name in cve_list if name in labels}) <= 1
            for labels in labels_of_tools.values()
        )

    together = [own_cves for own_cves in cves if len(own_cves) > 1 and one_problem(own_cves)]
    if not together:
        every = dict.fromkeys(cve for own_cves in cves for cve in own_cves)
        return {cve: label for label, cve in enumerate(every)}
    alone = [{cve} for own_cves in cves for cve in own_cves]
    classes = _labels([*together, *alone])
    members: dict[int, list[Advisory]] = {}
    for cve, label in classes.items():
        members.setdefault(label, []).append(cve)
    following = len(members)
    for names in members.values():
        if not one_problem(names):
            for name in names:
                classes[name] = following
                following += 1
    return classes


def _labels(groups: Iterable[set[Advisory]]) -> dict[Advisory, int]:
    """Give the same number to all CVEs that are connected by ``groups``."""
    cve_sets = list(groups)
    return {
        cve: label
        for label, indices in enumerate(components(cve_sets))
        for index in indices
        for cve in cve_sets[index]
    }


def _loose_keys(ids: Collection[Advisory]) -> list[object]:
    """Return the keys by which loose findings join: ids that are no CVE, and the set of CVEs."""
    cves = frozenset(advisory_id for advisory_id in ids if advisory_id.rank == 0)
    keys: list[object] = [key for key in linking(ids) if key.rank != 0]
    return [*keys, cves] if cves else keys


def _subset(part: AdvisoryPart, indices: Sequence[int]) -> AdvisoryPart:
    members, ids = [part.members[i] for i in indices], [part.ids[i] for i in indices]
    return AdvisoryPart(part.version, members, ids)


def _contested_warning(
    part: AdvisoryPart,
    where: str,
    labels_of_tools: Mapping[str, Labels],
    problems: Sequence[Sequence[Advisory]],
) -> str:
    joined = sorted(cve for cves in problems for cve in cves)
    names = [cve.id for cve in joined[:4]] + (["and more"] if len(joined) > 4 else [])
    tools = sorted(
        tool
        for tool, tool_ids in labels_of_tools.items()
        if len({tool_ids[cve] for cve in joined if cve in tool_ids}) > 1
    )
    return (
        f"{part.name} would join {', '.join(names)} of {where}, which "
        f"{' and '.join(tools) or 'a source'} lists as different problems: kept apart"
    )
