"""Write the rolling issues of the history's problems: a section of the report each."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from secagg.github.issues import MOST_TITLE_CHARACTERS, Draft
from secagg.model.finding import Kind
from secagg.model.problem import Problem
from secagg.output.escape import cell, markdown
from secagg.report import markdown as report_markdown
from secagg.report.filters import FilterWords, filters_of
from secagg.report.formats import compose
from secagg.report.overview import missing_sentences
from secagg.report.query import GroupBy, Query, answer, sections
from secagg.report.source import RecordedHistory
from secagg.secrets.redactor import Redactor

# No column changes from day to day, so that an issue changes only with its problems.
_COLUMNS = ("severity", "id", "problem", "where", "owner", "sources")
_MOST_ROWS = 200
_FOOT = (
    "`secagg issues sync` keeps this part up to date, and leaves alone what is above and below "
    "it. `secagg show ID` has all of a problem."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sections:
    """What the issues are made of. ``scope`` identifies repository, branch and kind of section.

    ``complete``: the last scan looked at everything, so what is gone is fixed.
    """

    drafts: Sequence[Draft]
    scope: str
    complete: bool


def draft_issues(
    history: RecordedHistory,
    words: FilterWords,
    by: GroupBy,
    *,
    repository: str,
    branch: str,
    public: bool,
    redactor: Redactor,
    now: datetime.datetime,
) -> Sections:
    """Return the issues of ``branch``: one for each component or owner with problems.

    In a ``public`` repository secrets are counted and not listed.
    """
    runs = history.runs()
    result = answer(Query(filters=filters_of(words, runs, now)), history.problems(), now.date())
    scope = _hash(repository, branch, by.value)[:16]
    missing = missing_sentences(runs)
    drafts = []
    for section in sections(result.matching, by, all_problems=result.matching):
        write = partial(
            _text,
            section.problems,
            runs=history,
            missing=missing,
            public=public,
            mask=redactor.mask,
            now=now,
        )
        name = redactor.mask(section.name)
        drafts.append(
            Draft(
                key=_hash(repository, branch, by.value, section.name)[:32],
                name=name,
                title=cell(f"Security problems: {name} ({branch})", MOST_TITLE_CHARACTERS),
                total=section.total,
                newest=_newest(section.problems),
                write=write,
            )
        )
    return Sections(drafts=drafts, scope=scope, complete=not missing)


def _text(
    problems: Sequence[Problem],
    most_characters: int,
    *,
    runs: RecordedHistory,
    missing: Sequence[str],
    public: bool,
    mask: Callable[[str], str],
    now: datetime.datetime,
) -> str:
    """Return the text of an issue, with as many rows as fit."""
    shown = [p for p in problems if not public or p.kind is not Kind.SECRET]
    head = _head(problems, missing, hidden=len(problems) - len(shown), mask=mask)
    room = most_characters - len(head) - len(_FOOT) - 4
    limit = min(len(shown), _MOST_ROWS)
    while True:
        table = mask(_table(shown, runs, limit, now))
        if len(table) <= room:
            return "\n\n".join(filter(None, (head, table, _FOOT)))
        if limit == 0:
            return head[: max(0, most_characters)]
        limit = min(limit - 1, limit * room // len(table)) if room > 0 else 0


def _table(
    problems: Sequence[Problem], history: RecordedHistory, limit: int, now: datetime.datetime
) -> str:
    if not problems:
        return ""
    every_state = filters_of(FilterWords(state=("all",)), None, now)
    report = compose(
        RecordedHistory(problems, history.runs()),
        Query(filters=every_state, limit=limit),
        now,
        columns=_COLUMNS,
        summary=False,
    )
    return b"".join(report_markdown.pieces(report)).decode().strip()


def _head(
    problems: Sequence[Problem],
    missing: Sequence[str],
    *,
    hidden: int,
    mask: Callable[[str], str],
) -> str:
    counts: dict[str, int] = {}
    for problem in sorted(problems, key=lambda p: -p.severity.rank):
        label = str(problem.severity) if problem.severity_known else "unknown"
        counts[label] = counts.get(label, 0) + 1
    by_severity = ", ".join(f"{count} {label}" for label, count in counts.items())
    plural = "" if len(problems) == 1 else "s"
    lines = [f"**{len(problems):,} open problem{plural}**: {by_severity}"]
    if missing:
        lines += ["", "**The last scan was incomplete, so problems may be missing.**", ""]
        lines += [f"- {markdown(mask(sentence))}" for sentence in missing]
    if hidden:
        secrets = "secret is" if hidden == 1 else "secrets are"
        lines += ["", f"{hidden} {secrets} not listed, as everybody can read this."]
    return "\n".join(lines)


def _newest(problems: Sequence[Problem]) -> datetime.datetime | None:
    times = [at for p in problems for at in (p.first_seen, p.reopened_at) if at is not None]
    return max(times, default=None)


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
