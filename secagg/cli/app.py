"""The ``secagg`` application: its global options, and the exit codes of its errors."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from secagg import __version__
from secagg.cli.commands import LazyGroup

app = typer.Typer(
    name="secagg",
    help="Run security scanners over a repository and end in one table, one SARIF file and "
    "one decision.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", "-V", help="Print the version and exit.", is_eager=True)
    ] = False,
    debug: Annotated[
        bool,
        typer.Option(
            "--debug", help="Log what is decided and why on standard error (also SECAGG_LOG=debug)."
        ),
    ] = False,
) -> None:
    level = "debug" if debug else os.environ.get("SECAGG_LOG")
    if level:
        from secagg.output.logs import format_of, show_logs

        show_logs(level, format_of(os.environ))
    if version:
        from secagg.output import console

        console.out(f"secagg {__version__}\n")
        raise typer.Exit


# Typer has its own copy of Click or uses the one that is installed, depending on its version.
_CLICK_ERROR: Any = next(
    kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException"
)


def run() -> None:
    """Run the command that this process's arguments name, and exit with its code.

    This is the only place that turns errors into exit codes.
    """
    import io

    from secagg.errors import ExitCode, SecaggError
    from secagg.output import console
    from secagg.secrets.lastfilter import filtered_error, switch_on

    switch_on()
    try:
        sys.exit(app(standalone_mode=False))
    except _CLICK_ERROR as error:
        from secagg.system.mistakes import message_in_words

        error.message = message_in_words(str(error.message))
        # These errors quote the arguments, which a workflow may take from a pull request.
        text = io.StringIO()
        error.show(file=text)
        console.err(filtered_error(text.getvalue()))
        sys.exit(error.exit_code)
    except SecaggError as error:
        from secagg.output.failure import exit_code_of, print_error

        print_error(error)
        sys.exit(exit_code_of(error))
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        # The program that reads our output has ended, as in ``secagg ... | head``: no error.
        console.discard()
        sys.exit(ExitCode.INTERNAL)
    except Exception as error:
        _internal_error(error)


def _internal_error(error: Exception) -> NoReturn:
    """Print an error of secagg itself, masked, with its source lines and how to report it."""
    import platform
    import traceback

    from secagg.errors import ExitCode
    from secagg.output import console
    from secagg.output.escape import LONGEST_SENTENCE, cell
    from secagg.secrets.lastfilter import filtered_error

    # The message may quote a report, so it may be long.
    message = cell(filtered_error(str(error)), LONGEST_SENTENCE)
    suffix = f": {message}" if message else ""
    console.err(f"secagg: internal error: {type(error).__name__}{suffix}\n")
    for frame in traceback.extract_tb(error.__traceback__)[-4:]:
        console.err(f"  {Path(frame.filename).name}:{frame.lineno} in {frame.name}\n")
    console.err(f"  secagg {__version__}, Python {platform.python_version()}\n")
    console.err(
        "  hint: this is a bug in secagg; report it with the lines above, and with those of "
        "secagg --debug before the command's name\n"
    )
    sys.exit(ExitCode.INTERNAL)
