"""Keep rolling issues at GitHub: one for each section, found again by a mark and a label.

An issue is ours if its author is the user of this token (a bot, where that is not known), it has
the label, and its body has our mark: anybody can write a mark or a title. Only the text between
our marks is replaced; what people write above and below stays.

Source: GitHub Docs, "REST API endpoints for issues", API version 2022-11-28: a body has at most
65,536 characters, a title 256; the list has pull requests, too; labels of a token without push
access are dropped silently; ``state_reason`` counts only where the state changes. "Best practices
for using the REST API": a second between requests that change something.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from secagg.errors import UploadError
from secagg.github.client import Client
from secagg.github.codescanning import is_by, login_of
from secagg.github.failures import GitHubError
from secagg.jsonio.members import as_mapping, text_at
from secagg.secrets.lastfilter import filtered
from secagg.system.dates import timestamp

MOST_BODY_CHARACTERS = 65_536
MOST_TITLE_CHARACTERS = 256
LABEL = "secagg"

_BEGIN = re.compile(
    r"<!-- secagg:issue scope=(?P<scope>[0-9a-f]{16}) key=(?P<key>[0-9a-f]{32}) "
    r"open=(?P<open>\d{1,9}) -->"
)
_END = "<!-- secagg:end -->"
_PAUSE = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """The issue of one section as it should be.

    ``key`` identifies the section; ``newest`` is when its newest problem was first seen or came
    back (UTC). ``write`` returns the text for at most so many characters.
    """

    key: str
    name: str
    title: str
    total: int
    newest: datetime.datetime | None
    write: Callable[[int], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """One of our issues. ``above`` and ``below`` are what people wrote; ``was_open`` is the number
    of problems in our text. ``broken``: the mark at the end of our text is gone.
    """

    number: int
    title: str
    is_open: bool
    closed_at: float
    scope: str
    key: str
    was_open: int
    body: str
    above: str
    below: str
    broken: bool


class Step(StrEnum):
    """What to do with an issue."""

    CREATE = "create"
    UPDATE = "update"
    REOPEN = "reopen"
    CLOSE = "close"
    KEEP = "unchanged"
    LEAVE = "left alone"


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueAction:
    """A step with its reason; ``body`` is the new one, None where it stays.

    ``needs_person``: secagg cannot keep the issue up to date until somebody edits its body.
    """

    step: Step
    name: str
    number: int | None = None
    reason: str = ""
    title: str = ""
    body: str | None = None
    needs_person: bool = False


@dataclass(slots=True)
class IssuesReport:
    """What was done, and what GitHub refused."""

    done: list[IssueAction] = field(default_factory=list)
    failed: list[tuple[IssueAction, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracker:
    """The repository that holds the issues. ``is_public``: everybody can read them."""

    name: str
    is_public: bool


class IssuesApi:
    """The issues of one repository. Raises :class:`UploadError` for what GitHub refuses."""

    def __init__(self, client: Client, repository: str) -> None:
        self._client = client
        self._repository = repository
        self._path = f"/repos/{repository}/issues"

    def tracker(self) -> Tracker:
        """Return the repository. Without a word of GitHub that it is private, it counts as public.

        Raises :class:`UploadError` where issues are switched off.
        """
        with _explaining(self._repository):
            document = as_mapping(self._client.get(f"/repos/{self._repository}"))
        if document.get("has_issues") is False or document.get("archived") is True:
            raise UploadError(
                f"{self._repository} has no issues: they are switched off, or it is archived",
                hint="switch them on in the repository's settings, or name another with --into",
            )
        is_private = document.get("private") is True
        return Tracker(name=self._repository, is_public=not is_private)

    def default_branch(self, repository: str) -> str | None:
        """Return the default branch of the scanned ``repository``; None where GitHub hides it."""
        with _explaining(repository):
            return text_at(as_mapping(self._client.get(f"/repos/{repository}")), "default_branch")

    def ours(self, label: str) -> list[Issue]:
        """Return our issues, open and closed ones, by number."""
        login = login_of(self._client)
        with _explaining(self._repository):
            documents = list(self._client.pages(self._path, labels=label, state="all"))
        issues = [_issue_of(as_mapping(document), login) for document in documents]
        return sorted(filter(None, issues), key=lambda issue: issue.number)

    def carry_out(self, actions: Iterable[IssueAction], label: str) -> IssuesReport:
        """Carry out ``actions``; one that GitHub refuses does not stop the others."""
        report = IssuesReport()
        changed = False
        for action in actions:
            if action.step in (Step.KEEP, Step.LEAVE):
                report.done.append(action)
                continue
            if changed:
                self._client.clock.sleep(_PAUSE)
            changed = True
            try:
                with _explaining(self._repository):
                    report.done.append(self._carry_out(action, label))
            except UploadError as error:
                report.failed.append((action, error.message))
        return report

    def _carry_out(self, action: IssueAction, label: str) -> IssueAction:
        body = {} if action.body is None else {"body": action.body}
        if action.step is Step.CREATE:
            made = as_mapping(
                self._client.post(
                    self._path, {"title": filtered(action.title), **body, "labels": [label]}
                )
            )
            number = made.get("number")
            labels = {text_at(as_mapping(each), "name") for each in made.get("labels") or ()}
            if label not in labels:
                raise UploadError(
                    f"issue #{number} was made without the label {label}, which this token may not "
                    "set: add it, or the next call makes another one"
                )
            return IssueAction(
                step=action.step, name=action.name, number=number, reason=action.reason
            )
        states = {
            Step.CLOSE: {"state": "closed", "state_reason": "completed"},
            Step.REOPEN: {"state": "open", "state_reason": "reopened"},
        }
        self._client.patch(f"{self._path}/{action.number}", {**body, **states.get(action.step, {})})
        return action


def plan(
    drafts: Sequence[Draft],
    issues: Iterable[Issue],
    scope: str,
    *,
    complete: bool,
    most_new: int,
) -> list[IssueAction]:
    """Return what to do so that each of ``drafts`` has its issue, in their order.

    ``scope`` names what the drafts are sections of; issues of another scope are left alone. An
    issue without a draft is closed only if the last scan was ``complete``. At most ``most_new`` are
    made.
    """
    by_key: dict[str, Issue] = {}
    actions, others = [], 0
    for issue in issues:
        if issue.scope != scope:
            others += issue.is_open
        elif issue.key in by_key:
            if issue.is_open:
                first = by_key[issue.key].number
                reason = f"the same as #{first}"
                actions.append(_action(Step.CLOSE, issue, issue.title, reason))
        else:
            by_key[issue.key] = issue
    new = 0
    for draft in drafts:
        existing = by_key.pop(draft.key, None)
        if existing is not None:
            actions.append(_updated(draft, existing, scope))
        elif new < most_new:
            new += 1
            actions.append(_new(draft, scope))
        else:
            reason = f"the next call makes it: {most_new} new issues a call"
            actions.append(IssueAction(step=Step.LEAVE, name=draft.name, reason=reason))
    actions += [_without_problems(issue, complete) for issue in by_key.values() if issue.is_open]
    if others:
        noun = "issue" if others == 1 else "issues"
        reason = f"{others} open {noun} of another branch or kind of section"
        actions.append(IssueAction(step=Step.LEAVE, name="others", reason=reason))
    return actions


def _new(draft: Draft, scope: str) -> IssueAction:
    begin = _begin(scope, draft.key, draft.total)
    text = draft.write(MOST_BODY_CHARACTERS - len(begin) - len(_END) - 10)
    return IssueAction(
        step=Step.CREATE,
        name=draft.name,
        reason=_count(draft.total),
        title=draft.title[:MOST_TITLE_CHARACTERS],
        body=f"{begin}\n{text}\n{_END}\n",
    )


def _updated(draft: Draft, issue: Issue, scope: str) -> IssueAction:
    """Return what to do with the issue of a section that has problems."""
    if issue.broken:
        reason = f"the line {_END} is gone: put it back behind secagg's text"
        return _needs_person(issue, draft.name, reason)
    begin = _begin(scope, draft.key, draft.total)
    around = len(issue.above) + len(issue.below) + len(begin) + len(_END)
    room = MOST_BODY_CHARACTERS - around - 10
    if room < 0:
        return _needs_person(issue, draft.name, "what people wrote leaves no room")
    body = f"{issue.above}{begin}\n{draft.write(room)}\n{_END}{issue.below}"
    changed = body if _unix(body) != _unix(issue.body) else None
    if issue.is_open:
        step = Step.KEEP if changed is None else Step.UPDATE
        return _action(step, issue, draft.name, _count(draft.total), changed)
    # What a person closed stays closed until there is something new.
    came_back = issue.was_open == 0 or (
        draft.newest is not None and draft.newest.timestamp() > issue.closed_at
    )
    if came_back:
        return _action(Step.REOPEN, issue, draft.name, _count(draft.total), changed)
    reason = f"{_count(draft.total)}; a person closed it, and nothing is new"
    step = Step.KEEP if changed is None else Step.UPDATE
    return _action(step, issue, draft.name, reason, changed)


def _without_problems(issue: Issue, complete: bool) -> IssueAction:
    """Return what to do with an open issue of a section that has no problems."""
    if not complete:
        reason = "nothing is known to be open, but the last scan was incomplete"
        return _action(Step.LEAVE, issue, issue.title, reason)
    body = None
    if not issue.broken:
        begin = _begin(issue.scope, issue.key, 0)
        body = f"{issue.above}{begin}\nNothing is open here.\n{_END}{issue.below}"
    return _action(Step.CLOSE, issue, issue.title, "nothing is open", body)


def _action(
    step: Step, issue: Issue, name: str, reason: str, body: str | None = None
) -> IssueAction:
    return IssueAction(step=step, name=name, number=issue.number, reason=reason, body=body)


def _needs_person(issue: Issue, name: str, reason: str) -> IssueAction:
    return IssueAction(
        step=Step.LEAVE, name=name, number=issue.number, reason=reason, needs_person=True
    )


def _begin(scope: str, key: str, total: int) -> str:
    return f"<!-- secagg:issue scope={scope} key={key} open={total} -->"


def _count(total: int) -> str:
    return f"{total:,} problem" + ("" if total == 1 else "s")


def _unix(text: str) -> str:
    """Return ``text`` with the line ends that GitHub's editor does not keep."""
    return text.replace("\r\n", "\n")


def _issue_of(document: Mapping[str, Any], login: str | None) -> Issue | None:
    """Return one of our issues from GitHub's document; None for what is not ours."""
    body = text_at(document, "body") or ""
    begin = _BEGIN.search(body)
    number = document.get("number")
    if begin is None or "pull_request" in document or not isinstance(number, int):
        return None
    if not is_by(document, login):
        return None
    end = body.find(_END, begin.end())
    return Issue(
        number=number,
        title=text_at(document, "title") or "",
        is_open=document.get("state") == "open",
        closed_at=timestamp(text_at(document, "closed_at")),
        scope=begin["scope"],
        key=begin["key"],
        was_open=int(begin["open"]),
        body=body,
        above=body[: begin.start()],
        below="" if end < 0 else body[end + len(_END) :],
        broken=end < 0,
    )


@contextmanager
def _explaining(repository: str) -> Iterator[None]:
    """Say of a refusal that it is about issues: the client's words are about uploads."""
    try:
        yield
    except GitHubError as error:
        status = f" ({error.status})" if error.status is not None else ""
        text = f": {error.github_text}" if error.github_text else ""
        if error.status in (401, 403, 404):
            raise UploadError(
                f"GitHub refuses the issues of {repository}{status}{text}",
                hint="the token needs to read the repository and write its issues; in a workflow: "
                "permissions: {contents: read, issues: write}",
            ) from None
        if error.status == 410:
            raise UploadError(f"{repository} has no issues{status}{text}") from None
        raise UploadError(
            f"the issues of {repository} could not be brought up to date: {error.message}",
            hint=error.hint if error.status is None or error.status >= 429 else None,
        ) from None
