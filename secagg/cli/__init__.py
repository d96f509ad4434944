"""The command line: ``secagg scan``, ``secagg parse`` and what comes after them.

``--version`` is answered before anything else is imported, so that asking costs next to
nothing; the commands load what they need when they are called.
"""

from __future__ import annotations

import gc
import sys

from secagg import __version__


def main() -> None:
    """Entry point of the ``secagg`` command."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        sys.stdout.write(f"secagg {__version__}\n")
        return
    from secagg.cli.app import run

    # What a command reads lives to its end: the collector would walk over it again and again.
    gc.disable()
    run()
