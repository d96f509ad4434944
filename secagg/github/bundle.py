"""Write and read bundles, which carry results from the job of a fork to a job that may upload.

A pull request from a fork runs without a token that may upload. Its job writes a bundle; a
``workflow_run`` job with the rights of the base publishes it. The fork may have written anything
into the bundle: only its results are used, after they are parsed and written again, and GitHub's
own event says where they go.

Source: GitHub Docs, "Events that trigger workflows" (workflow_run).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from secagg.errors import UsageError
from secagg.github.client import Client
from secagg.github.event import COMMIT, Event
from secagg.github.payload import compressed
from secagg.github.target import Target
from secagg.jsonio.members import as_mapping, text_at
from secagg.jsonio.packed import unpacked
from secagg.jsonio.reading import loads
from secagg.secrets.lastfilter import filtered_json


class Bundle(BaseModel):
    """The content of a bundle. ``sarif`` is a SARIF 2.1.0 log."""

    model_config = ConfigDict(extra="forbid")

    version: int = Field(default=1, ge=1, le=1)
    repository: str = Field(max_length=200)
    commit: str = Field(pattern=r"^[0-9a-f]{40}([0-9a-f]{24})?$")
    pull_number: int = Field(ge=1, le=2**31)
    sarif: dict[str, Any]


class UntrustedBundle(UsageError):
    """A file that is no bundle, or a bundle that does not match its event."""


def pack(bundle: Bundle) -> bytes:
    """Return ``bundle`` as gzipped JSON."""
    return compressed(filtered_json(bundle.model_dump_json().encode()))


def unpack(data: bytes) -> Bundle:
    """Read an untrusted bundle, within the limits of :mod:`secagg.jsonio.packed`.

    Raises :class:`UntrustedBundle`.
    """
    text = unpacked(data, name="the bundle", error=UntrustedBundle)
    try:
        return Bundle.model_validate(loads(text, report="the bundle"))
    except ValidationError as error:
        # Names the field only, as the fork wrote the value.
        field = ".".join(str(part) for part in error.errors()[0]["loc"][:1]) or "its form"
        raise UntrustedBundle(f"the bundle is not built as it should be: {field}") from None
    except RecursionError:
        raise UntrustedBundle("the bundle is nested too deeply") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleOrigin:
    """The workflow run that made a bundle, by GitHub's event."""

    repository: str
    commit: str
    conclusion: str


def read_bundle_origin(event: Event | None, environ: Mapping[str, str]) -> BundleOrigin:
    """Return the run that this ``workflow_run`` event follows.

    Raises :class:`UsageError` for another event.
    """
    if event is None or event.name != "workflow_run":
        raise UsageError(
            "secagg publish runs in a workflow_run event only",
            hint="it needs GitHub's own word on which commit a bundle was made of",
        )
    run = as_mapping(event.payload.get("workflow_run"))
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


def bundle_target(bundle: Bundle, origin: BundleOrigin, client: Client, api_url: str) -> Target:
    """Return where the bundle's results go: the head of a pull request, checked with GitHub.

    The event does not name the pull request of a fork. The number in the bundle counts only if
    GitHub says that this pull request of this repository has the event's commit as its head.
    Raises :class:`UntrustedBundle` otherwise.
    """
    if bundle.repository.lower() != origin.repository.lower():
        raise UntrustedBundle("the bundle was made for another repository than this one")
    if bundle.commit != origin.commit:
        raise UntrustedBundle("the bundle was made of another commit than the workflow ran on")
    pull = as_mapping(client.get(f"/repos/{origin.repository}/pulls/{bundle.pull_number}"))
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
