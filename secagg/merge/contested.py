"""Aliases that contradict each other: two CVEs joined by one source, told apart by another."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from secagg.merge.part import AdvisoryPart, linking
from secagg.merge.sets import components
from secagg.packages.advisories import Advisory

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
        for tool, known in told.items()
        if len({known[cve] for cve in joined if cve in known}) > 1
    )
    return (
        f"{rest.name} would join {', '.join(names)} of {where}, which "
        f"{' and '.join(tools) or 'a source'} lists as different problems: kept apart"
    )
