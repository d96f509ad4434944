"""Pull requests of whole repositories through the gate, as a workflow would run it.

``python -m tests.realprs DIR`` judges the pairs in ``DIR/pairs.txt``; ``python -m
tests.realprs.make DIR`` writes repositories with pairs and their labels into ``DIR``.
"""
