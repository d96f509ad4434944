"""secagg: one table, one SARIF file and one decision from a team's security scanners."""

__version__ = "0.1.0"
