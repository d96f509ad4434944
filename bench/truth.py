"""Holding the groups of a merge against the truth of a made workload."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.problems import signature
from secagg.merge import MergedSet
from secagg.model.finding import Finding, Kind


@dataclass(frozen=True)
class Comparison:
    """Problems and groups counted; ``exact`` if each group is one problem, all of it."""

    problems: int
    groups: int
    split: int
    joined: int
    unknown: int

    @property
    def exact(self) -> bool:
        return self.problems == self.groups and not (self.split or self.joined or self.unknown)


def signature_of(finding: Finding) -> str:
    """What the maker of the workload calls ``finding``."""
    place, package = finding.location, finding.package
    return signature(
        finding.tool,
        finding.rule_id,
        place.uri,
        version=None if package is None else package.version,
        line=None if package is not None else place.start_line,
        commit=place.commit,
        image=place.image,
        licensed=package.name if package is not None and finding.kind is Kind.LICENSE else None,
    )


def compare(merged: MergedSet, problems: Sequence[Sequence[str]]) -> Comparison:
    """Compare groups with the ``problems`` of a truth file (lists of signatures)."""
    problem_of = {known: number for number, each in enumerate(problems) for known in each}
    groups_of: dict[int, set[int]] = {}
    joined = unknown = 0
    for number, group in enumerate(merged.groups):
        found = set()
        for finding in group.members:
            problem = problem_of.get(signature_of(finding))
            if problem is None:
                unknown += 1
            else:
                found.add(problem)
                groups_of.setdefault(problem, set()).add(number)
        joined += len(found) > 1
    split = sum(len(numbers) > 1 for numbers in groups_of.values())
    missing = len(problems) - len(groups_of)
    return Comparison(len(problems), len(merged.groups), split, joined, unknown + missing)
