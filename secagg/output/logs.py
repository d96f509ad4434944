"""Print logs on standard error, for ``--debug`` and ``SECAGG_LOG``.

Modules log with :mod:`logging` under their own names. Only secagg's loggers are shown, as those of
libraries would print requests with their headers. Like error messages, lines pass the last filter
and the patterns for secrets.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from enum import StrEnum

from secagg.errors import UsageError
from secagg.output import console
from secagg.output.escape import LONGEST_SENTENCE, cell
from secagg.secrets.lastfilter import filtered_error
from secagg.system.dates import utc_now

VARIABLE = "SECAGG_LOG"
FORMAT_VARIABLE = "SECAGG_LOG_FORMAT"
_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
_LOGGERS = ("secagg", "secagg_parsers")


class LogFormat(StrEnum):
    """How lines of the log are written: for people, or a JSON object each for a collector."""

    TEXT = "text"
    JSON = "json"


def format_of(environ: Mapping[str, str]) -> LogFormat:
    """Return the format that the environment asks for. Raises :class:`UsageError`."""
    text = environ.get(FORMAT_VARIABLE, "").strip().lower() or LogFormat.TEXT
    if text not in tuple(LogFormat):
        raise UsageError(
            f"{FORMAT_VARIABLE} is {text!r}, which is no format",
            hint=f"formats: {', '.join(LogFormat)}",
        )
    return LogFormat(text)


def print_line(text: str, values: Mapping[str, object], log_format: LogFormat) -> None:
    """Print a line of the log: ``text`` for people, or a JSON object with ``values``.

    JSON has the time (RFC 3339, UTC) besides, and the text as ``message`` where there is no value.
    """
    if log_format is LogFormat.TEXT:
        console.err(f"secagg: {text}\n")
        return
    named = {"time": utc_now().isoformat(timespec="milliseconds"), "level": "info"}
    line = json.dumps({**named, **(values or {"message": text})})
    console.err(f"{line}\n")


class ConsoleHandler(logging.Handler):
    """Prints log records on standard error, escaped and masked.

    ``message_only`` leaves out level, module and traceback, in text.
    """

    def __init__(
        self, *, message_only: bool = False, log_format: LogFormat = LogFormat.TEXT
    ) -> None:
        super().__init__()
        self._message_only = message_only
        self._format = log_format

    def emit(self, record: logging.LogRecord) -> None:
        try:
            if self._format is LogFormat.JSON:
                text = record.getMessage() if self._message_only else self.format(record)
                values = {
                    "level": record.levelname.lower(),
                    "module": record.name.removeprefix("secagg."),
                    "message": filtered_error(text),
                }
                print_line("", values, self._format)
                return
            if self._message_only:
                console.err(f"secagg: {cell(filtered_error(record.getMessage()))}\n")
                return
            level, module = record.levelname.lower(), record.name.removeprefix("secagg.")
            for line in self.format(record).splitlines():
                text = cell(filtered_error(line), LONGEST_SENTENCE)
                console.err(f"secagg: {level}: {module}: {text}\n")
        except Exception:
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's own name
        """Print that a line is missing, as the default output of logging passes no filter."""
        console.err(f"secagg: error: a line of the log of {record.name} cannot be shown\n")


def show_logs(level: str, log_format: LogFormat = LogFormat.TEXT) -> None:
    """Print the messages of secagg's loggers at ``level`` or above, in ``log_format``.

    Raises :class:`UsageError` for a level other than debug, info, warning and error.
    """
    number = _LEVELS.get(level.strip().lower())
    if number is None:
        raise UsageError(
            f"{VARIABLE} is {level!r}, which is no level", hint=f"levels: {', '.join(_LEVELS)}"
        )
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        logger.setLevel(number)
        logger.propagate = False
        if not any(isinstance(handler, ConsoleHandler) for handler in logger.handlers):
            logger.addHandler(ConsoleHandler(log_format=log_format))
