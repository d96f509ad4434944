"""Secrets and personal data in SARIF results: taken out before a finding is made.

Gitleaks writes the secret into the snippet and the author into the fingerprints; rules on
hard-coded credentials quote the credential in message and snippet. What is taken out here
is the list of intended differences in docs/sarif.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cache
from typing import Any

import ahocorasick_rs
import msgspec

from secagg.jsonio.reading import Entries
from secagg.sarif.rules import RuleTable, RuleView
from secagg.sarif.text import fill, is_cut, looked_up, message_text
from secagg.secrets.patterns import MASK
from secagg.secrets.redactor import Redactor, Secret

# People, and texts that people wrote, in results of secret scanners.
PERSONAL = frozenset({"author", "email", "date", "commitMessage"})
# Facts on the machine and the account that ran the tool; an environment holds tokens.
OF_THE_MACHINE = frozenset({"environmentVariables", "account", "machine", "processId"})

# One of each on a line, in this order, makes a rule on hard-coded credentials. Two searches take
# time in proportion to a message; one expression for both would take its square.
_HARD_CODED = re.compile(r"hard-?_?coded", re.IGNORECASE)
_IN_ORDER = (
    (_HARD_CODED, re.compile("cred|secret|passw|key|token", re.IGNORECASE)),
    (re.compile("cred|secret|passw", re.IGNORECASE), _HARD_CODED),
)
_CREDENTIAL_RULE = re.compile(
    r"^(?:[\w.\-]+[./])?B10[567]$|CleartextStorage|clear-?text-(?:storage|logging)",
    re.IGNORECASE,
)
_LOGGED_OR_STORED = re.compile(r"clear-?text|log(?:ger|ging)?\b|stor(?:age|ed)\b", re.IGNORECASE)
# What _says_hard_coded and the weaknesses need, to be looked for in a whole report.
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
_CWE_IN_TEXT = re.compile(rb"cwe[-_/: ]?0{0,3}(?:798|259|321)")
_CREDENTIAL_CWES = frozenset({"CWE-798", "CWE-259", "CWE-321"})
_QUOTED = re.compile(r"""(["'`])((?:\\.|(?!\1)[^\\\n]){3,1000}?)\1""")
_PLACEHOLDER = re.compile(r"\{\d{1,9}\}")
# Of one message: where it has more, each argument is taken for a secret as a whole.
_MOST_OPEN = 4
_TELLING = re.compile(r"\d|[a-z][A-Z]|[^\w\s.,:-]")
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


def commit_of(result: Mapping[str, Any]) -> str | None:
    """Return the commit that a secret was found in, as Gitleaks gives it."""
    for bag in ("partialFingerprints", "properties"):
        values = result.get(bag)
        if isinstance(values, Mapping):
            for key in ("commitSha", "commit"):
                if isinstance(values.get(key), str) and _COMMIT.fullmatch(values[key]):
                    return str(values[key])
    return None


def value_of(tool: str, result: Mapping[str, Any]) -> Secret | None:
    """Return the secret that a result holds in full, where its tool is known to write it."""
    if tool != "gitleaks":
        return None
    properties = result.get("properties")
    text = properties.get("offender") if isinstance(properties, Mapping) else None
    if not isinstance(text, str):
        text = _snippet(result)
    if not text or text.strip() in ("REDACTED", MASK) or set(text) <= set("*. "):
        return None
    return Secret(text)


def without_secret(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return a secret scanner's result without snippets of the place and without persons."""
    kept = dict(result)
    for bag in ("partialFingerprints", "fingerprints", "properties"):
        values = kept.get(bag)
        if isinstance(values, Mapping):
            kept[bag] = {
                key: MASK if key == "offender" else value
                for key, value in values.items()
                if key not in PERSONAL
            }
            if not kept[bag] and bag != "properties":
                del kept[bag]
    for key in ("locations", "relatedLocations", "codeFlows", "stacks"):
        if key in kept:
            kept[key] = _without_snippets(kept[key])
    return kept


def is_credential_rule(view: RuleView | None, rule_id: str) -> bool:
    """True for rules on hard-coded credentials, whose results quote them."""
    if _says_hard_coded(rule_id):
        return True
    return view is not None and not _CREDENTIAL_CWES.isdisjoint(view.cwes)


def is_hard_coded(view: RuleView, rule_id: str) -> bool:
    """Tell whether a code scanner's rule looks for credentials that stand in the code."""
    if not _CREDENTIAL_CWES.isdisjoint(view.cwes):
        return not _LOGGED_OR_STORED.search(rule_id)
    return _says_hard_coded(rule_id) and not _LOGGED_OR_STORED.search(rule_id)


def _says_hard_coded(text: str) -> bool:
    if _CREDENTIAL_RULE.search(text):
        return True
    for line in text.split("\n"):
        for first, second in _IN_ORDER:
            match = first.search(line)
            if match is not None and second.search(line, match.end()):
                return True
    return False


def may_quote_credentials(data: bytes) -> bool:
    """Tell whether a SARIF report may have results of a rule on hard-coded credentials."""
    text = data.lower()
    return bool(_words().find_matches_as_indexes(text)) or _CWE_IN_TEXT.search(text) is not None


@cache
def _words() -> ahocorasick_rs.BytesAhoCorasick:
    return ahocorasick_rs.BytesAhoCorasick(_WORDS)


def learn_quoted(results: Iterable[Any], rules: RuleTable, redactor: Redactor) -> None:
    """Let ``redactor`` know what results of rules on hard-coded credentials quote."""
    if isinstance(results, Entries):
        results = results.parts(_saying)
    long = _LongMessages(redactor)
    for result in results:
        # A result that is not built as SARIF says must not hide the secrets of those after it.
        with suppress(TypeError, ValueError, KeyError, AttributeError, IndexError):
            view = rules.find(result)
            strings, shared = ({}, {}) if view is None else (view.strings, view.shared)
            message = message_text(result.get("message"), strings, shared)
            # A result without a rule is known by what it says.
            if is_credential_rule(view, message if view is None else view.rule.id):
                learn_literals(message, redactor)
                if is_cut(message):
                    long.learn(result["message"], strings, shared)


# The members of a result that tell its rule and what it says; most have long flows besides.
_SAYING = ("ruleId", "ruleIndex", "rule", "message")
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def _saying(data: msgspec.Raw) -> dict[str, Any]:
    members = _members(data)
    return {name: msgspec.json.decode(members[name]) for name in _SAYING if name in members}


def learn_literals(text: str, redactor: Redactor) -> None:
    """Know the literals that a message about hard-coded credentials quotes as secrets.

    Plain words are left out: a header's or a field's name is quoted just as often.
    """
    for match in _QUOTED.finditer(text):
        if _TELLING.search(match[2]):
            redactor.identify(Secret(match[2].replace('\\"', '"').replace("\\\\", "\\")))


class _LongMessages:
    """Learns the literals of messages that are cut, also from what is cut off.

    A rule's text is searched once, and filled in where a literal has a placeholder: a small report
    may repeat it, or an argument in it, ten thousand times.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        # Literals with a placeholder, by the text that they stand in.
        self._open: dict[str, list[str]] = {}

    def learn(
        self, message: Mapping[str, Any], strings: Mapping[str, Any], shared: Mapping[str, Any]
    ) -> None:
        text = message.get("text") or looked_up(message, strings, shared)
        literals = self._open.get(text)
        if literals is None:
            learn_literals(_PLACEHOLDER.sub("\n", text), self._redactor)
            quoted = dict.fromkeys(match[0] for match in _QUOTED.finditer(text))
            literals = [literal for literal in quoted if _PLACEHOLDER.search(literal)]
            self._open[text] = literals
        arguments = message.get("arguments")
        if not isinstance(arguments, list):
            return
        for argument in map(str, arguments):
            learn_literals(argument, self._redactor)
            if len(literals) > _MOST_OPEN and _TELLING.search(argument):
                self._redactor.identify(Secret(argument))
        for literal in literals[:_MOST_OPEN]:
            learn_literals(fill(literal, arguments), self._redactor)


def without_literals(value: Any, redactor: Redactor) -> Any:
    """``value`` with every quoted literal in its messages and snippets masked."""
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
    """Return a run's frame without what tells of the machine, the account and the environment."""
    kept = dict(frame)
    for key in ("invocations",):
        if isinstance(kept.get(key), list):
            kept[key] = [_invocation(item) for item in kept[key]]
    conversion = kept.get("conversion")
    if isinstance(conversion, Mapping) and "invocation" in conversion:
        kept["conversion"] = {**conversion, "invocation": _invocation(conversion["invocation"])}
    return kept


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
            key: _masked_content(item) if key == "snippet" else _without_snippets(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_without_snippets(item) for item in value]
    return value


def _masked_content(snippet: Any) -> Any:
    return {"text": MASK} if isinstance(snippet, Mapping) else snippet


def _mask_literals(text: str, redactor: Redactor) -> str:
    return _QUOTED.sub(lambda match: f"{match[1]}{MASK}{match[1]}", redactor.mask(text))
