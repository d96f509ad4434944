"""SARIF 2.1.0: read from any producer, written without loss.

``read`` gives the findings of a file, ``write`` makes a file of runs. What only writing needs
is loaded with the first call.
"""

from collections.abc import Iterable
from typing import BinaryIO

from secagg.sarif.model import GroupedResult, Invocation, Revision, SarifRun
from secagg.sarif.reader import learn_report, read, read_report

__all__ = [
    "GroupedResult",
    "Invocation",
    "Revision",
    "SarifRun",
    "learn_report",
    "read",
    "read_report",
    "write",
]


def write(out: BinaryIO, runs: Iterable[SarifRun]) -> None:
    """Write one SARIF 2.1.0 log: see :func:`secagg.sarif.encode.write`."""
    from secagg.sarif import encode

    encode.write(out, runs)
