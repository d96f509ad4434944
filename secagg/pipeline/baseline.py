"""Read the groups of an earlier scan from its reports, for ``--baseline``."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from msgspec import Struct, field

from secagg.change.model import Diff
from secagg.errors import UsageError
from secagg.merge import Group, Overrule, merge
from secagg.model.identity import set_identities
from secagg.parsing import ParseContext, RawReport, choose, installed_parsers, learn, parse
from secagg.policy.gaps import gap_key
from secagg.secrets.lastfilter import run_redactor


class ToolVersion(NamedTuple):
    """A tool that ran (``trivy``, or with its mode ``trivy (fs)``), and its version or ``""``."""

    name: str
    version: str

    @property
    def tool(self) -> str:
        """The tool without its mode."""
        return self.name.partition(" ")[0]


class BaselineReport(Struct, frozen=True):
    """The groups of an earlier scan.

    ``gaps`` are sentences on what that scan did not look at, by gap key. ``exact`` are the tools
    that ran in the same versions and with the same databases as in the present scan. ``name``
    describes the baseline where the user did not name it.
    """

    groups: Sequence[Group]
    notes: Sequence[str] = ()
    gaps: Mapping[str, str] = field(default_factory=dict)
    exact: frozenset[str] = frozenset()
    name: str | None = None

    def gaps_after(self, diff: Diff | None) -> frozenset[str]:
        """Return the keys of the gaps, also with the paths renamed as in ``diff``."""
        keys = set(self.gaps)
        for old, new in diff.renames.items() if diff is not None else ():
            old_path = re.compile(rf"(?<![\w./-]){re.escape(old)}(?![\w/-])")
            for gap in self.gaps.values():
                if old in gap:
                    keys.add(gap_key(old_path.sub(new.replace("\\", r"\\"), gap)))
        return frozenset(keys)

    def doubts(self, gaps: Container[str]) -> Iterator[str]:
        """Yield a warning for each gap that is not in ``gaps``, the keys of the present scan's."""
        for key, gap in self.gaps.items():
            if key not in gaps:
                yield f"the baseline is incomplete, so old problems may be called new: {gap}"


def read_baseline(
    reports: Sequence[tuple[str, bytes]], *, root: Path, overrules: Sequence[Overrule] = ()
) -> BaselineReport:
    """Return the groups of ``reports`` (name and bytes of each; SARIF or a tool's native format).

    Absolute paths in the reports become relative to ``root``, the checkout. Its files are not
    read: they have changed since the baseline. Raises :class:`secagg.errors.ReportError` for a
    report that cannot be parsed, and :class:`UsageError` for one that can be parsed in part only:
    with a part of the baseline missing, old problems would be called new.
    """
    parsers = installed_parsers()
    context = ParseContext(redactor=run_redactor(root), root=root)
    raw_reports = [RawReport(name=name, data=data) for name, data in reports]
    for report in raw_reports:
        report.tool = choose(report, parsers).tool
        learn(report, parsers, context)
    parsed_reports = []
    for report in raw_reports:
        parsed_reports.append(parse(report, parsers, context))
        if parsed_reports[-1].problems or not parsed_reports[-1].balances:
            raise UsageError(
                f"{report.name}: not every entry of the baseline could be understood",
                hint="make the baseline again: secagg scan writes findings.sarif",
            )
    findings = [finding for report in parsed_reports for finding in report.findings]
    set_identities(findings, None, context.redactor)
    gaps = {
        gap_key(gap.message): gap.message
        for report in parsed_reports
        for gap in report.gaps
        if gap.fatal
    }
    return BaselineReport(merge(findings, overrules=overrules).groups, gaps=gaps)
