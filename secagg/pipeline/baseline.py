"""``--baseline``: the groups of an earlier scan, read from what it has written."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from secagg.change.model import Diff
from secagg.errors import UsageError
from secagg.merge import Group, Overrule, merge
from secagg.model.identity import set_identities
from secagg.parsing import ParseContext, RawReport, choose, installed_parsers, learn, parse
from secagg.policy.gaps import gap_key
from secagg.secrets.lastfilter import run_redactor


@dataclass(frozen=True, slots=True)
class BaselineReport:
    """The groups of an earlier scan.

    ``gaps`` are sentences on what it had not looked at, by their keys. ``notes`` are others.
    ``name`` says what was compared with, where that was not named. ``exact`` are the tools
    that ran with the versions and databases of the scan itself.
    """

    groups: Sequence[Group]
    notes: Sequence[str] = ()
    gaps: Mapping[str, str] = field(default_factory=dict)
    exact: frozenset[str] = frozenset()
    name: str | None = None

    def gaps_after(self, diff: Diff | None) -> frozenset[str]:
        """Return the keys of the gaps, also as they are called after the renames of ``diff``."""
        keys = set(self.gaps)
        for old, new in diff.renames.items() if diff is not None else ():
            name = re.compile(rf"(?<![\w./-]){re.escape(old)}(?![\w/-])")
            for sentence in self.gaps.values():
                if old in sentence:
                    keys.add(gap_key(name.sub(new.replace("\\", r"\\"), sentence)))
        return frozenset(keys)

    def doubts(self, gaps: Container[str]) -> Iterator[str]:
        """Yield what makes the comparison doubtful where the scan itself has only ``gaps``."""
        for key, sentence in self.gaps.items():
            if key not in gaps:
                yield f"the baseline is incomplete, so old problems may be called new: {sentence}"


def read_baseline(
    reports: Sequence[tuple[str, bytes]], *, root: Path, overrules: Sequence[Overrule] = ()
) -> BaselineReport:
    """Return the groups of ``reports`` (name and bytes of each; SARIF, or what a tool wrote).

    ``root`` is the checkout, to which absolute paths in the reports are made relative. Its files
    are not looked at: they are no longer as the baseline saw them. Raises
    :class:`secagg.errors.ReportError` for a report that is not understood, and
    :class:`UsageError` for one that is understood in part only: with a part of a baseline
    missing, old problems would be called new.
    """
    parsers = installed_parsers()
    context = ParseContext(redactor=run_redactor(root), root=root)
    raw = [RawReport(name=name, data=data) for name, data in reports]
    for report in raw:
        report.tool = choose(report, parsers).tool
        learn(report, parsers, context)
    parsed = []
    for report in raw:
        parsed.append(parse(report, parsers, context))
        if parsed[-1].problems or not parsed[-1].balances:
            raise UsageError(
                f"{report.name}: not every entry of the baseline could be understood",
                hint="make the baseline again: secagg scan writes findings.sarif",
            )
    findings = [finding for each in parsed for finding in each.findings]
    set_identities(findings, None, context.redactor)
    gaps = {gap_key(g.message): g.message for each in parsed for g in each.gaps if g.fatal}
    return BaselineReport(merge(findings, overrules=overrules).groups, gaps=gaps)
