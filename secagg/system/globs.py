"""Patterns as people write them: one dialect for names and one for paths, matched in linear steps.

In **names** (rules, tools, packages, components, owners) ``*`` and ``?`` stand for any characters
within what ``/`` separates, ``**`` goes over ``/``, and ``[a-c]`` and ``[!a-c]`` are one character.
Case does not matter. Names that are *flat* have no parts: there ``*`` goes over ``/`` too.

**Paths** are patterns of ``.gitignore`` (git 2.47, gitignore(5)).

A hostile pattern must not stall a scan. So a wildcard takes the first place where what follows it
fits and never another one, which loses nothing: whatever a later place leaves to the rest of the
pattern, the first one leaves too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache

# The longest path that Linux opens.
_LONGEST = 4096


_CLASS = re.compile(r"\[[!^]?\]?[^\]/]*\]")


_TOKEN = re.compile(rf"\*\*+|\*|\?|{_CLASS.pattern}|.", re.DOTALL)


_SIGNS = "*?["


# Directories, none among them, of which none is looked into twice.
_DIRECTORIES = "(?:[^/]++/)*"


def is_wild(text: str) -> bool:
    """Tell whether ``text`` has anything that a pattern gives a meaning to."""
    return any(sign in text for sign in _SIGNS)


def is_catch_all(text: str) -> bool:
    """Tell whether nothing in ``text`` narrows what it matches: ``**/*``, ``[a-z]*``, ``/``."""
    return not any(letter.isalnum() for letter in _CLASS.sub("", text))


def checked(text: str) -> str:
    """Check that ``text`` can be a pattern and return it; raises ``ValueError``."""
    if not text.strip():
        raise ValueError("an empty pattern covers nothing")
    if len(text) > _LONGEST:
        raise ValueError(f"longer than {_LONGEST} characters")
    return text


@dataclass(frozen=True, slots=True)
class Glob:
    """A pattern for a name, in which ``*`` goes over ``/`` where it is ``flat``.

    ``cased`` makes case matter. ``regex`` is None where nothing is a wildcard. Raises
    ``ValueError`` for what :func:`checked` refuses.
    """

    text: str
    flat: bool = False
    cased: bool = False
    regex: re.Pattern[str] | None = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        compiled = None
        if is_wild(checked(self.text)):
            flags = "s" if self.cased else "is"
            compiled = re.compile(rf"(?{flags}:{_name(self.text, self.flat)})\Z")
        object.__setattr__(self, "regex", compiled)

    def matches(self, value: str) -> bool:
        """Tell whether all of ``value`` is matched."""
        if self.regex is not None:
            return self.regex.match(value) is not None
        return value == self.text or (not self.cased and value.casefold() == self.text.casefold())


def names(globs: Iterable[str], *, cased: bool = False) -> Callable[[str], bool]:
    """Make a test of whether a name, taken as flat, matches any of ``globs``."""
    patterns = [Glob(glob, flat=True, cased=cased) for glob in globs if glob]
    return cache(lambda name: any(pattern.matches(name) for pattern in patterns))


@dataclass(frozen=True, slots=True)
class PathGlob:
    """A path as ``.gitignore`` writes it: ``tests/``, ``*.lock``, ``/src/**/gen_*.py``.

    ``shallow`` patterns match the path itself and not what lies within it. Raises ``ValueError``
    for a pattern that takes back (``!``) or means nothing.
    """

    text: str
    shallow: bool = False
    regex: re.Pattern[str] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.text.startswith("!"):
            raise ValueError("a pattern that begins with ! takes nothing back here")
        within = "" if self.shallow else "/|"
        expression = _path(checked(self.text), rf"(?:{within}\Z)", "/")
        if expression is None:
            raise ValueError("this is no path pattern")
        object.__setattr__(self, "regex", expression)

    def matches(self, path: str) -> bool:
        """Tell whether the file ``path`` (relative to the root of the checkout) is matched."""
        return self.regex.match(path) is not None


def is_ignored_pattern(pattern: str) -> bool:
    """Tell whether git passes over a path pattern: a comment, a blank, or what it cannot read."""
    return _path(pattern.removeprefix("!"), r"\Z", "/") is None


def paths(patterns: Sequence[str]) -> Callable[[str], bool]:
    """Make a test of whether a path relative to the root matches ``patterns``, as git reads them.

    The last pattern that matches decides, and one with ``!`` takes the path out again; what matches
    the file itself outranks what matches a directory above it. Patterns that mean nothing are
    passed over.
    """
    # The group is set where a directory is matched.
    rules = [
        (expression, not pattern.startswith("!"))
        for pattern in reversed(patterns)
        if (expression := _path(pattern.removeprefix("!"), r"(?:(/)|\Z)", "(/)")) is not None
    ]

    def matches(path: str) -> bool:
        above: bool | None = None
        for expression, included in rules:
            match = expression.match(path)
            if match is None:
                continue
            if not match.groups() or match[1] is None:
                return included
            above = included if above is None else above
        return bool(above)

    return cache(matches)


def _name(text: str, flat: bool) -> str:
    """A regular expression for all of a name.

    What stands between two ``**`` is a run; the runs are found one after the other.
    """
    inside = "." if flat else "[^/]"
    runs: list[list[str]] = [[""]]
    # What may stand before each run.
    before = [""]
    at = 0
    while at < len(text):
        if not flat and text.startswith("**/", at) and (at == 0 or text[at - 1] == "/"):
            before.append(_DIRECTORIES)
            runs.append([""])
            at += 3
            continue
        token = _TOKEN.match(text, at)
        assert token is not None
        at = token.end()
        if token[0].startswith("**") or (flat and token[0] == "*"):
            before.append(".*")
            runs.append([""])
        elif token[0] == "*":
            runs[-1].append("")
        else:
            runs[-1][-1] += _one_character(token[0], inside)
    last = len(runs) - 1
    return "".join(
        f"{way}{_stars(run, inside)}"
        if number == last or not way
        # The first place will do.
        else f"(?>{way}?{_stars(run, inside, closed=False)})"
        for number, (way, run) in enumerate(zip(before, runs, strict=True))
    )


def _stars(pieces: Sequence[str], inside: str, *, closed: bool = True) -> str:
    """Pieces with ``*`` between them; the last one ends what is matched where ``closed``."""
    first, *rest = pieces
    if not rest:
        return first
    *middle, last = rest
    expression = first + "".join(f"(?>{inside}*?{piece})" for piece in middle)
    return expression + (f"{inside}*{last}" if closed else f"(?>{inside}*?{last})")


def _path(pattern: str, end: str, directory: str) -> re.Pattern[str] | None:
    """A regular expression for a pattern of ``.gitignore`` without ``!``; None if it means nothing.

    ``end`` is what follows a path that may be a file, ``directory`` what follows a directory's.
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
        # What git cannot read it passes over.
        return None


def _runs(parts: Sequence[str]) -> list[list[str]]:
    """The parts of a path pattern as expressions, in runs with ``**`` between them.

    The first run is empty where ``**`` begins the pattern, the last where it ends it.
    """
    runs: list[list[str]] = [[]]
    for number, part in enumerate(parts):
        if part != "**":
            runs[-1].append(_part(part))
        elif runs[-1] or number == 0:
            runs.append([])
    return runs if runs[0] or len(runs) == 1 or any(runs) else [[]]


def _joined(runs: Sequence[Sequence[str]], end: str, within: str) -> str:
    """One expression for runs of parts; ``within`` is what follows where ``**`` ends them."""
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
            # The deepest place, so that a file outranks a directory of its name.
            expression += f"(?>{_DIRECTORIES}{parts}{within if open_end else end})"
    return expression


def _part(part: str) -> str:
    """An expression for a name in a path, as gitignore has it: ``\\`` escapes, ``**`` is ``*``."""
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
    """An expression for one character."""
    if token == "?":
        return inside
    if len(token) < 3 or not token.startswith("["):
        return re.escape(token)
    body = token[1:-1]
    negated = body[0] in "!^" and len(body) > 1
    # A - that is between no two letters or digits is itself.
    ranges = re.sub(r"[^\w-]|(?<!\w)-|-(?!\w)", lambda found: "\\" + found[0], body[negated:])
    outside = "" if inside == "." else "(?!/)"
    return f"{outside}[{'^' if negated else ''}{ranges}]"
