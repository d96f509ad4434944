"""Run Trivy and Checkov over fixtures/terraform/tree, and keep what they print, cut down.

``python -m scripts.terraform_reports`` needs both on PATH, and no network. Kept are rule, title,
message, severity, resource, file and lines of each finding: code, descriptions and references are
not, since they would be most of the files.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from typing import Any

from scripts.accuracy_sets import TERRAFORM

_TRIVY = ("trivy", "config", "--quiet", "--skip-version-check", "--format", "json", ".")
_CHECKOV = (
    *("checkov", "-d", ".", "--framework", "terraform", "--quiet", "--compact"),
    *("--skip-download", "-o", "json"),
)
_NOT_OF_TRIVY = ("Description", "References", "Namespace", "Query")
_NOT_OF_CAUSE = ("Code", "RenderedCause")
_OF_CHECKOV = (
    *("check_id", "bc_check_id", "check_name", "file_path", "file_line_range", "resource"),
    *("severity", "guideline"),
)


def main() -> None:
    """Write both reports anew."""
    trivy = _run(_TRIVY)
    for result in trivy["Results"]:
        for failed in result.get("Misconfigurations") or ():
            for name in _NOT_OF_TRIVY:
                failed.pop(name, None)
            for name in _NOT_OF_CAUSE:
                failed["CauseMetadata"].pop(name, None)
    checkov = _run(_CHECKOV)
    failed_checks = checkov["results"]["failed_checks"]
    checkov["results"] = {
        "failed_checks": [{name: check[name] for name in _OF_CHECKOV} for check in failed_checks],
        "parsing_errors": checkov["results"]["parsing_errors"],
    }
    for name, document in (("trivy", trivy), ("checkov", checkov)):
        text = json.dumps(document, indent=1, ensure_ascii=False)
        (TERRAFORM / "reports" / f"{name}.json").write_text(f"{text}\n", encoding="utf-8")


def _run(command: Sequence[str]) -> Any:
    tree = TERRAFORM / "tree"
    ran = subprocess.run(command, cwd=tree, capture_output=True, timeout=600, check=False)
    return json.loads(ran.stdout)


if __name__ == "__main__":
    main()
