"""SARIF loaded into sarif_om: every member must be an attribute that its class has."""

from __future__ import annotations

from typing import Any

import attr
import sarif_om

from secagg.sarif.conform import schema

_SCHEMA = schema()


def load(log: dict[str, Any]) -> Any:
    """Load ``log`` as a ``SarifLog``, with every object below it as one of its own class.

    Raises AssertionError for a member that sarif_om does not know.
    """
    return _load("sarifLog", _SCHEMA, log)


def _load(name: str, definition: dict[str, Any], value: dict[str, Any]) -> Any:
    kind = getattr(sarif_om, name[0].upper() + name[1:])
    names = {a.metadata["schema_property_name"]: a.name for a in attr.fields(kind)}
    if name == "suppression":
        # sarif_om follows a draft that had another name for it (3.35.3).
        names["status"] = names["state"]
    assert value.keys() <= names.keys(), (name, value.keys() - names.keys())
    nodes = definition["properties"]
    return kind(**{names[key]: _child(nodes[key], item) for key, item in value.items()})


def _child(node: dict[str, Any], value: Any) -> Any:
    if node.get("type") == "array":
        return [_child(node["items"], item) for item in value]
    name = node.get("$ref", "").rpartition("/")[2]
    if not name or name == "propertyBag":
        return value
    return _load(name, _SCHEMA["definitions"][name], value)
