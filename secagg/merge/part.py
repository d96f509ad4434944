"""Findings of one package version that are one vulnerability, in plain and contested cases.

Most are: each finding has one id of its best database, and what hangs together by shared ids
has one such id too. What comes out is what reading all ids would give, for a fraction of its
cost; where that is not certain, nothing comes out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from secagg.merge.groups import in_order
from secagg.merge.matching import components
from secagg.model.context import message_context
from secagg.model.finding import Finding
from secagg.packages.advisories import NOTICE_RANK, OTHER_RANK, Advisory, advisory, plain_name
from secagg.packages.keys import version_key


class AdvisoryPart:
    """Members (with each one's ids beside it) on their way to becoming a group.

    ``contested``: its ids would join what one source lists as different problems. ``plain``
    is the name of a part whose members could be told by it alone; their ids were not read.
    ``alike``: each member has that name.
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
        """The one id for the problem: a contested one goes by an id that is nobody else's."""
        if self.plain is not None:
            return self.plain
        if self.contested:
            own = [one for one in self.all_ids if one.rank != 0]
            if own:
                return min(own).id
        return min(self.all_ids).id

    def take(self, other: AdvisoryPart) -> None:
        """Make the members of ``other`` this part's too."""
        self.members += other.members
        self.ids += other.ids

    def absorb(self, other: AdvisoryPart) -> None:
        """Take ``other``, of which the ids of all members are read, and keep the order."""
        ids = {
            id(member): own
            for part in (self, other)
            for member, own in zip(part.members, part.ids, strict=True)
        }
        self.members = in_order([*self.members, *other.members])
        self.ids = [ids[id(member)] for member in self.members]
        self.plain, self.alike = None, False


def aliases_of(finding: Finding) -> Sequence[str]:
    """Return the advisory ids of a vulnerability as written; the rule's id where none are given.

    A rule that is no advisory (an unnamed one) only stands for what its title says.
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

    A distributor's notice covers several problems, so it only counts where a finding goes by
    nothing else.
    """
    for one in ids:
        if one[0] == NOTICE_RANK:
            return [other for other in ids if other[0] != NOTICE_RANK] or ids
    return ids


def name_of(finding: Finding) -> str | None:
    """Return the id that a vulnerability plainly goes by; None if that is not plain."""
    vulnerability = finding.vulnerability
    return finding.advisory or (
        None if vulnerability is None else plain_name(vulnerability.aliases)
    )


def plain_parts(held: Sequence[Finding]) -> list[AdvisoryPart] | None:
    """Return the parts of a bucket, each with its members in order, or None if it is not plain."""
    versions: dict[str | None, dict[str, list[Finding]]] = {}
    for finding in held:
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
        versions = _as_all_write_it(versions, held[0])
    parts = []
    for version, named in versions.items():
        joined = named if len(named) == 1 else _join_names(named)
        if joined is None:
            return None
        for name, findings in joined.items():
            members = _by_rule(findings)
            if members is None:
                return None
            # Members that all go by the name share it; else their ids tell why they are one.
            parts.append(
                AdvisoryPart(version or "", members, [], name, named.get(name) is findings)
            )
    return parts


def _as_all_write_it(
    versions: dict[str | None, dict[str, list[Finding]]], first: Finding
) -> dict[str | None, dict[str, list[Finding]]]:
    """``versions`` with those that only differ in spelling put together."""
    package = first.package
    by_written: dict[str | None, dict[str, list[Finding]]] = {}
    for version, named in versions.items():
        # Where one tool knows no package, none does.
        written = version_key(package.type, version) if package is not None else ""
        by_name = by_written.setdefault(written, named)
        if by_name is not named:
            for name, findings in named.items():
                by_name.setdefault(name, []).extend(findings)
    return by_written


def _by_rule(findings: list[Finding]) -> list[Finding] | None:
    """``findings`` by tool and rule; None where a rule says something twice."""
    if len(findings) == 1:
        return findings
    if len(findings) == 2:
        one, other = findings
        if one.tool != other.tool:
            return findings if one.tool < other.tool else [other, one]
    members = {(finding.tool, finding.rule_id): finding for finding in findings}
    return [members[rule] for rule in sorted(members)] if len(members) == len(findings) else None


def _join_names(named: dict[str, list[Finding]]) -> dict[str, list[Finding]] | None:
    """Join findings of several names that share ids; None if it is not plain which name lasts."""
    aliases = [
        [alias.strip().upper() for finding in findings for alias in aliases_of(finding)]
        for findings in named.values()
    ]
    names = list(named)
    joined = {}
    for indices in components(aliases):
        name = plain_name([names[index] for index in indices])
        if name is None:
            return None
        joined[name] = (
            named[names[indices[0]]]
            if len(indices) == 1
            else [finding for index in indices for finding in named[names[index]]]
        )
    return joined


Labels = Mapping[Advisory, int]


def split(part: AdvisoryPart, where: str, warnings: list[str]) -> list[AdvisoryPart]:
    """``part`` itself, or what remains of it where one source lists its CVEs as different.

    Each CVE (or set of CVEs that nobody tells apart) keeps the findings that name no other.
    A finding that names several of them, or shares ids with several, stands apart, and a
    sentence on it is added to ``warnings``; ``where`` says what it is about.
    """
    cves = [{one for one in ids if one.rank == 0} for ids in part.ids]
    told = _told_apart(part, cves)
    if not told:
        return [part]
    classes = _classes(cves, told)
    _drop_linked(part, cves, classes)
    by_class: dict[int, list[int]] = {}
    loose: list[int] = []
    for index, mine in enumerate(cves):
        labels = {classes[cve] for cve in mine}
        if len(labels) == 1:
            by_class.setdefault(labels.pop(), []).append(index)
        else:
            loose.append(index)
    parts = {label: _pick(part, indices) for label, indices in by_class.items()}
    holders: dict[Advisory, set[int]] = {}
    for label, into in parts.items():
        for one in linking(into.all_ids):
            holders.setdefault(one, set()).add(label)
    named: dict[int, list[Advisory]] = {}
    for cve, label in classes.items():
        named.setdefault(label, []).append(cve)
    apart = []
    for indices in components([_loose_keys(part.ids[i]) for i in loose]):
        rest = _pick(part, [loose[i] for i in indices])
        touched = {label for one in linking(rest.all_ids) for label in holders.get(one, ())}
        touching = sorted(touched | {classes[one] for one in rest.all_ids if one in classes})
        if len(touched) == 1 and all(one.rank != 0 for one in rest.all_ids):
            parts[touched.pop()].take(rest)
            continue
        rest.contested = True
        apart.append(rest)
        warnings.append(_warning(rest, where, told, [named[label] for label in touching]))
    return [*parts.values(), *apart]


def _drop_linked(
    part: AdvisoryPart, cves: Sequence[set[Advisory]], classes: Mapping[Advisory, int]
) -> None:
    """Take away ids that a finding has from a link, where another finding has them for sure.

    CVE-2021-45046 links to the page of GHSA-jfh8-c2jp-5v3q and to no other: it is the advisory of
    CVE-2021-44228, as a source says that names both without a link.
    """
    labels = [{classes[cve] for cve in mine} for mine in cves]
    owners: dict[Advisory, set[int]] = {}
    for finding, ids, mine in zip(part.members, part.ids, labels, strict=True):
        for one in ids:
            if one.rank != 0 and mine and not _is_linked(finding, one):
                owners.setdefault(one, set()).update(mine)
    for index, mine in enumerate(labels):
        if mine:
            part.ids[index] = tuple(
                one
                for one in part.ids[index]
                if one not in owners or not mine.isdisjoint(owners[one])
            )


def _is_linked(finding: Finding, one: Advisory) -> bool:
    return any(one.id.upper() in reference.upper() for reference in finding.references)


def _told_apart(part: AdvisoryPart, cves: Sequence[set[Advisory]]) -> dict[str, Labels]:
    """For each tool that lists CVEs of ``part`` as different problems: which are which."""
    by_tool: dict[str, list[set[Advisory]]] = {}
    for finding, mine in zip(part.members, cves, strict=True):
        if mine:
            by_tool.setdefault(finding.tool, []).append(mine)
    told: dict[str, Labels] = {}
    for tool, listed in by_tool.items():
        if len(listed) == 1:
            continue
        # A tool that lists two CVEs on their own as well means two problems.
        single = {one for mine in listed if len(mine) == 1 for one in mine}
        labels = _labels(mine for mine in listed if len(mine) == 1 or not mine <= single)
        if len(set(labels.values())) > 1:
            told[tool] = labels
    return told


def _classes(cves: Sequence[set[Advisory]], told: Mapping[str, Labels]) -> dict[Advisory, int]:
    """Label CVEs: the same label where they are listed together and no tool tells them apart."""

    def one_problem(names: Iterable[Advisory]) -> bool:
        wanted = list(names)
        return all(
            len({labels[name] for name in wanted if name in labels}) <= 1
            for labels in told.values()
        )

    together = [mine for mine in cves if len(mine) > 1 and one_problem(mine)]
    if not together:
        every = dict.fromkeys(cve for mine in cves for cve in mine)
        return {cve: label for label, cve in enumerate(every)}
    alone = [{cve} for mine in cves for cve in mine]
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
    """One number for all names that hang together by the groups they stand in."""
    listed = list(groups)
    return {
        name: label
        for label, indices in enumerate(components(listed))
        for index in indices
        for name in listed[index]
    }


def _loose_keys(ids: Collection[Advisory]) -> list[object]:
    """Loose findings join by ids that are no CVE, or by naming exactly the same CVEs."""
    named = frozenset(one for one in ids if one.rank == 0)
    keys: list[object] = [one for one in linking(ids) if one.rank != 0]
    return [*keys, named] if named else keys


def _pick(part: AdvisoryPart, indices: Sequence[int]) -> AdvisoryPart:
    members, ids = [part.members[i] for i in indices], [part.ids[i] for i in indices]
    return AdvisoryPart(part.version, members, ids)


def _warning(
    rest: AdvisoryPart,
    where: str,
    told: Mapping[str, Labels],
    problems: Sequence[Sequence[Advisory]],
) -> str:
    joined = sorted(cve for cves in problems for cve in cves)
    names = [cve.id for cve in joined[:4]] + (["and more"] if len(joined) > 4 else [])
    tools = sorted(
        tool
        for tool, tool_ids in told.items()
        if len({tool_ids[cve] for cve in joined if cve in tool_ids}) > 1
    )
    return (
        f"{rest.name} would join {', '.join(names)} of {where}, which "
        f"{' and '.join(tools) or 'a source'} lists as different problems: kept apart"
    )
