"""Approve decisions of other people, where the policy wants more than one."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from secagg.change.owners import code_owners
from secagg.cli.decide import Place, Selection, record, say, select, user
from secagg.decisions.entry import work_tree
from secagg.decisions.ownfile import decisions_in
from secagg.errors import ExitCode, StoreError, UsageError
from secagg.ids import short
from secagg.model.approval import same_person, signers
from secagg.model.problem import DECISION_FILE, Problem, Triage
from secagg.output.escape import cell
from secagg.pipeline.origin import open_store_of, origin_of
from secagg.report import words
from secagg.system.dates import utc_now, utc_today


def approve(selection: Selection, place: Place, *, by: str | None, dry_run: bool) -> int:
    """Record another person's approval of the decisions on the selected problems.

    An approval is the same decision, made once more. With ``place.file`` the name goes into the
    entry of the file. Raises :class:`StoreError` where no decision needs an approval, and
    :class:`UsageError` where ``by`` is who has decided.
    """
    selection.check()
    who = by or user(place.root)
    origin = origin_of(place.root, repository=place.repository, branch=place.branch)
    filed = decisions_in(work_tree(place.root), code_owners(place.root))
    with open_store_of(place.url, place.root, create=False) as store:
        problems = list(store.problems(origin.repository, file_decisions=filed))
        unapproved = [
            problem
            for problem in select(selection, problems, store, origin)
            if words.approval(problem, utc_today()) and problem.unapproved_in is None
        ]
        if not unapproved:
            raise StoreError(
                "no decision on these problems needs an approval",
                hint=f"an exception is approved in {DECISION_FILE}: approved_by of its entry",
            )
        by_decision = _by_decision(unapproved)
        # All or none: nothing is recorded where one of them is the person's own.
        for decision in by_decision:
            if any(same_person(who, name) for name in signers(decision) if name):
                raise UsageError(
                    f"{who} has decided that already: another person approves it",
                    hint="--by names who decides, by default git's user.email",
                )
        for decision, same in by_decision.items() if not dry_run else ():
            made = replace(decision, by=who, at=utc_now(), approved_by=())
            if place.file:
                made = replace(decision, approved_by=(*decision.approved_by, who))
            record(store, origin, place, same, made)
        now = {p.identity: p for p in store.problems(origin.repository, file_decisions=filed)}
    for problem in unapproved:
        missing = words.approval(now[problem.identity], utc_today())
        result = "would be approved" if dry_run else missing or "approved"
        say(f"{short(problem.identity)}  {cell(words.title(problem))}: {result}")
    if place.file and not dry_run:
        say(f"wrote {DECISION_FILE}: it counts once its code owners have merged it")
    return int(ExitCode.PASS)


def _by_decision(problems: list[Problem]) -> dict[Triage, list[Problem]]:
    same: defaultdict[Triage, list[Problem]] = defaultdict(list)
    for problem in problems:
        if problem.unapproved is not None:
            same[problem.unapproved].append(problem)
    return same
