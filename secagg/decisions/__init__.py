"""Read and index people's decisions: exceptions, VEX statements, ignore files, suppressions."""

from secagg.decisions.entry import Read, work_tree
from secagg.decisions.index import AllExceptions
from secagg.decisions.load import load_exceptions
from secagg.decisions.sarif import not_ours, suppression_of
from secagg.system.dates import DEFAULT_MAX_DAYS

__all__ = [
    "DEFAULT_MAX_DAYS",
    "AllExceptions",
    "Read",
    "load_exceptions",
    "not_ours",
    "suppression_of",
    "work_tree",
]
