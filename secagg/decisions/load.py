"""Load all decisions of a repository, from every file that may hold some."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from secagg.decisions.approvers import Owners, no_owners
from secagg.decisions.entry import (
    LARGEST_JSON,
    TRUST_ALL,
    Read,
    ScopedException,
    Trust,
    policy_gaps,
    text_of,
    work_tree,
)
from secagg.decisions.index import AllExceptions
from secagg.decisions.sarif import SarifSuppressions
from secagg.errors import ConfigError, ReportError
from secagg.jsonio.reading import loads
from secagg.model.state import DECISION_FILES
from secagg.policy.decision import PolicyException
from secagg.policy.model import AcceptedGap
from secagg.system.dates import DEFAULT_MAX_DAYS, Ceiling

if TYPE_CHECKING:
    from secagg.decisions.vex import Statement

# The function that reads a file, by the file's path; its module is imported where there is one.
READERS = {
    **dict.fromkeys(DECISION_FILES, "secagg.decisions.ownfile:read_own"),
    ".trivyignore": "secagg.decisions.trivyignore:read_trivyignore",
    ".trivyignore.yaml": "secagg.decisions.trivyignore:read_trivyignore_yaml",
    ".gitleaksignore": "secagg.decisions.gitleaksignore:read_gitleaksignore",
    ".snyk": "secagg.decisions.snykfile:read_snyk",
}


def load_exceptions(
    root: Path,
    *,
    max_days: int = DEFAULT_MAX_DAYS,
    gaps: Sequence[AcceptedGap] = (),
    today: datetime.date,
    vex_files: Sequence[str] = (),
    read: Read | None = None,
    ceiling_for_all: bool = False,
    touched: Callable[[str], bool] | None = None,
    trust: Trust = TRUST_ALL,
    mask: Callable[[str], str] | None = None,
    stored: Mapping[str, Sequence[PolicyException]] | None = None,
    owners: Owners = no_owners,
) -> AllExceptions:
    """Return every decision of the repository at ``root``, on ``today`` (UTC).

    ``read`` returns the bytes of a path relative to the root, or None; the default reads the work
    tree, a gate reads a base commit. ``vex_files`` are the paths of OpenVEX, CycloneDX or CSAF
    documents, which must exist. ``max_days`` is the ceiling for ``secagg-exceptions.yaml``, and
    with ``ceiling_for_all`` for the scanners' own files, VEX and SARIF suppressions too. ``gaps``
    are those that the policy accepts. ``touched`` tells in a pull request whether it touches a
    file: suppressions in source code, and those in such files, are then refused. ``trust`` says
    whose decisions count. ``mask`` removes secrets from texts that are shown. ``stored`` are
    decisions on single problems from the store and from GitHub, by the identity that they were
    made on. ``owners`` tells whose approval in the repository's file counts.

    Raises :class:`ConfigError` with the file, and the line if it is known, for a file that cannot
    be understood.
    """
    read_file = read if read is not None else work_tree(root)
    ceiling = Ceiling(max_days=max_days, today=today, for_all=ceiling_for_all)
    entries: list[ScopedException] = []
    for name, reader in READERS.items():
        data = read_file(name)
        if data is not None:
            module, _, function = reader.partition(":")
            read_entries = getattr(import_module(module), function)
            options = {"owners": owners} if name in DECISION_FILES else {}
            entries += read_entries(text_of(name, data), ceiling, name=name, **options)
    if vex_files:
        from secagg.decisions.vex import vex_exceptions

        statements = [
            statement for name in vex_files for statement in _statements(name, read_file(name))
        ]
        entries += vex_exceptions(statements, ceiling)
    entries = [replace(entry, exception=trust.applied(entry.exception)) for entry in entries]
    entries += policy_gaps(gaps, ceiling)
    if mask is not None:
        entries = [masked(entry, mask) for entry in entries]
    return AllExceptions(
        entries,
        today=today,
        stored=stored,
        sarif=SarifSuppressions(expiry_required=ceiling_for_all, touched=touched, trust=trust),
    )


def _statements(name: str, data: bytes | None) -> list[Statement]:
    if data is None:
        raise ConfigError("there is no such VEX file", where=name)
    if len(data) > LARGEST_JSON:
        raise ConfigError("larger than 16 MiB", where=name)
    from secagg.decisions.csaf import is_csaf, read_csaf
    from secagg.decisions.cyclonedx import is_cyclonedx, read_cyclonedx
    from secagg.decisions.vex import is_openvex, read_openvex

    document = _json(name, data)
    if is_openvex(document):
        return read_openvex(document, name)
    if is_cyclonedx(document):
        return read_cyclonedx(document, name)
    if is_csaf(document):
        return read_csaf(document, name)
    raise ConfigError(
        "is no VEX document", where=name, hint="read are OpenVEX, CycloneDX and CSAF 2.0, in JSON"
    )


def _json(name: str, data: bytes) -> Any:
    try:
        return loads(data, report=name)
    except ReportError as error:
        where = name
        if error.offset is not None:
            line = data.count(b"\n", 0, error.offset) + 1
            start = data.rfind(b"\n", 0, error.offset) + 1
            where = f"{name}:{line}:{error.offset - start + 1}"
        message = str(error).removeprefix(f"{name}: ")
        raise ConfigError(message, where=where, hint=error.hint) from None


def masked(entry: ScopedException, mask: Callable[[str], str]) -> ScopedException:
    """Return ``entry`` with its texts masked, to be shown."""
    exception: PolicyException = entry.exception
    masked_exception = replace(
        exception,
        target=mask(exception.target),
        reason=None if exception.reason is None else mask(exception.reason),
        owner=None if exception.owner is None else mask(exception.owner),
        refusal=None if exception.refusal is None else mask(exception.refusal),
        signers=tuple(map(mask, exception.signers)),
        unconfirmed=None if exception.unconfirmed is None else mask(exception.unconfirmed),
    )
    return replace(entry, exception=masked_exception)
