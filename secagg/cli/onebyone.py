"""``secagg triage --interactive``: decide on one problem after another, as in ``git add -p``."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field

from secagg.change.owners import code_owners
from secagg.cli.decide import Place, Selection, record, say, select
from secagg.cli.show import about
from secagg.decisions.entry import work_tree
from secagg.decisions.ownedit import remove_decisions
from secagg.decisions.ownfile import decisions_in
from secagg.errors import ExitCode, SecaggError
from secagg.history import Store
from secagg.history.deciding import batch_of
from secagg.model.problem import Problem, State
from secagg.output import console
from secagg.output.escape import terminal
from secagg.pipeline.origin import Origin, open_store_of, origin_of
from secagg.pipeline.storesource import new_decision
from secagg.system.dates import until, utc_now

_KEYS = {
    "c": State.CONFIRMED,
    "f": State.FALSE_POSITIVE,
    "a": State.ACCEPTED,
    "o": State.OPEN,
}
_HELP = """\
c  confirm: it is real, and to be mended
f  false positive: it is none
a  accept it, until a day if you like
o  open: take it up again
s  skip it for now (so does Enter)
b  back to the one before
u  take the last decision back, and ask again
i  show its code and its way through the program
q  quit; what is decided holds
?  these lines
"""


@dataclass(slots=True)
class _Session:
    """The decisions so far. All have the same time, so that they are one batch."""

    store: Store
    origin: Origin
    place: Place
    by: str
    owner: str | None
    at: datetime.datetime = field(default_factory=utc_now)
    reason: str = ""
    # The indexes of the problems with a decision, in order.
    decided: list[int] = field(default_factory=list)
    batch: str = ""

    def decide(self, problem: Problem, state: State) -> bool:
        """Ask for the reason and record the decision; False if the user does not give one."""
        again = f" [{self.reason}]" if self.reason else ""
        reason = console.ask(f"reason{terminal(again)}: ")
        if reason is None or not (reason or self.reason):
            say("nothing is decided: a decision needs a reason")
            return False
        expires = None
        if state is State.ACCEPTED:
            end = console.ask("until (30d, 2w or a day such as 2027-01-31; nothing for always): ")
            if end is None:
                return False
            try:
                expires = until(end, self.at.date()) if end else None
            except ValueError as error:
                say(f"nothing is decided: {error}")
                return False
        self.reason = reason or self.reason
        made = new_decision(state, self.reason, by=self.by, owner=self.owner, expires=expires)
        made = record(self.store, self.origin, self.place, [problem], made, at=self.at)
        self.batch = batch_of(made)
        return True

    def take_back(self, problem: Problem) -> None:
        """Take the decision back that was made on ``problem`` here."""
        if self.place.file:
            remove_decisions(self.place.root, {problem.identity, *problem.known_as})
        else:
            self.store.undo(self.origin.repository, [problem.identity], who=self.by)


def ask_one_by_one(selection: Selection, place: Place, *, by: str, owner: str | None) -> int:
    """Show what is selected, worst first, and do to each what the answers say.

    ``by`` decides, and ``owner`` takes care of what is decided on, where one is named. Each
    decision is recorded at once. Raises :class:`StoreError` where there is no store.
    """
    selection.check(everything=True)
    origin = origin_of(place.root, repository=place.repository, branch=place.branch)
    with open_store_of(place.url, place.root, create=False) as store:
        problems = list(
            store.problems(
                origin.repository,
                file_decisions=decisions_in(work_tree(place.root), code_owners(place.root)),
            )
        )
        chosen = select(selection, problems, store, origin)
        if not chosen:
            say("nothing is to be decided on")
            return int(ExitCode.PASS)
        session = _Session(store, origin, place, by, owner)
        _ask(session, chosen)
    done = len(set(session.decided))
    say(f"{done} of {len(chosen)} problems decided on")
    if session.decided:
        file = " --file" if place.file else ""
        say(f"to take all of it back: secagg triage --undo {session.batch}{file}")
    return int(ExitCode.PASS)


def _ask(session: _Session, chosen: Sequence[Problem]) -> None:
    at, show = 0, True
    while at < len(chosen):
        problem = chosen[at]
        if show:
            say("")
            for line in about(problem, session.at.date()):
                console.out(f"{line}\n")
        show = True
        key = console.ask(f"({at + 1}/{len(chosen)}) decide [c,f,a,o,s,b,u,i,q,?]? ")
        if key is None or key.lower() == "q":
            return
        key = key.lower()
        if key in ("", "s"):
            at += 1
        elif key in _KEYS:
            if _decided(session, problem, _KEYS[key]):
                session.decided.append(at)
                at += 1
            else:
                show = False
        elif key == "b":
            at = max(0, at - 1)
        elif key == "u":
            if session.decided:
                at = session.decided.pop()
                session.take_back(chosen[at])
                say("taken back")
            else:
                say("nothing is decided on yet")
                show = False
        elif key == "i":
            _more(problem)
            show = False
        else:
            console.out(_HELP)
            show = False


def _decided(session: _Session, problem: Problem, state: State) -> bool:
    try:
        return session.decide(problem, state)
    except SecaggError as error:
        say(f"nothing is decided: {error}")
        return False


def _more(problem: Problem) -> None:
    """Print the problem's message, code, steps and dependency paths."""
    if problem.message:
        say(problem.message)
    if problem.snippet is not None:
        last = problem.end_line or problem.line or 0
        for number, text in enumerate(problem.snippet.lines, problem.snippet.start_line):
            mark = ">" if problem.line and problem.line <= number <= last else " "
            say(f"{mark} {number:5}  {text}")
    for step in problem.steps:
        say(f"  {step.uri or '(no location)'}:{step.line or ''}  {step.message}".rstrip())
    for path in problem.dependency_paths:
        say("  " + " > ".join(path))
    if problem.snippet is None and not problem.steps and not problem.message:
        say("nothing more is known of it here")
