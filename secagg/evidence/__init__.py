"""Evidence: what a scan evaluated, as an in-toto statement that sigstore signs.

``model.py`` is the statement, ``signing.py`` signs it in CI, ``verifying.py`` checks it offline.
sigstore is an extra (``pip install 'secagg[attest]'``) and is imported in functions only.
"""
