"""Judging: groups in, a decision out."""
