"""Print errors with their hints, masked, and find their exit codes."""

from __future__ import annotations

from secagg.errors import (
    ExitCode,
    Interrupted,
    NotVerified,
    SecaggError,
    SigningError,
    StoreError,
    UploadError,
)
from secagg.output import console
from secagg.output.escape import LONGEST_SENTENCE, cell
from secagg.output.grid import Style
from secagg.secrets.lastfilter import filtered_error


def print_error(error: SecaggError) -> None:
    """Print the error and its hint on standard error, without secrets or control characters."""
    style = Style.of_output()
    lines = [("secagg: error: ", "  ", str(error)), ("  hint: ", "    ", error.hint)]
    for first, rest, text in lines:
        if text:
            masked = cell(filtered_error(text), LONGEST_SENTENCE)
            console.err(style.wrapped(masked, first=first, rest=rest) + "\n")


def exit_code_of(error: SecaggError) -> ExitCode:
    """Return the exit code of a command that ends with ``error``."""
    if isinstance(error, Interrupted):
        return ExitCode.INTERRUPTED
    if isinstance(error, NotVerified):
        return ExitCode.NOT_VERIFIED
    if isinstance(error, (StoreError, UploadError, SigningError)):
        return ExitCode.STORE_OR_UPLOAD
    return ExitCode.USAGE
