"""The merge: findings of all tools in, one group for each real problem out."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter

from secagg.merge.code import join_code
from secagg.merge.collect import MergeOutcome
from secagg.merge.groups import MergedSet
from secagg.merge.license import join_licenses
from secagg.merge.misconfiguration import join_misconfigurations
from secagg.merge.overrule import Overrule, apply_overrules
from secagg.merge.representative import Preference
from secagg.merge.secret import join_secrets
from secagg.merge.vulnerability import join_vulnerabilities
from secagg.model.finding import Finding, Kind

_JOIN: dict[Kind, Callable[[Iterable[Finding], MergeOutcome], None]] = {
    Kind.VULNERABILITY: join_vulnerabilities,
    Kind.SECRET: join_secrets,
    Kind.CODE: join_code,
    Kind.MISCONFIGURATION: join_misconfigurations,
    Kind.LICENSE: join_licenses,
}


def merge(
    findings: Iterable[Finding],
    *,
    overrules: Sequence[Overrule] = (),
    preference: Preference | None = None,
) -> MergedSet:
    """Group ``findings`` so that each group is one real problem; groups are sorted by identity.

    Every finding is a member of exactly one group, and none is changed. The result does not
    depend on the order of ``findings``. ``overrules`` are people's decisions, which outrank
    the rules; ``preference`` says how representatives are chosen. Reads and writes nothing.
    """
    by_kind: dict[Kind, list[Finding]] = {kind: [] for kind in Kind}
    for finding in findings:
        by_kind[finding.kind].append(finding)
    outcome = MergeOutcome(preference or Preference())
    # Nothing here makes cycles, and a collection would walk over every finding there is.
    collecting = gc.isenabled()
    gc.disable()
    try:
        for kind, found in by_kind.items():
            if found:
                _JOIN[kind](found, outcome)
    finally:
        if collecting:
            gc.enable()
    merged = MergedSet(groups=outcome.groups, warnings=sorted(outcome.warnings))
    if overrules:
        apply_overrules(merged, overrules, outcome)
    merged.groups.sort(key=attrgetter("identity"))
    return merged
