"""The sets of labels beside the labelled repositories: cross-tool cases, and labels by check.

A case (``fixtures/cases``) is a few small reports and which of their findings are one problem.
Labels by check (``fixtures/terraform``) say which checks of two tools ask for the same change; they
are one problem wherever both fail on one resource.
"""

from __future__ import annotations

import json
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from scripts.accuracy import Accuracy, findings_in, handle, hold
from secagg.merge import merge
from secagg.model.finding import Finding

_FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
CASES = _FIXTURES / "cases"
TERRAFORM = _FIXTURES / "terraform"


def accuracy_of_cases(folder: Path = CASES) -> Accuracy:
    """Accuracy on every case in ``folder``, in pairs of labelled findings."""
    total = Accuracy()
    for file in sorted(folder.glob("*.json")):
        total.add(_case(file.stem, json.loads(file.read_text(encoding="utf-8"))))
    return total


def _case(name: str, case: Mapping[str, Any]) -> Accuracy:
    with tempfile.TemporaryDirectory() as directory:
        root, reports = Path(directory) / "tree", Path(directory) / "reports"
        root.mkdir()
        reports.mkdir()
        for path, text in case["files"].items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text, encoding="utf-8")
        for report, document in case["reports"].items():
            lines = report.startswith("trufflehog")
            text = "\n".join(map(json.dumps, document)) if lines else json.dumps(document)
            (reports / report).write_text(f"{text}\n", encoding="utf-8")
        found = findings_in(reports, root)
    merged = merge(found)
    result = Accuracy(findings=merged.members, groups=len(merged.groups))
    group_of: dict[str, int] = {}
    for label, selector in case["findings"].items():
        numbers = [
            number
            for number, group in enumerate(merged.groups)
            if any(_fits(member, selector) for member in group.members)
        ]
        if len(numbers) == 1:
            group_of[label] = numbers[0]
        else:
            result.unlabelled.append(f"{name}: {label} is in {len(numbers)} groups")
    for one, other in case["same"]:
        together = one in group_of and group_of[one] == group_of.get(other)
        result.labelled_pairs += 1
        result.right_pairs += together
        result.merged_pairs += together
        if not together:
            result.misses.append(f"{name}: {one}  |  {other}")
    for one, other in case["apart"]:
        if one in group_of and group_of[one] == group_of.get(other):
            result.merged_pairs += 1
            result.false_merges.append(f"{name}: {one}  +  {other}")
    return result


def _fits(finding: Finding, selector: Mapping[str, Any]) -> bool:
    package = finding.package
    return (
        selector["tool"] in finding.tool
        and selector.get("rule", "") in finding.rule_id
        and selector.get("line", finding.location.start_line) == finding.location.start_line
        and ("version" not in selector or (package and package.version) == selector["version"])
    )


def accuracy_by_check(folder: Path = TERRAFORM) -> Accuracy:
    """Accuracy on the reports in ``folder``, whose labels are by check."""
    found = findings_in(folder / "reports", folder / "tree")
    return hold(merge(found), problems_by_check(found, folder / "labels.yaml"))


def problems_by_check(found: Iterable[Finding], file: Path) -> list[list[str]]:
    """Give the labelled problems of ``found``: what fails together on a resource, and the rest.

    A check that fails at several places of one resource is about its parts, and stands alone.
    ``findings`` in ``file`` are problems whose findings are on different resources.
    """
    document = YAML(typ="safe", pure=True).load(file)
    labels = document["checks"]
    on_resource: dict[tuple[str | None, str | None], dict[str, set[str]]] = {}
    for finding in found:
        known = finding.misconfiguration
        key = (finding.location.uri, known.resource if known is not None else None)
        checks = on_resource.setdefault(key, defaultdict(set))
        checks[finding.rule_id].add(handle(finding))
    problems: list[list[str]] = [label["findings"] for label in document.get("findings") or ()]
    elsewhere = {one for problem in problems for one in problem}
    for checks in on_resource.values():
        taken = set(elsewhere)
        for label in labels:
            failed = [check for check in label["checks"] if check in checks]
            if len(failed) > 1 and all(len(checks[check]) == 1 for check in failed):
                together = [one for check in failed for one in checks[check]]
                problems.append(together)
                taken.update(together)
        problems += [[one] for held in checks.values() for one in held if one not in taken]
    return problems
