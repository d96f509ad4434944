"""Check evidence offline: signature, identity, certificate, transparency log, subjects.

sigstore checks the signature, the certificate and its time, and the log entry against a trusted
root: a given one, else the one in sigstore's cache, else the one in its package
(``Verifier.production(offline=True)`` of sigstore 4.5).
"""

from __future__ import annotations

import base64
import datetime
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from secagg.errors import NotVerified, UsageError
from secagg.evidence.model import PAYLOAD_TYPE, PREDICATE_TYPE, EvidenceStatement, decode, sha256_of
from secagg.evidence.signing import require_sigstore
from secagg.system.files import MIB, read_given

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from sigstore.verify import Verifier

_LARGEST = 64 * MIB
_LARGEST_ROOT = 4 * MIB
# Fulcio's extensions (sigstore/fulcio, docs/oid-info.md): the issuer, formerly and now, and the
# repository and the commit whose workflow signed.
_FORMER_ISSUER, _ISSUER = "1.3.6.1.4.1.57264.1.1", "1.3.6.1.4.1.57264.1.8"
_SOURCE_REPOSITORY = "1.3.6.1.4.1.57264.1.12"
_SOURCE_COMMIT = "1.3.6.1.4.1.57264.1.13"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What the reader of the evidence asks for.

    ``identity`` and ``issuer`` are those of the workflow that may sign. ``files`` is the directory
    that must have the files of the statement; None compares those beside the evidence, as far as
    they are there. ``trusted_root`` is a sigstore trusted root or client trust configuration.
    """

    identity: str | None = None
    issuer: str | None = None
    repository: str | None = None
    commit: str | None = None
    files: Path | None = None
    trusted_root: Path | None = None
    allow_unsigned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """Who signed, and within which time (the certificate's, UTC).

    ``repository`` is the URL and ``commit`` the one of the workflow that signed; None where the
    certificate does not say.
    """

    identity: str
    issuer: str
    not_before: datetime.datetime
    not_after: datetime.datetime
    repository: str | None = None
    commit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """Evidence that passed every check. ``signature`` is None for an unsigned statement.

    ``compared`` are the files whose digests are those of the statement; ``absent`` were not there.
    """

    statement: EvidenceStatement
    signature: Signature | None
    compared: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)


def verify(file: Path, expected: Expected) -> Verified:
    """Check the evidence in ``file``.

    Raises :class:`NotVerified` where something is not as ``expected``, and :class:`UsageError`
    where the file cannot be read or sigstore is missing.
    """
    data = _read(file, _LARGEST)
    try:
        document = msgspec.json.decode(data)
    except msgspec.DecodeError:
        raise NotVerified(f"{file.name} is no JSON document") from None
    if isinstance(document, dict) and "_type" in document:
        if not expected.allow_unsigned:
            raise NotVerified(
                f"{file.name} is not signed: anybody may have written it",
                hint="sign it in CI with --attest; --allow-unsigned reads it nevertheless",
            )
        payload, signature = data, None
    else:
        payload, signature = _verify_signature(data, expected)
    statement = _statement(payload)
    _check_repository(statement, signature, expected)
    compared, absent = _compare(statement, file.parent, expected)
    return Verified(statement=statement, signature=signature, compared=compared, absent=absent)


def _read(file: Path, limit: int) -> bytes:
    try:
        return read_given(file, limit=limit)
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from None


def _verify_signature(data: bytes, expected: Expected) -> tuple[bytes, Signature]:
    """Return the payload and the signer. Raises :class:`NotVerified`."""
    if not expected.identity or not expected.issuer:
        raise UsageError(
            "who may have signed is not said: --identity and --issuer are needed",
            hint="a signature by anybody proves nothing; docs/evidence.md shows the values",
        )
    require_sigstore()
    from sigstore.models import Bundle
    from sigstore.verify import policy

    verifier = _verifier(expected.trusted_root)
    rule = policy.AllOf(
        [
            policy.Identity(identity=expected.identity),
            policy.AnyOf(
                [policy.OIDCIssuerV2(expected.issuer), policy.OIDCIssuer(expected.issuer)]
            ),
        ]
    )
    try:
        bundle = Bundle.from_json(data)
        payload_type, payload = verifier.verify_dsse(bundle, rule)
    except Exception as error:
        # Hostile bundles make sigstore and its libraries raise errors of many kinds. None of them
        # is a verified signature.
        raise NotVerified(
            f"the signature does not hold: {_reason(error, _bundle_issuer(data), expected)}",
            hint="the file was changed, or somebody else signed it; --identity and --issuer are "
            "those of the workflow that may sign",
        ) from None
    if payload_type != PAYLOAD_TYPE:
        raise NotVerified(f"the envelope holds {payload_type}, not an in-toto statement")
    certificate = bundle.signing_certificate
    return payload, Signature(
        identity=expected.identity,
        issuer=expected.issuer,
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        repository=_extension(certificate, _SOURCE_REPOSITORY),
        commit=_extension(certificate, _SOURCE_COMMIT),
    )


def _bundle_issuer(data: bytes) -> str | None:
    """Return the issuer that the bundle's certificate names, unverified; None if unreadable."""
    from cryptography.x509 import load_der_x509_certificate

    try:
        document: Any = msgspec.json.decode(data)
        raw = document["verificationMaterial"]["certificate"]["rawBytes"]
        certificate = load_der_x509_certificate(base64.b64decode(raw))
        return _extension(certificate, _ISSUER) or _plain_extension(certificate, _FORMER_ISSUER)
    except (LookupError, TypeError, ValueError):
        return None


def _reason(error: Exception, issuer: str | None, expected: Expected) -> str:
    """Return sigstore's reason, or that the issuer is another: its own words count policies."""
    if str(error).endswith("policies succeeded"):
        return f"its certificate is for the issuer {issuer}, not {expected.issuer}"
    return str(error) or type(error).__name__


def _verifier(trusted_root: Path | None) -> Verifier:
    from sigstore.errors import Error
    from sigstore.models import ClientTrustConfig, TrustedRoot
    from sigstore.verify import Verifier

    if trusted_root is None:
        try:
            return Verifier.production(offline=True)
        except (Error, OSError, ValueError) as error:
            raise UsageError(
                f"sigstore's trusted root cannot be read: {error}",
                hint="name one with --trusted-root",
            ) from None
    data = _read(trusted_root, _LARGEST_ROOT)
    try:
        media_type = str(msgspec.json.decode(data)["mediaType"])
        if "clienttrustconfig" in media_type:
            root = ClientTrustConfig.from_json(data.decode()).trusted_root
        else:
            root = TrustedRoot.from_file(str(trusted_root))
        return Verifier(trusted_root=root)
    except (Error, OSError, ValueError, LookupError, TypeError) as error:
        raise UsageError(
            f"{trusted_root} is no trusted root of sigstore: {type(error).__name__}"
        ) from None


def _statement(payload: bytes) -> EvidenceStatement:
    try:
        return decode(payload)
    except msgspec.DecodeError as error:
        raise NotVerified(
            f"the statement is not one of {PREDICATE_TYPE}: {error}",
            hint="another tool, or a newer secagg, made it",
        ) from None


def _check_repository(
    statement: EvidenceStatement, signature: Signature | None, expected: Expected
) -> None:
    """Refuse another repository or commit than asked for, and than the certificate's."""
    claimed = statement.predicate.repository
    if expected.repository is not None and not _same_repository(claimed, expected.repository):
        raise NotVerified(f"the evidence is on the repository {claimed}, not {expected.repository}")
    signer = None if signature is None else signature.repository
    if signer is not None and not _same_repository(claimed, signer):
        raise NotVerified(
            f"the evidence is on the repository {claimed}, and a workflow of {signer} signed it"
        )
    commit = statement.commit()
    if expected.commit is not None and (
        len(expected.commit) < 7 or not (commit or "").startswith(expected.commit.lower())
    ):
        raise NotVerified(f"the evidence is on the commit {commit}, not {expected.commit}")
    if commit != statement.predicate.commit:
        raise NotVerified("the statement names two commits")


def _same_repository(name: str, other: str) -> bool:
    """Tell whether two names of a repository, each OWNER/NAME or a URL, are the same."""
    return _path(name) == _path(other)


def _path(name: str) -> str:
    path = urlsplit(name).path if "://" in name else name
    return path.strip("/").removesuffix(".git").casefold()


def _compare(
    statement: EvidenceStatement, beside: Path, expected: Expected
) -> tuple[list[str], list[str]]:
    """Compare the files with their digests; return the names of the same, and of the absent."""
    directory = expected.files or beside
    compared, absent = [], []
    for name, digest in statement.files().items():
        path = directory / name
        # A name with a directory in it could lead anywhere.
        if Path(name).name != name:
            raise NotVerified(f"the statement has a file {name!r}, which is no plain name")
        if not path.is_file():
            if expected.files is not None:
                raise NotVerified(f"{path} is not there to be compared")
            absent.append(name)
            continue
        try:
            actual = sha256_of(path)
        except OSError as error:
            raise UsageError(f"{path} cannot be read: {error.strerror}") from None
        if actual != digest:
            raise NotVerified(
                f"{path} is not the file that the evidence is about: its SHA-256 is {actual}, "
                f"not {digest}"
            )
        compared.append(name)
    return compared, absent


def _extension(certificate: Certificate, oid: str) -> str | None:
    """Return an extension that holds a DER-encoded UTF-8 string; None without it."""
    from cryptography.hazmat import asn1

    value = _raw_extension(certificate, oid)
    return None if value is None else asn1.decode_der(str, value)


def _plain_extension(certificate: Certificate, oid: str) -> str | None:
    value = _raw_extension(certificate, oid)
    return None if value is None else value.decode("utf-8", "replace")


def _raw_extension(certificate: Certificate, oid: str) -> bytes | None:
    from cryptography.x509 import ExtensionNotFound, ObjectIdentifier, UnrecognizedExtension

    try:
        value = certificate.extensions.get_extension_for_oid(ObjectIdentifier(oid)).value
    except ExtensionNotFound:
        return None
    return value.value if isinstance(value, UnrecognizedExtension) else None
