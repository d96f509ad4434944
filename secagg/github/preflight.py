"""Before an upload: repair, split and count runs, and say what GitHub will show."""

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
    halves,
    sarif_log,
    set_category,
    split,
)
from secagg.github.results import is_suppressed, mend_results
from secagg.github.rules import mend_rules
from secagg.jsonio.reading import loads
from secagg.sarif.gaps import of_run

# Less than GitHub's limit: the sum of parts compressed alone only comes close to the whole.
_FILLED = 0.9


@dataclass(slots=True, kw_only=True)
class GivenRun:
    """A SARIF run to be uploaded: ``run`` is changed in place.

    ``source`` names the file it came from. ``incomplete`` says why it must not be uploaded
    (GitHub would take the alerts that it lacks for fixed), ``None`` where it may be; ``unread``
    says which files its tool could not read although it completed.
    """

    run: dict[str, Any]
    source: str
    incomplete: str | None = None
    unread: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class Withheld:
    """A run that is not uploaded because its tool did not complete."""

    tool: str
    category: str
    results: int
    reason: str


@dataclass(slots=True, kw_only=True)
class Part:
    """One analysis as GitHub will see it. ``of`` is the category of the run it is a part of.

    ``encoded`` is ``run`` as it is sent.
    """

    run: dict[str, Any]
    tool: str
    category: str
    of: str
    encoded: EncodedRun
    results: int
    suppressed: int
    gzip_bytes: int


@dataclass(slots=True, kw_only=True)
class Plan:
    """What will be sent. ``given`` results are all accounted for: see :meth:`check`."""

    given: int
    parts: list[Part]
    withheld: list[Withheld]
    tally: Tally
    limits: Limits
    lines: list[str] = field(default_factory=list)

    @property
    def sent(self) -> int:
        """Results in all parts."""
        return sum(part.results for part in self.parts)

    @property
    def shown(self) -> int:
        """Results that GitHub will keep of those."""
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
    given: Sequence[GivenRun],
    *,
    root: Path | None = None,
    prefix: str = "",
    category: str | None = None,
    keep_suppressed: bool = True,
    limits: Limits = GITHUB,
) -> Plan:
    """Repair and split ``given`` so that GitHub takes it, and account for every result.

    ``root`` is the directory that was scanned, below which absolute paths are made relative,
    and ``prefix`` where it is in the repository (``service/``, empty at the top). ``category``
    replaces those of the runs. With ``keep_suppressed`` suppressed results are sent (to be
    dismissed afterwards), else left out.
    """
    tally = Tally()
    total = sum(len(entry.run.get("results") or ()) for entry in given)
    categorize([g.run for g in given], [g.source for g in given], category, tally)
    plan = Plan(given=total, parts=[], withheld=[], tally=tally, limits=limits)
    for entry in given:
        run = entry.run
        incomplete = entry.incomplete
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
            for message in entry.unread
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
        of = category_of(run)
        whole = len(run["results"])
        parts = _fitting(split(run, limits), of, plan)
        if len(parts) > 1:
            sizes = ", ".join(str(part.results) for part in parts)
            plan.lines.append(
                f"{tool_of(run)}, {of}: {whole} results go as {len(parts)} analyses "
                f"({sizes}), the most severe first"
            )
        plan.parts += parts
    plan.check()
    return plan


def deliveries(parts: Sequence[Part], limits: Limits = GITHUB) -> list[list[Part]]:
    """``parts`` in files, each within GitHub's limits on runs and size."""
    packed: list[list[Part]] = []
    room = 0.0
    for part in parts:
        fits = packed and len(packed[-1]) < limits.runs and part.gzip_bytes <= room
        if not fits or any(_same(part, other) for other in packed[-1]):
            packed.append([])
            room = limits.gzip_bytes * _FILLED
        packed[-1].append(part)
        room -= part.gzip_bytes
    return packed


def _same(one: Part, other: Part) -> bool:
    return (one.tool, one.category) == (other.tool, other.category)


def _fitting(runs: Sequence[dict[str, Any]], of: str, plan: Plan) -> list[Part]:
    """Parts of one run, split further until each is small enough as a file of its own."""
    todo = list(runs)
    small: list[tuple[dict[str, Any], EncodedRun, int]] = []
    while todo:
        run = todo.pop(0)
        encoded = encode_run(run)
        size = len(compressed(sarif_log([encoded.data])))
        if size <= plan.limits.gzip_bytes:
            small.append((run, encoded, size))
        elif len(run["results"]) > 1:
            todo[:0] = halves(run)
        else:
            for result in run["results"]:
                plan.tally.leave_out("it is too large for GitHub by itself", str(result["ruleId"]))
    parts = []
    for number, (run, encoded, size) in enumerate(small, 1):
        if len(small) > 1 and category_of(run) != part_category(of, number):
            set_category(run, part_category(of, number))
            encoded = encode_run(run)
        parts.append(
            Part(
                run=run,
                tool=tool_of(run),
                category=category_of(run),
                of=of,
                encoded=encoded,
                results=len(run["results"]),
                suppressed=sum(is_suppressed(r) for r in run["results"]),
                gzip_bytes=size,
            )
        )
    return parts


def given_runs(data: bytes, source: str) -> list[GivenRun]:
    """Return the runs of a SARIF log that :func:`secagg.sarif.write` wrote (so it holds no secret).

    A run whose tool says that it failed or missed something is marked as incomplete, unless it
    says that it completed and names the files that it could not read. Raises
    :class:`ReportError` for what is no SARIF log.
    """
    document = loads(data, report=source)
    runs = document.get("runs") if isinstance(document, Mapping) else None
    if not isinstance(runs, list):
        raise ReportError("this is no SARIF log", report=source)
    return [
        _given_run(run, index, source) for index, run in enumerate(runs) if isinstance(run, dict)
    ]


def _given_run(run: dict[str, Any], index: int, source: str) -> GivenRun:
    frame = {key: value for key, value in run.items() if key != "results"}
    fatal = [gap for gap in of_run(frame, run, index) if gap.fatal]
    reasons = [gap.message for gap in fatal if not gap.files]
    return GivenRun(
        run=run,
        source=source,
        incomplete=reasons[0] if reasons else None,
        unread=tuple(gap.message for gap in fatal if gap.files),
    )
