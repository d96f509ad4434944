"""What identifies a finding besides its rule: its code, its message, its workload."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import Struct

from secagg.model.finding import Finding, Location, SarifOrigin
from secagg.system.patterns import lazy

# Characters that a region needs to tell one place from another; else its whole lines count.
_LEAST = 16
_LONGEST = 400
_MOST_LINES = 12
_SPACE = lazy(r"\s+")

_VARYING = lazy(
    r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b|\b(?=[0-9a-f]*\d)[0-9a-f]{7,64}\b|\d+",
    re.IGNORECASE,
)

# Varying parts have a digit, or the hyphens of a UUID.
_MAY_VARY = lazy(r"[\d-]")

# ``image: shop:v1.4.2`` and ``image: shop@sha256:...``, with a registry's port left alone.
_IMAGE = lazy(
    r"""((?:^|[\s{,\-"'])image["']?\s*:\s*["']?[^\s"'@:]+(?::\d+/[^\s"'@:]+)?)[:@][^\s"',}]+"""
)

_BEFORE_VALUE = lazy(r"""^[^=:"'`]*""")

# Trivy's checks for Kubernetes have the container and the workload in their messages only, in
# forms that differ by the age of the check (trivy-checks, ``checks/kubernetes``).
_CONTAINER = lazy(
    r"\bcontainer ['\"](?P<container>[^'\"\s]+)['\"] of "
    r"['\"]?(?P<kind>[a-z]+)['\"]? ['\"](?P<name>[^'\"\s]+)['\"]",
    re.IGNORECASE,
)

_WORKLOAD = lazy(
    r"(?:^|: )['\"]?(?P<kind>cronjob|daemonset|deployment|job|pod|replicaset|"
    r"replicationcontroller|service|statefulset)['\"]? ['\"]?(?P<name>[\w.-]+)['\"]?"
    r"(?: in ['\"]?[\w-]+['\"]? namespace)? should\b",
    re.IGNORECASE,
)

# KubeLinter's messages have the container, and the object on the next line
# (golangci.stackrox.io/kube-linter, ``pkg/command/lint``).
_OBJECT = lazy(
    r"\nobject: [^\n/]{1,253}/(?P<name>[^\s/]{1,253}) \S{1,253}, Kind=(?P<kind>\w{1,63})"
)

_OBJECT_CONTAINER = lazy(r"container \"(?P<container>[^\"\s]{1,253})\"")


def source_lines(data: bytes) -> list[bytes]:
    """Return the lines of a file as scanners count them: ended by LF, CR or CRLF."""
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")


def code_context(lines: Sequence[bytes], location: Location) -> str | None:
    """Return the code of a place without white space; ``None`` if ``lines`` do not have it.

    It is the region where that is known and long enough, so that line breaks within or before it
    change nothing; else the whole lines.
    """
    first = location.start_line
    if first is None or not 1 <= first <= len(lines):
        return None
    last = min(max(location.end_line or first, first), len(lines), first + _MOST_LINES - 1)
    text = [line.decode("utf-8", "replace") for line in lines[first - 1 : last]]
    whole = _SPACE.sub("", "".join(text))
    if location.end_column is not None and (location.end_line or first) == last:
        text[-1] = text[-1][: max(location.end_column - 1, 0)]
        text[0] = text[0][max((location.start_column or 1) - 1, 0) :]
        region = _SPACE.sub("", "".join(text))
        if len(region) >= _LEAST:
            return region[:_LONGEST]
    return whole[:_LONGEST]


def without_image_tags(lines: Sequence[bytes]) -> list[bytes]:
    """Remove tags and digests of images, which each release changes, from a manifest's lines."""
    return [
        _IMAGE.sub(r"\1", line.decode("utf-8", "surrogateescape")).encode(
            "utf-8", "surrogateescape"
        )
        if b"image" in line
        else line
        for line in lines
    ]


def snippet_context(finding: Finding) -> str | None:
    """Return the snippet of a finding's SARIF result without white space; None without one."""
    if finding.sarif is None or b'"snippet"' not in finding.sarif.encoded:
        return None
    try:
        place = _decode_places(finding.sarif.encoded).locations[0]
        text = place.physical_location.region.snippet.text
    except (msgspec.DecodeError, UnicodeDecodeError):
        text = _odd_snippet(finding.sarif)
    except IndexError:
        return None
    return _SPACE.sub("", text)[:_LONGEST] or None if isinstance(text, str) else None


def _odd_snippet(origin: SarifOrigin) -> Any:
    """Return the snippet of a result in which not all is as SARIF says."""
    try:
        physical = origin.result["locations"][0]["physicalLocation"]
        return physical["region"]["snippet"]["text"]
    except (KeyError, IndexError, TypeError):
        return None


class _Snippet(Struct, frozen=True, gc=False):
    text: str | None = None


class _Region(Struct, frozen=True, gc=False):
    snippet: _Snippet = _Snippet()


class _Physical(Struct, frozen=True, gc=False):
    region: _Region = _Region()


class _Place(Struct, frozen=True, gc=False, rename="camel"):
    physical_location: _Physical = _Physical()


class _Result(Struct, frozen=True, gc=False):
    """What is read of a result; all else is skipped."""

    locations: tuple[_Place, ...] = ()


_decode_places = msgspec.json.Decoder(_Result).decode


@lru_cache(maxsize=4096)
def message_context(text: str) -> str:
    """Return a message without its numbers, hashes, dates and spacing, in lower case."""
    if _MAY_VARY.search(text):
        text = _VARYING.sub("#", text)
    return " ".join(text.split()).lower()[:_LONGEST]


def name_before_value(lines: Sequence[bytes], location: Location) -> str | None:
    """Return the text of a line before its value: the name of a secret without the secret."""
    first = location.start_line
    if first is None or not 1 <= first <= len(lines):
        return None
    line = lines[first - 1].decode("utf-8", "replace")
    match = _BEFORE_VALUE.match(line)
    name = "" if match is None else _SPACE.sub("", match[0])
    # A line without "=" or ":" may be the secret itself.
    return name if 0 < len(name) < len(_SPACE.sub("", line)) else None


def workload_in(message: str) -> str | None:
    """Return the workload and container that ``message`` names; None where it names none.

    ``deployment/shop, container server``. Images, namespaces and lines are no part of it.
    """
    match = _CONTAINER.search(message)
    if match is not None:
        return f"{match['kind'].lower()}/{match['name']}, container {match['container']}"
    match = _OBJECT.search(message)
    if match is not None:
        container = _OBJECT_CONTAINER.search(message, 0, match.start())
        suffix = f", container {container['container']}" if container else ""
        return f"{match['kind'].lower()}/{match['name']}{suffix}"
    match = _WORKLOAD.search(message)
    return None if match is None else f"{match['kind'].lower()}/{match['name']}"
