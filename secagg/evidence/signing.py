"""Sign a statement in CI with sigstore, by the identity of the workflow.

GitHub Actions gives the identity to jobs with ``id-token: write``, GitLab by ``id_tokens:
SIGSTORE_ID_TOKEN`` (sigstore 4.5, ``sigstore.oidc.detect_credential``). Fulcio gets the identity's
token and a new public key, the transparency log the signed statement and the certificate. Rekor v1
keeps the statement's digest only (sigstore/rekor, pkg/types/dsse/README.md), Rekor v2 gets no more.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from secagg.errors import SigningError, UsageError
from secagg.secrets.lastfilter import run_redactor
from secagg.system.files import MIB, read_given

if TYPE_CHECKING:
    from sigstore.dsse import Statement
    from sigstore.models import Bundle, ClientTrustConfig
    from sigstore.oidc import IdentityToken

CONFIG_VARIABLE = "SECAGG_SIGSTORE_CONFIG"
"""Names a client trust configuration (JSON), where the organisation has an own sigstore."""
NO_IDENTITY_HINT = (
    "in GitHub Actions give the job the permission id-token: write (a fork's pull request cannot "
    "have it); in GitLab an id_tokens entry SIGSTORE_ID_TOKEN with aud: sigstore; elsewhere "
    "--attest-unsigned writes the statement without a signature"
)
_INSTALL_HINT = "pip install 'secagg[attest]'"
_LARGEST_CONFIG = 4 * MIB
# sigstore's clients wait without an end.
_SECONDS = 120.0
_TRIES = 3

_T = TypeVar("_T")


def require_sigstore() -> None:
    """Raise :class:`UsageError` where the extra is not installed; keep its log from the screen."""
    try:
        import sigstore  # noqa: F401
    except ImportError:
        raise UsageError("sigstore is not installed", hint=_INSTALL_HINT) from None
    # Python prints the warnings of a logger without a handler, such as that it is offline.
    logging.getLogger("sigstore").setLevel(logging.CRITICAL + 1)


class Signer:
    """Signs statements by the identity of this job.

    Raises :class:`UsageError` where the extra is missing or the configuration of an own sigstore
    cannot be used, and :class:`SigningError` where the job has no identity: before a scan, which
    may take long.
    """

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        require_sigstore()
        path = environ.get(CONFIG_VARIABLE)
        self._own = None if not path else _own_configuration(Path(path))
        _identity()

    def sign(self, statement: bytes) -> bytes:
        """Return the sigstore bundle (JSON) of a DSSE envelope with ``statement``.

        Raises :class:`SigningError` where a service cannot be reached or refuses.
        """
        try:
            bundle = _within(_SECONDS, lambda: self._signed(statement))
        except SigningError:
            raise
        except Exception as error:
            # sigstore raises errors of many roots: its own, of HTTP, of JSON and of X.509.
            raise SigningError(
                f"the statement could not be signed: {type(error).__name__}: {error}",
                hint="the scan's files are written; the job can be run again",
            ) from None
        return bundle.to_json().encode()

    def _signed(self, statement: bytes) -> Bundle:
        from sigstore.sign import SigningContext
        from tenacity import Retrying, stop_after_attempt, wait_exponential

        for attempt in Retrying(
            stop=stop_after_attempt(_TRIES), wait=wait_exponential(max=8), reraise=True
        ):
            with attempt:
                context = SigningContext.from_trust_config(self._trust_config())
                with context.signer(_identity()) as signer:
                    return signer.sign_dsse(_dsse_statement(statement))
        raise AssertionError("unreachable: the last attempt raises")

    def _trust_config(self) -> ClientTrustConfig:
        from sigstore.models import ClientTrustConfig

        # That of the public instance is renewed from its TUF repository.
        return self._own or ClientTrustConfig.production()


def _own_configuration(path: Path) -> ClientTrustConfig:
    from sigstore.models import ClientTrustConfig

    try:
        return ClientTrustConfig.from_json(read_given(path, limit=_LARGEST_CONFIG).decode())
    except OSError as error:
        raise UsageError(f"{CONFIG_VARIABLE}: {path} cannot be read: {error.strerror}") from None
    except ValueError:
        raise UsageError(
            f"{CONFIG_VARIABLE}: {path} is no client trust configuration of sigstore"
        ) from None


def _identity() -> IdentityToken:
    """Return the identity that the CI system gives this job, whose token counts as a secret."""
    from sigstore.oidc import IdentityError, IdentityToken, detect_credential

    from secagg.secrets.redactor import Secret

    try:
        token = detect_credential()
        if token is not None:
            run_redactor().learn(Secret(token))
            return IdentityToken(token)
    except IdentityError as error:
        raise SigningError(
            f"this job has no identity to sign by: {error}", hint=NO_IDENTITY_HINT
        ) from None
    raise SigningError("this job has no identity to sign by", hint=NO_IDENTITY_HINT)


def _dsse_statement(payload: bytes) -> Statement:
    """Make sigstore's statement of exactly the bytes ``payload``.

    Its own model knows digests of the SHA-2 and SHA-3 families only (sigstore 4.5,
    ``sigstore.dsse.Digest``) and refuses ``gitCommit``, which in-toto's DigestSet has.
    """
    from sigstore.dsse import Statement as AnyStatement

    class GitStatement(AnyStatement):
        def __init__(self, contents: bytes) -> None:
            self._contents = contents

    return GitStatement(payload)


def _within(seconds: float, work: Callable[[], _T]) -> _T:
    """Return what ``work`` returns.

    Raises its error, or :class:`SigningError` after ``seconds``.
    """
    results: list[_T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:
            errors.append(error)

    # A daemon does not keep the process alive.
    thread = threading.Thread(target=run, name="sign", daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not results:
        raise SigningError(
            f"the statement was not signed within {seconds:.0f} s",
            hint="the scan's files are written; the job can be run again",
        )
    return results[0]
