"""Findings from entries of TruffleHog, 3 and 2: value, source, line and column.

The kinds and their fields are those of TruffleHog's ``proto/source_metadata.proto``. E-mail
addresses and people's names in them are not taken over.
"""

from __future__ import annotations

import base64
import binascii
import string
from collections.abc import Callable, Iterator
from pathlib import Path

from msgspec import Struct

from secagg.model.finding import Finding, Kind, Location, Rule, SecretSighting, Severity
from secagg.parsing import ParseContext, RawReport
from secagg.secrets.redactor import Redactor, identify
from secagg.system.patterns import lazy
from secagg_parsers.fields import (
    REVOKE_SECRET,
    Entry,
    OddEntry,
    any_text,
    flag,
    json_type,
    mapping,
    position,
    required_text,
    text,
)
from secagg_parsers.places import Lines, Places

_BASE64 = lazy(r"[A-Za-z0-9+/_-]{12,}={0,2}")


_URL_SAFE = str.maketrans("-_", "+/")


class Columns:
    """Finds the columns of secrets in the lines of the work tree."""

    def __init__(self, root: Path | None) -> None:
        self._lines = Lines(root)

    def set(self, place: Location, value: str) -> None:
        """Set the columns of ``place`` to where ``value`` stands on its line, if it does once.

        A value that TruffleHog decoded stands there in base64. Nothing is set for places in
        history or in an image, which the work tree does not show.
        """
        if not value or place.uri is None or place.start_line is None:
            return
        if place.commit is not None or place.image is not None:
            return
        data = self._lines.one(place.uri, place.start_line)
        if data is None:
            return
        line = data.decode("utf-8", "replace")
        first, *others = value.splitlines() or [""]
        span = _only(line, first) or _encoded(line, value)
        if span is None:
            return
        place.start_column, place.end_column = span[0] + 1, span[1] + 1
        if others:
            place.end_line = place.start_line + len(others)
            place.end_column = len(others[-1]) + 1


def _only(line: str, text: str) -> tuple[int, int] | None:
    at = line.find(text) if text else -1
    if at < 0 or line.find(text, at + 1) >= 0:
        return None
    return at, at + len(text)


def _encoded(line: str, value: str) -> tuple[int, int] | None:
    spans = [match.span() for match in _BASE64.finditer(line) if value in _decoded(match[0])]
    return spans[0] if len(spans) == 1 else None


def _decoded(token: str) -> str:
    text = token.rstrip("=").translate(_URL_SAFE)
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4)).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return ""


# Parts of a credential that are no secret; scrubbed from all texts they would only hide words.
_PUBLIC_PARTS = frozenset(
    {"user", "username", "host", "hostname", "port", "region", "scheme", "domain", "database"}
)


_SECRET_WORDS = ("secret", "password", "passwd", "token", "key", "credential")


_PUBLIC_EXTRAS = ("guide", "_id", "name", "type", "fingerprint", "expir", "scope", "url")


_SHORTEST_REST = 8


def learn(entry: Entry, redactor: Redactor) -> str | None:
    """Return the id of an entry's secret, and register all its values with ``redactor``.

    The identity is ``Raw``: of credentials in two parts (AWS) that is the key's id, which is
    what Gitleaks and Trivy report too, where ``RawV2`` adds the other part.
    """
    raw, both = _text(entry, "Raw"), _text(entry, "RawV2")
    if raw is None and both is None:
        return _learn_legacy(entry, redactor)
    if raw is not None and "DecoderName" not in entry and "RawV2" not in entry:
        raw = _decoded_value(raw)
    for value in dict.fromkeys(_others(entry, raw, both)):
        if value != raw:
            identify(redactor, value)
    return identify(redactor, raw or both)


def _others(entry: Entry, raw: str | None, both: str | None) -> Iterator[str]:
    if both is not None:
        rest = ""
        if raw is not None and both.startswith(raw):
            rest = both[len(raw) :].lstrip(":;|,& \n")
        # Where both halves are known, so is the whole.
        yield rest if len(rest) >= _SHORTEST_REST else both
    parts = entry.get("SecretParts")
    for name, value in parts.items() if isinstance(parts, dict) else ():
        if isinstance(value, str) and value and name.lower() not in _PUBLIC_PARTS:
            yield value
    extras = entry.get("ExtraData")
    for name, value in extras.items() if isinstance(extras, dict) else ():
        word = name.lower()
        if (
            isinstance(value, str)
            and any(known_word in word for known_word in _SECRET_WORDS)
            and not any(known_word in word for known_word in _PUBLIC_EXTRAS)
        ):
            yield value


def _learn_legacy(entry: Entry, redactor: Redactor) -> str | None:
    strings = entry.get("stringsFound")
    texts = [text for text in strings if isinstance(text, str)] if isinstance(strings, list) else []
    ids = [identify(redactor, text) for text in texts]
    return ids[0] if ids else None


def _decoded_value(raw: str) -> str:
    """The first versions of TruffleHog 3 wrote ``Raw`` in base64."""
    try:
        decoded = base64.b64decode(raw, validate=True).decode()
    except (binascii.Error, ValueError):
        return raw
    return decoded if all(c.isprintable() or c in "\r\n\t" for c in decoded) else raw


def _text(entry: Entry, key: str) -> str | None:
    value = entry.get(key)
    return value if isinstance(value, str) and value else None


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


class SourceMetadata(Struct):
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
        """Return the location in ``data``; an empty one if there is none. Raises OddEntry."""
        for kind, fields in data.items():
            if kind in _WRAPPERS and isinstance(fields, dict):
                inner = fields.get("Metadata") or fields.get("Data") or fields
                if isinstance(inner, dict) and any(isinstance(v, dict) for v in inner.values()):
                    return self.source(inner)
            if fields is None:
                continue
            if not isinstance(fields, dict):
                raise OddEntry(f"SourceMetadata holds {json_type(fields)}, not an object")
            return SourceMetadata(self._place(kind, fields), any_text(fields, "link"))
        return SourceMetadata(Location())

    def legacy(self, entry: Entry) -> Location:
        """Return the place of an entry of TruffleHog 2."""
        return Location(
            uri=self._repository.optional(text(entry, "path")),
            commit=_commit(text(entry, "commitHash")),
        )

    def _place(self, kind: str, metadata: Entry) -> Location:
        line = position(metadata, "line")
        file = text(metadata, "file")
        if kind == "Filesystem":
            return Location(uri=self._files.optional(file), start_line=line)
        if kind in _IMAGES:
            image, tag = text(metadata, "image"), text(metadata, "tag")
            registry = text(metadata, "registry")
            name = "/".join(part for part in (registry, image) if part)
            return Location(
                uri=file.lstrip("/") if file else None,
                start_line=line,
                image=(f"{name}:{tag}" if tag else name) if name else None,
                layer=any_text(metadata, "layer"),
            )
        if "commit" in metadata:
            return Location(
                uri=self._repository.optional(file),
                start_line=line,
                commit=_commit(text(metadata, "commit")),
                logical=None if file else self._name(kind, metadata),
            )
        return Location(logical=self._name(kind, metadata), start_line=line)

    def _name(self, kind: str, metadata: Entry) -> str:
        parts = [kind.lower()]
        for name in _NAMES:
            value = metadata.get(name)
            if isinstance(value, str | int) and value != "" and not isinstance(value, bool):
                parts.append(str(value).strip("/"))
        return "/".join(parts)


def source_of(entry: Entry) -> Entry:
    """``SourceMetadata.Data`` of an entry. Raises OddEntry."""
    return mapping(mapping(entry, "SourceMetadata"), "Data")


def _commit(commit_hash: str | None) -> str | None:
    """Return a commit's hash; None for what is staged or not yet committed."""
    return (
        commit_hash
        if commit_hash and len(commit_hash) >= 7 and _HEX.issuperset(commit_hash)
        else None
    )


# What holds the secret.
_VALUES = frozenset({"Raw", "RawV2", "SecretParts", "Redacted", "stringsFound"})


class Detections:
    """Builds findings from entries as TruffleHog wrote them."""

    def __init__(self, report: RawReport, context: ParseContext) -> None:
        self._redactor = context.redactor
        self._sources = Sources(context.root, report.component, context.real_path)
        self._rules: dict[tuple[str, str | None, str | None], Rule] = {}
        self._columns = Columns(context.root)

    def finding(self, entry: Entry) -> Finding:
        """Make the finding of one detection. Raises OddEntry."""
        value_id = learn(entry, self._redactor)
        value = entry.get("Raw")
        entry = self._redactor.mask_json({k: v for k, v in entry.items() if k not in _VALUES})
        if "DetectorName" in entry or "SourceMetadata" in entry:
            return self._finding_of_3(entry, value_id, value if isinstance(value, str) else "")
        place = self._sources.legacy(entry)
        rule = self._rule(required_text(entry, "reason"), None, None)
        return self._finding(rule, place, SecretSighting(id=value_id, detector=rule.id))

    def _finding_of_3(self, entry: Entry, value_id: str | None, value: str) -> Finding:
        # A detector of the user's own is called CustomRegex and has its name in the extras.
        detector = text(entry, "DetectorName") or f"detector {entry.get('DetectorType')}"
        source = self._sources.source(source_of(entry))
        self._columns.set(source.location, value)
        extras = entry.get("ExtraData")
        name = guide = None
        if isinstance(extras, dict):
            name = extras.get("name") if detector == "CustomRegex" else None
            guide = extras.get("rotation_guide")
        rule = self._rule(
            detector,
            any_text(entry, "DetectorDescription"),
            name if isinstance(name, str) else None,
            guide if isinstance(guide, str) else None,
        )
        sighting = SecretSighting(
            id=value_id,
            detector=rule.id,
            decoder=any_text(entry, "DecoderName"),
            verified=flag(entry, "Verified") or False,
        )
        finding = self._finding(rule, source.location, sighting)
        if source.link is not None:
            finding.references = (source.link,)
        return finding

    def _rule(
        self, detector: str, description: str | None, name: str | None, guide: str | None = None
    ) -> Rule:
        rule = self._rules.get((detector, name, description))
        if rule is None:
            shown = name or detector
            rule = self._rules[detector, name, description] = Rule(
                id=detector,
                name=shown,
                short_description=f"{shown} secret",
                full_description=description,
                help_uri=guide,
                tags=("security", "secret"),
            )
        return rule

    def _finding(self, rule: Rule, place: Location, sighting: SecretSighting) -> Finding:
        sighting.in_history = place.commit is not None
        where = place.uri or place.logical or place.image or "the source"
        state = "that works" if sighting.verified else "that was not verified"
        if sighting.verified is None:
            state = "that may be real"
        return Finding(
            tool="trufflehog",
            kind=Kind.SECRET,
            rule_id=rule.id,
            severity=Severity.CRITICAL if sighting.verified else Severity.HIGH,
            title=f"{rule.name} secret",
            message=f"{rule.name} secret {state} in {where}.",
            location=place,
            rule=rule,
            cwes=("CWE-798",),
            secret=sighting,
            fix=REVOKE_SECRET,
        )
