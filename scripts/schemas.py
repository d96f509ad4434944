"""Write the published JSON Schemas from the models that they describe.

``python -m scripts.schemas`` writes them into ``secagg/schemas``; ``--check`` only compares and
exits with 1 where one is out of date.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import msgspec

from secagg.config import Config
from secagg.decisions.ownfile import DecisionFile
from secagg.evidence.model import EvidenceStatement
from secagg.output.decision import DecisionDocument
from secagg.output.summary import Summary
from secagg.policy.model import Policy
from secagg.policytest.model import PolicyTests
from secagg.report.document import ReportDocument
from secagg.system.validation import FileModel, json_schema

DIRECTORY = Path(__file__).parent.parent / "secagg" / "schemas"
PUBLISHED: dict[str, tuple[str, type[Any]]] = {
    "config.schema.json": ("secagg.yaml", Config),
    "decision.schema.json": ("secagg decision.json", DecisionDocument),
    "evidence.schema.json": ("secagg evidence (in-toto statement)", EvidenceStatement),
    "exceptions.schema.json": ("secagg-exceptions.yaml", DecisionFile),
    "policy.schema.json": ("secagg policy file", Policy),
    "policytest.schema.json": ("secagg policy test file", PolicyTests),
    "report.schema.json": ("secagg report --format json", ReportDocument),
    "summary.schema.json": ("secagg summary.json", Summary),
}


def schema(title: str, model: type[Any]) -> str:
    """The JSON Schema (2020-12) of ``model`` as text."""
    document = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    if issubclass(model, msgspec.Struct) and not issubclass(model, FileModel):
        _, parts = msgspec.json.schema_components([model], ref_template="#/$defs/{name}")
        document |= parts.pop(model.__name__) | {"$defs": parts}
    else:
        document |= json_schema(model)
    document["title"] = title
    return json.dumps(document, indent=2) + "\n"


def main() -> int:
    """Write or compare all schemas."""
    stale = []
    for name, (title, model) in PUBLISHED.items():
        path, text = DIRECTORY / name, schema(title, model)
        if "--check" not in sys.argv[1:]:
            path.write_text(text)
        elif not path.is_file() or path.read_text() != text:
            stale.append(name)
    if stale:
        sys.stderr.write("out of date: " + ", ".join(stale) + "; run python -m scripts.schemas\n")
    return bool(stale)


if __name__ == "__main__":
    sys.exit(main())
