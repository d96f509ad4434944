"""``secagg bundle`` and ``secagg publish``: two stages for pull requests from forks."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import orjson

from secagg.config import Config
from secagg.errors import UsageError
from secagg.github.bundle import (
    LARGEST_PACKED,
    Bundle,
    UntrustedBundle,
    origin_of,
    pack,
    target_of,
    unpack,
)
from secagg.github.category import categorize, category_of
from secagg.github.client import Client
from secagg.github.clock import Clock
from secagg.github.event import read_event, text_at
from secagg.github.preflight import GivenRun
from secagg.github.split import set_category
from secagg.github.tally import Tally
from secagg.github.target import Asked as AskedTarget
from secagg.github.target import api_url, find_target
from secagg.github.token import Token
from secagg.pipeline.upload import Suppressed, Uploaded, UploadOptions, upload
from secagg.pipeline.uploadruns import read_report_runs, runs_of_files
from secagg.system.files import replacing

# Runs of a bundle may take the place of those that secagg uploads for the pull request, by which
# GitHub compares it with its base, and of nobody else's.
_OURS = "secagg/"
_FOREIGN = "secagg-bundle/"


def make_bundle(
    files: Sequence[str],
    out: Path,
    asked: AskedTarget,
    *,
    root: Path,
    config: Config,
    environ: Mapping[str, str],
) -> Bundle:
    """Write ``files`` into one bundle at ``out``; needs no token.

    The commit is the pull request's head, by which the publishing job can check it. Runs of
    tools that did not complete go along with their mark, so that they are withheld there.
    """
    event = read_event(environ)
    head = None if event is None else text_at(event.pull_request, "head", "sha")
    target = find_target(replace(asked, commit=asked.commit or head), environ, root)
    if target.pull_number is None:
        raise UsageError(
            "a bundle is for a pull request, and this is none",
            hint="elsewhere use secagg upload; or give --ref refs/pull/N/head",
        )
    given = runs_of_files(files, root=root.resolve(), config=config)
    # While the names of the files are known: the other stage has only one.
    categorize([g.run for g in given], [g.source for g in given], None, Tally())
    bundle = Bundle(
        repository=target.repository,
        commit=target.commit,
        pull_number=target.pull_number,
        sarif={"version": "2.1.0", "runs": [_marked(entry) for entry in given]},
    )
    try:
        with replacing(out, packed=True) as file:
            file.write(pack(bundle))
    except OSError as error:
        raise UsageError(f"cannot write {out}: {error.strerror}") from error
    return bundle


def publish(
    path: Path,
    options: UploadOptions,
    *,
    token: Token,
    environ: Mapping[str, str],
    given_api_url: str | None = None,
    clock: Clock | None = None,
) -> Uploaded:
    """Upload the bundle at ``path`` for the pull request that GitHub says it belongs to.

    Nothing of the bundle is believed: its results are read as those of a foreign file, and
    nothing is dismissed on its word. Raises :class:`UntrustedBundle` for a bundle that does not
    fit to the event, before anything is sent.
    """
    origin = origin_of(read_event(environ), environ)
    bundle = unpack(_read(path))
    address = api_url(given_api_url or environ.get("GITHUB_API_URL"), None, environ)
    with Client(address, token, clock=clock, patience=options.patience) as client:
        target = target_of(bundle, origin, client, address)
    given = read_report_runs(orjson.dumps(bundle.sarif), "the bundle")
    for entry in given:
        category = category_of(entry.run)
        if not category.startswith(_OURS):
            set_category(entry.run, f"{_FOREIGN}{category.lstrip('/')}")
    if origin.conclusion != "success":
        note = f"the workflow that made the bundle ended with {origin.conclusion}"
        target = replace(target, notes=(note,))
    return upload(
        given,
        target,
        replace(options, suppressed=Suppressed.OMIT),
        token=token,
        root=None,
        environ=environ,
        clock=clock,
    )


def _marked(entry: GivenRun) -> dict[str, object]:
    if entry.incomplete is None:
        return entry.run
    said = {"level": "error", "message": {"text": entry.incomplete}}
    failed = {"executionSuccessful": False, "toolExecutionNotifications": [said]}
    return {**entry.run, "invocations": [*(entry.run.get("invocations") or ()), failed]}


def _read(path: Path) -> bytes:
    """A regular file of a size that can be a bundle's."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        with os.fdopen(descriptor, "rb") as file:
            return file.read(LARGEST_PACKED + 1)
    except OSError as error:
        raise UntrustedBundle(f"the bundle cannot be read: {error.strerror}") from None
