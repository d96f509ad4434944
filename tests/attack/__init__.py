"""Attacks: what a hostile change, report or repository tries, each with its right verdict."""
