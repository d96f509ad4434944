"""Secrets become keyed hashes here, and texts lose the values they should not carry."""

from __future__ import annotations

import hashlib
import hmac
import operator
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

import orjson
from msgspec import Struct
from msgspec.structs import fields

from secagg.finding import Finding, Rule
from secagg.findingtexts import (
    texts_of,
    texts_of_rule,
)
from secagg.jsonvalue import encode, unescaped
from secagg.secretshapes import MASK, mask_shapes, shapes_in
from secagg.secretvalues import KnownValues

if TYPE_CHECKING:
    from secagg.parsing import ParsedReport

__all__ = ["MASK", "Redactor", "Secret"]


_LONGEST_SEEN = 256
_MOST_SEEN = 20_000


class Secret:
    """A secret's value on its way to becoming a keyed hash: it cannot be printed or stored."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return MASK

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a Secret cannot be serialized")

    def reveal(self) -> str:
        """The value itself, for the one place that hashes it."""
        return self._value


class Redactor:
    """Knows the secrets of one run (in memory only) and keeps them out of texts.

    ``mask`` takes out what is known so far, and what has the shape of a secret; a value that
    is learned later may stand in an earlier text, so ``scrub_reports`` goes over all of them
    once everything has been read.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._known = KnownValues()
        # Texts already looked at: most of a report's strings, its keys above all, recur.
        self._seen: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"Redactor({len(self._known)} values)"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a Redactor cannot be serialized")

    def identify(self, secret: Secret) -> str:
        """The keyed hash (HMAC-SHA-256) by which ``secret`` is known; remembers the value."""
        value = secret.reveal().strip()
        digest = hmac.new(self._key, value.encode("utf-8", "surrogatepass"), hashlib.sha256)
        if self._known.add(value):
            self._seen.clear()
        return f"hmac-sha256:{digest.hexdigest()}"

    def mask(self, text: str) -> str:
        """``text`` without any known value, however it is written, and without secret shapes.

        Known values are found raw, JSON-, URL- and HTML-escaped, in base64 and hexadecimal,
        broken over lines, and cut off.
        """
        data = text.encode("utf-8", "surrogatepass")
        if self._known.may_be_in(data):
            masked = self._known.mask(text)
            if masked is not text:
                text = masked
                data = text.encode("utf-8", "surrogatepass")
        shapes = shapes_in(data)
        return mask_shapes(text, shapes) if shapes else text

    def mask_json(self, value: Any) -> Any:
        """``value`` with every text in it masked, keys as well; itself where nothing changes."""
        if isinstance(value, str):
            return self.mask(value)
        return self.mask_encoded(value)[0]

    def mask_encoded(self, value: Any) -> tuple[Any, bytes | None]:
        """What :meth:`mask_json` gives, and its JSON where that is known from looking at it."""
        data = _encoded(value)
        if data is not None:
            texts = unescaped(data)
            if not self._known.may_be_in(texts) and not shapes_in(texts):
                return value, data
        return _mapped(value, self._mask_often), None

    def _mask_often(self, text: str) -> str:
        seen = self._seen
        masked = seen.get(text)
        if masked is None:
            masked = self.mask(text)
            if len(text) <= _LONGEST_SEEN:
                if len(seen) >= _MOST_SEEN:
                    seen.clear()
                seen[text] = masked
        return masked

    def scrub(self, finding: Finding) -> None:
        """Take every known value out of all texts of ``finding``."""
        self.scrub_all([finding])

    def scrub_all(self, findings: Iterable[Finding]) -> None:
        """Take every known value out of all texts of ``findings``.

        Rules and SARIF runs that findings share stay shared.
        """
        if not self._known:
            return
        self._known.compact()
        _Scrubbing(self._known, self._scrub_json).findings(findings)

    def scrub_reports(self, reports: Iterable[ParsedReport]) -> None:
        """Take every known value out of all that ``reports`` hold, once all have been read."""
        if not self._known:
            return
        self._known.compact()
        scrubbing = _Scrubbing(self._known, self._scrub_json)
        for report in reports:
            scrubbing.findings(report.findings)
            report.runs = [scrubbing.shared(run) for run in report.runs]
            for gap in report.gaps:
                gap.message = scrubbing.text(gap.message)
            for problem in report.problems:
                problem.message = scrubbing.text(problem.message)
                problem.where = None if problem.where is None else scrubbing.text(problem.where)
        self._known.forget_runs()

    def _scrub_json(self, value: Any) -> Any:
        data = _encoded(value)
        if data is not None and not self._known.may_be_in(unescaped(data)):
            return value
        return _mapped(value, self._known.mask)


class _Scrubbing:
    """One pass over findings: what they share is scrubbed once."""

    def __init__(self, known: KnownValues, scrub_json: Callable[[Any], Any]) -> None:
        self._known = known
        self._scrub_json = scrub_json
        self._rules: dict[int, Rule] = {}
        self._runs: dict[int, tuple[Mapping[str, Any], Mapping[str, Any]]] = {}

    def text(self, text: str) -> str:
        if self._known.may_be_in(text.encode("utf-8", "surrogatepass")):
            return self._known.mask(text)
        return text

    def findings(self, findings: Iterable[Finding]) -> None:
        """Scrub ``findings``: many are looked through as one text, for most hold nothing."""
        waiting = iter(findings)
        while batch := list(islice(waiting, _BATCH)):
            rules = {id(f.rule): f.rule for f in batch if f.rule is not None}
            new = {key: rule for key, rule in rules.items() if key not in self._rules}
            # The rules are kept so that their id() is not given to others.
            self._rules.update(new)
            texts: list[str] = []
            encoded = [f.sarif.encoded for f in batch if f.sarif is not None]
            for finding in batch:
                texts += texts_of(finding)
            for rule in new.values():
                texts += texts_of_rule(rule)
            # Joined by what stands in no text, so that nothing is found across two of them.
            whole = "\0".join(texts).encode("utf-8", "surrogatepass")
            whole = b"\0".join((whole, unescaped(b"\0".join(encoded))))
            if self._known.may_be_in(whole):
                for rule in new.values():
                    self._object(rule)
                for finding in batch:
                    self._finding(finding)
            for finding in batch:
                if finding.sarif is not None:
                    finding.sarif.run = self.shared(finding.sarif.run)

    def _finding(self, finding: Finding) -> None:
        origin = finding.sarif
        if origin is not None and self._known.may_be_in(unescaped(origin.encoded)):
            origin.encoded = encode(_mapped(origin.result, self._known.mask))
        texts = "\0".join(texts_of(finding))
        if self._known.may_be_in(texts.encode("utf-8", "surrogatepass")):
            self._object(finding)

    def shared(self, run: Mapping[str, Any]) -> Mapping[str, Any]:
        """The scrubbed form of a run that many findings refer to: one for all of them."""
        found = self._runs.get(id(run))
        if found is None:
            scrubbed = self._scrub_json(run)
            found = self._runs[id(run)] = (run, scrubbed)
            self._runs[id(scrubbed)] = (scrubbed, scrubbed)
        return found[1]

    def _object(self, value: Any) -> None:
        for field in fields(value):
            if field.name in _NOT_TEXT:
                continue
            old = getattr(value, field.name)
            new = self._value(old)
            if new is not old:
                setattr(value, field.name, new)

    def _value(self, value: Any) -> Any:
        if value is None or isinstance(value, bool | int | float):
            return value
        if type(value) is str:
            return self.text(value)
        if isinstance(value, tuple):
            items = tuple(self._value(item) for item in value)
            return items if items != value else value
        if isinstance(value, Mapping):
            return self._scrub_json(value) if value else value
        if isinstance(value, Struct):
            self._object(value)
        return value


# So many findings are looked through as one text.
_BATCH = 64
_NOT_TEXT = frozenset({"kind", "severity", "sarif", "identity", "line_hash", "id", "rule"})


def _encoded(value: Any) -> bytes | None:
    """``value`` as one text to be looked at; None where it cannot be written as one."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return None


def _mapped(value: Any, mask: Callable[[str], str]) -> Any:
    """``value`` with ``mask`` over every text, keys as well; itself where nothing changes."""
    kind = type(value)
    if kind is str:
        return mask(value)
    if kind is dict:
        changed = False
        masked = {}
        for key, item in value.items():
            new_key = mask(key)
            new = _mapped(item, mask) if type(item) in _NESTED else item
            if new is not item or new_key is not key:
                changed = changed or new != item or new_key != key
            masked[new_key] = new
        return masked if changed else value
    if kind is list or kind is tuple:
        items = [_mapped(item, mask) if type(item) in _NESTED else item for item in value]
        return items if any(map(operator.is_not, items, value)) else value
    if isinstance(value, Mapping):
        return _mapped(dict(value), mask)
    return value


_NESTED = frozenset({str, dict, list, tuple})
