"""All exceptions of a decision, found by what they cover.

A hundred thousand groups meet hundreds of exceptions: each entry is filed under one key that
must hold, so that a group is compared only with entries that name its identity, its advisory,
its package, its rule or its file. A glob is tried once for each distinct value.
"""

from __future__ import annotations

import datetime
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence, Set

from secagg.decisions.advisories import ids_of, plain
from secagg.decisions.entry import ScopedException
from secagg.decisions.gapscope import GapScope
from secagg.decisions.resolve import covered_by
from secagg.decisions.sarif import SarifSuppressions
from secagg.decisions.scope import Scope
from secagg.decisions.toolscope import ToolScope
from secagg.merge.check import own_checks, plain_check
from secagg.merge.groups import Group
from secagg.merge.identity import known_as
from secagg.model.finding import Kind
from secagg.packages.keys import package_key
from secagg.policy.exception import ExceptionState, PolicyException

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
        found = self._seen.get(value)
        if found is None:
            exact = self._exact.get(self._key(value))
            found = frozenset(exact) if exact else _NOTHING
            if self._any is not None and self._any.match(value):
                found |= {number for glob, number in self._globs if glob.match(value)}
            self._seen[value] = found
        return found

    def _key(self, value: str) -> str:
        return value.casefold() if self._fold else value


class AllExceptions:
    """Every exception of a decision (see :class:`secagg.policy.exception.Exceptions`).

    ``today`` is the day in UTC: entries of scanners' own files act together, and only those in
    force do. ``sarif`` answers for suppressions that came with the findings.
    """

    def __init__(
        self,
        entries: Sequence[ScopedException],
        *,
        today: datetime.date,
        sarif: SarifSuppressions | None = None,
    ) -> None:
        self.entries = tuple(entries)
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
        """Every exception that names ``group``, whatever its standing, in the files' order."""
        numbers = self._candidates(group) if self.entries else _NOTHING
        if not numbers and not any(f.suppressions for f in group.members):
            return []
        entries = [self.entries[number] for number in sorted(numbers)]
        return covered_by(entries, group, self.sarif, self.today, self._partly)

    def covering_gap(self, sentence: str) -> list[PolicyException]:
        """Every exception for the gap that ``sentence`` states, whatever its standing."""
        return [
            entry.exception
            for entry in self.entries
            if isinstance(entry.scope, GapScope) and entry.scope.covers_gap(sentence)
        ]

    def all(self) -> list[PolicyException]:
        """Every exception in the files' order, then the suppressions met so far."""
        return [entry.exception for entry in self.entries] + self.sarif.met()

    def partial(self) -> Mapping[PolicyException, str]:
        """What covers a part of a row only, of those asked for so far: a sentence for each."""
        return self._partly

    def sentences(self, unused: Collection[PolicyException] = ()) -> list[str]:
        """One sentence a file: how many of its exceptions are honoured, and how many are not.

        What is ``unused`` or covers a part of a row only is told elsewhere.
        """
        apart = {*unused, *self._partly}
        return _sentences((e for e in self.all() if e not in apart), self.today)

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
        found = set(self._anywhere)
        if self._identities:
            for identity in known_as(group):
                found |= self._identities[identity]
        advisories, packages = self._advisories, self._packages
        rules, paths, leaks = self._rules, self._paths, self._leaks
        for finding in group.members:
            if advisories:
                for name in ids_of(finding):
                    found |= advisories[name]
            if packages and finding.package is not None:
                found |= packages[package_key(finding.package)]
            if rules:
                found |= rules[finding.rule_id]
                if finding.kind is Kind.MISCONFIGURATION:
                    for check in own_checks(finding):
                        found |= rules[check]
                elif finding.license is not None:
                    found |= rules[finding.license]
            place = finding.location
            if paths and place.uri is not None:
                found |= paths[place.uri]
            if leaks and finding.kind is Kind.SECRET:
                found |= leaks.get((place.uri, place.start_line), _NOTHING)
        return found


def _sentences(exceptions: Iterable[PolicyException], today: datetime.date) -> list[str]:
    counted: dict[str, Counter[ExceptionState]] = {}
    for exception in exceptions:
        file = exception.source.partition(":")[0]
        counted.setdefault(file, Counter())[exception.standing(today)] += 1
    sentences = []
    for file, standings in counted.items():
        honoured = standings[ExceptionState.IN_FORCE]
        said = f"{file}: {honoured} exception{'s' * (honoured != 1)} honoured"
        if standings[ExceptionState.EXPIRED]:
            said += f", {standings[ExceptionState.EXPIRED]} expired"
        if standings[ExceptionState.REFUSED]:
            said += f", {standings[ExceptionState.REFUSED]} refused"
        sentences.append(said)
    return sentences
