"""Attacks on the promises of secagg, made from seeds: ``make attack``, or a short slice in the tests.

Each module of this package that has ``run(seed: int, count: int) -> Counts`` is an attack. ``count``
says how much of it is wanted: the slice in the tests asks for little, ``make attack`` for the whole.
What broke through is told in ``Counts.broken``, one line for each, without the secrets themselves.
"""
