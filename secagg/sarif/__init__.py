"""SARIF 2.1.0: read from any producer, written without loss.

``read`` gives the findings of a file, ``write`` makes a file of runs. What only reading or only
writing needs is loaded with the first use.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, BinaryIO

from secagg.sarif.model import GroupedResult, Invocation, Revision, SarifRun

if TYPE_CHECKING:
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


def __getattr__(name: str) -> Any:
    if name in ("learn_report", "read", "read_report"):
        from secagg.sarif import reader

        return getattr(reader, name)
    raise AttributeError(f"module {__name__} has no attribute {name}")


def write(out: BinaryIO, runs: Iterable[SarifRun]) -> None:
    """Write one SARIF 2.1.0 log: see :func:`secagg.sarif.encode.write`."""
    from secagg.sarif import encode

    encode.write(out, runs)
