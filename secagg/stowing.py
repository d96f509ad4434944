"""Fields of many objects that wait compressed (:mod:`secagg.packing`).

A class names such fields (:func:`stowable`); reading and setting them is as before. :func:`stow`
puts those of many objects away.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from operator import attrgetter
from typing import Any, TypeVar

from secagg.jsonvalue import decode, encode
from secagg.packing import Packed, pack

_T = TypeVar("_T", bound=type)
# What stands before a field's name where it is meant as it is held, be it waiting or not.
_AS_HELD = "_held_"
_names: dict[type, tuple[str, ...]] = {}
_readers: dict[type, Callable[[object], tuple[Any, ...]]] = {}


class Stowable:
    """A field that holds JSON (lists as tuples), or waits with its object's other such fields."""

    def __init__(self, slot: Any, index: int) -> None:
        self._held = slot.__get__
        self._hold = slot.__set__
        self._index = index

    def __get__(self, holder: object | None, owner: type | None = None) -> Any:
        if holder is None:
            return self
        value = self._held(holder)
        if value.__class__ is not Packed:
            return value
        value = _values(value)[self._index]
        return tuple(value) if value.__class__ is list else value

    def __set__(self, holder: object, value: object) -> None:
        self._hold(holder, value)


# Whoever asks for one field of an object goes on to its others.
_last: tuple[Packed | None, list[Any]] = (None, [])


def _values(packed: Packed) -> list[Any]:
    global _last
    known, values = _last
    if known is not packed:
        values = decode(packed.json)
        _last = (packed, values)
    return values


def stowable(one: str, other: str, *more: str) -> Callable[[_T], _T]:
    """Decorates a class with slots: what is in the named fields can be stowed."""

    def decorated(cls: _T) -> _T:
        for index, name in enumerate((one, other, *more)):
            slot = cls.__dict__[name]
            setattr(cls, _AS_HELD + name, slot)
            setattr(cls, name, Stowable(slot, index))
        names = _names[cls] = tuple(_AS_HELD + name for name in (one, other, *more))
        _readers[cls] = attrgetter(*names)
        return cls

    return decorated


def as_held(cls: type, name: str) -> str:
    """The name by which any field of a class is read and set as it is held."""
    return _AS_HELD + name if _AS_HELD + name in _names[cls] else name


def waiting_json(holder: object) -> bytes | None:
    """The JSON of the stowable fields of an object where all of them wait; else None."""
    values = _readers[type(holder)](holder)
    first = values[0]
    if first.__class__ is Packed and values.count(first) == len(values):
        text: bytes = first.json
        return text
    return None


def stow(objects: Collection[object]) -> None:
    """Let the stowable fields of ``objects``, which are of one class, wait.

    Those in which there is nothing, or of which some wait already, are left alone.
    """
    if not objects:
        return
    cls = type(next(iter(objects)))
    names, read = _names[cls], _readers[cls]
    texts = []
    held = []
    for one in objects:
        values = read(one)
        if any(values) and Packed not in [value.__class__ for value in values]:
            held.append(one)
            texts.append(encode(values))
    for one, packed in zip(held, pack(texts), strict=True):
        for name in names:
            setattr(one, name, packed)
