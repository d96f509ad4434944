"""``secagg init``: the files that make a repository scanned, gated and kept up to date."""
