"""How exact merging is on labelled reports: ``python -m scripts.accuracy``.

Three sets are printed apart: the labelled repositories (``fixtures/labels``), the cross-tool cases
(``fixtures/cases``), and Trivy and Checkov over a set of Terraform files (``fixtures/terraform``).
The reports are parsed and merged, and the groups are held against the labels. A pair of findings in
one group that the labels keep apart is a false merge; a pair of one labelled problem in two groups
is a miss. Precision is the share of merged pairs that are labelled so, recall the share of labelled
pairs that are merged. The exit code is 1 if precision is below 1.000 or recall too low in one of
the sets, or if a finding has no label.

``--list`` prints the findings of each repository by file and line, for labelling. ``--report DIR``
does both for anybody's own: DIR holds ``reports/``, ``labels.yaml`` (written as those of
``fixtures/labels`` are), and if need be ``tree/``, the files that the reports are about.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

from ruamel.yaml import YAML

from scripts.label_repos import LABELS, build_tree, repositories
from secagg.errors import ReportError
from secagg.merge import MergedSet, merge
from secagg.model.finding import Finding
from secagg.model.identity import set_identities
from secagg.parsing import ParseContext, RawReport, choose, installed_parsers, learn
from secagg.secrets.redactor import Redactor

LEAST_PRECISION = 1.0
LEAST_RECALL = 0.99
LEAST_RECALL_OF_CASES = 0.95
LEAST_RECALL_BY_CHECK = 0.9


@dataclass
class Accuracy:
    """Pairs counted over some repositories, and what went wrong by name."""

    findings: int = 0
    problems: int = 0
    groups: int = 0
    merged_pairs: int = 0
    labelled_pairs: int = 0
    right_pairs: int = 0
    false_merges: list[str] = field(default_factory=list)
    misses: list[str] = field(default_factory=list)
    unlabelled: list[str] = field(default_factory=list)

    @property
    def precision(self) -> float:
        """The share of merged pairs that are right."""
        return self.right_pairs / self.merged_pairs if self.merged_pairs else 1.0

    @property
    def recall(self) -> float:
        """The share of labelled pairs that are merged."""
        return self.right_pairs / self.labelled_pairs if self.labelled_pairs else 1.0

    @property
    def good(self) -> bool:
        """True if nothing is unlabelled and the goals are met."""
        enough = self.precision >= LEAST_PRECISION and self.recall >= LEAST_RECALL
        return enough and not self.unlabelled

    def add(self, other: Accuracy) -> None:
        """Count another repository in."""
        self.findings += other.findings
        self.problems += other.problems
        self.groups += other.groups
        self.merged_pairs += other.merged_pairs
        self.labelled_pairs += other.labelled_pairs
        self.right_pairs += other.right_pairs
        self.false_merges += other.false_merges
        self.misses += other.misses
        self.unlabelled += other.unlabelled


def findings_of(name: str) -> list[Finding]:
    """The findings in the reports on one label repository."""
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        build_tree(name, root)
        return findings_in(LABELS / name / "reports", root)


def findings_in(reports: Path, root: Path | None) -> list[Finding]:
    """The findings of all files in the folder ``reports``; ``root`` is what they are about."""
    parsers = installed_parsers()
    context = ParseContext(redactor=Redactor(b"labels" * 6), root=root)
    given = [RawReport(name=p.name, data=p.read_bytes()) for p in sorted(reports.iterdir())]
    for report in given:
        learn(report, parsers, context)
    found: list[Finding] = []
    for report in given:
        try:
            found += choose(report, parsers).parse(report, context).findings
        except ReportError:
            # Snyk has nothing to say of a repository without a manifest that it can read.
            if not report.name.startswith("snyk"):
                raise
    set_identities(found, root)
    return found


def handle(finding: Finding) -> str:
    """By what the labels call a finding: tool, rule, place, and what else tells it apart."""
    place, package = finding.location, finding.package
    where = place.uri or place.image or place.logical or "-"
    if place.start_line is not None and package is None:
        where += f":{place.start_line}"
        if place.end_line not in (None, place.start_line):
            where += f"-{place.end_line}"
        if place.start_column is not None:
            where += f".{place.start_column}"
    parts = [finding.tool, finding.rule_id, where]
    if package is not None:
        parts.append(f"{package.name}@{package.version}")
    if finding.misconfiguration is not None and finding.misconfiguration.resource:
        parts.append(finding.misconfiguration.resource)
    if place.commit is not None:
        parts.append(place.commit[:7])
    return " ".join(parts)


def hold(merged: MergedSet, problems: Iterable[Iterable[str]]) -> Accuracy:
    """Hold the groups of one repository against its labels."""
    listed = [list(problem) for problem in problems]
    problem_of = {known: number for number, each in enumerate(listed) for known in each}
    result = Accuracy(problems=len(listed), groups=len(merged.groups), findings=merged.members)
    group_of: dict[str, set[int]] = {}
    for number, group in enumerate(merged.groups):
        handles = sorted(handle(finding) for finding in group.members)
        for one in handles:
            group_of.setdefault(one, set()).add(number)
            if one not in problem_of:
                result.unlabelled.append(one)
        for one, other in combinations(sorted(set(handles)), 2):
            result.merged_pairs += 1
            if problem_of.get(one, one) == problem_of.get(other, other):
                result.right_pairs += 1
            else:
                result.false_merges.append(f"{one}  +  {other}")
    for each in listed:
        for one, other in combinations(sorted(set(each)), 2):
            if one in group_of and other in group_of:
                result.labelled_pairs += 1
                if not group_of[one] & group_of[other]:
                    result.misses.append(f"{one}  |  {other}")
    return result


def labels_of(name: str) -> list[list[str]]:
    """The labelled problems of a repository; each a list of handles."""
    return labels_in(LABELS / name / "labels.yaml")


def labels_in(file: Path) -> list[list[str]]:
    """The labelled problems that ``file`` lists: ``together``, and those that stand ``alone``."""
    document = YAML(typ="safe", pure=True).load(file)
    together: list[list[str]] = document.get("together") or []
    return [*together, *([one] for one in document.get("alone") or ())]


def accuracy_of(name: str) -> Accuracy:
    """Accuracy on one label repository."""
    return hold(merge(findings_of(name)), labels_of(name))


def accuracy_in(folder: Path) -> Accuracy:
    """Accuracy on the reports and labels in ``folder``."""
    return hold(merge(_own(folder)), labels_in(folder / "labels.yaml"))


def _own(folder: Path) -> list[Finding]:
    tree = folder / "tree"
    return findings_in(folder / "reports", tree if tree.is_dir() else None)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m scripts.accuracy", description=__doc__)
    parser.add_argument("--list", action="store_true", help="print the findings to label")
    parser.add_argument("--report", type=Path, metavar="DIR", help="your own reports and labels")
    given = parser.parse_args()
    own: Path | None = given.report
    names = repositories() if own is None else [own.name]
    if given.list:
        for name in names:
            for finding in sorted(findings_of(name) if own is None else _own(own), key=_by_place):
                print(f"{name}\t{finding.kind.value}\t{handle(finding)}\t{finding.title[:90]}")
        return 0
    if own is not None:
        return 0 if _told(own.name, accuracy_in(own), LEAST_RECALL) else 1
    from scripts.accuracy_sets import accuracy_by_check, accuracy_of_cases

    total = Accuracy()
    for name in names:
        one = accuracy_of(name)
        total.add(one)
        _print(name, one)
    good = [
        _told("labelled repositories", total, LEAST_RECALL),
        _told("cross-tool cases", accuracy_of_cases(), LEAST_RECALL_OF_CASES),
        _told("Terraform, by check", accuracy_by_check(), LEAST_RECALL_BY_CHECK),
    ]
    return 0 if all(good) else 1


def _told(name: str, one: Accuracy, least: float) -> bool:
    """Print one set and what went wrong in it; True if it is good enough."""
    _print(name, one)
    for title, lines in (
        ("merged, but labelled as different", one.false_merges),
        ("labelled as one, but not merged", one.misses),
        ("without a label", one.unlabelled),
    ):
        for line in lines:
            print(f"{title}: {line}")
    return one.precision >= LEAST_PRECISION and one.recall >= least and not one.unlabelled


def _by_place(finding: Finding) -> tuple[str, str, int, str, str]:
    package = "" if finding.package is None else finding.package.name.lower()
    place = finding.location
    return finding.kind.value, place.uri or "", place.start_line or 0, package, finding.rule_id


def _print(name: str, one: Accuracy) -> None:
    print(
        f"{name}: {one.findings} findings in {one.groups} groups, precision {one.precision:.3f} "
        f"({len(one.false_merges)} false), "
        f"recall {one.recall:.3f} ({one.right_pairs} of {one.labelled_pairs} pairs)"
    )


if __name__ == "__main__":
    sys.exit(main())
