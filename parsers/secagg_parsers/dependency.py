"""Make findings of vulnerable packages, and compute CVSS 3 base scores.

Formulas and weights: CVSS 3.1 Specification, 7.1, 7.4 and Appendix A; those of 3.0 give the same
base scores but for rounding.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from secagg.model.finding import (
    DISTRIBUTION_TYPES,
    Finding,
    Kind,
    Location,
    Package,
    Rating,
    Rule,
    Severity,
    Vulnerability,
)
from secagg.model.severity import of_cvss, of_word, preferred_rating, score_within
from secagg_parsers.purls import aliases, build_purl, type_of

_WEIGHTS = {
    "AV": {"N": 0.85, "A": 0.62, "L": 0.55, "P": 0.2},
    "AC": {"L": 0.77, "H": 0.44},
    "UI": {"N": 0.85, "R": 0.62},
    "C": {"H": 0.56, "L": 0.22, "N": 0.0},
    "I": {"H": 0.56, "L": 0.22, "N": 0.0},
    "A": {"H": 0.56, "L": 0.22, "N": 0.0},
}

_PRIVILEGE_WEIGHTS = {"N": (0.85, 0.85), "L": (0.62, 0.68), "H": (0.27, 0.5)}
_VECTOR_PREFIXES = ("CVSS:3.0/", "CVSS:3.1/")


def base_score(vector: str | None) -> float | None:
    """Compute the base score (0.0 to 10.0); None where ``vector`` is no CVSS 3 vector."""
    if vector is None or not vector.startswith(_VECTOR_PREFIXES):
        return None
    parts = (part.partition(":") for part in vector.split("/")[1:])
    metrics = {name: value for name, _, value in parts}
    try:
        weights = {name: by_value[metrics[name]] for name, by_value in _WEIGHTS.items()}
        changed = {"U": False, "C": True}[metrics["S"]]
        privileges = _PRIVILEGE_WEIGHTS[metrics["PR"]][changed]
    except KeyError:
        return None
    unaffected = (1 - weights["C"]) * (1 - weights["I"]) * (1 - weights["A"])
    impact_base = 1 - unaffected
    impact = 6.42 * impact_base
    if changed:
        impact = 7.52 * (impact_base - 0.029) - 3.25 * (impact_base - 0.02) ** 15
    if impact <= 0:
        return 0.0
    exploitability = 8.22 * weights["AV"] * weights["AC"] * privileges * weights["UI"]
    total = impact + exploitability
    return _rounded_up(min(1.08 * total if changed else total, 10.0))


def _rounded_up(score: float) -> float:
    """Round up to one decimal place, as Appendix A does so that every machine agrees."""
    whole = round(score * 100_000)
    return whole / 100_000 if whole % 10_000 == 0 else (whole // 10_000 + 1) / 10


def package_of(manager: str, name: str, version: str | None, purl: str | None = None) -> Package:
    """Make a package. ``manager`` is the tool's name of its ecosystem; a ``purl`` outranks it.

    Tools that give a purl often give the name without its namespace (a Maven group).
    """
    parsed = _parsed(purl) if purl is not None else None
    if parsed is None:
        built = build_purl(manager, name, version)
        return Package(type=type_of(manager), name=name, version=version, purl=built)
    purl_type, namespace, base_name, purl_version = parsed
    if purl_type not in DISTRIBUTION_TYPES:
        name = (
            f"{namespace}{':' if purl_type == 'maven' else '/'}{base_name}"
            if namespace
            else base_name
        )
    return Package(type=purl_type, name=name, version=version or purl_version, purl=purl)


def _parsed(purl: str) -> tuple[str, str | None, str, str | None] | None:
    from packageurl import PackageURL

    try:
        parsed = PackageURL.from_string(purl)
    except ValueError:
        return None
    return parsed.type, parsed.namespace, parsed.name, parsed.version


def cvss_rating(source: str, score: float | None, vector: str | None) -> tuple[Rating, ...]:
    """Make the rating of a CVSS score, as a tuple; empty unless 0.0 < ``score`` <= 10.0."""
    if score is None or not 0.0 < score <= 10.0:
        return ()
    return (Rating(source=source, severity=of_cvss(score, vector), score=score, vector=vector),)


def vulnerability_finding(
    *,
    tool: str,
    rule_id: str,
    package: Package,
    location: Location,
    word: str | None = None,
    ratings: Sequence[Rating] = (),
    title: str | None = None,
    description: str | None = None,
    other_ids: Iterable[str] = (),
    fixed: tuple[str, ...] = (),
    references: Sequence[str] = (),
    cwes: tuple[str, ...] = (),
    page: str | None = None,
    details: Vulnerability | None = None,
) -> Finding:
    """Make the finding of one vulnerable package.

    The severity is the tool's ``word``; where it has none, that of the preferred rating. All
    texts must be masked. Aliases and fixed versions are set in ``details``, which has the rest.
    """
    severity, has_severity = of_word(word)
    if not has_severity and ratings:
        severity, has_severity = preferred_rating(ratings).severity, True
    finding_title = title or _first_line(description) or rule_id
    package_text = f"{package.name} {package.version}" if package.version else package.name
    vulnerability = details or Vulnerability()
    vulnerability.aliases = aliases(rule_id, other_ids, references)
    vulnerability.fixed_versions = fixed
    return Finding(
        tool=tool,
        kind=Kind.VULNERABILITY,
        rule_id=rule_id,
        severity=severity if has_severity else Severity.NONE,
        severity_known=has_severity,
        score=score_within(severity, ratings) if has_severity else None,
        ratings=tuple(ratings),
        title=finding_title,
        message=f"{package_text}: {finding_title}",
        location=location,
        rule=Rule(
            id=rule_id,
            short_description=finding_title,
            full_description=description,
            help_uri=page,
            tags=("security",),
        ),
        cwes=cwes,
        package=package,
        vulnerability=vulnerability,
        fix=f"Upgrade {package.name} to {' or '.join(fixed)}." if fixed else None,
        references=tuple(dict.fromkeys(references)),
    )


def _first_line(text: str | None) -> str | None:
    if text is None:
        return None
    line = text.strip().lstrip("#").strip().partition("\n")[0].strip()
    return (line if len(line) <= 120 else line[:117].rstrip() + "...") or None
