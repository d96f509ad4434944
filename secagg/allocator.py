"""Memory that is freed given back to the system."""

from __future__ import annotations

import sys
from contextlib import suppress

# mallopt(3), malloc.h of glibc.
_M_MMAP_THRESHOLD = -3
_LARGE = 1 << 20


def give_back_large_blocks() -> None:
    """Have blocks of a megabyte and more returned to the system as soon as they are freed.

    glibc raises the size from which it does so (to 32 MiB) when the first large block is freed,
    which a report's bytes are: what is freed later then stays with the process, in pieces. No
    other C library needs this, and where it cannot be asked for nothing is lost but memory.
    """
    if sys.platform == "linux":
        import ctypes

        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE)
