"""The code around a finding, and the Kubernetes workload that a check names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from secagg.model.finding import Finding, Location

# A region shorter than this says too little: its whole line is taken as well.
_TELLING = 16


_LONGEST = 400


_MOST_LINES = 12


_SPACE = re.compile(r"\s+")


_VARYING = re.compile(
    r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b|\b(?=[0-9a-f]*\d)[0-9a-f]{7,64}\b|\d+",
    re.IGNORECASE,
)


# What varies has a digit, or the hyphens of a UUID.
_MAY_VARY = re.compile(r"[\d-]")


# ``image: shop:v1.4.2`` and ``image: shop@sha256:...``, with a registry's port left alone.
_IMAGE = re.compile(
    r"""((?:^|[\s{,\-"'])image["']?\s*:\s*["']?[^\s"'@:]+(?::\d+/[^\s"'@:]+)?)[:@][^\s"',}]+"""
)


_BEFORE_VALUE = re.compile(r"""^[^=:"'`]*""")


def source_lines(data: bytes) -> list[bytes]:
    """Return the lines of a file as scanners count them: ended by LF, CR or CRLF."""
    return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")


def code_context(lines: Sequence[bytes], place: Location) -> str | None:
    """Return the text of a place without any white space, ``None`` where ``lines`` do not reach.

    It is the region itself where the region is known and long enough to tell one place from
    another, so that a line break within or before it changes nothing; else its lines.
    """
    first = place.start_line
    if first is None or not 1 <= first <= len(lines):
        return None
    last = min(max(place.end_line or first, first), len(lines), first + _MOST_LINES - 1)
    text = [line.decode("utf-8", "replace") for line in lines[first - 1 : last]]
    whole = _SPACE.sub("", "".join(text))
    if place.end_column is not None and (place.end_line or first) == last:
        text[-1] = text[-1][: max(place.end_column - 1, 0)]
        text[0] = text[0][max((place.start_column or 1) - 1, 0) :]
        region = _SPACE.sub("", "".join(text))
        if len(region) >= _TELLING:
            return region[:_LONGEST]
    return whole[:_LONGEST]


def without_image_tags(lines: Sequence[bytes]) -> list[bytes]:
    """The ``lines`` of a manifest without tags and digests of images: each release changes them."""
    return [
        _IMAGE.sub(r"\1", line.decode("utf-8", "surrogateescape")).encode(
            "utf-8", "surrogateescape"
        )
        if b"image" in line
        else line
        for line in lines
    ]


def snippet_context(finding: Finding) -> str | None:
    """Return the snippet that a SARIF result brings along, without white space."""
    if finding.sarif is None or b'"snippet"' not in finding.sarif.encoded:
        return None
    try:
        physical = finding.sarif.result["locations"][0]["physicalLocation"]
        text = physical["region"]["snippet"]["text"]
    except (KeyError, IndexError, TypeError):
        return None
    return _SPACE.sub("", text)[:_LONGEST] or None if isinstance(text, str) else None


@lru_cache(maxsize=4096)
def message_context(text: str) -> str:
    """A message without numbers, hashes, dates and spacing: what it says, not when or where."""
    if _MAY_VARY.search(text):
        text = _VARYING.sub("#", text)
    return " ".join(text.split()).lower()[:_LONGEST]


def name_before_value(lines: Sequence[bytes], place: Location) -> str | None:
    """Return what stands on a line before a value is given: a secret's name without the secret."""
    first = place.start_line
    if first is None or not 1 <= first <= len(lines):
        return None
    match = _BEFORE_VALUE.match(lines[first - 1].decode("utf-8", "replace"))
    name = "" if match is None else _SPACE.sub("", match[0])
    # A line without "=" or ":" may be the secret itself.
    return (
        name
        if 0 < len(name) < len(_SPACE.sub("", lines[first - 1].decode("utf-8", "replace")))
        else None
    )


# Trivy writes the container and the workload into the message of its checks for Kubernetes,
# in forms that differ by the age of the check (trivy-checks, ``checks/kubernetes``), and gives
# no resource beside them.
_CONTAINER = re.compile(
    r"\bcontainer ['\"](?P<container>[^'\"\s]+)['\"] of "
    r"['\"]?(?P<kind>[a-z]+)['\"]? ['\"](?P<name>[^'\"\s]+)['\"]",
    re.IGNORECASE,
)


_WORKLOAD = re.compile(
    r"(?:^|: )['\"]?(?P<kind>cronjob|daemonset|deployment|job|pod|replicaset|"
    r"replicationcontroller|service|statefulset)['\"]? ['\"]?(?P<name>[\w.-]+)['\"]?"
    r"(?: in ['\"]?[\w-]+['\"]? namespace)? should\b",
    re.IGNORECASE,
)


# KubeLinter writes the container, and the object on the next line
# (golangci.stackrox.io/kube-linter, ``pkg/command/lint``).
_OBJECT = re.compile(
    r"\nobject: [^\n/]{1,253}/(?P<name>[^\s/]{1,253}) \S{1,253}, Kind=(?P<kind>\w{1,63})"
)


_ITS_CONTAINER = re.compile(r"container \"(?P<container>[^\"\s]{1,253})\"")


def workload_in(message: str) -> str | None:
    """Name the workload, and the container if there is one, that ``message`` names.

    ``deployment/shop, container server``; None where it names neither. The name of an image, the
    namespace and the lines of the file are no part of it.
    """
    match = _CONTAINER.search(message)
    if match is not None:
        return f"{match['kind'].lower()}/{match['name']}, container {match['container']}"
    match = _OBJECT.search(message)
    if match is not None:
        named = _ITS_CONTAINER.search(message, 0, match.start())
        container = f", container {named['container']}" if named else ""
        return f"{match['kind'].lower()}/{match['name']}{container}"
    match = _WORKLOAD.search(message)
    return None if match is None else f"{match['kind'].lower()}/{match['name']}"
