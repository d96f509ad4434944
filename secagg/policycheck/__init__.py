"""Mistakes in policies that can be told from the files alone; what is said is always so."""
