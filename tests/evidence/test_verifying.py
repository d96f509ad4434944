"""What does not hold is refused: one changed byte, another signer, repository, time or file."""

from __future__ import annotations

import base64
import json
import socket
from dataclasses import replace
from datetime import timedelta
from typing import Any, NoReturn

import msgspec
import pytest

from secagg.errors import NotVerified, UsageError
from secagg.evidence.model import encode
from secagg.evidence.verifying import verify
from tests.evidence.conftest import COMMIT, Desk
from tests.standins.sigstore_services import GITHUB, IDENTITY, LocalSigstore, claims


def test_evidence_holds_and_says_who_signed_it(desk: Desk) -> None:
    verified = verify(desk.sign(), desk.expected)
    assert verified.statement == desk.scan()
    assert verified.compared == ["findings.sarif", "decision.json"]
    signature = verified.signature
    assert signature is not None
    assert (signature.identity, signature.issuer) == (IDENTITY, GITHUB)
    assert (signature.repository, signature.commit) == ("https://github.com/acme/shop", "a" * 40)
    assert signature.not_after - signature.not_before == timedelta(minutes=10)


def test_no_network_is_used(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise AssertionError("a connection was made")

    file = desk.sign()
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setenv("XDG_CACHE_HOME", str(desk.directory / "cache"))
    monkeypatch.setenv("HOME", str(desk.directory))
    assert verify(file, desk.expected).signature is not None
    # The root in sigstore's package is the public one, which knows nothing of these services.
    with pytest.raises(NotVerified, match="certificate chain"):
        verify(file, replace(desk.expected, trusted_root=None))


def test_one_changed_byte_anywhere_gives_no_other_statement(desk: Desk) -> None:
    """Where a byte has no meaning (the last bits of base64), the very same must be verified."""
    file = desk.sign()
    data, statement = file.read_bytes(), verify(file, desk.expected).statement
    refused = 0
    for position in range(0, len(data), 41):
        changed = bytearray(data)
        changed[position] ^= 1
        file.write_bytes(changed)
        try:
            assert verify(file, desk.expected).statement == statement
        except NotVerified:
            refused += 1
    assert refused > 0.97 * len(data) / 41


@pytest.mark.parametrize(
    ("path", "change"),
    [
        (("dsseEnvelope", "payload"), b'"pass","exitCode":0'),
        (("dsseEnvelope", "signatures", 0, "sig"), None),
        (("verificationMaterial", "certificate", "rawBytes"), None),
        (("verificationMaterial", "tlogEntries", 0, "canonicalizedBody"), None),
        (
            (
                *("verificationMaterial", "tlogEntries", 0),
                *("inclusionPromise", "signedEntryTimestamp"),
            ),
            None,
        ),
        (("verificationMaterial", "tlogEntries", 0, "inclusionProof", "rootHash"), None),
    ],
    ids=lambda value: value[-1] if isinstance(value, tuple) else "",
)
def test_each_part_is_covered(desk: Desk, path: tuple[Any, ...], change: bytes | None) -> None:
    file = desk.sign()
    document = json.loads(file.read_bytes())
    inner = document
    for step in path[:-1]:
        inner = inner[step]
    raw = base64.b64decode(inner[path[-1]])
    if change is None:
        raw = raw[:-1] + bytes([raw[-1] ^ 1])
    else:
        raw = raw.replace(b'"incomplete","exitCode":3', change)
    assert raw != base64.b64decode(inner[path[-1]])
    inner[path[-1]] = base64.b64encode(raw).decode()
    file.write_text(json.dumps(document))
    with pytest.raises(NotVerified, match="the signature does not hold"):
        verify(file, desk.expected)


def test_a_certificate_that_had_expired_is_refused(desk: Desk) -> None:
    desk.sigstore.late = timedelta(minutes=11)
    with pytest.raises(NotVerified, match="certificate"):
        verify(desk.sign(), desk.expected)


def test_a_certificate_that_was_not_valid_yet_is_refused(desk: Desk) -> None:
    desk.sigstore.late = timedelta(minutes=-1)
    with pytest.raises(NotVerified, match="certificate"):
        verify(desk.sign(), desk.expected)


def test_a_certificate_of_another_authority_is_refused(desk: Desk) -> None:
    file, other = desk.sign(), LocalSigstore()
    root = desk.directory / "other.json"
    root.write_text(json.dumps(other.trusted_root))
    with pytest.raises(NotVerified, match="certificate chain"):
        verify(file, replace(desk.expected, trusted_root=root))


def test_another_issuer_is_refused(desk: Desk) -> None:
    desk.sigstore.claims = claims(issuer="https://gitlab.example")
    with pytest.raises(NotVerified, match=f"issuer https://gitlab.example, not {GITHUB}"):
        verify(desk.sign(), desk.expected)


@pytest.mark.parametrize(
    "workflow",
    [
        "mallory/shop/.github/workflows/security-scan.yml@refs/heads/main",
        "acme/shop/.github/workflows/other.yml@refs/heads/main",
        # A pull request changes the workflow and signs what it likes.
        "acme/shop/.github/workflows/security-scan.yml@refs/pull/7/merge",
    ],
)
def test_another_workflow_is_refused(desk: Desk, workflow: str) -> None:
    desk.sigstore.claims = claims(workflow=workflow)
    with pytest.raises(NotVerified, match="SANs do not match"):
        verify(desk.sign(), desk.expected)


def test_evidence_on_another_repository_is_refused(desk: Desk) -> None:
    """A workflow that many repositories call signs for each of them with one identity."""
    desk.sigstore.claims = claims(repository="acme/billing")
    with pytest.raises(NotVerified, match=r"a workflow of https://github\.com/acme/billing signed"):
        verify(desk.sign(), desk.expected)


def test_evidence_on_another_repository_than_asked_for_is_refused(desk: Desk) -> None:
    file = desk.sign()
    assert verify(file, replace(desk.expected, repository="Acme/Shop")).signature is not None
    url = "https://github.com/acme/shop.git"
    assert verify(file, replace(desk.expected, repository=url)).signature is not None
    with pytest.raises(NotVerified, match="on the repository acme/shop, not acme/shopping"):
        verify(file, replace(desk.expected, repository="acme/shopping"))


def test_evidence_on_another_commit_is_refused(desk: Desk) -> None:
    file = desk.sign()
    assert verify(file, replace(desk.expected, commit=COMMIT[:7].upper())).signature is not None
    for commit in ("f" * 40, COMMIT[:6], ""):
        with pytest.raises(NotVerified, match="on the commit"):
            verify(file, replace(desk.expected, commit=commit))


@pytest.mark.parametrize("name", ["findings.sarif", "decision.json"])
def test_a_changed_file_is_refused(desk: Desk, name: str) -> None:
    file = desk.sign()
    data = (desk.directory / name).read_bytes()
    (desk.directory / name).write_bytes(data[:-2] + bytes([data[-2] ^ 1]) + data[-1:])
    with pytest.raises(NotVerified, match="is not the file that the evidence is about"):
        verify(file, desk.expected)


def test_a_file_that_is_not_there_is_named_or_refused(desk: Desk) -> None:
    file = desk.sign()
    (desk.directory / "decision.json").unlink()
    assert verify(file, desk.expected).absent == ["decision.json"]
    with pytest.raises(NotVerified, match=r"decision\.json is not there"):
        verify(file, replace(desk.expected, files=desk.directory))


def test_a_file_name_leads_nowhere_else(desk: Desk) -> None:
    statement = desk.scan()
    statement.subject[1].name = "../findings.sarif"
    with pytest.raises(NotVerified, match="no plain name"):
        verify(desk.sign(statement), desk.expected)


@pytest.mark.parametrize(
    "change",
    [
        {"predicateType": "https://slsa.dev/provenance/v1"},
        {"_type": "https://in-toto.io/Statement/v0.1"},
        {"predicate": {}},
        {"subject": []},
    ],
)
def test_a_statement_of_another_kind_is_refused(desk: Desk, change: dict[str, Any]) -> None:
    payload = msgspec.json.encode(msgspec.json.decode(encode(desk.scan())) | change)
    with pytest.raises(NotVerified, match="the statement is not one of urn:secagg:evidence:v1"):
        verify(desk.sign(payload), desk.expected)


def test_an_unknown_field_of_a_newer_version_is_left_alone(desk: Desk) -> None:
    document = msgspec.json.decode(encode(desk.scan()))
    document["predicate"]["weather"] = "fair"
    payload = msgspec.json.encode(document)
    assert verify(desk.sign(payload), desk.expected).statement == desk.scan()


def test_an_unsigned_statement_is_refused_by_default(desk: Desk) -> None:
    file = desk.directory / "evidence.unsigned.json"
    file.write_bytes(encode(desk.scan()))
    with pytest.raises(NotVerified, match="is not signed"):
        verify(file, desk.expected)
    verified = verify(file, replace(desk.expected, allow_unsigned=True))
    assert verified.signature is None
    assert verified.statement == desk.scan()


def test_what_is_signed_is_checked_even_if_unsigned_is_allowed(desk: Desk) -> None:
    desk.sigstore.claims = claims(issuer="https://gitlab.example")
    with pytest.raises(NotVerified, match="issuer"):
        verify(desk.sign(), replace(desk.expected, allow_unsigned=True))


def test_without_a_signer_to_expect_nothing_is_verified(desk: Desk) -> None:
    file = desk.sign()
    for expected in (replace(desk.expected, identity=None), replace(desk.expected, issuer="")):
        with pytest.raises(UsageError, match="--identity and --issuer are needed"):
            verify(file, expected)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"{}", b"null", b"\xff", b'{"mediaType": 1}'])
def test_what_is_no_bundle_is_refused(desk: Desk, data: bytes) -> None:
    file = desk.directory / "evidence.sigstore.json"
    file.write_bytes(data)
    with pytest.raises(NotVerified):
        verify(file, desk.expected)


@pytest.mark.parametrize("data", [b"", b"{}", b'{"mediaType": "x"}', b"[]"])
def test_what_is_no_trusted_root_is_an_error_of_use(desk: Desk, data: bytes) -> None:
    file, root = desk.sign(), desk.directory / "root.json"
    root.write_bytes(data)
    with pytest.raises(UsageError, match=r"root\.json is no trusted root"):
        verify(file, replace(desk.expected, trusted_root=root))


def test_a_client_trust_configuration_is_a_trusted_root(desk: Desk) -> None:
    file = desk.sign()
    config = desk.directory / "sigstore.json"
    assert verify(file, replace(desk.expected, trusted_root=config)).signature is not None
