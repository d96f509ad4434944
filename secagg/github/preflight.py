"""Repair, split and count SARIF runs before an upload."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from secagg.errors import ReportError, UploadError
from secagg.github.category import categorize, category_of, part_category, tool_of
from secagg.github.limits import GITHUB, Limits, Tally
from secagg.github.payload import (
    EncodedRun,
    compressed,
    encode_run,
    sarif_log,
    set_category,
    split,
    split_in_half,
)
from secagg.github.results import is_suppressed, mend_results
from secagg.github.rules import mend_rules
from secagg.jsonio.reading import loads
from secagg.sarif.gaps import of_run

# Below GitHub's limit, as the sum of the parts' own gzip sizes is only an estimate for the file.
_FILL_RATIO = 0.9


@dataclass(slots=True, kw_only=True)
class RunToUpload:
    """A SARIF run to upload; ``run`` is changed in place.

    ``source`` names the file it came from. ``incomplete`` is the reason not to upload it, as GitHub
    would take the alerts that it lacks for fixed; None where it may be uploaded. ``unread`` are
    messages on files that its tool could not read although it completed.
    """

    run: dict[str, Any]
    source: str
    incomplete: str | None = None
    unread: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class Withheld:
    """A run that is not uploaded, as its tool did not complete."""

    tool: str
    category: str
    results: int
    reason: str


@dataclass(slots=True, kw_only=True)
class Part:
    """One analysis for GitHub: a run or a part of one.

    ``base_category`` is the category of the whole run. ``encoded`` is ``run`` as it is sent.
    """

    run: dict[str, Any]
    tool: str
    category: str
    base_category: str
    encoded: EncodedRun
    results: int
    suppressed: int
    gzip_bytes: int


@dataclass(slots=True, kw_only=True)
class Plan:
    """What an upload sends. :meth:`check` accounts for each of the ``given`` results."""

    given: int
    parts: list[Part]
    withheld: list[Withheld]
    tally: Tally
    limits: Limits
    lines: list[str] = field(default_factory=list)

    @property
    def sent(self) -> int:
        """The number of results in all parts."""
        return sum(part.results for part in self.parts)

    @property
    def shown(self) -> int:
        """The number of results that GitHub will show of those."""
        return sum(min(part.results, self.limits.results_shown) for part in self.parts)

    def check(self) -> None:
        """Raise :class:`UploadError` if a result is unaccounted for."""
        withheld = sum(run.results for run in self.withheld)
        if self.given != self.sent + withheld + self.tally.left_out_count:
            raise UploadError(
                f"{self.given} results were given, but {self.sent} to be sent, {withheld} withheld "
                f"and {self.tally.left_out_count} left out do not add up to that",
                hint="this is a bug in secagg; nothing was uploaded",
            )


def preflight(
    runs: Sequence[RunToUpload],
    *,
    root: Path | None = None,
    prefix: str = "",
    category: str | None = None,
    keep_suppressed: bool = True,
    limits: Limits = GITHUB,
) -> Plan:
    """Repair and split ``runs`` to meet GitHub's limits, and account for every result.

    ``root`` is the scanned directory, to which absolute paths become relative, and ``prefix`` its
    path in the repository (``service/``, empty at the top). ``category`` replaces those of the
    runs. ``keep_suppressed`` sends suppressed results, to dismiss their alerts afterwards; else
    they are left out.
    """
    tally = Tally()
    total = sum(len(candidate.run.get("results") or ()) for candidate in runs)
    categorize([g.run for g in runs], [g.source for g in runs], category, tally)
    plan = Plan(given=total, parts=[], withheld=[], tally=tally, limits=limits)
    for candidate in runs:
        run = candidate.run
        incomplete = candidate.incomplete
        if incomplete is None and not isinstance(run.get("results"), list):
            incomplete = "the run has no results, so nothing was looked for"
        if incomplete is not None:
            plan.withheld.append(
                Withheld(
                    tool=tool_of(run),
                    category=category_of(run),
                    results=len(run.get("results") or ()),
                    reason=incomplete,
                )
            )
            continue
        plan.lines += [
            f"{message}: alerts in what was not read will be taken for fixed"
            for message in candidate.unread
        ]
        rules = mend_rules(run, tally, limits)
        mend_results(
            run,
            rules,
            root=root,
            prefix=prefix,
            tally=tally,
            limits=limits,
            keep_suppressed=keep_suppressed,
        )
        base_category = category_of(run)
        count = len(run["results"])
        parts = _parts_of_run(split(run, limits), base_category, plan)
        if len(parts) > 1:
            sizes = ", ".join(str(part.results) for part in parts)
            plan.lines.append(
                f"{tool_of(run)}, {base_category}: {count} results go as {len(parts)} analyses "
                f"({sizes}), the most severe first"
            )
        plan.parts += parts
    plan.check()
    return plan


def deliveries(parts: Sequence[Part], limits: Limits = GITHUB) -> list[list[Part]]:
    """Group ``parts`` into files, each within GitHub's limits on runs and size."""
    files: list[list[Part]] = []
    free_bytes = 0.0
    for part in parts:
        has_room = files and len(files[-1]) < limits.runs and part.gzip_bytes <= free_bytes
        if not has_room or any(_is_same_analysis(part, other) for other in files[-1]):
            files.append([])
            free_bytes = limits.gzip_bytes * _FILL_RATIO
        files[-1].append(part)
        free_bytes -= part.gzip_bytes
    return files


def read_runs(data: bytes, source: str) -> list[RunToUpload]:
    """Return the runs of a SARIF log by :func:`secagg.sarif.write`, which holds no secrets.

    Marks a run as incomplete if its tool failed or missed something, unless it completed and names
    the files that it could not read. Raises :class:`ReportError` for what is no SARIF log.
    """
    document = loads(data, report=source)
    runs = document.get("runs") if isinstance(document, Mapping) else None
    if not isinstance(runs, list):
        raise ReportError("this is no SARIF log", report=source)
    return [
        _run_to_upload(run, index, source)
        for index, run in enumerate(runs)
        if isinstance(run, dict)
    ]


def _is_same_analysis(one: Part, other: Part) -> bool:
    return (one.tool, one.category) == (other.tool, other.category)


def _parts_of_run(runs: Sequence[dict[str, Any]], base_category: str, plan: Plan) -> list[Part]:
    """Return the parts of one run, split further until each fits into a file of its own."""
    pending = list(runs)
    encoded_runs: list[tuple[dict[str, Any], EncodedRun, int]] = []
    while pending:
        run = pending.pop(0)
        encoded = encode_run(run)
        size = len(compressed(sarif_log([encoded.data])))
        if size <= plan.limits.gzip_bytes:
            encoded_runs.append((run, encoded, size))
        elif len(run["results"]) > 1:
            pending[:0] = split_in_half(run)
        else:
            for result in run["results"]:
                plan.tally.leave_out("it is too large for GitHub by itself", str(result["ruleId"]))
    parts = []
    for number, (run, encoded, size) in enumerate(encoded_runs, 1):
        if len(encoded_runs) > 1 and category_of(run) != part_category(base_category, number):
            set_category(run, part_category(base_category, number))
            encoded = encode_run(run)
        parts.append(
            Part(
                run=run,
                tool=tool_of(run),
                category=category_of(run),
                base_category=base_category,
                encoded=encoded,
                results=len(run["results"]),
                suppressed=sum(is_suppressed(r) for r in run["results"]),
                gzip_bytes=size,
            )
        )
    return parts


def _run_to_upload(run: dict[str, Any], index: int, source: str) -> RunToUpload:
    frame = {key: value for key, value in run.items() if key != "results"}
    fatal = [gap for gap in of_run(frame, run, index) if gap.fatal]
    reasons = [gap.message for gap in fatal if not gap.files]
    return RunToUpload(
        run=run,
        source=source,
        incomplete=reasons[0] if reasons else None,
        unread=tuple(gap.message for gap in fatal if gap.files),
    )
