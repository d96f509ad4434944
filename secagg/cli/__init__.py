"""The command line: ``secagg scan``, ``secagg parse`` and what comes after them.

``--version`` prints before anything else is imported, and each command's module is loaded only when
the command is called: both for a quick start.
"""

from __future__ import annotations

import gc
import sys

from secagg import __version__


def main() -> None:
    """Run the ``secagg`` command."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        sys.stdout.write(f"secagg {__version__}\n")
        return
    # Neither modules nor findings make cycles worth collecting: the collector would visit a hundred
    # thousand findings again and again, and free nothing.
    gc.disable()
    from secagg.cli.app import run

    try:
        run()
    finally:
        # At its end the interpreter collects even so, unless all objects are set aside.
        gc.freeze()
