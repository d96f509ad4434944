"""SARIF 2.1.0: reading, building and writing; the only place that imports sarif_om."""
