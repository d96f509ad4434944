"""Print logs on standard error, for ``--debug`` and ``SECAGG_LOG``.

Modules log with :mod:`logging` under their own names. Only secagg's loggers are shown, as those of
libraries would print requests with their headers. Like error messages, lines pass the last filter
and the patterns for secrets.
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


class ConsoleHandler(logging.Handler):
    """Prints log records on standard error, escaped and masked.

    ``message_only`` leaves out level, module and traceback.
    """

    def __init__(self, *, message_only: bool = False) -> None:
        super().__init__()
        self._message_only = message_only

    def emit(self, record: logging.LogRecord) -> None:
        try:
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


def show_logs(level: str) -> None:
    """Print the messages of secagg's loggers at ``level`` or above.

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
            logger.addHandler(ConsoleHandler())
