"""One file from an unprivileged job to a privileged one, and the distrust it deserves.

A pull request from a fork runs without a token that may upload. Its job writes a bundle; a
``workflow_run`` job with the base's rights publishes it. All that is in the bundle may have been
written by the fork: only its results are used, as data, after they were read, checked and
written again; where they go is what GitHub's own event says.

Source: GitHub Docs, "Events that trigger workflows" (workflow_run).
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from secagg.errors import UsageError
from secagg.github.client import Client
from secagg.github.event import COMMIT, Event, mapping, text_at
from secagg.github.payload import compressed
from secagg.github.target import Target
from secagg.jsonio.reading import loads
from secagg.secrets.lastfilter import filtered_json

MIB = 1024 * 1024
# The largest bundle that is read, packed and unpacked (bytes).
LARGEST_PACKED = 50 * MIB
LARGEST = 256 * MIB
# Objects and lists, and values in them: a few bytes each in a bundle, and a hundred in memory.
MOST_OBJECTS = 2_000_000
MOST_VALUES = 20_000_000
# What a bundle may grow to when it is unpacked: so much in any case, and so much for a byte of it.
# SARIF shrinks to a tenth or a twentieth; what shrinks to a thousandth says nothing.
_GROWTH = {"bytes": (32 * MIB, 20.0), "objects": (200_000, 0.25), "values": (2_000_000, 4.0)}


class Bundle(BaseModel):
    """What a bundle holds. ``sarif`` is a SARIF 2.1.0 log."""

    model_config = ConfigDict(extra="forbid")

    version: int = Field(default=1, ge=1, le=1)
    repository: str = Field(max_length=200)
    commit: str = Field(pattern=r"^[0-9a-f]{40}([0-9a-f]{24})?$")
    pull_number: int = Field(ge=1, le=2**31)
    sarif: dict[str, Any]


class UntrustedBundle(UsageError):
    """A bundle that is not what its event says, or not a bundle at all."""


def pack(bundle: Bundle) -> bytes:
    """Return the file of a bundle: JSON as gzip."""
    return compressed(filtered_json(bundle.model_dump_json().encode()))


def unpack(data: bytes) -> Bundle:
    """Read a bundle that anybody may have written. Raises :class:`UntrustedBundle`.

    No more is unpacked than :data:`LARGEST`, and no more is decoded than :data:`MOST_OBJECTS`,
    whatever the file says; a small file may hold less than that.
    """
    if len(data) > LARGEST_PACKED:
        raise UntrustedBundle(f"the bundle is larger than {LARGEST_PACKED // MIB} MiB")
    try:
        with gzip.open(io.BytesIO(data)) as file:
            largest = min(LARGEST, _allowed("bytes", data))
            text = file.read(largest + 1)
    except (OSError, EOFError, ValueError, zlib.error):
        raise UntrustedBundle("the bundle is no gzip file") from None
    if len(text) > largest:
        raise UntrustedBundle(f"the bundle unpacks to more than {largest // MIB} MiB")
    objects = text.count(b"{") + text.count(b"[")
    if objects > min(MOST_OBJECTS, _allowed("objects", data)) or text.count(b",") > min(
        MOST_VALUES, _allowed("values", data)
    ):
        raise UntrustedBundle("the bundle holds more objects than any scan makes")
    try:
        return Bundle.model_validate(loads(text, report="the bundle"))
    except ValidationError as error:
        # Without the values: they are whatever the fork wrote.
        where = ".".join(str(part) for part in error.errors()[0]["loc"][:1]) or "its form"
        raise UntrustedBundle(f"the bundle is not built as it should be: {where}") from None
    except RecursionError:
        raise UntrustedBundle("the bundle is nested too deeply") from None


def _allowed(what: str, packed: bytes) -> int:
    always, by_byte = _GROWTH[what]
    return int(always + by_byte * len(packed))


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleOrigin:
    """What GitHub itself says of the run that made a bundle."""

    repository: str
    commit: str
    conclusion: str


def origin_of(event: Event | None, environ: Mapping[str, str]) -> BundleOrigin:
    """The run that this ``workflow_run`` follows. Raises :class:`UsageError` for another event."""
    if event is None or event.name != "workflow_run":
        raise UsageError(
            "secagg publish runs in a workflow_run event only",
            hint="it needs GitHub's own word on which commit a bundle was made of",
        )
    run = mapping(event.payload.get("workflow_run"))
    commit = text_at(run, "head_sha") or ""
    repository = environ.get("GITHUB_REPOSITORY", "")
    if not COMMIT.fullmatch(commit) or not repository:
        raise UsageError("the workflow_run event does not say which commit ran")
    if text_at(run, "event") not in ("pull_request", "pull_request_target"):
        raise UsageError(
            "the workflow that ran was not started by a pull request",
            hint="other events may upload by themselves",
        )
    return BundleOrigin(
        repository=repository, commit=commit, conclusion=text_at(run, "conclusion") or "unknown"
    )


def target_of(bundle: Bundle, origin: BundleOrigin, client: Client, api_url: str) -> Target:
    """Return where the bundle's results go: the head of a pull request that GitHub itself names.

    The event does not name a fork's pull request, so the bundle's number is taken, and believed
    only if GitHub says that this pull request of this repository has the event's commit as its
    head. Raises :class:`UntrustedBundle` where anything differs.
    """
    if bundle.repository.lower() != origin.repository.lower():
        raise UntrustedBundle("the bundle was made for another repository than this one")
    if bundle.commit != origin.commit:
        raise UntrustedBundle("the bundle was made of another commit than the workflow ran on")
    pull = mapping(client.get(f"/repos/{origin.repository}/pulls/{bundle.pull_number}"))
    base = text_at(pull, "base", "repo", "full_name") or ""
    if base.lower() != origin.repository.lower():
        raise UntrustedBundle("the bundle's pull request is not one of this repository")
    if text_at(pull, "head", "sha") != origin.commit:
        raise UntrustedBundle(
            "the bundle's pull request does not have the commit that the workflow ran on",
            hint="a newer push has its own run, whose results will come",
        )
    return Target(
        repository=origin.repository,
        ref=f"refs/pull/{bundle.pull_number}/head",
        commit=origin.commit,
        api_url=api_url,
        event="workflow_run",
        pull_number=bundle.pull_number,
    )
