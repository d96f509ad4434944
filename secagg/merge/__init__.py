"""Merge the findings of all tools into groups, one for each problem. Reads and writes no files."""

from secagg.merge.explain import Explanation, Link, explain
from secagg.merge.groups import Group, MergedSet, NearMiss, Reason, known_as
from secagg.merge.merging import merge
from secagg.merge.overrule import Join, Overrule, Split
from secagg.merge.representative import Prefer, Preference
from secagg.merge.secret import still_in_head

__all__ = [
    "Explanation",
    "Group",
    "Join",
    "Link",
    "MergedSet",
    "NearMiss",
    "Overrule",
    "Prefer",
    "Preference",
    "Reason",
    "Split",
    "explain",
    "known_as",
    "merge",
    "still_in_head",
]
