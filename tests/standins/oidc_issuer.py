"""An issuer of OpenID Connect on loopback: real HTTP, real signatures, and answers to spoil."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT = "secagg"


@cache
def own_key() -> rsa.RSAPrivateKey:
    """The key of every issuer: making one takes long."""
    return rsa.generate_private_key(65537, 2048)


class OidcIssuer:
    """``person`` are the claims of who logs in. ``changed`` replaces claims of the ID token; a
    ``None`` leaves one out. ``key`` signs by ``algorithm``; ``asked`` are the token requests.
    """

    def __init__(self) -> None:
        self.key = self.published = own_key()
        self.algorithm = "RS256"
        self.person: dict[str, Any] = {"sub": "1", "email": "ana@example.com"}
        self.person |= {"email_verified": True, "groups": ["triage", "staff"]}
        self.changed: dict[str, Any] = {}
        self.discovery: dict[str, Any] = {}
        self.codes: dict[str, dict[str, str]] = {}
        self.asked: list[dict[str, str]] = []
        self.secret: str | None = None
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> OidcIssuer:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, path: str, query: dict[str, str]) -> tuple[int, dict[str, Any] | str]:
        """The answer to a GET: JSON, or where to go."""
        if path == "/.well-known/openid-configuration":
            return 200, {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/keys",
            } | self.discovery
        if path == "/keys":
            public = jwt.algorithms.RSAAlgorithm.to_jwk(self.published.public_key(), as_dict=True)
            return 200, {"keys": [{**public, "kid": "one", "use": "sig"}]}
        if path == "/authorize":
            code = secrets.token_urlsafe(16)
            self.codes[code] = query
            back = {"code": code, "state": query["state"], "iss": self.url}
            return 302, f"{query['redirect_uri']}?{urlencode(back)}"
        return 404, {}

    def token(self, form: dict[str, str], authorization: str | None) -> tuple[int, dict[str, Any]]:
        """Exchange a code: once, for the client and the verifier that it was made for."""
        self.asked.append(form)
        begun = self.codes.pop(form.get("code", ""), None)
        verifier = form.get("code_verifier", "").encode()
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier).digest()).rstrip(b"=")
        if self.secret is not None:
            expected = base64.b64encode(f"{CLIENT}:{self.secret}".encode()).decode()
            if authorization != f"Basic {expected}":
                return 401, {"error": "invalid_client"}
        elif form.get("client_id") != CLIENT:
            return 401, {"error": "invalid_client"}
        if begun is None or begun["code_challenge"] != challenge.decode():
            return 400, {"error": "invalid_grant"}
        if begun["redirect_uri"] != form.get("redirect_uri"):
            return 400, {"error": "invalid_grant"}
        token = self.id_token(begun.get("nonce"))
        return 200, {"access_token": "opaque", "token_type": "Bearer", "id_token": token}

    def id_token(self, nonce: str | None) -> str:
        now = int(time.time())
        claims = {"iss": self.url, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": nonce}
        claims = claims | self.person | self.changed
        claims = {name: value for name, value in claims.items() if value is not None}
        key: Any = "" if self.algorithm == "none" else self.key
        if self.algorithm.startswith("HS"):
            key = "a secret that is long enough for HMAC"
        return jwt.encode(claims, key, self.algorithm, headers={"kid": "one"})

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                status, body = issuer.answer(parts.path, query)
                self._send(status, body)

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                form = parse_qs(self.rfile.read(length).decode())
                values = {name: value[0] for name, value in form.items()}
                self._send(*issuer.token(values, self.headers["Authorization"]))

            def _send(self, status: int, body: dict[str, Any] | str) -> None:
                data = b"" if isinstance(body, str) else json.dumps(body).encode()
                self.send_response(status)
                if isinstance(body, str):
                    self.send_header("Location", body)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args: object) -> None:
                pass

        return Handler
