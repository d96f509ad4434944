"""Make results and runs conform to the SARIF schema, without dropping anything.

Some producers break the schema (the standard's own example does), and a file of ours that
breaks it might be refused as a whole. So a member that the schema does not know, or whose
value it forbids, is moved into the property bag of its object, under ``secagg/moved``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import orjson
from msgspec import Meta

from secagg.jsonio.members import as_mapping

MOVED = "secagg/moved"

_Check = Callable[[Any], Any]
_BAD = object()
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
}
# The definitions of what results commonly hold, each after those that it refers to.
_COMMON = (
    "propertyBag",
    "message",
    "artifactContent",
    "artifactLocation",
    "region",
    "logicalLocation",
    "physicalLocation",
    "location",
    "toolComponentReference",
    "reportingDescriptorReference",
    "threadFlowLocation",
    "threadFlow",
    "codeFlow",
    "replacement",
    "artifactChange",
    "fix",
    "suppression",
    "result",
)
# Where the schema requires one of several members: the common one.
_REQUIRED = {
    "message": ["text"],
    "physicalLocation": ["artifactLocation"],
    "reportingDescriptorReference": ["index"],
}
# Stands for a member that is not there; decoding does not look at defaults.
_ABSENT = ()


def schema() -> dict[str, Any]:
    """Return the JSON Schema of SARIF 2.1.0 that this package carries."""
    file = Path(__file__).parents[1] / "schemas" / "sarif-2.1.0.schema.json"
    loaded: dict[str, Any] = orjson.loads(file.read_bytes())
    return loaded


def conform_result(result: dict[str, Any], message: str) -> dict[str, Any]:
    """Return ``result`` as the schema allows it; itself if it conforms.

    ``message`` is used where the result has none.
    """
    return _conform("result", result, {"message": {"text": message}})


def conform_run(frame: dict[str, Any], tool: str) -> dict[str, Any]:
    """Return a run's frame as the schema allows it; itself if it conforms."""
    return _conform("run", frame, {"tool": {"driver": {"name": tool}}})


def _conform(name: str, value: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    checked = _checks()(name)(value)
    if checked is _BAD:
        rest = {key: item for key, item in value.items() if key not in defaults}
        moved = {key: value[key] for key in defaults if key in value}
        checked = _checks()(name)(with_moved({**rest, **defaults}, moved))
    assert checked is not _BAD
    result: dict[str, Any] = checked
    return result


def fits(encoded: bytes) -> bool:
    """Tell whether the schema surely allows the result whose JSON is ``encoded``.

    This is quick and covers the members that results commonly have. False means "not known":
    :func:`conform_result` checks everything.
    """
    try:
        result = _result_decoder().decode(encoded)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return False
    related = result.relatedLocations
    # Unique as the schema wants them, for their ids are.
    return len(related) < 2 or len({place.id for place in related}) == len(related)


@cache
def _result_decoder() -> msgspec.json.Decoder[Any]:
    """Make a decoder of the results that consist of the definitions in ``_COMMON``."""
    definitions = schema()["definitions"]
    structs: dict[str, Any] = {}
    for name in _COMMON:
        node = definitions[name]
        required = node.get("required", _REQUIRED.get(name, ()))
        members: list[Any] = []
        for key, child in node["properties"].items():
            kind = _type_of(child, structs)
            if kind is not None:
                members.append((key, kind) if key in required else (key, kind, _ABSENT))
        structs[name] = msgspec.defstruct(
            name,
            members,
            kw_only=True,
            gc=False,
            forbid_unknown_fields=node.get("additionalProperties") is False,
        )
    return msgspec.json.Decoder(structs["result"])


def _type_of(node: Mapping[str, Any], structs: Mapping[str, Any]) -> Any:
    """Return a type whose values ``node`` allows, None where no type expresses it.

    ``structs`` are the types of the definitions that ``node`` may refer to.
    """
    kind = node.get("type")
    if "$ref" in node:
        return structs.get(node["$ref"].rpartition("/")[2])
    if "enum" in node:
        return Literal[tuple(node["enum"])]
    if kind == "array":
        item = _type_of(node["items"], structs)
        # Whether items differ is checked for related locations only, in ``fits``: other lists of
        # this sort are short.
        unique = node["uniqueItems"] and item is not structs.get("location")
        meta = Meta(min_length=node["minItems"], max_length=1 if unique else None)
        return None if item is None else Annotated[tuple[item, ...], meta]  # type: ignore[valid-type]
    if kind == "integer":
        return Annotated[int, Meta(ge=node["minimum"])]
    if kind == "string":
        return Annotated[str, Meta(pattern=node["pattern"])] if "pattern" in node else str
    others = node.get("additionalProperties")
    if kind == "object" and isinstance(others, Mapping) and others.get("type") == "string":
        return dict[str, str]
    return None


@cache
def _checks() -> Callable[[str], _Check]:
    """Return the function that gives the check of a definition, compiled at its first use."""
    definitions = schema()["definitions"]
    checks: dict[str, _Check] = {}

    def named(name: str) -> _Check:
        if name not in checks:
            # Definitions refer to each other in circles.
            checks[name] = lambda value: checks[name](value)
            checks[name] = compiled(definitions[name])
        return checks[name]

    def compiled(node: Mapping[str, Any]) -> _Check:
        if "$ref" in node:
            name = node["$ref"].rpartition("/")[2]
            check = checks.get(name)
            return check if check is not None else named(name)
        kind = node.get("type")
        if kind == "object":
            return _object(node, compiled)
        if kind == "array":
            return _array(node, compiled)
        return _scalar(node)

    return named


def _scalar(node: Mapping[str, Any]) -> _Check:
    kinds = _TYPES.get(node.get("type", ""))
    choices = frozenset(node["enum"]) if "enum" in node else None
    pattern = re.compile(node["pattern"]) if "pattern" in node else None
    low, high = node.get("minimum"), node.get("maximum")

    def simple(value: Any) -> Any:
        return value if type(value) in kinds else _BAD  # type: ignore[operator]

    def check(value: Any) -> Any:
        if kinds is not None and type(value) not in kinds:
            return _BAD
        if choices is not None and (type(value) in (dict, list) or value not in choices):
            return _BAD
        if pattern is not None and not pattern.search(value):
            return _BAD
        if (low is not None and value < low) or (high is not None and value > high):
            return _BAD
        return value

    plain = choices is None and pattern is None and low is None and high is None
    return simple if plain and kinds is not None else check


def _array(node: Mapping[str, Any], compiled: Callable[[Mapping[str, Any]], _Check]) -> _Check:
    of_item = compiled(node["items"]) if "items" in node else None
    unique = bool(node.get("uniqueItems"))
    fewest = node.get("minItems", 0)

    def check(value: Any) -> Any:
        if type(value) is not list:
            return _BAD
        valid_items = value
        if of_item is not None:
            for item in value:
                if of_item(item) is not item:
                    valid_items = [new for old in value if (new := of_item(old)) is not _BAD]
                    break
        if unique and len(valid_items) > 1:
            by_form = {_digest(item): item for item in valid_items}
            if len(by_form) < len(valid_items):
                valid_items = list(by_form.values())
        return valid_items if len(valid_items) >= fewest else _BAD

    return check


def _digest(item: Any) -> bytes:
    """Return a digest of the JSON of ``item``, which takes less memory than the JSON."""
    form = orjson.dumps(item, option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(form, digest_size=16).digest()


def _object(node: Mapping[str, Any], compiled: Callable[[Mapping[str, Any]], _Check]) -> _Check:
    children: Mapping[str, Any] = node.get("properties", {})
    members = {name: compiled(child) for name, child in children.items()}
    # Most values are plain texts and line numbers: they need no call.
    plain = {name: kind for name, child in children.items() if (kind := _plain_type(child))}
    at_least = {
        name: child["minimum"]
        for name, child in children.items()
        if child.get("type") == "integer" and "minimum" in child and "maximum" not in child
    }
    others = node.get("additionalProperties", True)
    of_others = compiled(others) if isinstance(others, Mapping) else None
    required = frozenset(node.get("required", ()))
    either = [frozenset(choice["required"]) for choice in node.get("anyOf", ())]
    has_bag = "properties" in members

    def check(value: Any) -> Any:
        if type(value) is not dict:
            return _BAD
        result: dict[str, Any] | None = None
        moved: dict[str, Any] = {}
        for key, item in value.items():
            kind = type(item)
            if kind is plain.get(key) or (
                kind is int and key in at_least and item >= at_least[key]
            ):
                continue
            member = members.get(key)
            if member is None:
                if others is True:
                    continue
                new = _BAD if of_others is None else of_others(item)
            else:
                new = member(item)
            if new is item:
                continue
            if result is None:
                result = dict(value)
            if new is _BAD:
                moved[key] = result.pop(key)
            else:
                result[key] = new
                if isinstance(item, list) and len(result[key]) < len(item):
                    moved[key] = item
        if result is None:
            result = value
        if required and not required <= result.keys():
            return _BAD
        if either and not any(choice <= result.keys() for choice in either):
            return _BAD
        if moved and has_bag:
            return with_moved(result, moved)
        return result

    return check


def _plain_type(node: Mapping[str, Any]) -> type | None:
    """Return the type whose values are all valid, if there is one."""
    if node.keys() & {"enum", "pattern", "minimum", "maximum", "$ref"}:
        return None
    return {"string": str, "boolean": bool, "integer": int}.get(node.get("type", ""))


def with_moved(value: dict[str, Any], moved: dict[str, Any]) -> dict[str, Any]:
    """Add the members ``moved`` to those in the bag of ``value``; return itself if none is."""
    if not moved:
        return value
    bag = as_mapping(value.get("properties"))
    former = as_mapping(bag.get(MOVED))
    return {**value, "properties": {**bag, MOVED: {**former, **moved}}}
