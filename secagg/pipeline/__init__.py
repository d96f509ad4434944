"""The straight way from a scan request to what is written: the only thing the CLI calls."""
