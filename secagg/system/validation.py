"""Check what people write against classes, by pydantic; the classes themselves do without it.

The classes of files that may be absent (the configuration, a policy) are :class:`FileModel`, whose
fields tell pydantic their limits (:func:`key`). Importing pydantic takes longer than reading a
small report, so it is imported where something is checked. Making a dataclass takes thirty times
as long as making a Struct of msgspec, so pydantic gets one only then, too.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    ClassVar,
    TypeVar,
    cast,
    get_type_hints,
)

from msgspec import NODEFAULT, Struct, StructMeta, field

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, TypeAdapter

_Model = TypeVar("_Model")


class _Key:
    """The default of a field, and the arguments of :func:`pydantic.Field` for it."""

    def __init__(self, default: Any, default_factory: Any, checks: dict[str, Any]) -> None:
        self.field: Any = (
            field(default=default)
            if default_factory is NODEFAULT
            else field(default_factory=default_factory)
        )
        self.checks = checks


def key(*, default: Any = NODEFAULT, default_factory: Any = NODEFAULT, **checks: Any) -> Any:
    """Describe a key of a file: a field of a :class:`FileModel` with limits for pydantic.

    A list or mapping may be the default: each object gets a copy of its own.
    """
    if isinstance(default, list | dict):
        checks["json_schema_extra"] = {"default": default}
        default_factory, default = default.copy, NODEFAULT
    return _Key(default, default_factory, checks)


class _FileModelMeta(StructMeta):
    """Makes a Struct of a class whose fields are described by :func:`key`."""

    def __new__(
        mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **settings: Any
    ) -> Any:
        keys = {name: value for name, value in namespace.items() if isinstance(value, _Key)}
        fields = {name: value.field for name, value in keys.items()}
        model: Any = super().__new__(mcs, name, bases, namespace | fields, **settings)
        model.key_checks = model.key_checks | {name: value.checks for name, value in keys.items()}
        return model


class FileModel(Struct, metaclass=_FileModelMeta):
    """A mapping in a file, in which a key that is no field is a mistake."""

    key_checks: ClassVar[dict[str, dict[str, Any]]] = {}

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> Any:
        from pydantic_core.core_schema import no_info_after_validator_function

        def made(checked: Any) -> Any:
            return cls(**{name: getattr(checked, name) for name in cls.__struct_fields__})

        return no_info_after_validator_function(made, handler.generate_schema(_dataclass_of(cls)))


@cache
def _dataclass_of(model: type[FileModel]) -> type:
    """Return a dataclass with the fields of ``model``, by which pydantic checks it."""
    import dataclasses

    import msgspec

    hints = get_type_hints(model, include_extras=True)
    fields = []
    for each in msgspec.structs.fields(model):
        default: Any = {"metadata": model.key_checks.get(each.name, {})}
        if each.default is not NODEFAULT:
            default["default"] = each.default
        elif each.default_factory is not NODEFAULT:
            default["default_factory"] = each.default_factory
        fields.append((each.name, hints[each.name], dataclasses.field(**default)))
    namespace = {
        "__doc__": model.__doc__,
        "__module__": model.__module__,
        "__qualname__": model.__qualname__,
        "__pydantic_config__": {"extra": "forbid"},
    }
    return dataclasses.make_dataclass(model.__name__, fields, namespace=namespace, kw_only=True)


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
    """Return the JSON Schema of ``model``: a :class:`FileModel` or a model of pydantic."""
    schema: dict[str, Any] = _adapter(cast(Any, model)).json_schema()
    return schema


@cache
def _adapter(model: Any) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter

    return TypeAdapter(model)
