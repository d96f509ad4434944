"""Install scanners (``secagg tools``): pinned versions, their sources and digests."""
