"""Parsers for the reports of the scanners that secagg knows, one file per tool."""
