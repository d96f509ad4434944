"""Renew what ``secagg/merge/data/checks.json`` says of the checks that it maps.

    python -m scripts.checks --trivy-checks DIR --checkov DIR --semgrep-rules DIR --prowler DIR

The four are checkouts of the tools' own public repositories (aquasecurity/trivy-checks,
bridgecrewio/checkov, semgrep/semgrep-rules, prowler-cloud/prowler). The member ``checks`` is
written by people: which ids are one check; so is ``messages``: which setting a check is about
that has several. This script holds every id against the tools' metadata, prints those that no
tool lists, and writes the members ``titles`` (what each tool says its id means, for a reviewer to
compare) and ``aliases`` (the long names of tfsec and Trivy). It changes nothing else.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from pathlib import Path

DATA = Path(__file__).parent.parent / "secagg/merge/data/checks.json"
# Hadolint, Snyk, Kubescape, CodeQL and KICS document theirs on pages: there is no list to read.
_UNLISTED = re.compile(
    r"DL\d{4}|SNYK-CC-[A-Z0-9]+-\d+|C-\d{4}|actions/[\w/-]+"
    r"|[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"
)
_TITLE = re.compile(r"^title: *(.+)$", re.MULTILINE)
_ID = re.compile(r"^  id: *\"?([\w-]+)", re.MULTILINE)
_LONG = re.compile(r"^  long_id: *\"?([\w-]+)", re.MULTILINE)
_ALIASES = re.compile(r"^  aliases:\n((?:    - .*\n)+)", re.MULTILINE)


def trivy_checks(root: Path) -> Iterator[tuple[str, str, list[str]]]:
    """Read id, title and other names of each check, from the METADATA comment of its policy."""
    for path in sorted(root.glob("checks/**/*.rego")):
        if path.name.endswith("_test.rego"):
            continue
        head = path.read_text(encoding="utf-8").split("\npackage ")[0]
        text = "\n".join(line[2:] for line in head.splitlines() if line.startswith("#"))
        if found := _ID.search(text):
            title = _TITLE.search(text)
            names = [m[1] for m in _LONG.finditer(text)]
            listed = _ALIASES.search(f"{text}\n")
            names += re.findall(r"- (\S+)", listed[1]) if listed else []
            yield found[1], _unquoted(title[1]) if title else "", names


def _unquoted(text: str) -> str:
    return text[1:-1] if text[:1] == text[-1:] and text[:1] in ("'", '"') else text


def checkov_checks(root: Path) -> Iterator[tuple[str, str]]:
    """Read id and name of each policy, from the tables of the policy index."""
    for path in sorted((root / "docs/5.Policy Index").glob("*.md")):
        for line in path.read_text(encoding="utf-8").splitlines():
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            if len(cells) >= 5 and cells[0].isdecimal():
                yield cells[1].strip("` "), cells[4]


def semgrep_rules(root: Path) -> Iterator[tuple[str, str]]:
    """Read the name of each rule for configuration files, and the folder that it lies in."""
    for folder in ("dockerfile", "generic", "json", "terraform", "yaml"):
        for path in sorted((root / folder).rglob("*.y*ml")):
            if ".test." not in path.name:
                yield path.stem, f"semgrep-rules/{path.parent.relative_to(root).as_posix()}"


def prowler_checks(root: Path) -> Iterator[tuple[str, str]]:
    """Read id and title of each check, from the metadata beside it."""
    for path in sorted((root / "prowler/providers").rglob("*.metadata.json")):
        check = json.loads(path.read_text(encoding="utf-8"))
        yield check["CheckID"], check["CheckTitle"]


def main() -> None:
    """Rewrite the table and print the ids that nothing lists."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for option in ("trivy-checks", "checkov", "semgrep-rules", "prowler"):
        parser.add_argument(f"--{option}", type=Path, required=True)
    given = parser.parse_args()
    table = json.loads(DATA.read_text(encoding="utf-8"))
    listed: dict[str, str] = {}
    aliases: dict[str, str] = {}
    for check, title, names in trivy_checks(given.trivy_checks):
        listed[check] = title
        # Short forms ("enable-logging") name several checks; those of Trivy's own form are known.
        long = [n for n in names if n.islower() and n.count("-") >= 2 and not n.startswith("avd-")]
        for name in long:
            if name.startswith(("aws-", "azure-", "google-", "docker-", "kubernetes-")):
                aliases[name] = check
    listed |= dict(semgrep_rules(given.semgrep_rules)) | dict(checkov_checks(given.checkov))
    listed |= dict(prowler_checks(given.prowler))
    mapped = {check for checks in table["checks"].values() for check in checks}
    for check in sorted(mapped - listed.keys()):
        if not _UNLISTED.fullmatch(check):
            print(f"no list has {check}")
    table["titles"] = {check: listed[check] for check in sorted(mapped & listed.keys())}
    used = mapped & set(aliases.values())
    table["aliases"] = {
        name: check
        for name, check in sorted(aliases.items())
        if check in used and name not in mapped
    }
    DATA.write_text(written(table), encoding="utf-8")


def written(table: dict[str, object]) -> str:
    """Write the table with one check on a line, so that a change of one is a line's change."""
    parts = []
    for member, value in table.items():
        if isinstance(value, dict):
            lines = [f"  {json.dumps(key)}: {json.dumps(item)}" for key, item in value.items()]
            parts.append(f' "{member}": {{\n' + ",\n".join(lines) + "\n }")
        else:
            parts.append(f' "{member}": {json.dumps(value)}')
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    main()
