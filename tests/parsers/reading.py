"""Reading reports in tests: our parsers by name, and a context whose key is no secret."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from secagg_parsers.bandit import BanditParser
from secagg_parsers.cargo_audit import CargoAuditParser
from secagg_parsers.checkov import CheckovParser
from secagg_parsers.code_scanning import CodeScanningParser
from secagg_parsers.codeql import CodeqlParser
from secagg_parsers.cyclonedx import CycloneDxParser
from secagg_parsers.dependabot import DependabotParser
from secagg_parsers.dependency_check import DependencyCheckParser
from secagg_parsers.detect_secrets import DetectSecretsParser
from secagg_parsers.gitlab import GitLabParser
from secagg_parsers.gitleaks import GitleaksParser
from secagg_parsers.grype import GrypeParser
from secagg_parsers.hadolint import HadolintParser
from secagg_parsers.kingfisher import KingfisherParser
from secagg_parsers.npm_audit import NpmAuditParser
from secagg_parsers.osv_scanner import OsvScannerParser
from secagg_parsers.pip_audit import PipAuditParser
from secagg_parsers.sarif import SarifParser
from secagg_parsers.semgrep import SemgrepParser
from secagg_parsers.snyk import SnykParser
from secagg_parsers.trivy import TrivyParser
from secagg_parsers.trufflehog import TrufflehogParser

from secagg.parsing import ParseContext, ParsedReport, Parser, RawReport, choose, learn
from secagg.secrets.redactor import Redactor

_ALL: tuple[Parser, ...] = (
    BanditParser(),
    CargoAuditParser(),
    CheckovParser(),
    CodeScanningParser(),
    CodeqlParser(),
    CycloneDxParser(),
    DependabotParser(),
    DependencyCheckParser(),
    DetectSecretsParser(),
    GitLabParser(),
    GitleaksParser(),
    GrypeParser(),
    HadolintParser(),
    KingfisherParser(),
    NpmAuditParser(),
    OsvScannerParser(),
    PipAuditParser(),
    SarifParser(),
    SemgrepParser(),
    SnykParser(),
    TrivyParser(),
    TrufflehogParser(),
)
PARSERS: dict[str, Parser] = {parser.tool: parser for parser in _ALL}


def context_for(root: Path | None = None) -> ParseContext:
    """A context with a redactor of its own."""
    return ParseContext(redactor=Redactor(b"a key for tests only"), root=root)


def read(
    data: Any,
    tool: str | None = None,
    *,
    root: Path | None = None,
    component: str | None = None,
    context: ParseContext | None = None,
) -> ParsedReport:
    """Parse ``data`` (bytes, text, or what is to be encoded as JSON), and check the balance."""
    if isinstance(data, str):
        data = data.encode()
    elif not isinstance(data, bytes):
        data = json.dumps(data).encode()
    report = RawReport(name="report", data=data, tool=tool, component=component)
    context = context or context_for(root)
    learn(report, PARSERS, context)
    parsed = choose(report, PARSERS).parse(report, context)
    assert parsed.balances, "reported = findings + suppressed + merged + problems"
    return parsed
