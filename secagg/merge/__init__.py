"""Merging: findings in, groups out, with no input or output of its own."""
