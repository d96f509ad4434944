"""Exceptions: what has been decided not to count for a while, from every file that says so."""

from secagg.decisions.dates import DEFAULT_MAX_DAYS
from secagg.decisions.index import AllExceptions
from secagg.decisions.load import load_exceptions
from secagg.decisions.source import Read, work_tree
from secagg.decisions.suppression import not_ours, suppression_of

__all__ = [
    "DEFAULT_MAX_DAYS",
    "AllExceptions",
    "Read",
    "load_exceptions",
    "not_ours",
    "suppression_of",
    "work_tree",
]
