"""Evidence of a scan, signed by services on this machine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from secagg.evidence.model import (
    PREDICATE_TYPE,
    STATEMENT_TYPE,
    Counts,
    EvaluatedTool,
    Evaluation,
    EvidenceStatement,
    EvidenceSubject,
    encode,
)
from secagg.evidence.signing import CONFIG_VARIABLE, Signer
from secagg.evidence.verifying import Expected
from tests.standins.sigstore_services import GITHUB, IDENTITY, LocalSigstore

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def sigstore() -> Iterator[LocalSigstore]:
    """A sigstore that serves."""
    local = LocalSigstore()
    with local.serving():
        yield local


@dataclass(frozen=True, slots=True)
class Desk:
    """A directory with the files of a scan; what is signed there, and what is asked of it."""

    directory: Path
    sigstore: LocalSigstore
    monkeypatch: pytest.MonkeyPatch

    @property
    def expected(self) -> Expected:
        root = self.directory / "trusted_root.json"
        root.write_text(json.dumps(self.sigstore.trusted_root))
        return Expected(identity=IDENTITY, issuer=GITHUB, trusted_root=root)

    def environment(self) -> dict[str, str]:
        """The variables of a job that may ask GitHub for an identity."""
        config = self.directory / "sigstore.json"
        config.write_text(json.dumps(self.sigstore.trust_config))
        return {
            CONFIG_VARIABLE: str(config),
            "GITHUB_ACTIONS": "true",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "a-token-for-one-job",
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{self.sigstore.url}/token?x=1",
        }

    def sign(self, statement: EvidenceStatement | bytes | None = None) -> Path:
        """Sign a statement, by default that of the scan, and return the evidence."""
        environment = self.environment()
        for name, value in environment.items():
            self.monkeypatch.setenv(name, value)
        payload = statement if isinstance(statement, bytes) else encode(statement or self.scan())
        file = self.directory / "evidence.sigstore.json"
        file.write_bytes(Signer(environment).sign(payload))
        return file

    def scan(self, **fields: Any) -> EvidenceStatement:
        """The statement on the files of the directory."""
        subjects = [EvidenceSubject(name="acme/shop", digest={"gitCommit": COMMIT})]
        for name in ("findings.sarif", "decision.json"):
            digest = hashlib.sha256((self.directory / name).read_bytes()).hexdigest()
            subjects.append(EvidenceSubject(name=name, digest={"sha256": digest}))
        given: dict[str, Any] = {
            "secagg_version": "0.1.0",
            "repository": "acme/shop",
            "branch": "main",
            "commit": COMMIT,
            "decided_on": "2026-11-30",
            "verdict": "incomplete",
            "exit_code": 3,
            "policy": "daily",
            "narrowed": False,
            "counts": Counts(total=2, fail=1, warn=0, ignore=1),
            "tools": [
                EvaluatedTool(name="trivy", component=".", status="failed", reason="no disk")
            ],
            "gaps": ["Trivy has failed"],
        }
        return EvidenceStatement(
            type_=STATEMENT_TYPE,
            predicate_type=PREDICATE_TYPE,
            subject=subjects,
            predicate=Evaluation(**(given | fields)),
        )


@pytest.fixture
def desk(tmp_path: Path, sigstore: LocalSigstore, monkeypatch: pytest.MonkeyPatch) -> Desk:
    (tmp_path / "findings.sarif").write_text('{"version": "2.1.0"}')
    (tmp_path / "decision.json").write_text('{"verdict": "incomplete"}')
    return Desk(tmp_path, sigstore, monkeypatch)
