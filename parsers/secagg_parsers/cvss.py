"""The base score of a CVSS 3 vector, for tools that give the vector alone.

Formulas and weights: CVSS 3.1 Specification, 7.1, 7.4 and Appendix A; those of 3.0 give the same
base scores but for rounding.
"""

from __future__ import annotations

_WEIGHTS = {
    "AV": {"N": 0.85, "A": 0.62, "L": 0.55, "P": 0.2},
    "AC": {"L": 0.77, "H": 0.44},
    "UI": {"N": 0.85, "R": 0.62},
    "C": {"H": 0.56, "L": 0.22, "N": 0.0},
    "I": {"H": 0.56, "L": 0.22, "N": 0.0},
    "A": {"H": 0.56, "L": 0.22, "N": 0.0},
}
_PRIVILEGES = {"N": (0.85, 0.85), "L": (0.62, 0.68), "H": (0.27, 0.5)}
_PREFIXES = ("CVSS:3.0/", "CVSS:3.1/")


def base_score(vector: str | None) -> float | None:
    """Compute the base score (0.0 to 10.0); None where ``vector`` is no CVSS 3 vector."""
    if vector is None or not vector.startswith(_PREFIXES):
        return None
    parts = (part.partition(":") for part in vector.split("/")[1:])
    metrics = {name: value for name, _, value in parts}
    try:
        weights = {name: by_value[metrics[name]] for name, by_value in _WEIGHTS.items()}
        changed = {"U": False, "C": True}[metrics["S"]]
        privileges = _PRIVILEGES[metrics["PR"]][changed]
    except KeyError:
        return None
    missed = (1 - weights["C"]) * (1 - weights["I"]) * (1 - weights["A"])
    base = 1 - missed
    impact = 6.42 * base
    if changed:
        impact = 7.52 * (base - 0.029) - 3.25 * (base - 0.02) ** 15
    if impact <= 0:
        return 0.0
    exploitability = 8.22 * weights["AV"] * weights["AC"] * privileges * weights["UI"]
    total = impact + exploitability
    return _rounded_up(min(1.08 * total if changed else total, 10.0))


def _rounded_up(score: float) -> float:
    """Round up to one decimal place, as Appendix A does so that every machine agrees."""
    whole = round(score * 100_000)
    return whole / 100_000 if whole % 10_000 == 0 else (whole // 10_000 + 1) / 10
