"""Secrets: found by shape or value, masked, and identified by a keyed hash."""
