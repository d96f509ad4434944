"""The steps of ``action.yml``, each one call of ``python -I -m secagg.action STEP``.

A step reads its inputs from the environment (``INPUT_*``), never from the text of a script, and
writes its results as outputs. ``-I`` keeps Python from loading modules of the untrusted checkout.
Each step knows only the secrets that it needs: ``scan`` has those of the scanners and no
GitHub token, ``publish`` has that token and runs no scanner, ``verdict`` has neither.
"""
