"""Check what people write against classes, by pydantic; the classes themselves do without it.

The classes of files that may be absent (the configuration, a policy) are dataclasses, whose fields
tell pydantic their limits (:func:`key`). Importing pydantic takes longer than reading a small
report, so it is imported where something is checked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, field
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, cast

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, TypeAdapter

_Model = TypeVar("_Model")

# Of a dataclass: a key that is no field is a mistake.
NO_OTHER_KEYS = {"extra": "forbid"}


def key(*, default: Any = MISSING, default_factory: Any = MISSING, **checks: Any) -> Any:
    """Describe a key of a file: a field of a dataclass with arguments of :func:`pydantic.Field`.

    A list or mapping may be the default: each object gets a copy of its own.
    """
    if isinstance(default, list | dict):
        checks["json_schema_extra"] = {"default": default}
        default_factory, default = default.copy, MISSING
    if default_factory is not MISSING:
        return field(default_factory=default_factory, metadata=checks)
    return field(default=default, metadata=checks)


class _Later:
    """An annotation of pydantic, made when a class is checked for the first time."""

    def __init__(self, name: str, *arguments: Any, **settings: Any) -> None:
        self._name, self._arguments, self._settings = name, arguments, settings

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> Any:
        import pydantic

        annotation = getattr(pydantic, self._name)(*self._arguments, **self._settings)
        if hasattr(annotation, "__get_pydantic_core_schema__"):
            return annotation.__get_pydantic_core_schema__(source, handler)
        return handler(Annotated[source, annotation])


def before(check: Callable[[Any], object], input_type: Any = None) -> Any:
    """Annotate a type with a function that reads the value before it is checked.

    ``input_type`` is what the JSON Schema says of the value, by default the type itself.
    """
    settings = {} if input_type is None else {"json_schema_input_type": input_type}
    return _Later("BeforeValidator", check, **settings)


def after(check: Callable[[Any], object]) -> Any:
    """Annotate a type with a function that takes the checked value and returns the one to use."""
    return _Later("AfterValidator", check)


def limited(**limits: Any) -> Any:
    """Annotate a type with limits: the arguments of :func:`pydantic.Field`."""
    return _Later("Field", **limits)


def stripped(**limits: Any) -> Any:
    """Annotate a text with limits that hold without the blanks at its ends, which are removed."""
    return _Later("StringConstraints", strip_whitespace=True, **limits)


def validate(model: type[_Model], document: object) -> _Model:
    """Read ``document`` as a ``model``. Raises :class:`pydantic.ValidationError`."""
    value: _Model = _adapter(cast(Any, model)).validate_python(document)
    return value


def json_schema(model: type[Any]) -> dict[str, Any]:
    """Return the JSON Schema of ``model``: a dataclass or a model of pydantic."""
    schema: dict[str, Any] = _adapter(cast(Any, model)).json_schema()
    return schema


@cache
def _adapter(model: Any) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter

    return TypeAdapter(model)
