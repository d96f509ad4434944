"""The errors of secagg, with hints on what to do, and the exit codes.

Only the command line turns errors into exit codes. A failed gate is a decision and no error, and
a scanner that could not run is a tool run with the status ``failed``.
"""

from __future__ import annotations

from enum import IntEnum


class SecaggError(Exception):
    """The root of all errors that secagg raises on purpose.

    ``message`` is one sentence; ``hint`` says what to do. Neither may hold the value of a secret:
    texts of a scanner or a report must be masked by a
    :class:`secagg.secrets.redactor.Redactor` first.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message


class UsageError(SecaggError):
    """The arguments of a command are invalid or contradict each other."""


class ConfigError(SecaggError):
    """A configuration or policy file is invalid; ``where`` is ``file:line:column``."""

    def __init__(self, message: str, *, where: str | None = None, hint: str | None = None) -> None:
        super().__init__(f"{where}: {message}" if where else message, hint=hint)
        self.where = where


class ReportError(SecaggError):
    """A scanner's report cannot be read.

    ``report`` names the file or tool run; ``offset`` is the byte of the error, None if there is
    no single one.
    """

    def __init__(
        self,
        message: str,
        *,
        report: str,
        offset: int | None = None,
        hint: str | None = None,
    ) -> None:
        suffix = "" if offset is None else f" at byte {offset}"
        super().__init__(f"{report}: {message}{suffix}", hint=hint)
        self.report = report
        self.offset = offset


class StoreError(SecaggError):
    """The history database cannot be read or written."""

    reads_only = False
    """Whether a server lets this job read its store and, by its rules, record nothing."""


class StoreUnavailable(StoreError):
    """The database is busy or cannot be reached: the same request may succeed later."""


class UploadError(SecaggError):
    """An upload to GitHub failed."""


class SigningError(SecaggError):
    """A statement could not be signed: no identity, or a service of sigstore refused."""


class NotVerified(SecaggError):
    """Evidence is not what it claims to be: changed, of somebody else, or of something else."""


class Interrupted(SecaggError):
    """The user or the system asked secagg to stop (SIGINT, SIGTERM, SIGHUP)."""


class ExitCode(IntEnum):
    """The exit codes of ``secagg``."""

    PASS = 0
    GATE_FAILED = 1
    USAGE = 2
    INCOMPLETE = 3
    STORE_OR_UPLOAD = 4
    NOT_VERIFIED = 5
    INTERNAL = 70
    INTERRUPTED = 130
