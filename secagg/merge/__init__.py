"""Merging: findings in, groups out, with no input or output of its own."""

from secagg.merge.engine import merge
from secagg.merge.groups import Group, MergedSet, NearMiss, Reason

__all__ = ["Group", "MergedSet", "NearMiss", "Reason", "merge"]
