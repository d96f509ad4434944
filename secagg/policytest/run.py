"""Running the cases of a test file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from secagg.policytest.compare import Mismatch, mismatches
from secagg.policytest.judging import judged
from secagg.policytest.load import Loaded


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """How one case went: it passed if there are no mismatches."""

    name: str
    where: str
    mismatches: Sequence[Mismatch]

    @property
    def passed(self) -> bool:
        return not self.mismatches


@dataclass(frozen=True, slots=True, kw_only=True)
class FileResult:
    """How the cases of one file went, and the rules of its policy that took no finding."""

    file: str
    policy: str
    cases: Sequence[CaseResult]
    untested: Sequence[str]


def run_tests(loaded: Loaded) -> FileResult:
    """Judge every case by the policy, and compare."""
    used: set[str] = set()
    results = []
    for number, case in enumerate(loaded.placed.value.cases):
        came = judged(loaded, case)
        used |= {judgement.rule for judgement in came.decision.judgements if judgement.rule}
        results.append(
            CaseResult(
                name=case.name,
                where=loaded.placed.where("cases", number),
                mismatches=list(mismatches(loaded, number, case, came)),
            )
        )
    return FileResult(
        file=loaded.placed.name,
        policy=loaded.policy.name,
        cases=results,
        untested=[rule.name for rule in loaded.policy.rules if rule.name not in used],
    )
