"""Read ``.snyk``, Snyk's policy file: ``ignore`` makes exceptions.

::

    version: v1.25.0
    ignore:
      SNYK-JS-LODASH-567746:
        - '*':
            reason: not reachable
            expires: 2026-12-31T00:00:00.000Z
            created: 2026-11-01T00:00:00.000Z
        - 'mongoose > lodash':
            reason: ...

An id covers the dependency paths that match its path, or all of them (``*``). ``exclude`` takes
files out of the scan and ``patch`` calls a vulnerability fixed: neither is honoured.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ConfigDict
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from secagg.decisions.entry import ScopedException, shortened
from secagg.decisions.toolscope import Chain, ToolScope, chain, checked_id
from secagg.model.finding import Kind
from secagg.policy.decision import DecisionSource, PolicyException
from secagg.system.dates import Ceiling, day_of, last_day
from secagg.system.yamlfile import load_model

NAME = ".snyk"
_KNOWN_SETTINGS = frozenset(
    {"reason", "expires", "created", "reasonType", "source", "ignoredBy", "disregardIfFixable"}
)
_KINDS = frozenset({Kind.VULNERABILITY, Kind.LICENSE, Kind.MISCONFIGURATION})


class _SnykFile(BaseModel):
    model_config = ConfigDict(extra="ignore", arbitrary_types_allowed=True)

    ignore: Any = None
    patch: Any = None
    exclude: Any = None


def read_snyk(text: str, ceiling: Ceiling, *, name: str = NAME) -> list[ScopedException]:
    """Return the exceptions in ``text``, in its order; ``exclude`` and ``patch`` as refused ones.

    Raises :class:`secagg.errors.ConfigError` if it is no YAML mapping.
    """
    file = load_model(text, _SnykFile, name=name)
    entries = [_entry(*item, ceiling) for item in _ignored(file.ignore, name)]
    if file.exclude:
        entries.append(_refused(name, "files that exclude names", "takes files out of the scan"))
    if file.patch:
        entries.append(_refused(name, "what patch names", "has a patch that nobody can check"))
    return entries


def _ignored(ignore: Any, name: str) -> Iterator[tuple[str, str, str, Any]]:
    """Yield source, id, path and settings of each entry."""
    if ignore is None:
        return
    if not isinstance(ignore, CommentedMap):
        yield f"{name}:1", "", "", None
        return
    for key, paths in ignore.items():
        source = f"{name}:{ignore.lc.key(key)[0] + 1}"
        if not isinstance(paths, CommentedSeq) or not paths:
            yield source, _key_text(key), "", None
            continue
        for index, item in enumerate(paths):
            source = f"{name}:{paths.lc.item(index)[0] + 1}"
            if isinstance(item, CommentedMap) and item:
                for path, settings in item.items():
                    yield source, _key_text(key), _key_text(path), settings
            else:
                # "- a > b" is a path without settings.
                yield source, _key_text(key), item if isinstance(item, str) else "", {}


def _key_text(key: object) -> str:
    """Return a key that is a text or a number as text; empty for any other key."""
    return str(key) if isinstance(key, str | int) else ""


def _entry(source: str, name: str, path: str, settings: Any, ceiling: Ceiling) -> ScopedException:
    expires: datetime.date | None = None
    created: datetime.date | None = None
    steps: Chain | None = None
    refusal: str | None = None
    settings = {} if settings is None and path else settings
    try:
        if not name or not path or not isinstance(settings, dict):
            raise ValueError("an id with a list of paths is expected")
        checked_id(name)
        unknown = [_key_text(key) for key in settings if key not in _KNOWN_SETTINGS]
        if unknown:
            raise ValueError("it has keys that are not known: " + ", ".join(unknown))
        expires = None if settings.get("expires") is None else last_day(settings["expires"])
        created = None if settings.get("created") is None else day_of(settings["created"])
        steps = None if path.strip() == "*" else chain(path)
    except ValueError as error:
        refusal = shortened(f"cannot be understood: {error}")
    described = settings if isinstance(settings, dict) else {}
    owner = described.get("ignoredBy")
    exception = PolicyException(
        origin=DecisionSource.SCANNERS,
        source=source,
        target=shortened(f"{name} of snyk" + ("" if steps is None else f" on the path {path}"))
        or "",
        reason=shortened(described.get("reason")),
        owner=shortened(owner.get("email") if isinstance(owner, dict) else owner),
        created=created,
        expires=expires,
        refusal=refusal or ceiling.foreign_refusal(created, expires),
    )
    if refusal is not None:
        return ScopedException(
            exception, ToolScope(tool="snyk", kinds=_KINDS, name=name) if name else None
        )
    scope = ToolScope(
        tool="snyk",
        kinds=_KINDS,
        name=name,
        chain=steps,
        unless_fixable=bool(described.get("disregardIfFixable")),
    )
    return ScopedException(exception, scope)


def _refused(name: str, target: str, why: str) -> ScopedException:
    refusal = f"{why}: that is not honoured"
    return ScopedException(
        PolicyException(
            source=name, target=target, refusal=refusal, origin=DecisionSource.SCANNERS
        ),
        None,
    )
