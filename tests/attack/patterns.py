"""Every regular expression of the code base, on texts of twice the length: none may be quadratic.

The expressions are those that the code compiles: calls of ``re`` with a pattern that can be read
off, found in the syntax of every module, and all compiled patterns that importing the modules
leaves in them. Texts are made of what each expression itself asks for: its literals, its classes
and their repetitions, so that a part of it matches again and again and the whole never does.

What is compared is the time for a text and for one of twice its length, several times, by the best
of each; a linear expression comes to 2, a quadratic one to 4. An expression whose repetitions have
limits is linear in the end (``a{0,256}b{0,1024}``), and may still take minutes: so one that takes
long for a text breaks through whatever its growth.
"""

from __future__ import annotations

import ast
import functools
import importlib
import itertools
import pkgutil
import random
import re
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import secagg_parsers

import secagg
from secagg.secrets.patterns import SHAPES
from secagg.system.patterns import _LazyPattern
from tests.attack.counts import Counts

# Private modules of Python, without types: what an expression is made of.
constants: Any = importlib.import_module("re._constants")
parser: Any = importlib.import_module("re._parser")
_PACKAGES = (secagg, secagg_parsers)
# The methods that look at the start of a text only.
_AT_START = frozenset({"match", "fullmatch"})
_CALLS = frozenset(
    {"compile", "match", "fullmatch", "search", "sub", "split", "findall", "finditer"}
)
# Functions of our own that search with an expression, and the flags that they add.
_FUNCTIONS = {"has_pattern": re.MULTILINE}
# So many characters at first; doubled as long as it takes no time that can be measured.
_SIZE = 4_000
_LARGEST = 64_000
# In seconds: what is worth comparing, and what a character may take: 1 MB has 5 seconds.
_MEASURABLE = 0.002
_SLOW = 5 / 1_000_000
_QUADRATIC = 3.2
_TRIES = 4
REPETITIONS = (constants.MAX_REPEAT, constants.MIN_REPEAT, constants.POSSESSIVE_REPEAT)
# So many texts of one expression, at most: more of them are much the same.
_MOST_TEXTS = 40


def patterns() -> dict[str, re.Pattern[Any]]:
    """Every expression of the code base, by where it stands."""
    found: dict[tuple[Any, int], str] = {}
    for module in _modules():
        for name, pattern in _compiled(module):
            found.setdefault((pattern.pattern, pattern.flags), f"{module.__name__}.{name}")
        for line, pattern in _written(module):
            # Those that are compiled once were found by their names.
            if all(text != pattern.pattern for text, _ in found):
                found[pattern.pattern, pattern.flags] = f"{module.__name__}:{line}"
    for shape in SHAPES:
        pattern = shape.pattern
        found.setdefault((pattern.pattern, pattern.flags), f"shape {shape.name}")
    return {where: re.compile(text, flags) for (text, flags), where in found.items()}


def run(seed: int, count: int, within: str = "") -> Counts:
    """Try every expression on up to ``count`` texts of its own making; those of ``within`` only."""
    counts = Counts()
    for where, pattern in sorted(patterns().items()):
        if not re.match(within, where) or where.startswith(_OF_SHORT_TEXTS):
            continue
        for text in itertools.islice(_texts(pattern, random.Random(seed)), min(count, _MOST_TEXTS)):
            kind = "bytes" if isinstance(pattern.pattern, bytes) else "text"
            slow = _slowness(pattern, text)
            counts.add(kind, broken=slow and f"{where} takes {slow} on {text[:30]!r}...")
    return counts


def _modules() -> Iterator[ModuleType]:
    for package in _PACKAGES:
        yield package
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__") and ".migrations" not in module.name:
                yield importlib.import_module(module.name)


def _compiled(module: ModuleType) -> Iterator[tuple[str, re.Pattern[Any]]]:
    """The compiled patterns that a module holds, also as methods, in tuples and behind caches."""
    for name, value in vars(module).items():
        if hasattr(value, "cache_info") and getattr(value, "__module__", "") == module.__name__:
            try:
                value = value()
            except Exception:
                continue
        for item in value if isinstance(value, tuple | list) else (value,):
            if getattr(item, "__name__", "") in _AT_START:
                AT_START.add(item.__self__)
            item = getattr(item, "__self__", item)
            if isinstance(item, _LazyPattern):
                item = re.compile(item._expression, item._flags)
            if isinstance(item, re.Pattern):
                if name in _only_at_start(module):
                    AT_START.add(item)
                yield name, item


# What these are given is a pattern that a policy or CODEOWNERS holds, and short.
_OF_SHORT_TEXTS = ("secagg.system.globs.",)
# Expressions that are only ever matched at the start of a text.
AT_START: set[re.Pattern[Any]] = set()


@functools.cache
def _only_at_start(module: ModuleType) -> frozenset[str]:
    """The names in a module of which no more than ``match`` and ``fullmatch`` are called."""
    used: dict[str, set[str]] = {}
    for node in ast.walk(ast.parse(Path(module.__file__ or "").read_text("utf-8"))):
        if isinstance(node, ast.Attribute):
            value = node.value.func if isinstance(node.value, ast.Call) else node.value
            if isinstance(value, ast.Name):
                used.setdefault(value.id, set()).add(node.attr)
    return frozenset(name for name, calls in used.items() if calls <= _AT_START)


def _written(module: ModuleType) -> Iterator[tuple[int, re.Pattern[Any]]]:
    """The expressions that a module's code gives to ``re`` as a constant."""
    if module.__file__ is None:
        return
    nodes = [*ast.walk(ast.parse(Path(module.__file__).read_text("utf-8")))]
    at_start = {
        node.value for node in nodes if isinstance(node, ast.Attribute) and node.attr in _AT_START
    }
    for node in nodes:
        if (
            isinstance(node, ast.Call)
            and (called := _called(node.func)) is not None
            and node.args
            and isinstance(node.args[0], ast.Constant)
            and isinstance(node.args[0].value, str | bytes)
        ):
            text: Any = node.args[0].value
            pattern = re.compile(text, _flags(node) | _FUNCTIONS.get(called, 0))
            if called in _AT_START or node in at_start:
                AT_START.add(pattern)
            yield node.lineno, pattern


def _called(function: ast.expr) -> str | None:
    """Return the name of a function that takes an expression, or None for another one."""
    if isinstance(function, ast.Name):
        return function.id if function.id in _FUNCTIONS else None
    if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
        return function.attr if function.value.id == "re" and function.attr in _CALLS else None
    return None


def _flags(call: ast.Call) -> int:
    """Return the flags among the arguments of a call: ``re.MULTILINE | re.DOTALL``."""
    given = 0
    for argument in (*call.args[1:], *(keyword.value for keyword in call.keywords)):
        for node in ast.walk(argument):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                flag = getattr(re, node.attr, 0) if node.value.id == "re" else 0
                given |= flag if isinstance(flag, re.RegexFlag) else 0
    return int(given)


def _texts(pattern: re.Pattern[Any], made: random.Random) -> Iterator[str]:
    """Pieces of which many in a row make ``pattern`` begin again and again, and never end."""
    pieces = dict.fromkeys(_pieces(parser.parse(text_of(pattern), pattern.flags)))
    single = [piece for piece in pieces if piece]
    yield from single
    for first, second in itertools.islice(itertools.permutations(single, 2), 200):
        yield first + second
    while single:
        yield "".join(made.choices(single, k=made.randrange(2, 6)))


def text_of(pattern: re.Pattern[Any]) -> str:
    """Return the expression of ``pattern`` as text."""
    text = pattern.pattern
    return text.decode("latin-1") if isinstance(text, bytes) else str(text)


def _pieces(parsed: Any) -> Iterator[str]:
    """Texts that a part of an expression matches, and pieces of such."""
    whole = ""
    for operation, argument in parsed:
        inner = ""
        if operation is constants.LITERAL:
            inner = chr(argument)
        elif operation is constants.NOT_LITERAL:
            inner = "a" if argument != ord("a") else "b"
        elif operation is constants.IN:
            inner = _of_class(argument)
        elif operation is constants.ANY:
            inner = "a"
        elif operation in REPETITIONS:
            least, _, part = argument
            inside = list(_pieces(part))
            yield from inside
            inner = (inside[-1] if inside else "") * max(1, min(least, 20))
        elif operation is constants.SUBPATTERN:
            inside = list(_pieces(argument[3]))
            yield from inside
            inner = inside[-1] if inside else ""
        elif operation is constants.ATOMIC_GROUP:
            inside = list(_pieces(argument))
            yield from inside
            inner = inside[-1] if inside else ""
        elif operation is constants.BRANCH:
            for branch in argument[1]:
                inside = list(_pieces(branch))
                yield from inside
                inner = inner or (inside[-1] if inside else "")
        elif operation in (constants.ASSERT, constants.ASSERT_NOT):
            yield from _pieces(argument[1])
        if inner:
            whole += inner
            yield inner
            yield whole
    yield whole


def _of_class(items: Any) -> str:
    """A character of a class."""
    negated = any(operation is constants.NEGATE for operation, _ in items)
    if negated:
        return next((c for c in "a1-~ \n" if re.match(_class(items), c)), "a")
    for operation, argument in items:
        if operation is constants.LITERAL:
            return chr(argument)
        if operation is constants.RANGE:
            return chr(argument[0])
        if operation is constants.CATEGORY:
            return {"CATEGORY_SPACE": " ", "CATEGORY_DIGIT": "1"}.get(str(argument), "a")
    return "a"


def _class(items: Any) -> str:
    """The class written again, as far as its negation needs."""
    inside = ""
    for operation, argument in items:
        if operation is constants.LITERAL:
            inside += re.escape(chr(argument))
        elif operation is constants.RANGE:
            inside += f"{re.escape(chr(argument[0]))}-{re.escape(chr(argument[1]))}"
        elif operation is constants.CATEGORY:
            inside += {"CATEGORY_SPACE": r"\s", "CATEGORY_DIGIT": r"\d"}.get(str(argument), r"\w")
    return f"[^{inside}]"


def _slowness(pattern: re.Pattern[Any], piece: str) -> str | None:
    """Say how long a text takes, if that is more than a linear and quick search would."""
    size = _SIZE
    before = _time(pattern, piece, size)
    while size < _LARGEST:
        size *= 2
        now = _time(pattern, piece, size)
        if before >= _MEASURABLE:
            ratios = []
            for _ in range(_TRIES):
                best = _best(pattern, piece, size)
                ratios.append(best / _best(pattern, piece, size // 2))
                if min(ratios) < _QUADRATIC:
                    return f"{best:.2f} s for {size:,} characters" if best > size * _SLOW else None
            return f"{min(ratios):.1f} times as long for twice the text"
        before = now
    return None


def _best(pattern: re.Pattern[Any], piece: str, size: int) -> float:
    return min(_time(pattern, piece, size) for _ in range(2))


def _time(pattern: re.Pattern[Any], piece: str, size: int) -> float:
    text: Any = (piece * (size // len(piece) + 1))[:size] + "\0"
    if isinstance(pattern.pattern, bytes):
        text = text.encode("utf-8", "replace")
    started = time.process_time()
    if pattern in AT_START:
        pattern.match(text)
        pattern.fullmatch(text)
    else:
        for _ in pattern.finditer(text):
            pass
    return time.process_time() - started
