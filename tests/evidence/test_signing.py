"""Signing by the identity of a CI job: what is sent, and what is said where it cannot be done."""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from secagg.errors import SigningError, UsageError
from secagg.evidence import signing
from secagg.evidence.model import encode
from secagg.evidence.signing import Signer
from secagg.evidence.verifying import verify
from tests.evidence.conftest import Desk

GITLAB = {"GITLAB_CI": "true"}


@pytest.fixture(autouse=True)
def no_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests themselves may run in a CI job with an identity."""
    for name in (
        *("GITHUB_ACTIONS", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_URL"),
        *("GITLAB_CI", "SIGSTORE_ID_TOKEN", "BUILDKITE", "CIRCLECI", "GOOGLE_SERVICE_ACCOUNT_NAME"),
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda seconds: None)


def test_the_job_of_gitlab_signs_by_its_token(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = desk.environment()
    monkeypatch.setenv("GITLAB_CI", "true")
    monkeypatch.setenv("SIGSTORE_ID_TOKEN", desk.sigstore.token())
    file = desk.directory / "evidence.sigstore.json"
    file.write_bytes(Signer(environment).sign(encode(desk.scan())))
    assert verify(file, desk.expected).statement == desk.scan()


@pytest.mark.parametrize(
    "environment",
    [{}, {"GITHUB_ACTIONS": "true"}, GITLAB, GITLAB | {"SIGSTORE_ID_TOKEN": "no token"}],
    ids=["no CI", "GitHub without id-token: write", "GitLab without id_tokens", "no token"],
)
def test_without_an_identity_it_is_said_before_the_scan(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SigningError, match="no identity to sign by") as caught:
        Signer()
    assert "id-token: write" in str(caught.value.hint)
    assert "--attest-unsigned" in str(caught.value.hint)


def test_a_token_for_another_audience_is_no_identity(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.sigstore.claims["aud"] = "https://vault.example"
    monkeypatch.setenv("GITLAB_CI", "true")
    monkeypatch.setenv("SIGSTORE_ID_TOKEN", desk.sigstore.token())
    with pytest.raises(SigningError, match="no identity to sign by"):
        Signer()


@pytest.mark.parametrize("text", ["", "{}", '{"mediaType": "x"}'])
def test_a_configuration_that_is_none_is_an_error_before_the_scan(desk: Desk, text: str) -> None:
    environment = desk.environment()
    Path(environment[signing.CONFIG_VARIABLE]).write_text(text)
    with pytest.raises(UsageError, match="is no client trust configuration of sigstore"):
        Signer(environment)


def test_without_the_extra_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sigstore", None)
    with pytest.raises(UsageError, match="sigstore is not installed") as caught:
        Signer()
    assert caught.value.hint == "pip install 'secagg[attest]'"


def test_a_service_that_is_busy_is_asked_again(desk: Desk) -> None:
    desk.sigstore.failures = 2
    assert verify(desk.sign(), desk.expected).signature is not None


def test_a_service_that_refuses_is_an_error_of_signing(desk: Desk) -> None:
    desk.sigstore.failures = 3
    with pytest.raises(SigningError, match="could not be signed"):
        desk.sign()


def test_a_service_that_never_answers_is_left(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing, "_SECONDS", 0.0)
    with pytest.raises(SigningError, match="was not signed within 0 s"):
        desk.sign()


def test_the_token_goes_to_fulcio_alone_and_into_no_file(desk: Desk) -> None:
    file = desk.sign()
    token = desk.sigstore.token()
    assert token.encode() not in file.read_bytes()
    for path, body in desk.sigstore.requests:
        assert token.encode() not in body
        if path.endswith("/signingCert"):
            assert set(json.loads(body)) == {"certificateSigningRequest"}


def test_what_is_sent_to_the_log_is_the_statement_and_no_file(desk: Desk) -> None:
    """docs/evidence.md says so: Rekor v1 gets the whole statement, and keeps its digest."""
    desk.sign()
    sent: list[Any] = [
        json.loads(json.loads(body)["spec"]["proposedContent"]["envelope"])
        for path, body in desk.sigstore.requests
        if path.endswith("/log/entries")
    ]
    assert [base64.b64decode(envelope["payload"]) for envelope in sent] == [encode(desk.scan())]
