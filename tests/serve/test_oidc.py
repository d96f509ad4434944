"""Tokens of CI services: which are believed, and what they let a job do."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from secagg.config import Config
from secagg.errors import ConfigError, StoreError
from secagg.model.access import Caller, TokenScope
from secagg.pipeline import record as record_module
from secagg.pipeline.gate import GateOptions, plain_gate
from secagg.remote.store import ReadOnlyStore
from secagg.serve.oidc import Verifier
from secagg.serve.settings import Issuer, load_settings
from tests.history.make import REPO, ident, problem, run
from tests.history.test_record import outcome, result
from tests.serve.jobs import ADDRESS, Jobs

GITHUB = "https://token.actions.githubusercontent.com"
GITLAB = "https://gitlab.example"
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
CURVE = ec.generate_private_key(ec.SECP256R1())


def _public(key: Any, key_id: str, algorithm: Any) -> dict[str, Any]:
    return {**algorithm.to_jwk(key.public_key(), as_dict=True), "kid": key_id, "use": "sig"}


KEYS = {
    f"{GITHUB}/.well-known/jwks": {
        "keys": [_public(RSA, "one", jwt.algorithms.RSAAlgorithm)],
    },
    f"{GITLAB}/oauth/discovery/keys": {
        "keys": [_public(CURVE, "curve", jwt.algorithms.ECAlgorithm)],
    },
}
ISSUERS = (
    Issuer(provider="github", repositories=("acme/*",), refs=("refs/heads/main", "refs/heads/r-*")),
    Issuer(provider="gitlab", repositories=("group/*",), issuer=GITLAB),
)


class Service:
    """The issuers' key sets; ``fetched`` are the addresses that were asked."""

    def __init__(self) -> None:
        self.fetched: list[str] = []
        self.now = 1000.0
        self.down = False
        self.verifier = Verifier(ISSUERS, ADDRESS, fetch=self._fetch, clock=lambda: self.now)

    def _fetch(self, url: str) -> Mapping[str, Any]:
        self.fetched.append(url)
        if self.down:
            raise httpx.ConnectError("down")
        return KEYS[url]


def _claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    claims = {
        "iss": GITHUB,
        "aud": ADDRESS,
        "iat": now,
        "nbf": now,
        "exp": now + 300,
        "repository": "acme/shop",
        "ref": "refs/heads/main",
        "event_name": "push",
    }
    return {name: value for name, value in (claims | changes).items() if value is not None}


def _token(key: Any = RSA, key_id: str = "one", algorithm: str = "RS256", **changes: Any) -> str:
    return jwt.encode(_claims(**changes), key, algorithm, headers={"kid": key_id})


def _gitlab(**changes: Any) -> str:
    claims = {
        "iss": GITLAB,
        "repository": None,
        "event_name": None,
        "project_path": "group/sub/shop",
        "ref": "main",
        "ref_type": "branch",
        "pipeline_source": "push",
    }
    return _token(CURVE, "curve", "ES256", **(claims | changes))


@pytest.fixture
def service() -> Service:
    return Service()


def _may(caller: Caller | None, repository: str) -> tuple[bool, bool]:
    """Whether it may read the repository, and record a run of its main branch."""
    assert caller is not None
    return caller.may(TokenScope.READ, repository), caller.may_record(repository, "main")


def test_a_job_of_a_branch_records_that_branch_and_reads_its_repository(service: Service) -> None:
    caller = service.verifier.caller(_token())
    assert caller is not None and caller.name == "github:acme/shop"
    assert _may(caller, "acme/shop") == (True, True)
    assert _may(caller, "acme/other") == _may(caller, "*") == (False, False)
    assert not caller.may_record("acme/shop", "dev") and not caller.may(
        TokenScope.TRIAGE, "acme/shop"
    )
    release = service.verifier.caller(_token(ref="refs/heads/r-1"))
    assert release is not None and release.may_record("acme/shop", "r-1")
    assert _may(service.verifier.caller(_gitlab()), "group/sub/shop") == (True, True)


REFUSED = {
    "issuer": {"iss": "https://evil.example"},
    "an issuer with a slash": {"iss": GITHUB + "/"},
    "audience": {"aud": "https://other.example"},
    "no audience": {"aud": None},
    "repository": {"repository": "evil/shop"},
    "a repository that begins alike": {"repository": "acme-evil/shop"},
    "an owner alone": {"repository": "acme/"},
    "every repository": {"repository": "acme/*"},
    "no repository": {"repository": None},
    "a list of repositories": {"repository": ["acme/shop"]},
    "expired": {"exp": int(time.time()) - 3600},
    "no expiry": {"exp": None},
    "issued in the future": {"iat": int(time.time()) + 3600},
    "not yet valid": {"nbf": int(time.time()) + 3600},
    "another key": {"key": OTHER},
    "an unknown key": {"key_id": "two"},
    "none": {"key": "", "algorithm": "none"},
    "another hash": {"algorithm": "RS512"},
    "the public key as a password": {"key": "x" * 64, "algorithm": "HS256"},
    "another issuer's key": {"iss": GITLAB},
}


@pytest.mark.parametrize("changes", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_wrong_is_refused(service: Service, changes: dict[str, Any]) -> None:
    assert service.verifier.caller(_token(**changes)) is None


def test_what_is_no_token_is_refused(service: Service) -> None:
    good = _token()
    for text in ("", "a", "a.b.c", good[:-3], good + "x" * 20_000, good.replace(".", ".x", 1)):
        assert service.verifier.caller(text) is None
    assert service.verifier.caller(good) is not None


READS_ONLY = {
    "a pull request": {"event_name": "pull_request", "ref": "refs/pull/7/merge"},
    "one that runs on the base": {"event_name": "pull_request_target"},
    "a comment": {"event_name": "issue_comment"},
    "what follows a pull request": {"event_name": "workflow_run"},
    "no event": {"event_name": None},
    "another branch": {"ref": "refs/heads/dev"},
    "a tag of the same name": {"ref": "refs/tags/main"},
    "a branch that begins alike": {"ref": "refs/heads/main-2"},
    "no ref": {"ref": None},
}


@pytest.mark.parametrize("changes", READS_ONLY.values(), ids=READS_ONLY.keys())
def test_jobs_that_record_nothing(service: Service, changes: dict[str, Any]) -> None:
    assert _may(service.verifier.caller(_token(**changes)), "acme/shop") == (True, False)


@pytest.mark.parametrize(
    "changes",
    [{"pipeline_source": "merge_request_event"}, {"ref_type": "tag"}, {"ref_type": None}],
)
def test_jobs_of_gitlab_that_record_nothing(service: Service, changes: dict[str, Any]) -> None:
    caller = service.verifier.caller(_gitlab(**changes))
    assert _may(caller, "group/sub/shop") == (True, False)


def test_keys_are_kept_and_made_up_ones_fetch_nothing(service: Service) -> None:
    for _ in range(3):
        assert service.verifier.caller(_token()) is not None
    assert len(service.fetched) == 1
    for number in range(20):
        assert service.verifier.caller(_token(key_id=f"made up {number}")) is None
    assert len(service.fetched) == 1
    service.now += 31
    assert service.verifier.caller(_token(key_id="newer")) is None
    assert len(service.fetched) == 2
    # The keys that are known hold while the issuer cannot be reached.
    service.down, service.now = True, service.now + 3600
    assert service.verifier.caller(_token()) is not None
    assert len(service.fetched) == 3


def test_a_job_uses_the_store_with_it(tmp_path: Path, service: Service) -> None:
    jobs = Jobs(f"sqlite:///{tmp_path}/store.db", service.verifier)
    job = jobs.remote(_token())
    assert job.record(run(1, key=ident("k")), [problem("one")], []).new == 1
    assert [one.identity for one in job.problems(REPO)] == [ident("one")]
    with pytest.raises(StoreError, match="may not record"):
        job.record(run(2, key=ident("l"), branch="dev"), [], [])
    pull = jobs.remote(_token(event_name="pull_request", ref="refs/pull/7/merge"))
    assert len(list(pull.problems(REPO))) == 1
    with pytest.raises(ReadOnlyStore, match="pull requests") as refused:
        pull.record(run(2, key=ident("l"), branch="pull request: x"), [], [])
    assert refused.value.reads_only
    with pytest.raises(StoreError, match="does not accept"):
        jobs.remote(_token(aud="https://other.example")).branches()
    assert len(jobs.remote(_token()).runs()) == 1
    assert not any("ey" in f"{line} {line.values}" for line in jobs.lines)


def test_a_scan_of_a_pull_request_says_that_it_is_not_recorded(
    tmp_path: Path, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anything else that a server refuses ends the scan: a history must not end silently."""
    jobs = Jobs(f"sqlite:///{tmp_path}/store.db", service.verifier)
    gate = plain_gate(tmp_path, Config())
    gate.options = GateOptions(store=ADDRESS, repository=REPO, branch="pull request: x")
    tokens = {"pull": _token(event_name="pull_request"), "push": _token()}
    made = outcome(result("trivy"))

    def record(token: str) -> list[str]:
        monkeypatch.setattr(record_module, "open_store_of", lambda *_: jobs.remote(tokens[token]))
        return record_module.record_scan(made, gate, since=None)

    (warning,) = record("pull")
    assert "not in the history: the store takes no runs of pull requests" in warning
    with pytest.raises(StoreError, match="may not record"):
        record("push")


def test_settings(tmp_path: Path) -> None:
    file = tmp_path / "serve.yaml"
    file.write_text(
        "address: https://secagg.example/\n"
        "issuers:\n- {provider: gitlab, repositories: [group/*], issuer: https://gitlab.example}\n"
    )
    settings = load_settings(file)
    assert (settings.address, settings.host) == ("https://secagg.example", "secagg.example")
    assert settings.issuers[0].keys_url == f"{GITLAB}/oauth/discovery/keys"
    for wrong in (
        "address: http://secagg.example",
        "address: secagg.example",
        "address: https://a.example\nissuers: [{provider: github, repositories: []}]",
        "address: https://a.example\nissuers: [{provider: github, repositories: [a*b]}]",
        "address: https://a.example\nissuers: [{provider: github, repositories: ['*'], refs: [x]}]",
        "address: https://a.example\nissuers: [{provider: jenkins, repositories: ['*']}]",
    ):
        file.write_text(wrong)
        with pytest.raises(ConfigError):
            load_settings(file)
