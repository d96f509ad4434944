"""Globs as exceptions write them, compiled once; what covers everything is told from the rest."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

_LONGEST = 500
# Each wildcard of one name multiplies the ways to match it: a hostile pattern could take hours.
_WILDCARDS = 3
_CLASS = re.compile(r"\[[^\]]*\]")
_TOKEN = re.compile(r"\*+|\?|\[[^\]/]+\]|.", re.DOTALL)


def is_wild(text: str) -> bool:
    """True if ``text`` has anything that a glob gives a meaning to."""
    return any(sign in text for sign in "*?[")


def is_catch_all(text: str) -> bool:
    """True if nothing in ``text`` narrows what it matches: ``*``, ``**/*``, ``[a-z]*``, ``/``."""
    return not any(letter.isalnum() for letter in _CLASS.sub("", text))


def checked(text: str, *, flat: bool = False) -> str:
    """``text`` if it is short and simple enough to be matched; else raises ``ValueError``.

    Where ``flat``, a wildcard runs over the parts of a name, which are then one.
    """
    if not text.strip():
        raise ValueError("an empty pattern covers nothing")
    if len(text) > _LONGEST:
        raise ValueError(f"longer than {_LONGEST} characters")
    if len(re.findall(r"\*\*+", text)) > _WILDCARDS:
        raise ValueError(f"more than {_WILDCARDS} times **")
    for name in [text] if flat else text.split("/"):
        if len(re.findall(r"\*+", name)) > _WILDCARDS:
            raise ValueError(f"more than {_WILDCARDS} wildcards in one name")
    return text


@dataclass(frozen=True, slots=True)
class Glob:
    """A glob over a name with ``/`` between its parts.

    ``*`` and ``?`` stay within a part and ``**`` does not, except where ``flat``: there ``*``
    runs over everything. Raises ``ValueError`` for what :func:`checked` refuses.
    """

    text: str
    flat: bool = False
    regex: re.Pattern[str] | None = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        wild = is_wild(checked(self.text, flat=self.flat))
        whole = rf"(?:{_translated(self.text, self.flat)})\Z"
        compiled = re.compile(whole, re.DOTALL) if wild else None
        object.__setattr__(self, "regex", compiled)

    def matches(self, value: str) -> bool:
        """True if all of ``value`` is matched."""
        if self.regex is None:
            return value == self.text
        return self.regex.match(value) is not None


@dataclass(frozen=True, slots=True)
class PathGlob:
    """A path as ``.gitignore`` writes it: ``tests/``, ``*.lock``, ``/src/**/gen_*.py``.

    Raises ``ValueError`` for a pattern that takes back (``!``) or cannot be understood.
    """

    text: str
    regex: re.Pattern[str] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        expression, include = GitIgnoreSpecPattern.pattern_to_regex(checked(self.text))
        if expression is None or include is None:
            raise ValueError(f"{self.text!r} is no path pattern")
        if not include:
            raise ValueError("a pattern that begins with ! takes nothing back here")
        plain = re.sub(r"\(\?P<\w+>", "(?:", str(expression))
        object.__setattr__(self, "regex", re.compile(plain, re.DOTALL))

    def matches(self, path: str) -> bool:
        """True if the file ``path`` (relative to the root of the checkout) is matched."""
        return self.regex.match(path) is not None


def _translated(text: str, flat: bool) -> str:
    """A regular expression for ``text``."""
    inside = "." if flat else "[^/]"
    parts = []
    at = 0
    while at < len(text):
        if not flat and text.startswith("**/", at) and (at == 0 or text[at - 1] == "/"):
            # Whole directories, none among them.
            parts.append("(?:[^/]+/)*")
            at += 3
            continue
        token = _TOKEN.match(text, at)
        assert token is not None
        at = token.end()
        parts.append(_part(token[0], inside))
    return "".join(parts)


def _part(token: str, inside: str) -> str:
    if token.startswith("**"):
        return ".*"
    if token == "*":
        return f"{inside}*"
    if token == "?":
        return inside
    if len(token) > 2 and token.startswith("["):
        body = token[1:-1].replace("\\", "\\\\").replace("[", "\\[")
        if body[0] in "!^" and len(body) > 1:
            return f"[^{body[1:].replace('^', chr(92) + '^')}]"
        return f"[{body.replace('^', chr(92) + '^')}]"
    return re.escape(token)
