"""Logging on standard error: what secagg decided and why, for ``--debug`` and ``SECAGG_LOG``.

Modules log with :mod:`logging` under their own names. Only the loggers of secagg are shown: those
of its libraries would print requests with their headers. Each line passes the last filter and the
patterns for secrets, as the words of an error do.
"""

from __future__ import annotations

import logging

from secagg.errors import UsageError
from secagg.output import console
from secagg.output.escape import LONGEST_SENTENCE, cell
from secagg.secrets.lastfilter import filtered_error

VARIABLE = "SECAGG_LOG"
_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
_LOGGERS = ("secagg", "secagg_parsers")


class _ConsoleHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        try:
            level, module = record.levelname.lower(), record.name.removeprefix("secagg.")
            for line in self.format(record).splitlines():
                text = cell(filtered_error(line), LONGEST_SENTENCE)
                console.err(f"secagg: {level}: {module}: {text}\n")
        except Exception:
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's own name
        """Say that a line is missing. What logging prints by default passes no filter."""
        console.err(f"secagg: error: a line of the log of {record.name} cannot be shown\n")


def show_logs(level: str) -> None:
    """Print what the loggers of secagg say at ``level`` or above.

    Raises :class:`UsageError` for a level that is none of debug, info, warning and error.
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
        if not any(isinstance(handler, _ConsoleHandler) for handler in logger.handlers):
            logger.addHandler(_ConsoleHandler())
