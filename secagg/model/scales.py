"""What SARIF levels of known tools are worth; docs/severities.md has the table for people.

A level is the tool's word on a severity only where the tool puts its severity there. Sources are
the tools' own SARIF writers and documentation; ``security-severity`` and words such as
``issue_severity`` come before a level (:mod:`secagg.sarif.result_severity`).
"""

from __future__ import annotations

# Tools that judge how code is written. What they do not rate counts for less than what a security
# tool does not rate.
LINTERS = frozenset(
    {
        "actionlint",
        "checkstyle",
        "clang-tidy",
        "clippy",
        "cppcheck",
        "detekt",
        "eslint",
        "flake8",
        "golangci-lint",
        "hadolint",
        "ktlint",
        "phpstan",
        "pmd",
        "psalm",
        "pylint",
        "rubocop",
        "ruff",
        "shellcheck",
        "spotbugs",
        "stylelint",
        "tflint",
        "yamllint",
    }
)

# Security tools whose scale is in the table: their word is taken as it is.
RATING_TOOLS = frozenset(
    {
        "bandit",
        "brakeman",
        "checkov",
        "gosec",
        "kics",
        "semgrep",
        "tfsec",
        "zizmor",
    }
)

# Levels that are no severity, by tool. Checkov writes "error" for every failed check that its
# platform has not rated (checkov/common/output/sarif.py); Brakeman writes its confidence
# (Brakeman::Report::SARIF, infer_level).
_MEANINGLESS = {
    "brakeman": frozenset({"error", "warning", "note", "none"}),
    "checkov": frozenset({"error", "warning"}),
    "prisma-cloud": frozenset({"error", "warning"}),
    "bridgecrew": frozenset({"error", "warning"}),
}
_NOTHING: frozenset[str] = frozenset()


def is_linter(tool: str) -> bool:
    """Whether ``tool`` (as :func:`secagg.sarif.producers.tool_name` writes it) is a linter."""
    return tool in LINTERS


def rates_by_level(tool: str, level: str) -> bool:
    """Whether ``level`` is the tool's word on how bad a result is."""
    return level not in _MEANINGLESS.get(tool, _NOTHING)
