"""Index all decisions by what they cover, and tell which of them count for a group.

People decide on everything that matches some keys (an exception in the repository's file, a VEX
document, a scanner's own ignore file), or on one problem by its id (in that file, in the store,
at GitHub). :func:`in_force` tells which of the two counts.

There can be a hundred thousand groups and hundreds of exceptions. Each entry is indexed under one
key that must match, so that a group is compared only with entries that name its identity,
advisory, package, rule or file. A glob is tried once for each distinct value.
"""

from __future__ import annotations

import datetime
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence, Set

from msgspec.structs import replace

from secagg.decisions.entry import ScopedException
from secagg.decisions.sarif import SarifSuppressions
from secagg.decisions.scope import GapScope, Scope, ids_of
from secagg.decisions.toolscope import Atom, ToolScope, path_count
from secagg.merge.groups import Group, known_as
from secagg.merge.rules import own_checks, plain_check
from secagg.model.finding import Finding, Kind
from secagg.model.state import REOPENED
from secagg.packages.keys import package_key
from secagg.policy.decision import DecisionSource, ExceptionState, PolicyException
from secagg.policy.selectors import check_names, normal_id

_LOCATIONS_SHOWN = 3


def covered_by(
    entries: Sequence[ScopedException],
    group: Group,
    sarif: SarifSuppressions,
    today: datetime.date,
    partly: dict[PolicyException, str] | None = None,
) -> list[PolicyException]:
    """Return the exceptions of ``entries`` that cover ``group``, in their order, then suppressions.

    Entries of tools' own files and suppressions cover single members: they count only if together
    they cover every member. If those in force do, they are returned. If it takes expired or
    refused ones as well, only these are returned: they are the reason why the group counts. Those
    in force that cover a part of the group go into ``partly``, with a sentence on the rest.
    """
    parts: list[tuple[int, PolicyException, frozenset[Atom]]] = []
    exceptions: dict[int, PolicyException] = {}
    for number, entry in enumerate(entries):
        if isinstance(entry.scope, Scope):
            if entry.scope.covers(group):
                exceptions[number] = entry.exception
        elif isinstance(entry.scope, ToolScope):
            atoms = entry.scope.atoms(group.members)
            if atoms:
                parts.append((number, entry.exception, atoms))
    for offset, (exception, atoms) in enumerate(sarif.parts(group.members)):
        parts.append((len(entries) + offset, exception, atoms))
    if parts:
        covering = _covering_together(parts, group, today)
        exceptions |= covering
        if not exceptions and partly is not None:
            for _, exception, atoms in parts:
                if exception.standing(today) is ExceptionState.IN_FORCE:
                    partly.setdefault(exception, _uncovered_sentence(exception, group, atoms))
    return [exceptions[number] for number in sorted(exceptions)]


def _uncovered_sentence(exception: PolicyException, group: Group, atoms: frozenset[Atom]) -> str:
    """Say which members of a group an exception does not cover, and that the group still counts."""
    covered = {index for index, _ in atoms}
    uncovered_members = [f for index, f in enumerate(group.members) if index not in covered]
    if not uncovered_members:
        return (
            f"{exception.source} covers some of the dependency paths only: the problem still counts"
        )
    locations = dict.fromkeys(map(_location_text, uncovered_members))
    shown = ", ".join(list(locations)[:_LOCATIONS_SHOWN]) + (
        ", ..." if len(locations) > _LOCATIONS_SHOWN else ""
    )
    return (
        f"{exception.source} ({exception.target}) covers {len(covered)} of {len(group.members)} "
        f"sightings; the problem still counts for what it does not name: {shown}"
    )


def _location_text(finding: Finding) -> str:
    location = finding.location
    line = f":{location.start_line}" if location.start_line else ""
    file = location.uri or location.image or location.logical
    commit = f"commit {location.commit[:12]}" if location.commit else "the work tree"
    return f"{finding.tool} at {file}{line} in {commit}"


def _covering_together(
    parts: Sequence[tuple[int, PolicyException, frozenset[Atom]]],
    group: Group,
    today: datetime.date,
) -> dict[int, PolicyException]:
    all_atoms = {(i, path) for i, f in enumerate(group.members) for path in range(path_count(f))}
    parts_in_force = [part for part in parts if part[1].standing(today) is ExceptionState.IN_FORCE]
    if all_atoms <= frozenset().union(*(atoms for _, _, atoms in parts_in_force)):
        return {number: exception for number, exception, _ in parts}
    if all_atoms <= frozenset().union(*(atoms for _, _, atoms in parts)):
        return {
            number: exception
            for number, exception, _ in parts
            if exception.standing(today) is not ExceptionState.IN_FORCE
        }
    return {}


def in_force(decisions: Sequence[PolicyException]) -> list[PolicyException]:
    """Return those ``decisions`` on one problem that count: decisions on it alone, then exceptions.

    Of the trusted decisions on the problem alone the newest counts; of two of the same time, the
    one that leaves the problem open, then the one that more people have signed. One that calls it
    open or confirmed overrules exceptions that were written before it. Refused decisions are kept,
    to be shown.
    """
    on_problem = [each for each in decisions if each.on_one]
    if not on_problem:
        return list(decisions)
    exceptions = [each for each in decisions if not each.on_one]
    earliest = datetime.datetime.min.replace(tzinfo=datetime.UTC)
    # The last of those that are alike, as decisions_in takes it.
    newest = max(
        (each for each in reversed(on_problem) if each.refusal is None),
        key=lambda each: (each.at or earliest, each.state in REOPENED, len(each.signers)),
        default=None,
    )
    refused = [each for each in on_problem if each.refusal is not None and each.settles]
    refused.sort(key=lambda each: each.source)
    if newest is not None and newest.settles:
        return [newest, *exceptions, *refused]
    if newest is not None and newest.state in REOPENED:
        exceptions = [_overruled(each, newest) for each in exceptions]
    return [*exceptions, *refused]


def _overruled(exception: PolicyException, by: PolicyException) -> PolicyException:
    """Return ``exception``, refused if it was written before the decision ``by``."""
    if exception.refusal is not None or by.at is None:
        return exception
    if exception.at is not None and exception.at > by.at:
        return exception
    if exception.created is not None and exception.created > by.at.date():
        return exception
    who = f" by {by.owner}" if by.owner else ""
    refusal = f"triage says {by.state.value} since {by.at.date()}{who} ({by.source})"
    return replace(exception, refusal=refusal)


_NO_ENTRIES: frozenset[int] = frozenset()


class _KeyIndex:
    """Entry numbers by the values of one key: exact values, and globs tried once for each value.

    Most values match no glob at all: one expression made of all globs rules these out. ``fold``
    ignores case, as globs of names do.
    """

    def __init__(self, *, fold: bool = False) -> None:
        self._fold = fold
        self._exact: dict[str, set[int]] = {}
        self._globs: list[tuple[re.Pattern[str], int]] = []
        self._any_glob: re.Pattern[str] | None = None
        self._cache: dict[str, frozenset[int]] = {}

    def add(self, value: str, number: int) -> None:
        self._exact.setdefault(self._normalized(value), set()).add(number)

    def add_glob(self, glob: re.Pattern[str], number: int) -> None:
        self._globs.append((glob, number))

    def compile_globs(self) -> None:
        """Compile the globs, after the last of them."""
        if self._globs:
            self._any_glob = re.compile(
                "|".join(f"(?:{g.pattern})" for g, _ in self._globs), re.DOTALL
            )

    def __bool__(self) -> bool:
        return bool(self._exact or self._globs)

    def __getitem__(self, value: str) -> frozenset[int]:
        entries = self._cache.get(value)
        if entries is None:
            exact = self._exact.get(self._normalized(value))
            entries = frozenset(exact) if exact else _NO_ENTRIES
            if self._any_glob is not None and self._any_glob.match(value):
                entries |= {number for glob, number in self._globs if glob.match(value)}
            self._cache[value] = entries
        return entries

    def _normalized(self, value: str) -> str:
        return value.casefold() if self._fold else value


class AllExceptions:
    """All decisions of a run (see :class:`secagg.policy.decision.Exceptions`).

    ``today`` is the day in UTC. ``sarif`` reads the suppressions that came with the findings.
    ``stored`` are decisions on single problems from the store and from GitHub, by the identity
    of the group.
    """

    def __init__(
        self,
        entries: Sequence[ScopedException],
        *,
        today: datetime.date,
        sarif: SarifSuppressions | None = None,
        stored: Mapping[str, Sequence[PolicyException]] | None = None,
    ) -> None:
        self.entries = tuple(entries)
        self._stored = stored or {}
        self._stored_used: dict[tuple[str, PolicyException], None] = {}
        self._superseded: set[PolicyException] = set()
        self.today = today
        self._partly: dict[PolicyException, str] = {}
        self.sarif = sarif if sarif is not None else SarifSuppressions()
        self._identities, self._advisories, self._paths = _KeyIndex(), _KeyIndex(), _KeyIndex()
        self._packages, self._rules = _KeyIndex(fold=True), _KeyIndex(fold=True)
        self._fingerprints: dict[tuple[str | None, int | None], set[int]] = {}
        self._unindexed: list[int] = []
        for number, entry in enumerate(self.entries):
            if isinstance(entry.scope, ToolScope):
                self._index_tool(entry.scope, number)
            elif isinstance(entry.scope, GapScope):
                continue
            elif entry.scope is not None:
                self._index(entry.scope, number)
        for key_index in (self._packages, self._rules, self._paths):
            key_index.compile_globs()

    def covering(self, group: Group) -> list[PolicyException]:
        """Return the decisions on ``group`` that no newer one replaces (see :func:`in_force`).

        They come in force, expired or refused: those on this problem alone first, then the rest in
        the files' order.
        """
        filed = self.naming(group)
        stored_here = []
        if self._stored:
            stored_here = list(dict.fromkeys(self._stored.get(group.identity, ())))
        counting = in_force([*stored_here, *filed])
        self._stored_used.update(
            ((group.identity, decision), None) for decision in counting if decision in stored_here
        )
        self._superseded.update(
            decision for decision in filed if decision.on_one and decision not in counting
        )
        return counting

    def naming(self, group: Group) -> list[PolicyException]:
        """Return every decision in a file that covers ``group``, in the files' order."""
        numbers = self._candidates(group) if self.entries else _NO_ENTRIES
        if not numbers and not any(finding.suppressions for finding in group.members):
            return []
        entries = [self.entries[number] for number in sorted(numbers)]
        return covered_by(entries, group, self.sarif, self.today, self._partly)

    def covering_gap(self, sentence: str) -> list[PolicyException]:
        """Return every exception for the gap that ``sentence`` states, in force or not."""
        return [
            entry.exception
            for entry in self.entries
            if isinstance(entry.scope, GapScope) and entry.scope.covers_gap(sentence)
        ]

    def all(self) -> list[PolicyException]:
        """Return every decision that no newer one replaces, as far as :meth:`covering` was asked.

        Stored decisions that cover a group come first, then the files' in their order, then the
        suppressions of the groups.
        """
        filed = (entry.exception for entry in self.entries)
        return [
            *dict.fromkeys(decision for _, decision in self._stored_used),
            *(decision for decision in filed if decision not in self._superseded),
            *self.sarif.applied(),
        ]

    def partial(self) -> Mapping[PolicyException, str]:
        """Return the exceptions that cover only a part of a group, each with a sentence."""
        return self._partly

    def sentences(self, unused: Collection[PolicyException] = ()) -> list[str]:
        """Return a sentence a file: how many of its decisions are honoured, and how many are not.

        Exceptions that are ``unused`` or cover a part of a group only have sentences of their own.
        """
        excluded = {*unused, *self._partly, *(decision for _, decision in self._stored_used)}
        shown = [e for e in self.all() if e.settles and e not in excluded]
        return [*_file_sentences(shown, self.today), *_source_sentences(self._stored_used)]

    def _index(self, scope: Scope, number: int) -> None:
        """Index an entry under its most specific key."""
        if scope.identity is not None:
            self._identities.add(scope.identity, number)
        elif scope.advisories:
            for name in scope.advisories[0]:
                self._advisories.add(name, number)
        elif scope.purls:
            for purl in scope.purls:
                if purl.exact_key is not None:
                    self._packages.add(purl.exact_key, number)
                elif purl.name.regex is not None:
                    self._packages.add_glob(purl.name.regex, number)
        elif scope.rules:
            for rule in scope.rules:
                if rule.regex is not None:
                    self._rules.add_glob(rule.regex, number)
                else:
                    self._rules.add(rule.text, number)
                    self._rules.add(plain_check(rule.text), number)
        elif scope.paths:
            for path in scope.paths:
                self._paths.add_glob(path.regex, number)
        else:
            self._unindexed.append(number)

    def _index_tool(self, scope: ToolScope, number: int) -> None:
        if scope.fingerprint is not None:
            self._fingerprints.setdefault(
                (scope.fingerprint.uri, scope.fingerprint.line), set()
            ).add(number)
        elif scope.name is not None:
            self._rules.add(scope.name, number)
            self._rules.add(plain_check(scope.name), number)
            self._advisories.add(normal_id(scope.name), number)
        else:
            self._unindexed.append(number)

    def _candidates(self, group: Group) -> Set[int]:
        candidates = set(self._unindexed)
        if self._identities:
            for identity in known_as(group):
                candidates |= self._identities[identity]
        advisories, packages = self._advisories, self._packages
        rules, paths, fingerprints = self._rules, self._paths, self._fingerprints
        for finding in group.members:
            if advisories:
                for name in ids_of(finding):
                    candidates |= advisories[name]
            if packages and finding.package is not None:
                candidates |= packages[package_key(finding.package)]
            if rules:
                candidates |= rules[finding.rule_id]
                if finding.kind is Kind.MISCONFIGURATION:
                    for check in check_names(own_checks(finding)):
                        candidates |= rules[check]
                elif finding.license is not None:
                    candidates |= rules[finding.license]
            location = finding.location
            if paths and location.uri is not None:
                candidates |= paths[location.uri]
            if fingerprints and finding.kind is Kind.SECRET:
                candidates |= fingerprints.get((location.uri, location.start_line), _NO_ENTRIES)
        return candidates


def _file_sentences(exceptions: Iterable[PolicyException], today: datetime.date) -> list[str]:
    counts: dict[str, Counter[ExceptionState]] = {}
    for exception in exceptions:
        file = exception.source.partition(":")[0]
        counts.setdefault(file, Counter())[exception.standing(today)] += 1
    sentences = []
    for file, standings in counts.items():
        honoured = standings[ExceptionState.IN_FORCE]
        sentence = f"{file}: {honoured} decision{'s' * (honoured != 1)} honoured"
        if standings[ExceptionState.EXPIRED]:
            sentence += f", {standings[ExceptionState.EXPIRED]} expired"
        if standings[ExceptionState.REFUSED]:
            sentence += f", {standings[ExceptionState.REFUSED]} refused"
        sentences.append(sentence)
    return sentences


def _source_sentences(used: Iterable[tuple[str, PolicyException]]) -> list[str]:
    """Return a sentence for the store and for GitHub: on how many problems each decides."""
    by_source: dict[str, list[PolicyException]] = {}
    for _, decision in used:
        by_source.setdefault(decision.source, []).append(decision)
    sentences = []
    for source, decisions in sorted(by_source.items(), reverse=True):
        noun = "dismissal" if decisions[0].origin is DecisionSource.GITHUB else "decision of triage"
        plural = noun.replace("dismissal", "dismissals").replace("decision", "decisions")
        refusal = f" ({decisions[0].refusal})" if decisions[0].refusal else ""
        sentences.append(
            f"{source}: {len(decisions)} {noun if len(decisions) == 1 else plural}{refusal}"
        )
    return sentences
