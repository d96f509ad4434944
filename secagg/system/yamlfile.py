"""Read YAML files that people write into models, with file, line and column in the errors."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import ConstructorError, RoundTripConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from secagg.errors import ConfigError
from secagg.system.files import read_given
from secagg.system.mistakes import in_words
from secagg.system.validation import json_schema, validate

_Model = TypeVar("_Model")
# Bytes, and lines and entries, of a YAML file: ruamel.yaml reads some 7,000 entries in a second.
LARGEST = 4 * 1024 * 1024
MOST_ENTRIES = 30_000
# Depth of nested lists and mappings. Files for secagg have less than ten.
DEEPEST = 100
# The errors of pydantic for a key that a model, or a dataclass, does not have.
_UNKNOWN_KEY = frozenset({"extra_forbidden", "unexpected_keyword_argument"})
# What ruamel.yaml raises for YAML that is wrong: its own errors, and those of Python for a mapping
# merged with itself, or for a value that is none of its tag (!!bool x).
_PARSER_ERRORS = (
    YAMLError,
    RecursionError,
    ValueError,
    AttributeError,
    KeyError,
    TypeError,
    IndexError,
)
# Characters of a key in a message.
_LONGEST_KEY = 200
_OPENING = "[{"
_BRACKETS = re.compile(r"[\[\]{}]")
# Quotations of the file in a message of the parser, and the two values of a duplicate key.
_QUOTED = re.compile(r"""\s{1,9}with value .*|\s{0,9}("[^"]*"|'[^']*')""", re.DOTALL)


@dataclass(frozen=True, slots=True)
class PlacedModel(Generic[_Model]):
    """A file as a model, with the position of each part. ``name`` is its name in messages."""

    name: str
    value: _Model
    document: CommentedMap

    def where(self, *loc: int | str) -> str:
        """Return ``name:line:column`` of the innermost part of ``loc`` that is in the file."""
        line, column = _position(self.document, loc)
        return f"{self.name}:{line + 1}:{column + 1}"

    def refuse_two_of_a_name(self, key: str, names: Iterable[str], *, hint: str) -> None:
        """Raise :class:`ConfigError` if two entries under ``key`` have the same name."""
        earlier: set[str] = set()
        for number, name in enumerate(names):
            if name in earlier:
                where = self.where(key, number, "name")
                raise ConfigError(f"two {key} are named {name!r}", where=where, hint=hint)
            earlier.add(name)


def load_model(source: Path | str, model: type[_Model], *, name: str) -> _Model:
    """Read ``source`` (a path, or the text itself) as a ``model``.

    ``name`` is the file's name in messages. Raises :class:`ConfigError` with
    ``name:line:column`` and, for an unknown key, the most similar known one.
    """
    return load_placed(source, model, name=name).value


def check_model(document: dict[str, Any], model: type[_Model], *, name: str) -> _Model:
    """Read a decoded ``document``, such as a table of a TOML file, as a ``model``.

    Raises :class:`ConfigError` like :func:`load_model`, with ``name`` but no line.
    """
    try:
        return validate(model, document)
    except ValidationError as error:
        explained = _explain(error, document, model, name)
        message = explained.message.removeprefix(f"{explained.where}: ")
        raise ConfigError(message, where=name, hint=explained.hint) from None


def load_placed(source: Path | str, model: type[_Model], *, name: str) -> PlacedModel[_Model]:
    """Like :func:`load_model`, with the position of each part."""
    text = read_text(source, name) if isinstance(source, Path) else source
    _refuse_too_much(text, name)
    yaml = YAML(typ="rt")
    yaml.Constructor = _Constructor
    try:
        document = yaml.load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark
        where = name if mark is None else f"{name}:{mark.line + 1}:{mark.column + 1}"
        raise ConfigError(f"not valid YAML: {_problem(error)}", where=where) from None
    except _PARSER_ERRORS as error:
        raise ConfigError(f"not valid YAML: {type(error).__name__}", where=name) from None
    if document is None:
        document = CommentedMap()
    if _size(document, {}) > MOST_ENTRIES:
        raise ConfigError("its aliases repeat too much, or itself", where=name)
    if not isinstance(document, CommentedMap):
        raise ConfigError("a mapping of keys to values is expected", where=f"{name}:1:1")
    try:
        return PlacedModel(name, validate(model, document), document)
    except ValidationError as error:
        raise _explain(error, document, model, name) from None


def _problem(error: MarkedYAMLError) -> str:
    """Return the parser's message without its quotations of values, which may be secrets.

    Quotations of one or two characters, and names of the parser's tokens, are kept.
    """
    message = _QUOTED.sub(
        lambda match: match[0] if match[1] and re.match(r".(<|.{0,2}.$)", match[1]) else "",
        error.problem or "",
    )
    return message.strip() or "syntax"


def _refuse_too_much(text: str, name: str) -> None:
    """Raise :class:`ConfigError` for a text that would take long to parse."""
    if sum(map(text.count, "\n,[{&*")) > MOST_ENTRIES:
        raise ConfigError(f"more than {MOST_ENTRIES:,} lines and entries", where=name)
    depth = 0
    for letter in _BRACKETS.findall(text):
        depth += 1 if letter in _OPENING else -1
        if depth > DEEPEST:
            raise ConfigError(f"more than {DEEPEST} lists in each other", where=name)


def _size(node: Any, sizes: dict[int, int]) -> int:
    """Count the entries of a document with all aliases expanded; too many if it holds itself."""
    if not isinstance(node, CommentedMap | CommentedSeq):
        return 1
    size = sizes.get(id(node))
    if size is None:
        sizes[id(node)] = MOST_ENTRIES + 1
        children = node.values() if isinstance(node, CommentedMap) else node
        size = sizes[id(node)] = 1 + sum(_size(child, sizes) for child in children)
    return size


class _Constructor(RoundTripConstructor):
    """Adds the position to the error for an invalid day; ruamel.yaml raises a bare ValueError."""

    def construct_yaml_timestamp(self, node: Any, values: Any = None) -> Any:
        try:
            return super().construct_yaml_timestamp(node, values)
        except ValueError:
            raise ConstructorError(None, None, "no such day or time", node.start_mark) from None


_Constructor.add_constructor("tag:yaml.org,2002:timestamp", _Constructor.construct_yaml_timestamp)


def read_text(path: Path, name: str | None = None, *, errors: str = "strict") -> str:
    """Return the text of a file; ``name`` is its name in messages.

    Raises :class:`ConfigError` if it cannot be read, or is not UTF-8 and ``errors`` is strict.
    """
    name = name or path.name
    try:
        return read_given(path, limit=LARGEST).decode("utf-8-sig", errors)
    except UnicodeDecodeError:
        raise ConfigError("not UTF-8 text", where=name) from None
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=name) from None


def _explain(error: ValidationError, document: Any, model: type[Any], name: str) -> ConfigError:
    """Make an error of the first mistake in the order of the file."""
    mistakes = error.errors(include_url=False, include_input=False)
    # A missing key beside an unknown one is most often misspelt: only the unknown one is reported.
    misspelt = {m["loc"][:-1] for m in mistakes if m["type"] in _UNKNOWN_KEY}
    mistakes = [m for m in mistakes if m["type"] != "missing" or m["loc"][:-1] not in misspelt]
    first = min(mistakes, key=lambda m: _position(document, m["loc"]))
    line, column = _position(document, first["loc"])
    where = f"{name}:{line + 1}:{column + 1}"
    key = ".".join(str(part) for part in first["loc"])[:_LONGEST_KEY]
    if first["type"] not in _UNKNOWN_KEY:
        return ConfigError(f"{key}: {in_words(first)}", where=where)
    keys = _known_keys(model, first["loc"][:-1])
    similar = difflib.get_close_matches(str(first["loc"][-1]), keys, n=1)
    hint = f"did you mean {similar[0]}?" if similar else "known keys: " + ", ".join(sorted(keys))
    return ConfigError(f"unknown key {key}", where=where, hint=hint)


def _position(document: Any, loc: Sequence[int | str]) -> tuple[int, int]:
    """Return line and column (from 0) of the innermost part of ``loc`` that is in the document."""
    position, node = (0, 0), document
    for part in loc:
        if isinstance(node, CommentedMap) and part in node:
            find = node.lc.key
        elif isinstance(node, CommentedSeq) and isinstance(part, int) and part < len(node):
            find = node.lc.item
        else:
            break
        try:
            line, column = find(part)
        except (KeyError, TypeError):
            # A key that another mapping brings (``<<: *other``), or one of ``!!omap``.
            break
        position = line, column
        node = node[part]
    return position


def _known_keys(model: type[Any], loc: Sequence[int | str]) -> list[str]:
    """Return the keys of the model at ``loc``."""
    schema = json_schema(model)
    node: Any = schema
    for part in loc:
        node = _resolve(node, schema)
        if isinstance(part, int):
            node = node.get("items", {})
        else:
            node = node.get("properties", {}).get(part) or node.get("additionalProperties") or {}
        if not isinstance(node, dict):
            return []
    return list(_resolve(node, schema).get("properties", {}))


def _resolve(node: Any, schema: Any) -> Any:
    while "$ref" in node or "anyOf" in node:
        if "$ref" in node:
            node = schema["$defs"][node["$ref"].rpartition("/")[2]]
        else:
            node = next((n for n in node["anyOf"] if "$ref" in n or "properties" in n), {})
    return node
