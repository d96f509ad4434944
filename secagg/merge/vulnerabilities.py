"""Which vulnerabilities are one: the same advisory for the same package in the same place."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache

from secagg.finding import Finding
from secagg.identity import package_key, place_of
from secagg.merge.joining import Joining

ADVISORY = "same advisory, package, version and manifest"

# Manifests and the lock files that are written from them: one place, two names.
_ONE_PLACE = {
    "package.json": "npm",
    "package-lock.json": "npm",
    "npm-shrinkwrap.json": "npm",
    "yarn.lock": "npm",
    "pnpm-lock.yaml": "npm",
    "Cargo.toml": "cargo",
    "Cargo.lock": "cargo",
    "pyproject.toml": "python project",
    "poetry.lock": "python project",
    "uv.lock": "python project",
    "pdm.lock": "python project",
    "Pipfile": "pipenv",
    "Pipfile.lock": "pipenv",
    "go.mod": "go",
    "go.sum": "go",
    "build.gradle": "gradle",
    "build.gradle.kts": "gradle",
    "gradle.lockfile": "gradle",
    "composer.json": "composer",
    "composer.lock": "composer",
    "Gemfile": "bundler",
    "Gemfile.lock": "bundler",
}


def join_vulnerabilities(findings: Sequence[Finding]) -> tuple[Joining, list[str]]:
    """Join ``findings`` (all vulnerabilities) and say what was kept apart on purpose.

    Advisory ids that two findings share join them, whichever tools gave them and in whatever
    order. But an id never joins two that some tool lists as different problems: those stay
    apart, each with what shares its CVE, and a sentence tells of it.
    """
    joining = Joining(len(findings))
    warnings: list[str] = []
    blocks: defaultdict[tuple[str, str, str], list[int]] = defaultdict(list)
    for index, finding in enumerate(findings):
        package = finding.package
        if package is None:
            blocks["", finding.identity, ""].append(index)
            continue
        place = one_place(place_of(finding.location))
        blocks[package_key(package), package.version or "", place].append(index)
    for block in blocks.values():
        if len(block) > 1:
            _join_block(findings, block, joining, warnings)
    return joining, warnings


@lru_cache(maxsize=65536)
def one_place(place: str) -> str:
    """A manifest's place with the names of its lock files made equal."""
    directory, slash, name = place.rpartition("/")
    return f"{directory}{slash}{_ONE_PLACE.get(name, name)}"


def aliases_of(finding: Finding) -> set[str]:
    """All advisory ids of a finding, in upper case."""
    known = finding.vulnerability
    ids = {finding.rule_id, *(known.aliases if known is not None else ())}
    return {alias.strip().upper() for alias in ids if alias.strip()}


def _join_block(
    findings: Sequence[Finding], block: list[int], joining: Joining, warnings: list[str]
) -> None:
    """Join within one package, version and place: components over shared advisory ids."""
    aliases = {index: aliases_of(findings[index]) for index in block}
    holders: defaultdict[str, list[int]] = defaultdict(list)
    for index in block:
        for alias in sorted(aliases[index]):
            holders[alias].append(index)
    forbidden = {alias for alias, held in holders.items() if _contradicted(findings, held, aliases)}
    for alias in sorted(holders):
        held = holders[alias]
        if alias in forbidden:
            package = findings[held[0]].package
            name = package.name if package is not None else ""
            warnings.append(
                f"{alias} would join problems of {name} that one tool lists as different: kept "
                "apart"
            )
            continue
        for index in held[1:]:
            joining.join(held[0], index, ADVISORY, alias)


def _contradicted(
    findings: Sequence[Finding], held: Sequence[int], aliases: dict[int, set[str]]
) -> bool:
    """Whether one tool gives this id to two problems that have different CVEs."""
    cves: dict[str, frozenset[str]] = {}
    for index in held:
        own = frozenset(alias for alias in aliases[index] if alias.startswith("CVE-"))
        before = cves.setdefault(findings[index].tool, own)
        if own and before and not own & before:
            return True
    return False
