"""Find and remove secrets and personal data in SARIF results, before findings are made.

Gitleaks writes the secret into the snippet and the author into the fingerprints; rules on
hard-coded credentials quote the credential in message and snippet. docs/sarif.md lists what is
removed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import msgspec

from secagg.jsonio.members import value_at
from secagg.jsonio.reading import Entries
from secagg.sarif.rules import RuleTable, RuleView
from secagg.sarif.text import fill, is_cut, looked_up, message_text
from secagg.secrets.patterns import MASK
from secagg.secrets.redactor import Redactor, Secret
from secagg.system.patterns import lazy

# Members of secret scanners' results about persons, or written by them.
PERSONAL = frozenset({"author", "email", "date", "commitMessage"})
# Members of an invocation about the machine and its account; the environment may hold tokens.
OF_THE_MACHINE = frozenset({"environmentVariables", "account", "machine", "processId"})

# A rule is about hard-coded credentials if a line of its id or message matches both of a pair, in
# this order. One expression for both would take quadratic time.
_HARD_CODED = lazy(r"hard-?_?coded", re.IGNORECASE)
_HARD_CODED_PAIRS = (
    (_HARD_CODED, re.compile("cred|secret|passw|key|token", re.IGNORECASE)),
    (re.compile("cred|secret|passw", re.IGNORECASE), _HARD_CODED),
)
_CREDENTIAL_RULE = lazy(
    r"^(?:[\w.\-]+[./])?B10[567]$|CleartextStorage|clear-?text-(?:storage|logging)",
    re.IGNORECASE,
)
_LOGGED_OR_STORED = lazy(r"clear-?text|log(?:ger|ging)?\b|stor(?:age|ed)\b", re.IGNORECASE)
# A report without any of these, and without such a CWE, has no rule on hard-coded credentials.
_WORDS = (
    b"hardcoded",
    b"hard-coded",
    b"hard_coded",
    b"hard-_coded",
    b'b105"',
    b'b106"',
    b'b107"',
    b"cleartext",
    b"clear-text",
)
_CWE_IN_TEXT = lazy(rb"cwe[-_/: ]?0{0,3}(?:798|259|321)")
_CREDENTIAL_CWES = frozenset({"CWE-798", "CWE-259", "CWE-321"})
# A literal of three characters or more, by its quotation mark. From a mark that is escaped a search
# goes past the next ones: hence the limit on escapes.
_MOST_ESCAPES = 64
_QUOTED = lazy(
    "|".join(
        rf"{mark}(?:[^{mark}\\\n]|\\.){{3}}+[^{mark}\\\n]*+"
        rf"(?:\\.[^{mark}\\\n]*+){{0,{_MOST_ESCAPES}}}+{mark}"
        for mark in "\"'`"
    )
)
_LONGEST_LITERAL = 1_000
_PLACEHOLDER = lazy(r"\{\d{1,9}\}")
# Quoted literals with placeholders in one message. Where it has more, arguments count as secrets.
_MOST_TEMPLATES = 4
# What a quoted literal must contain to count as a secret, so that plain words do not.
_SECRET_LIKE = lazy(r"\d|[a-z][A-Z]|[^\w\s.,:-]")
_COMMIT = lazy(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
# The only members that are decoded here: most results have long code flows besides.
_RULE_AND_MESSAGE = ("ruleId", "ruleIndex", "rule", "message")
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def commit_of(result: Mapping[str, Any]) -> str | None:
    """Return the commit that a secret is in, from a result of Gitleaks."""
    for bag in ("partialFingerprints", "properties"):
        values = result.get(bag)
        if isinstance(values, Mapping):
            for key in ("commitSha", "commit"):
                if isinstance(values.get(key), str) and _COMMIT.fullmatch(values[key]):
                    return str(values[key])
    return None


def value_of(tool: str, result: Mapping[str, Any]) -> Secret | None:
    """Return the secret value in a result of Gitleaks; None for other tools and masked values."""
    if tool != "gitleaks":
        return None
    text = value_at(result, "properties", "offender")
    if not isinstance(text, str):
        text = _snippet(result)
    if not text or text.strip() in ("REDACTED", MASK) or set(text) <= set("*. "):
        return None
    return Secret(text)


def without_secret(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return a secret scanner's result with snippets masked and without personal data."""
    copy = dict(result)
    for bag in ("partialFingerprints", "fingerprints", "properties"):
        values = copy.get(bag)
        if isinstance(values, Mapping):
            copy[bag] = {
                key: MASK if key == "offender" else value
                for key, value in values.items()
                if key not in PERSONAL
            }
            if not copy[bag] and bag != "properties":
                del copy[bag]
    for key in ("locations", "relatedLocations", "codeFlows", "stacks"):
        if key in copy:
            copy[key] = _without_snippets(copy[key])
    return copy


def is_credential_rule(view: RuleView | None, rule_id: str) -> bool:
    """Tell whether a rule is about hard-coded credentials, which its results then quote."""
    if _says_hard_coded(rule_id):
        return True
    return view is not None and not _CREDENTIAL_CWES.isdisjoint(view.cwes)


def is_hard_coded(view: RuleView, rule_id: str) -> bool:
    """Tell whether a code scanner's rule looks for credentials in the code."""
    if not _CREDENTIAL_CWES.isdisjoint(view.cwes):
        return not _LOGGED_OR_STORED.search(rule_id)
    return _says_hard_coded(rule_id) and not _LOGGED_OR_STORED.search(rule_id)


def _says_hard_coded(text: str) -> bool:
    if _CREDENTIAL_RULE.search(text):
        return True
    for line in text.split("\n"):
        for first, second in _HARD_CODED_PAIRS:
            match = first.search(line)
            if match is not None and second.search(line, match.end()):
                return True
    return False


def may_quote_credentials(data: bytes) -> bool:
    """Tell whether a SARIF report may have results of a rule on hard-coded credentials."""
    text = data.lower()
    return any(word in text for word in _WORDS) or _CWE_IN_TEXT.search(text) is not None


def learn_quoted(results: Iterable[Any], rules: RuleTable, redactor: Redactor) -> None:
    """Teach ``redactor`` the literals that results of rules on hard-coded credentials quote."""
    if isinstance(results, Entries):
        results = results.parts(_rule_and_message)
    long = _LongMessages(redactor)
    for result in results:
        # A malformed result must not hide the secrets of those after it.
        with suppress(TypeError, ValueError, KeyError, AttributeError, IndexError):
            view = rules.find(result)
            if view is not None and not _quotes(view):
                continue
            strings, shared = ({}, {}) if view is None else (view.strings, view.shared)
            message = message_text(result.get("message"), strings, shared)
            # A result without a rule counts by its message.
            if view is not None or is_credential_rule(None, message):
                learn_literals(message, redactor)
                if is_cut(message):
                    long.learn(result["message"], strings, shared)


def _quotes(view: RuleView) -> bool:
    """Tell whether results of a rule may quote credentials, cached."""
    if "quotes" not in view.memo:
        view.memo["quotes"] = is_credential_rule(view, view.rule.id)
    return bool(view.memo["quotes"])


def _rule_and_message(data: msgspec.Raw) -> dict[str, Any]:
    members = _members(data)
    return {
        name: msgspec.json.decode(members[name]) for name in _RULE_AND_MESSAGE if name in members
    }


def learn_literals(text: str, redactor: Redactor) -> None:
    """Teach ``redactor`` the literals that a message about hard-coded credentials quotes.

    Plain words are left out: such messages quote names of headers and fields just as often.
    """
    for literal in dict.fromkeys(text[start + 1 : end - 1] for start, end in _literals(text)):
        if _SECRET_LIKE.search(literal):
            redactor.learn(Secret(literal.replace('\\"', '"').replace("\\\\", "\\")))


def _literals(text: str) -> Iterator[tuple[int, int]]:
    """Yield where the quoted literals of ``text`` begin and end, with their quotation marks.

    Two marks that are far from each other, such as two apostrophes, are no literal.
    """
    position = 0
    while match := _QUOTED.search(text, position):
        start, end = match.span()
        if end - start - 2 <= _LONGEST_LITERAL:
            yield start, end
            position = end
        else:
            position = start + 1


class _LongMessages:
    """Learns the literals of messages that were too long and are cut, the cut part included.

    A small report may repeat a rule's text, or an argument, ten thousand times. So each text is
    searched once, and only literals with a placeholder are filled in again.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        # Literals with a placeholder, by the text that holds them.
        self._templates: dict[str, list[str]] = {}

    def learn(
        self, message: Mapping[str, Any], strings: Mapping[str, Any], shared: Mapping[str, Any]
    ) -> None:
        text = message.get("text") or looked_up(message, strings, shared)
        templates = self._templates.get(text)
        if templates is None:
            learn_literals(_PLACEHOLDER.sub("\n", text), self._redactor)
            quoted = dict.fromkeys(text[start:end] for start, end in _literals(text))
            templates = [literal for literal in quoted if _PLACEHOLDER.search(literal)]
            self._templates[text] = templates
        arguments = message.get("arguments")
        if not isinstance(arguments, list):
            return
        for argument in map(str, arguments):
            learn_literals(argument, self._redactor)
            if len(templates) > _MOST_TEMPLATES and _SECRET_LIKE.search(argument):
                self._redactor.identify(Secret(argument))
        for template in templates[:_MOST_TEMPLATES]:
            learn_literals(fill(template, arguments), self._redactor)


def without_literals(value: Any, redactor: Redactor) -> Any:
    """Return ``value`` with every quoted literal in its messages and snippets masked."""
    if isinstance(value, Mapping):
        return {
            key: _mask_literals(item, redactor)
            if isinstance(item, str) and key in ("text", "markdown", "rendered")
            else [_mask_literals(a, redactor) if isinstance(a, str) else a for a in item]
            if key == "arguments" and isinstance(item, list)
            else without_literals(item, redactor)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [without_literals(item, redactor) for item in value]
    return value


def without_machine(frame: Mapping[str, Any]) -> dict[str, Any]:
    """Return a run's frame without facts about the machine, its account and its environment."""
    copy = dict(frame)
    if isinstance(copy.get("invocations"), list):
        copy["invocations"] = [_invocation(item) for item in copy["invocations"]]
    conversion = copy.get("conversion")
    if isinstance(conversion, Mapping) and "invocation" in conversion:
        copy["conversion"] = {**conversion, "invocation": _invocation(conversion["invocation"])}
    return copy


def _invocation(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return {key: item for key, item in value.items() if key not in OF_THE_MACHINE}


def _snippet(result: Mapping[str, Any]) -> str | None:
    try:
        text = result["locations"][0]["physicalLocation"]["region"]["snippet"]["text"]
    except (KeyError, IndexError, TypeError):
        return None
    return text if isinstance(text, str) else None


def _without_snippets(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            key: _masked_snippet(item) if key == "snippet" else _without_snippets(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_without_snippets(item) for item in value]
    return value


def _masked_snippet(snippet: Any) -> Any:
    return {"text": MASK} if isinstance(snippet, Mapping) else snippet


def _mask_literals(text: str, redactor: Redactor) -> str:
    pieces: list[str] = []
    masked, done = redactor.mask(text), 0
    for start, end in _literals(masked):
        pieces += (masked[done : start + 1], MASK)
        done = end - 1
    return "".join((*pieces, masked[done:]))
