"""Packages: one key for one package, purls, advisories, and the manifests that name them."""
