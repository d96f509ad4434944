"""Sigstore's services on this machine, with keys of their own: Fulcio, its CT log, and Rekor v1.

They speak the protocols that sigstore-python 4.5 speaks: the signing and the checking in the tests
is sigstore's own code, against a trusted root that holds these keys in the place of the public ones.
Nothing here shows that the public instance accepts what is sent.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import rfc8785
from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

GITHUB = "https://token.actions.githubusercontent.com"
WORKFLOW = "acme/shop/.github/workflows/security-scan.yml@refs/heads/main"
IDENTITY = f"https://github.com/{WORKFLOW}"

_SCT_LIST = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
_FULCIO = "1.3.6.1.4.1.57264.1"
_LIFETIME = datetime.timedelta(minutes=10)


class LocalSigstore:
    """A sigstore: the services that sign, and the trusted root that its users have.

    ``late`` is how long after the issue of a certificate Rekor takes the entry in. ``failures`` is
    how many requests to Rekor are refused before one is taken. ``requests`` has what was sent.
    """

    def __init__(self) -> None:
        self._ca, self._ct, self._rekor = (ec.generate_private_key(ec.SECP256R1()) for _ in "abc")
        self.now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
        self._root = self._make_root()
        self.late = datetime.timedelta(seconds=1)
        self.failures = 0
        self.url = ""
        self.requests: list[tuple[str, bytes]] = []
        self.claims = claims()

    @property
    def trusted_root(self) -> dict[str, Any]:
        """The trusted root, as sigstore's TUF repository would give it."""
        since = {"start": (self.now - datetime.timedelta(days=30)).isoformat()}
        root = _b64(self._root.public_bytes(Encoding.DER))
        return {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [_log(self._rekor, since)],
            "certificateAuthorities": [
                {
                    "subject": {"organization": "test", "commonName": "root"},
                    "uri": "http://127.0.0.1",
                    "certChain": {"certificates": [{"rawBytes": root}]},
                    "validFor": since,
                }
            ],
            "ctlogs": [_log(self._ct, since)],
            "timestampAuthorities": [],
        }

    @property
    def trust_config(self) -> dict[str, Any]:
        """The client trust configuration, which names the services, too."""
        since = {"start": "2026-01-01T00:00:00Z"}
        service = {
            "url": self.url,
            "majorApiVersion": 1,
            "validFor": since,
            "operator": "test",
        }
        return {
            "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
            "trustedRoot": self.trusted_root,
            "signingConfig": {
                "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
                "caUrls": [service],
                "oidcUrls": [service],
                "rekorTlogUrls": [service],
                "tsaUrls": [],
                "rekorTlogConfig": {"selector": "ANY"},
                "tsaConfig": {"selector": "ANY"},
            },
        }

    def token(self) -> str:
        """A token as the CI system gives it to a job."""
        return jwt.encode(self.claims, "k" * 32, algorithm="HS256")

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Serve on a port of the loopback."""
        sigstore = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(200, {"value": sigstore.token()})

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                sigstore.requests.append((self.path, body))
                if self.path.endswith("/signingCert"):
                    token = self.headers["Authorization"].removeprefix("Bearer ")
                    self._answer(200, sigstore._fulcio(json.loads(body), token))
                elif sigstore.failures:
                    sigstore.failures -= 1
                    self._answer(503, {})
                else:
                    self._answer(201, sigstore._log_entry(json.loads(body)))

            def _answer(self, status: int, document: dict[str, Any]) -> None:
                data = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            self.url = f"http://127.0.0.1:{server.server_address[1]}"
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            try:
                yield
            finally:
                server.shutdown()
                thread.join()

    def _make_root(self) -> x509.Certificate:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a root of the tests")])
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self._ca.public_key())
            .serial_number(1)
            .not_valid_before(self.now - datetime.timedelta(days=1))
            .not_valid_after(self.now + datetime.timedelta(days=365))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_key_usage(sign_certificates=True), critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(self._ca.public_key()), critical=False
            )
            .sign(self._ca, SHA256())
        )

    def _fulcio(self, request: dict[str, str], token: str) -> dict[str, Any]:
        claim = jwt.decode(token, options={"verify_signature": False})
        csr = x509.load_pem_x509_csr(base64.b64decode(request["certificateSigningRequest"]))
        certificate = self._certificate(csr.public_key(), claim)
        chain = [c.public_bytes(Encoding.PEM).decode() for c in (certificate, self._root)]
        return {"signedCertificateEmbeddedSct": {"chain": {"certificates": chain}}}

    def _certificate(self, key: Any, claim: dict[str, Any]) -> x509.Certificate:
        """A certificate as Fulcio makes it, with the promise of its CT log (RFC 6962, 3.2)."""
        issuer, workflow = str(claim["iss"]), f"https://github.com/{claim['job_workflow_ref']}"
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(self._root.subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.now)
            .not_valid_after(self.now + _LIFETIME)
            .add_extension(_key_usage(sign_certificates=False), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._ca.public_key()),
                critical=False,
            )
            .add_extension(
                x509.SubjectAlternativeName([x509.UniformResourceIdentifier(workflow)]),
                critical=True,
            )
            .add_extension(_unknown(f"{_FULCIO}.1", issuer.encode()), critical=False)
            .add_extension(_unknown(f"{_FULCIO}.8", asn1.encode_der(issuer)), critical=False)
        )
        repository = f"https://github.com/{claim['repository']}"
        for number, value in ((12, repository), (13, str(claim["sha"]))):
            extension = _unknown(f"{_FULCIO}.{number}", asn1.encode_der(value))
            builder = builder.add_extension(extension, critical=False)
        precertificate = builder.sign(self._ca, SHA256())
        scts = self._promise(precertificate.tbs_certificate_bytes)
        extension = x509.UnrecognizedExtension(_SCT_LIST, asn1.encode_der(scts))
        return builder.add_extension(extension, critical=False).sign(self._ca, SHA256())

    def _promise(self, tbs: bytes) -> bytes:
        at = int(self.now.timestamp() * 1000)
        entry = hashlib.sha256(_der(self._ca)).digest() + len(tbs).to_bytes(3, "big") + tbs
        signed = struct.pack("!BBQH", 0, 0, at, 1) + entry + struct.pack("!H", 0)
        signature = self._ct.sign(signed, ec.ECDSA(SHA256()))
        sct = struct.pack("!B32sQH", 0, hashlib.sha256(_der(self._ct)).digest(), at, 0)
        sct += struct.pack("!BBH", 4, 3, len(signature)) + signature
        return struct.pack("!HH", len(sct) + 2, len(sct)) + sct

    def _log_entry(self, request: dict[str, Any]) -> dict[str, Any]:
        """The only entry of a log, with its inclusion proof and promise."""
        proposed = request["spec"]["proposedContent"]
        envelope = json.loads(proposed["envelope"])
        body = rfc8785.dumps(
            {
                "apiVersion": "0.0.1",
                "kind": "dsse",
                "spec": {
                    "envelopeHash": _hash(proposed["envelope"].encode()),
                    "payloadHash": _hash(base64.b64decode(envelope["payload"])),
                    "signatures": [
                        {
                            "signature": envelope["signatures"][0]["sig"],
                            "verifier": proposed["verifiers"][0],
                        }
                    ],
                },
            }
        )
        log = hashlib.sha256(_der(self._rekor)).digest()
        at = int((self.now + self.late).timestamp())
        promise: dict[str, Any] = {
            "body": _b64(body),
            "integratedTime": at,
            "logID": log.hex(),
            "logIndex": 0,
        }
        root = hashlib.sha256(b"\0" + body).digest()
        note = f"rekor.test - 1\n1\n{_b64(root)}\n"
        signed_note = _b64(log[:4] + self._sign(note.encode()))
        return {
            "uuid": {
                **promise,
                "verification": {
                    "signedEntryTimestamp": _b64(self._sign(rfc8785.dumps(promise))),
                    "inclusionProof": {
                        "checkpoint": f"{note}\n\u2014 rekor.test {signed_note}\n",
                        "hashes": [],
                        "logIndex": 0,
                        "rootHash": root.hex(),
                        "treeSize": 1,
                    },
                },
            }
        }

    def _sign(self, data: bytes) -> bytes:
        return self._rekor.sign(data, ec.ECDSA(SHA256()))


def claims(
    *, workflow: str = WORKFLOW, repository: str = "acme/shop", issuer: str = GITHUB
) -> dict[str, Any]:
    """The claims of a job of the workflow, as GitHub makes them."""
    now = int(datetime.datetime.now(datetime.UTC).timestamp())
    return {
        "iss": issuer,
        "aud": "sigstore",
        "sub": f"repo:{repository}:ref:refs/heads/main",
        "iat": now,
        "nbf": now - 5,
        "exp": now + 300,
        "job_workflow_ref": workflow,
        "repository": repository,
        "sha": "a" * 40,
    }


def _key_usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign_certificates,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _unknown(oid: str, value: bytes) -> x509.UnrecognizedExtension:
    return x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), value)


def _log(key: ec.EllipticCurvePrivateKey, since: dict[str, str]) -> dict[str, Any]:
    return {
        "baseUrl": "http://127.0.0.1",
        "hashAlgorithm": "SHA2_256",
        "publicKey": {
            "rawBytes": _b64(_der(key)),
            "keyDetails": "PKIX_ECDSA_P256_SHA_256",
            "validFor": since,
        },
        "logId": {"keyId": _b64(hashlib.sha256(_der(key)).digest())},
    }


def _der(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _hash(data: bytes) -> dict[str, str]:
    return {"algorithm": "sha256", "value": hashlib.sha256(data).hexdigest()}


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
