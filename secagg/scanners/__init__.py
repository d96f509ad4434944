"""Running the scanners: one file per tool, on the interface in :mod:`secagg.scanners.base`."""
