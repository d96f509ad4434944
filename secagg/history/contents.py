"""Write the documents of problems, each once, and the other identities that they go by."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, select, tuple_, update

from secagg.errors import StoreError
from secagg.history import tables as t
from secagg.history.bulk import insert_rows, new_ids, select_in
from secagg.history.document import digest, encode
from secagg.history.sightings import RunPlace
from secagg.history.standing import Seen
from secagg.model.problem import Problem


class WrittenProblem(NamedTuple):
    """A problem of a run, with the rows of its identity and its document."""

    finding: int
    seen: Seen
    problem: Problem


class Known(NamedTuple):
    """A finding with the content that a run before saw."""

    finding: int
    content: int
    digest: str


def write_contents(
    connection: Connection,
    repository: int,
    problems: Sequence[Problem],
    bits: Mapping[str, int],
    known: Mapping[str, Known],
) -> dict[int, WrittenProblem]:
    """Write what is new of ``problems``, and return them by finding.

    ``bits`` are the tools' by name, ``known`` findings by identity, which are not looked up. Raises
    :class:`StoreError` where two problems share an identity, which merging rules out.
    """
    documents = {problem.identity: encode(problem) for problem in problems}
    if len(documents) != len(problems):
        raise StoreError(
            "two problems of one run share an identity", hint="please report this: it is a bug"
        )
    digests = {identity: digest(document) for identity, document in documents.items()}
    findings = {identity: known[identity].finding for identity in documents if identity in known}
    others = [identity for identity in documents if identity not in known]
    stored = _stored_findings(connection, repository, others)
    added = [identity for identity in others if identity not in stored]
    new = dict(zip(added, new_ids(connection, t.finding, len(added)), strict=True))
    insert_rows(
        connection,
        t.finding,
        ("id", "repository_id", "identity"),
        ((number, repository, identity) for identity, number in new.items()),
    )
    findings |= stored | new
    contents = {
        identity: known[identity].content
        for identity in documents
        if identity in known and known[identity].digest == digests[identity]
    }
    changed = {
        findings[identity]: digests[identity]
        for identity in documents
        if identity not in contents and identity not in new
    }
    of_finding = _stored_contents(connection, changed)
    identities = {number: identity for identity, number in findings.items()}
    contents |= {identities[finding]: content for finding, content in of_finding.items()}
    missing = [problem for problem in problems if problem.identity not in contents]
    written = _Rows(bits)
    numbers = new_ids(connection, t.content, len(missing))
    contents |= {p.identity: number for p, number in zip(missing, numbers, strict=True)}
    insert_rows(
        connection,
        t.content,
        ("id", "finding_id", "digest", "component", "tools", "document", "severity"),
        (
            (
                contents[problem.identity],
                findings[problem.identity],
                digests[problem.identity],
                written.component(problem),
                written.mask(problem.tools),
                documents[problem.identity],
                problem.severity.value,
            )
            for problem in missing
        ),
    )
    return {
        findings[p.identity]: WrittenProblem(
            findings[p.identity],
            Seen(written.component(p), written.mask(p.tools), contents[p.identity], p.baseline),
            p,
        )
        for p in problems
    }


class _Rows:
    """The components and the bits of tools, of which there are few combinations."""

    def __init__(self, bits: Mapping[str, int]) -> None:
        self._bits = bits
        self._masks: dict[tuple[str, ...], int] = {}
        self._components: dict[str | None, str] = {}

    def component(self, problem: Problem) -> str:
        """Return the component, as one text for all its problems."""
        name = self._components.get(problem.component)
        if name is None:
            name = self._components[problem.component] = _component(problem)
        return name

    def mask(self, tools: tuple[str, ...]) -> int:
        """Return the bits of ``tools`` together."""
        mask = self._masks.get(tools)
        if mask is None:
            mask = self._masks[tools] = sum({self._bits[tool] for tool in tools})
        return mask


def _component(problem: Problem) -> str:
    """Return the component; what no database stores as text (NUL, lone surrogates) is escaped."""
    name = problem.component or "."
    return name.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


def _stored_findings(
    connection: Connection, repository: int, identities: Collection[str]
) -> dict[str, int]:
    statement = select(t.finding.c.identity, t.finding.c.id).where(
        t.finding.c.repository_id == repository
    )
    # A first scan looks nothing up.
    if not identities or connection.execute(statement.limit(1)).first() is None:
        return {}
    rows = select_in(connection, statement, t.finding.c.identity, identities)
    return {str(identity): int(number) for identity, number in rows}


def _stored_contents(connection: Connection, digests: Mapping[int, str]) -> dict[int, int]:
    """Return, by finding, the content with the digest that ``digests`` has for it."""
    statement = select(t.content.c.finding_id, t.content.c.digest, t.content.c.id)
    rows = select_in(connection, statement, t.content.c.finding_id, digests)
    return {finding: number for finding, stored, number in rows if digests[finding] == stored}


def write_aliases(
    connection: Connection, place: RunPlace, written: Iterable[WrittenProblem]
) -> None:
    """Write the other identities of ``written``, valid from the earliest run that reports them."""
    reported = {
        (one.finding, other)
        for one in written
        for other in one.problem.known_as
        if other != one.problem.identity
    }
    if not reported:
        return
    stored = _stored_aliases(connection, place, {finding for finding, _ in reported})
    insert_rows(
        connection,
        t.alias,
        ("branch_id", "finding_id", "identity", "run_id"),
        ((place.branch, *alias, place.run) for alias in sorted(reported - stored.keys())),
    )
    if place.following is None:
        return
    later = _runs_after(connection, place)
    moved = [alias for alias in reported & stored.keys() if stored[alias] in later]
    if moved:
        connection.execute(
            update(t.alias)
            .where(
                t.alias.c.branch_id == place.branch,
                t.alias.c.finding_id == bindparam("finding"),
                t.alias.c.identity == bindparam("other"),
            )
            .values(run_id=place.run),
            [{"finding": finding, "other": other} for finding, other in moved],
        )


def _stored_aliases(
    connection: Connection, place: RunPlace, findings: Collection[int]
) -> dict[tuple[int, str], int]:
    """Return, by finding and identity, the run from which the alias is valid."""
    if place.previous is None and place.following is None:
        return {}
    statement = select(t.alias.c.finding_id, t.alias.c.identity, t.alias.c.run_id).where(
        t.alias.c.branch_id == place.branch
    )
    rows = select_in(connection, statement, t.alias.c.finding_id, findings)
    return {(finding, other): run for finding, other, run in rows}


def _runs_after(connection: Connection, place: RunPlace) -> set[int | None]:
    order = tuple_(t.run.c.started_at, t.run.c.key)
    moment = select(t.run.c.started_at, t.run.c.key).where(t.run.c.id == place.run)
    later = select(t.run.c.id).where(
        t.run.c.branch_id == place.branch,
        order > tuple_(*connection.execute(moment).one()),
    )
    return set(connection.execute(later).scalars())
