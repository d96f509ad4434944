"""Benchmarks: made workloads, and what is measured on them."""
