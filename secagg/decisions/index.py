"""All decisions that people have made, indexed by what they cover, and which of them count.

People decide in two ways: on what matches some keys (an exception in the repository's file, a VEX
document, a scanner's own ignore file), and on one problem by its id (in that file, in the store,
at GitHub). :func:`in_force` says what counts of both.

A hundred thousand groups meet hundreds of exceptions: each entry is filed under one key that
must hold, so that a group is compared only with entries that name its identity, its advisory,
its package, its rule or its file. A glob is tried once for each distinct value.
"""

from __future__ import annotations

import dataclasses
import datetime
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence, Set

from secagg.decisions.entry import ScopedException
from secagg.decisions.sarif import SarifSuppressions
from secagg.decisions.scope import GapScope, Scope, ids_of, plain
from secagg.decisions.toolscope import Atom, ToolScope, width
from secagg.merge.groups import Group, known_as
from secagg.merge.rules import own_checks, plain_check
from secagg.model.finding import Finding, Kind
from secagg.packages.keys import package_key
from secagg.policy.decision import REOPENED, DecisionSource, ExceptionState, PolicyException

_SHOWN = 3


def covered_by(
    entries: Sequence[ScopedException],
    group: Group,
    sarif: SarifSuppressions,
    today: datetime.date,
    partly: dict[PolicyException, str] | None = None,
) -> list[PolicyException]:
    """Return the exceptions of ``entries`` that name ``group``, in their order, then suppressions.

    What tools' own files and suppressions say of single members counts only if together they
    cover every member. Those in force are given if they alone do; if it takes expired or refused
    ones as well, only these are given: the row counts, and they are why. Those in force that
    cover a part of the row only go into ``partly``, with a sentence on the rest of it.
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
        covering = _together(parts, group, today)
        exceptions |= covering
        if not exceptions and partly is not None:
            for _, exception, atoms in parts:
                if exception.standing(today) is ExceptionState.IN_FORCE:
                    partly.setdefault(exception, _rest(exception, group, atoms))
    return [exceptions[number] for number in sorted(exceptions)]


def _rest(exception: PolicyException, group: Group, atoms: frozenset[Atom]) -> str:
    """Say which sightings of a row an exception leaves, and that these still count."""
    covered = {index for index, _ in atoms}
    left = [f for index, f in enumerate(group.members) if index not in covered]
    if not left:
        return f"{exception.source} covers some of the dependency paths only: the row still counts"
    places = dict.fromkeys(map(_place, left))
    shown = ", ".join(list(places)[:_SHOWN]) + (", ..." if len(places) > _SHOWN else "")
    return (
        f"{exception.source} ({exception.target}) covers {len(covered)} of {len(group.members)} "
        f"sightings; the row still counts for what it does not name: {shown}"
    )


def _place(finding: Finding) -> str:
    place = finding.location
    line = f":{place.start_line}" if place.start_line else ""
    where = f"commit {place.commit[:12]}" if place.commit else "the work tree"
    return f"{finding.tool} at {place.uri or place.image or place.logical}{line} in {where}"


def _together(
    parts: Sequence[tuple[int, PolicyException, frozenset[Atom]]],
    group: Group,
    today: datetime.date,
) -> dict[int, PolicyException]:
    wanted = {(i, path) for i, f in enumerate(group.members) for path in range(width(f))}
    live = [part for part in parts if part[1].standing(today) is ExceptionState.IN_FORCE]
    if wanted <= frozenset().union(*(atoms for _, _, atoms in live)):
        return {number: exception for number, exception, _ in parts}
    if wanted <= frozenset().union(*(atoms for _, _, atoms in parts)):
        return {
            number: exception
            for number, exception, _ in parts
            if exception.standing(today) is not ExceptionState.IN_FORCE
        }
    return {}


def in_force(decisions: Sequence[PolicyException]) -> list[PolicyException]:
    """Return what counts of the ``decisions`` that name one problem, those on it alone first.

    Of those on it alone the newest counts, of what its policy trusts; of two of one moment the one
    that leaves the problem open. One that calls it open or confirmed takes back the others that
    were written before. What is refused is kept, to be shown.
    """
    on_it = [each for each in decisions if each.on_one]
    if not on_it:
        return list(decisions)
    rest = [each for each in decisions if not each.on_one]
    first = datetime.datetime.min.replace(tzinfo=datetime.UTC)
    # The last of those that are alike, as decisions_in takes it.
    newest = max(
        (each for each in reversed(on_it) if each.refusal is None),
        key=lambda each: (each.at or first, each.state in REOPENED),
        default=None,
    )
    refused = [each for each in on_it if each.refusal is not None and each.settles]
    refused.sort(key=lambda each: each.source)
    if newest is not None and newest.settles:
        return [newest, *rest, *refused]
    if newest is not None and newest.state in REOPENED:
        rest = [_taken_back(each, newest) for each in rest]
    return [*rest, *refused]


def _taken_back(exception: PolicyException, by: PolicyException) -> PolicyException:
    """``exception`` as refused, if it was written before the decision ``by``."""
    if exception.refusal is not None or by.at is None:
        return exception
    if exception.at is not None and exception.at > by.at:
        return exception
    if exception.created is not None and exception.created > by.at.date():
        return exception
    who = f" by {by.owner}" if by.owner else ""
    refusal = f"triage says {by.state.value} since {by.at.date()}{who} ({by.source})"
    return dataclasses.replace(exception, refusal=refusal)


_NOTHING: frozenset[int] = frozenset()


class _Shelf:
    """Entries by one key: exact values in a table, globs tried once for each value.

    Most values match no glob at all, which one expression made of all of them tells. ``fold``
    makes case count for nothing, as it does in the globs of names.
    """

    def __init__(self, *, fold: bool = False) -> None:
        self._fold = fold
        self._exact: dict[str, set[int]] = {}
        self._globs: list[tuple[re.Pattern[str], int]] = []
        self._any: re.Pattern[str] | None = None
        self._seen: dict[str, frozenset[int]] = {}

    def put(self, value: str, number: int) -> None:
        self._exact.setdefault(self._key(value), set()).add(number)

    def put_glob(self, glob: re.Pattern[str], number: int) -> None:
        self._globs.append((glob, number))

    def close(self) -> None:
        """Nothing more is put here."""
        if self._globs:
            self._any = re.compile("|".join(f"(?:{g.pattern})" for g, _ in self._globs), re.DOTALL)

    def __bool__(self) -> bool:
        return bool(self._exact or self._globs)

    def __getitem__(self, value: str) -> frozenset[int]:
        entries = self._seen.get(value)
        if entries is None:
            exact = self._exact.get(self._key(value))
            entries = frozenset(exact) if exact else _NOTHING
            if self._any is not None and self._any.match(value):
                entries |= {number for glob, number in self._globs if glob.match(value)}
            self._seen[value] = entries
        return entries

    def _key(self, value: str) -> str:
        return value.casefold() if self._fold else value


class AllExceptions:
    """Every exception of a decision (see :class:`secagg.policy.decision.Exceptions`).

    ``today`` is the day in UTC: entries of scanners' own files act together, and only those in
    force do. ``sarif`` answers for suppressions that came with the findings. ``elsewhere`` are
    decisions on single problems that stand in no file, by the identity that they were made on.
    """

    def __init__(
        self,
        entries: Sequence[ScopedException],
        *,
        today: datetime.date,
        sarif: SarifSuppressions | None = None,
        elsewhere: Mapping[str, Sequence[PolicyException]] | None = None,
    ) -> None:
        self.entries = tuple(entries)
        self._elsewhere = elsewhere or {}
        self._met: dict[tuple[str, PolicyException], None] = {}
        self._outdone: set[PolicyException] = set()
        self.today = today
        self._partly: dict[PolicyException, str] = {}
        self.sarif = sarif if sarif is not None else SarifSuppressions()
        self._identities, self._advisories, self._paths = _Shelf(), _Shelf(), _Shelf()
        self._packages, self._rules = _Shelf(fold=True), _Shelf(fold=True)
        self._leaks: dict[tuple[str | None, int | None], set[int]] = {}
        self._anywhere: list[int] = []
        for number, entry in enumerate(self.entries):
            if isinstance(entry.scope, ToolScope):
                self._file_tool(entry.scope, number)
            elif isinstance(entry.scope, GapScope):
                continue
            elif entry.scope is not None:
                self._file(entry.scope, number)
        for shelf in (self._packages, self._rules, self._paths):
            shelf.close()

    def covering(self, group: Group) -> list[PolicyException]:
        """Every decision that names ``group`` and is not outdone by a newer one (see in_force).

        They come whatever their standing, those on this problem alone first, then in the files'
        order.
        """
        covering = self.naming(group)
        elsewhere = []
        if self._elsewhere:
            made = (d for name in known_as(group) for d in self._elsewhere.get(name, ()))
            elsewhere = list(dict.fromkeys(made))
        counting = in_force([*elsewhere, *covering])
        self._met.update(((group.identity, d), None) for d in counting if d in elsewhere)
        self._outdone.update(d for d in covering if d.on_one and d not in counting)
        return counting

    def naming(self, group: Group) -> list[PolicyException]:
        """Every decision in a file that names ``group``, in the files' order, outdone or not."""
        numbers = self._candidates(group) if self.entries else _NOTHING
        if not numbers and not any(f.suppressions for f in group.members):
            return []
        entries = [self.entries[number] for number in sorted(numbers)]
        return covered_by(entries, group, self.sarif, self.today, self._partly)

    def covering_gap(self, sentence: str) -> list[PolicyException]:
        """Return every exception for the gap that ``sentence`` states, whatever its standing."""
        return [
            entry.exception
            for entry in self.entries
            if isinstance(entry.scope, GapScope) and entry.scope.covers_gap(sentence)
        ]

    def all(self) -> list[PolicyException]:
        """Return every decision that no newer one outdoes, as far as groups were asked about.

        Those that stand in no file and were met come first, then the files' in their order, then
        the suppressions met.
        """
        filed = (entry.exception for entry in self.entries)
        return [
            *dict.fromkeys(decision for _, decision in self._met),
            *(decision for decision in filed if decision not in self._outdone),
            *self.sarif.met(),
        ]

    def partial(self) -> Mapping[PolicyException, str]:
        """What covers a part of a row only, of those asked for so far: a sentence for each."""
        return self._partly

    def sentences(self, unused: Collection[PolicyException] = ()) -> list[str]:
        """One sentence a file: how many of its decisions are honoured, and how many are not.

        What is ``unused`` or covers a part of a row only is told elsewhere.
        """
        apart = {*unused, *self._partly, *(decision for _, decision in self._met)}
        shown = [e for e in self.all() if e.settles and e not in apart]
        return [*_sentences(shown, self.today), *_sentences_elsewhere(self._met)]

    def _file(self, scope: Scope, number: int) -> None:
        """Put an entry under its most telling key."""
        if scope.identity is not None:
            self._identities.put(scope.identity, number)
        elif scope.advisories:
            for name in scope.advisories[0]:
                self._advisories.put(name, number)
        elif scope.purls:
            for purl in scope.purls:
                if purl.exact_key is not None:
                    self._packages.put(purl.exact_key, number)
                elif purl.name.regex is not None:
                    self._packages.put_glob(purl.name.regex, number)
        elif scope.rules:
            for rule in scope.rules:
                if rule.regex is not None:
                    self._rules.put_glob(rule.regex, number)
                else:
                    self._rules.put(rule.text, number)
                    self._rules.put(plain_check(rule.text), number)
        elif scope.paths:
            for path in scope.paths:
                self._paths.put_glob(path.regex, number)
        else:
            self._anywhere.append(number)

    def _file_tool(self, scope: ToolScope, number: int) -> None:
        if scope.mark is not None:
            self._leaks.setdefault((scope.mark.uri, scope.mark.line), set()).add(number)
        elif scope.name is not None:
            self._rules.put(scope.name, number)
            self._rules.put(plain_check(scope.name), number)
            self._advisories.put(plain(scope.name), number)
        else:
            self._anywhere.append(number)

    def _candidates(self, group: Group) -> Set[int]:
        candidates = set(self._anywhere)
        if self._identities:
            for identity in known_as(group):
                candidates |= self._identities[identity]
        advisories, packages = self._advisories, self._packages
        rules, paths, leaks = self._rules, self._paths, self._leaks
        for finding in group.members:
            if advisories:
                for name in ids_of(finding):
                    candidates |= advisories[name]
            if packages and finding.package is not None:
                candidates |= packages[package_key(finding.package)]
            if rules:
                candidates |= rules[finding.rule_id]
                if finding.kind is Kind.MISCONFIGURATION:
                    for check in own_checks(finding):
                        candidates |= rules[check]
                elif finding.license is not None:
                    candidates |= rules[finding.license]
            place = finding.location
            if paths and place.uri is not None:
                candidates |= paths[place.uri]
            if leaks and finding.kind is Kind.SECRET:
                candidates |= leaks.get((place.uri, place.start_line), _NOTHING)
        return candidates


def _sentences(exceptions: Iterable[PolicyException], today: datetime.date) -> list[str]:
    counted: dict[str, Counter[ExceptionState]] = {}
    for exception in exceptions:
        file = exception.source.partition(":")[0]
        counted.setdefault(file, Counter())[exception.standing(today)] += 1
    sentences = []
    for file, standings in counted.items():
        honoured = standings[ExceptionState.IN_FORCE]
        sentence = f"{file}: {honoured} decision{'s' * (honoured != 1)} honoured"
        if standings[ExceptionState.EXPIRED]:
            sentence += f", {standings[ExceptionState.EXPIRED]} expired"
        if standings[ExceptionState.REFUSED]:
            sentence += f", {standings[ExceptionState.REFUSED]} refused"
        sentences.append(sentence)
    return sentences


def _sentences_elsewhere(met: Iterable[tuple[str, PolicyException]]) -> list[str]:
    """One sentence a place that is no file: on how many problems it decides."""
    by_place: dict[str, list[PolicyException]] = {}
    for _, decision in met:
        by_place.setdefault(decision.source, []).append(decision)
    sentences = []
    for place, made in sorted(by_place.items(), reverse=True):
        what = "dismissal" if made[0].origin is DecisionSource.GITHUB else "decision of triage"
        many = what.replace("dismissal", "dismissals").replace("decision", "decisions")
        refused = f" ({made[0].refusal})" if made[0].refusal else ""
        sentences.append(f"{place}: {len(made)} {what if len(made) == 1 else many}{refused}")
    return sentences
