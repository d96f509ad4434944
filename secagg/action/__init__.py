"""The steps of ``action.yml``, each one call of ``python -I -m secagg.action STEP``.

What a step needs comes by its environment (``INPUT_*``), never by the text of a script, and what it
has to say goes into its outputs. ``-I`` keeps modules of the checkout, which may be a stranger's,
from being loaded. The steps are split by what they may know: ``scan`` has the scanners' secrets and
no token of GitHub's; ``publish`` has that token and runs no scanner; ``verdict`` has neither.
"""
