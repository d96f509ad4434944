"""Glob patterns, in one dialect for names and one for paths, matched without backtracking.

In **names** (rules, tools, packages, components, owners) ``*`` and ``?`` match any characters
except ``/``, ``**`` matches ``/`` too, and ``[a-c]`` and ``[!a-c]`` match one character. Case does
not matter. In *flat* names ``*`` matches ``/`` too.

**Paths** are patterns of ``.gitignore`` (git 2.47, gitignore(5)).

A hostile pattern must not stall a scan. So a wildcard ends at the first place where the next part
of the pattern matches, and no other place is tried. No match is lost: a later place would leave
less of the text to the rest of the pattern.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache

from msgspec import Struct
from msgspec.structs import force_setattr

from secagg.system.patterns import lazy

# The longest path that Linux opens.
_LONGEST = 4096
_CLASS = lazy(r"\[[!^]?\]?[^\]/]*\]")
_TOKEN = lazy(rf"\*\*+|\*|\?|{_CLASS.pattern}|.", re.DOTALL)
_WILDCARDS = "*?["
# Any number of directories.
_DIRECTORIES = "(?:[^/]++/)*"


def is_wild(text: str) -> bool:
    """Tell whether ``text`` has a wildcard."""
    return any(wildcard in text for wildcard in _WILDCARDS)


def is_catch_all(text: str) -> bool:
    """Tell whether ``text`` has wildcards only and matches anything: ``**/*``, ``[a-z]*``."""
    return not any(letter.isalnum() for letter in _CLASS.sub("", text))


def checked(text: str) -> str:
    """Return ``text``; raises ``ValueError`` if it is blank or too long for a pattern."""
    if not text.strip():
        raise ValueError("an empty pattern covers nothing")
    if len(text) > _LONGEST:
        raise ValueError(f"longer than {_LONGEST} characters")
    return text


class Glob(Struct, frozen=True):
    """A pattern for a name. In a ``flat`` one ``*`` matches ``/``; a ``cased`` one heeds case.

    ``regex`` is None for a pattern without wildcards. Raises ``ValueError`` as :func:`checked`.
    """

    text: str
    flat: bool = False
    cased: bool = False
    regex: re.Pattern[str] | None = None

    def __post_init__(self) -> None:
        compiled = None
        if is_wild(checked(self.text)):
            flags = "s" if self.cased else "is"
            compiled = re.compile(rf"(?{flags}:{_name(self.text, self.flat)})\Z")
        force_setattr(self, "regex", compiled)

    def matches(self, value: str) -> bool:
        """Tell whether all of ``value`` is matched."""
        if self.regex is not None:
            return self.regex.match(value) is not None
        return value == self.text or (not self.cased and value.casefold() == self.text.casefold())


def names(globs: Iterable[str], *, cased: bool = False) -> Callable[[str], bool]:
    """Make a function that tells whether a flat name matches any of ``globs``."""
    patterns = [Glob(glob, flat=True, cased=cased) for glob in globs if glob]
    return cache(lambda name: any(pattern.matches(name) for pattern in patterns))


class PathGlob(Struct, frozen=True):
    """A path pattern of ``.gitignore``: ``tests/``, ``*.lock``, ``/src/**/gen_*.py``.

    A ``shallow`` pattern does not match the files in a directory that it matches. Raises
    ``ValueError`` for a negated pattern (``!``) and for one that git ignores.
    """

    text: str
    shallow: bool = False
    regex: re.Pattern[str] = re.compile("")

    def __post_init__(self) -> None:
        if self.text.startswith("!"):
            raise ValueError("a pattern that begins with ! takes nothing back here")
        within = "" if self.shallow else "/|"
        expression = _path(checked(self.text), rf"(?:{within}\Z)", "/")
        if expression is None:
            raise ValueError("this is no path pattern")
        force_setattr(self, "regex", expression)

    def matches(self, path: str) -> bool:
        """Tell whether the pattern matches ``path``, relative to the root of the checkout."""
        return self.regex.match(path) is not None


def is_ignored_pattern(pattern: str) -> bool:
    """Tell whether git ignores a path pattern: a comment, a blank line, or an invalid pattern."""
    return _path(pattern.removeprefix("!"), r"\Z", "/") is None


def paths(patterns: Sequence[str]) -> Callable[[str], bool]:
    """Make a function that tells whether a path, relative to the root, matches ``patterns``.

    As in git, the last match decides, and a pattern with ``!`` excludes the path again. A match of
    the file itself outranks a match of a directory above it. Invalid patterns are ignored.
    """
    # The group is set if a directory matches.
    rules = [
        (expression, not pattern.startswith("!"))
        for pattern in reversed(patterns)
        if (expression := _path(pattern.removeprefix("!"), r"(?:(/)|\Z)", "(/)")) is not None
    ]

    def matches(path: str) -> bool:
        directory_included: bool | None = None
        for expression, included in rules:
            match = expression.match(path)
            if match is None:
                continue
            if not match.groups() or match[1] is None:
                return included
            if directory_included is None:
                directory_included = included
        return bool(directory_included)

    return cache(matches)


def _name(text: str, flat: bool) -> str:
    """Return a regular expression that matches a whole name.

    A run is the part of the pattern between two ``**``; the runs are matched one after the other.
    """
    inside = "." if flat else "[^/]"
    runs: list[list[str]] = [[""]]
    # The expression before each run.
    gaps = [""]
    at = 0
    while at < len(text):
        if not flat and text.startswith("**/", at) and (at == 0 or text[at - 1] == "/"):
            gaps.append(_DIRECTORIES)
            runs.append([""])
            at += 3
            continue
        token = _TOKEN.match(text, at)
        assert token is not None
        at = token.end()
        if token[0].startswith("**") or (flat and token[0] == "*"):
            gaps.append(".*")
            runs.append([""])
        elif token[0] == "*":
            runs[-1].append("")
        else:
            runs[-1][-1] += _one_character(token[0], inside)
    last = len(runs) - 1
    return "".join(
        f"{gap}{_stars(run, inside)}"
        if number == last or not gap
        # Stops at the first match.
        else f"(?>{gap}?{_stars(run, inside, closed=False)})"
        for number, (gap, run) in enumerate(zip(gaps, runs, strict=True))
    )


def _stars(pieces: Sequence[str], inside: str, *, closed: bool = True) -> str:
    """Join ``pieces`` with an expression for ``*``; the last piece ends the text if ``closed``."""
    first, *rest = pieces
    if not rest:
        return first
    *middle, last = rest
    expression = first + "".join(f"(?>{inside}*?{piece})" for piece in middle)
    return expression + (f"{inside}*{last}" if closed else f"(?>{inside}*?{last})")


def _path(pattern: str, end: str, directory: str) -> re.Pattern[str] | None:
    """Return a regular expression for a path pattern without ``!``; None if git ignores it.

    ``end`` is the expression behind a path that may be a file, ``directory`` behind a directory.
    """
    if not pattern.endswith("\\ "):
        pattern = pattern.rstrip()
    if not pattern.strip("/") or pattern.startswith("#"):
        return None
    parts = pattern.split("/")
    whole_directory = not parts[-1]
    if whole_directory:
        parts[-1] = "**"
    if not parts[0]:
        del parts[0]
    elif len(parts) == 1 + whole_directory:
        parts.insert(0, "**")
    try:
        runs = _runs(parts)
        if len(runs) == 1 and not runs[0]:
            return re.compile(f"[^/]++{directory}" if whole_directory else ".", re.DOTALL)
        return re.compile(_joined(runs, end, directory if whole_directory else "/"), re.DOTALL)
    except (ValueError, re.error):
        return None


def _runs(parts: Sequence[str]) -> list[list[str]]:
    """Return the parts of a path pattern as expressions, in runs between ``**``.

    The first run is empty if ``**`` begins the pattern, the last if ``**`` ends it.
    """
    runs: list[list[str]] = [[]]
    for number, part in enumerate(parts):
        if part != "**":
            runs[-1].append(_part(part))
        elif runs[-1] or number == 0:
            runs.append([])
    return runs if runs[0] or len(runs) == 1 or any(runs) else [[]]


def _joined(runs: Sequence[Sequence[str]], end: str, within: str) -> str:
    """Join runs to one expression; ``within`` is the expression behind a final ``**``."""
    anchored, *others = runs
    if not others:
        return "/".join(anchored) + end
    open_end = not others[-1]
    if open_end:
        others.pop()
    expression = ""
    if anchored:
        expression = "/".join(anchored) + ("/" if others else within)
    for number, run in enumerate(others):
        parts = "/".join(run)
        if number < len(others) - 1:
            expression += f"(?>{_DIRECTORIES}?{parts}/)"
        else:
            # Greedy, so that a file outranks a directory of the same name.
            expression += f"(?>{_DIRECTORIES}{parts}{within if open_end else end})"
    return expression


def _part(part: str) -> str:
    """Return an expression for one part of a path: ``\\`` escapes, ``**`` is ``*``."""
    if part.strip("*") == "" and part:
        return "[^/]++"
    pieces = [""]
    at = 0
    while at < len(part):
        char = part[at]
        if char == "\\":
            if at + 1 == len(part):
                raise ValueError("nothing follows the escape")
            pieces[-1] += re.escape(part[at + 1])
            at += 2
            continue
        if char == "[":
            match = _CLASS.match(part, at)
            if match is None:
                raise ValueError("a [ that is not closed")
            pieces[-1] += _one_character(match[0], "[^/]")
            at = match.end()
            continue
        if char == "*":
            pieces.append("")
        else:
            pieces[-1] += _one_character(char, "[^/]")
        at += 1
    return _stars(pieces, "[^/]")


def _one_character(token: str, inside: str) -> str:
    """Return an expression for one character."""
    if token == "?":
        return inside
    if len(token) < 3 or not token.startswith("["):
        return re.escape(token)
    body = token[1:-1]
    negated = body[0] in "!^" and len(body) > 1
    # A - makes a range only between two letters or digits.
    ranges = re.sub(r"[^\w-]|(?<!\w)-|-(?!\w)", lambda match: "\\" + match[0], body[negated:])
    outside = "" if inside == "." else "(?!/)"
    return f"{outside}[{'^' if negated else ''}{ranges}]"
