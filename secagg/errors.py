"""The errors of secagg, each with a hint on what to do, and the exit codes.

Only the command line turns them into exit codes. A failed gate is no error but a
decision, and a scan that could not run is a tool run with the status ``failed``.
"""

from __future__ import annotations

from enum import IntEnum


class SecaggError(Exception):
    """Root of all errors that secagg raises on purpose.

    ``message`` says what is wrong in one sentence; ``hint`` says what to do about it.
    Neither may hold a secret's value: texts that come from a scanner or a report are
    passed through a :class:`secagg.secrets.redactor.Redactor` before they get here.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message


class UsageError(SecaggError):
    """The command was called with arguments that do not fit together."""


class ConfigError(SecaggError):
    """A configuration or policy file cannot be used; ``where`` is ``file:line:column``."""

    def __init__(self, message: str, *, where: str | None = None, hint: str | None = None) -> None:
        super().__init__(f"{where}: {message}" if where else message, hint=hint)
        self.where = where


class ReportError(SecaggError):
    """A scanner's report cannot be read.

    ``report`` names the file or tool run, ``offset`` is the byte at which reading
    stopped making sense (``None`` where no single byte is to blame).
    """

    def __init__(
        self,
        message: str,
        *,
        report: str,
        offset: int | None = None,
        hint: str | None = None,
    ) -> None:
        at = "" if offset is None else f" at byte {offset}"
        super().__init__(f"{report}: {message}{at}", hint=hint)
        self.report = report
        self.offset = offset


class StoreError(SecaggError):
    """The history database cannot be read or written."""


class UploadError(SecaggError):
    """GitHub did not take an upload that it should have taken."""


class Interrupted(SecaggError):
    """The user or the system asked secagg to stop (SIGINT, SIGTERM, SIGHUP)."""


class ExitCode(IntEnum):
    """What a run tells the shell."""

    PASS = 0
    GATE_FAILED = 1
    USAGE = 2
    INCOMPLETE = 3
    STORE_OR_UPLOAD = 4
    INTERNAL = 70
    INTERRUPTED = 130
