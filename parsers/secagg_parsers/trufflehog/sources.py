"""Where TruffleHog found a secret: each kind of source has its own names for it.

The kinds and their fields are those of TruffleHog's ``proto/source_metadata.proto``. E-mail
addresses and people's names in them are not taken over.
"""

from __future__ import annotations

import string
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from secagg.model.finding import Location
from secagg_parsers.fields import Entry, OddEntry, any_text, kind_of, mapping, position, text
from secagg_parsers.places import Places

_IMAGES = frozenset({"Docker", "ECR"})
# Sources that wrap another: what is in them says where.
_WRAPPERS = frozenset({"Forager", "Webhook"})
# Fields that together name a place, outermost first; and those that stand for one alone.
_NAMES = (
    "org",
    "organization",
    "organization_slug",
    "team_name",
    "workspace",
    "workspace_name",
    "project",
    "project_name",
    "project_slug",
    "space",
    "channel_name",
    "registry",
    "bucket",
    "container",
    "repository",
    "repo",
    "package",
    "release",
    "pipeline",
    "collection_name",
    "environment_name",
    "request_name",
    "folder_name",
    "index",
    "hostname",
    "appname",
    "page",
    "title",
    "issue",
    "snippet_id",
    "build_number",
    "build_step",
    "document_id",
    "event_id",
    "path",
    "file",
    "filename",
    "field_type",
)
_HEX = frozenset(string.hexdigits)


@dataclass(slots=True)
class SourceMetadata:
    """A place, and the address under which a browser shows it."""

    location: Location
    link: str | None = None


class Sources:
    """Reads ``SourceMetadata.Data``."""

    def __init__(self, root: Path | None, base: str | None, mask: Callable[[str], str]) -> None:
        self._files = Places(root, base, mask)
        # A repository's paths begin at its top, whichever component was asked for.
        self._repository = Places(root, None, mask)

    def source(self, data: Entry) -> SourceMetadata:
        """The place that ``data`` names; an empty one where it names none. Raises OddEntry."""
        for kind, found in data.items():
            if kind in _WRAPPERS and isinstance(found, dict):
                inner = found.get("Metadata") or found.get("Data") or found
                if isinstance(inner, dict) and any(isinstance(v, dict) for v in inner.values()):
                    return self.source(inner)
            if found is None:
                continue
            if not isinstance(found, dict):
                raise OddEntry(f"SourceMetadata holds {kind_of(found)}, not an object")
            return SourceMetadata(self._place(kind, found), any_text(found, "link"))
        return SourceMetadata(Location())

    def legacy(self, entry: Entry) -> Location:
        """The place of an entry of TruffleHog 2."""
        return Location(
            uri=self._repository.optional(text(entry, "path")),
            commit=_commit(text(entry, "commitHash")),
        )

    def _place(self, kind: str, found: Entry) -> Location:
        line = position(found, "line")
        file = text(found, "file")
        if kind == "Filesystem":
            return Location(uri=self._files.optional(file), start_line=line)
        if kind in _IMAGES:
            image, tag = text(found, "image"), text(found, "tag")
            registry = text(found, "registry")
            name = "/".join(part for part in (registry, image) if part)
            return Location(
                uri=file.lstrip("/") if file else None,
                start_line=line,
                image=(f"{name}:{tag}" if tag else name) if name else None,
                layer=any_text(found, "layer"),
            )
        if "commit" in found:
            return Location(
                uri=self._repository.optional(file),
                start_line=line,
                commit=_commit(text(found, "commit")),
                logical=None if file else self._name(kind, found),
            )
        return Location(logical=self._name(kind, found), start_line=line)

    def _name(self, kind: str, found: Entry) -> str:
        parts = [kind.lower()]
        for name in _NAMES:
            value = found.get(name)
            if isinstance(value, str | int) and value != "" and not isinstance(value, bool):
                parts.append(str(value).strip("/"))
        return "/".join(parts)


def source_of(entry: Entry) -> Entry:
    """``SourceMetadata.Data`` of an entry. Raises OddEntry."""
    return mapping(mapping(entry, "SourceMetadata"), "Data")


def _commit(written: str | None) -> str | None:
    """A commit's hash; what is staged or not yet committed has none."""
    return written if written and len(written) >= 7 and _HEX.issuperset(written) else None
