"""Exceptions: what has been decided not to count for a while, from every file that says so."""

from secagg.exceptions.dates import DEFAULT_MAX_DAYS
from secagg.exceptions.index import AllExceptions
from secagg.exceptions.load import load_exceptions
from secagg.exceptions.source import Read, work_tree
from secagg.exceptions.suppression import not_ours, suppression_of

__all__ = [
    "DEFAULT_MAX_DAYS",
    "AllExceptions",
    "Read",
    "load_exceptions",
    "not_ours",
    "suppression_of",
    "work_tree",
]
