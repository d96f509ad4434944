"""Names: one for a package, a place and an advisory, however tools write them."""
