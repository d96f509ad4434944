"""The public advisories of fixtures/advisories.yaml, as typed values."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ADVISORIES = Path(__file__).resolve().parent.parent / "fixtures" / "advisories.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rating:
    """One source's CVSS 3 base score (0.0 to 10.0) and vector."""

    score: float
    vector: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SnykEntry:
    """What Snyk calls the same problem. ``score`` only where it differs from the others'."""

    id: str
    title: str
    severity: str
    score: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Advisory:
    """One advisory about one package. The file itself says what each field means."""

    id: str
    ecosystem: str
    package: str
    severity: str
    title: str
    description: str
    published: date
    aliases: tuple[str, ...] = ()
    vulnerable: tuple[str, ...] = ()
    patched: tuple[str, ...] = ()
    cwes: tuple[str, ...] = ()
    ratings: dict[str, Rating] = field(default_factory=dict)
    snyk: SnykEntry | None = None
    sources: tuple[str, ...] = ("trivy", "snyk")

    @property
    def names(self) -> tuple[str, ...]:
        """Every id of the problem, the first one included."""
        return (self.id, *self.aliases)

    @property
    def references(self) -> tuple[str, ...]:
        """The public page of each id."""
        return tuple(_page(name) for name in self.names)


def load(path: Path = ADVISORIES) -> list[Advisory]:
    """Read the advisories. Raises ``TypeError`` or ``KeyError`` if the file is not of our form."""
    document: dict[str, list[dict[str, Any]]] = YAML(typ="safe", pure=True).load(path)
    return [_advisory(dict(entry)) for entry in document["advisories"]]


def _advisory(entry: dict[str, Any]) -> Advisory:
    ratings = {source: Rating(**rating) for source, rating in entry.pop("ratings").items()}
    snyk = entry.pop("snyk", None)
    lists = ("aliases", "vulnerable", "patched", "cwes", "sources")
    given: dict[str, Any] = {key: tuple(entry.pop(key)) for key in lists if key in entry}
    return Advisory(**entry, **given, ratings=ratings, snyk=SnykEntry(**snyk) if snyk else None)


def _page(name: str) -> str:
    if name.startswith("GHSA-"):
        return f"https://github.com/advisories/{name}"
    if name.startswith("RUSTSEC-"):
        return f"https://rustsec.org/advisories/{name}.html"
    return f"https://nvd.nist.gov/vuln/detail/{name}"
