"""The scanners as ``secagg tools`` installs them: which versions, from where, by which digest."""
