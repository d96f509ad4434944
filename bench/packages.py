"""Advisories, packages and images that do not exist, with the names that tools give them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from bench.secretwords import PROSE, SecretWords

WORDS = (
    *("anchor", "basil", "cedar", "delta", "ember", "fable", "grove", "harbor", "indigo"),
    *("jasper", "kettle", "lumen", "meadow", "nectar", "opal", "pepper", "quartz", "ripple"),
    *("saffron", "timber", "umber", "velvet", "willow", "yarrow", "zephyr"),
)
SENTENCES = (
    "A crafted request lets a remote party reach a code path that was meant for trusted callers. "
    "The parser keeps the length that the input claims and reads past the end of its buffer. "
    "An application is affected if it passes values from outside to this function unchecked. "
    "The default settings are affected; deployments behind a filtering proxy are not known to be. "
    "Versions before the fixed one do not check the type of the nested value. "
    "Upgrade the package, or disable the feature where an upgrade is not possible yet. "
)
LANGUAGES = {
    # purl type: (lock file, second manifest of the same place, Trivy's type, Snyk's manager)
    "npm": ("package-lock.json", "yarn.lock", "npm", "npm"),
    "pypi": ("poetry.lock", "requirements.txt", "poetry", "poetry"),
    "maven": ("pom.xml", "gradle.lockfile", "pom", "maven"),
    "cargo": ("Cargo.lock", "Cargo.toml", "cargo", "cargo"),
    "golang": ("go.mod", "go.sum", "gomod", "gomodules"),
}
_LETTERS = "23456789cfghjmpqrvwx"


@dataclass(frozen=True)
class Image:
    """A container image, and the name under which its reports are kept."""

    name: str
    reference: str


IMAGES = tuple(Image(name, f"acme/shop-{name}:1.4.2") for name in ("web", "worker"))


@dataclass(frozen=True)
class Advisory:
    """An advisory under its names in three databases."""

    number: int
    cve: str
    ghsa: str
    snyk: str
    title: str
    text: str
    score: float
    _texts: dict[str, tuple[str, bool]] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def make(cls, rng: random.Random, number: int) -> Advisory:
        """Make the advisory with this number."""
        ghsa = "-".join("".join(rng.choices(_LETTERS, k=4)) for _ in range(2))
        tail = "".join(_LETTERS[number // 20**n % 20] for n in range(4))
        start = rng.randrange(len(SENTENCES) // 2)
        return cls(
            number=number,
            cve=f"CVE-{2015 + number % 10}-{10_000 + number}",
            ghsa=f"GHSA-{ghsa}-{tail}",
            snyk=f"SNYK-MADE-{rng.choice(WORDS).upper()}-{number}",
            title=f"{rng.choice(WORDS)} {rng.choice(WORDS)}: reads past the end of a buffer",
            text=(SENTENCES[start:] + SENTENCES)[: 280 + rng.randrange(200)],
            score=rng.choice((9.8, 8.1, 7.5, 6.1, 5.3, 3.7)),
        )

    @property
    def word(self) -> str:
        """The severity that goes with the score."""
        bands = ((9.0, "critical"), (7.0, "high"), (4.0, "medium"))
        return next((word for least, word in bands if self.score >= least), "low")

    def text_for(self, family: str, words: SecretWords) -> str:
        """Describe the advisory as the scanner ``family`` does, and count one entry of it.

        All entries of one scanner have the same text, and a text with a secret word is as long
        as it would be without.
        """
        if family not in self._texts:
            worded = words.due(family)
            sentence = PROSE[self.number % len(PROSE)] if worded else ""
            self._texts[family] = sentence + self.text[len(sentence) :], worded
        text, worded = self._texts[family]
        words.count(family, worded=worded)
        return text


@dataclass(frozen=True)
class PackageAt:
    """A package at a place, with the spellings that different tools use."""

    ecosystem: str
    directory: str
    name: str
    version: str
    lock_name: str
    second_name: str
    trivy_type: str
    manager: str
    image: Image | None = None

    @classmethod
    def make(cls, rng: random.Random, ecosystem: str, directory: str, number: int) -> PackageAt:
        """Make a package in a lock file of ``directory``."""
        lock, second, trivy_type, manager = LANGUAGES[ecosystem]
        word, other = rng.choice(WORDS), rng.choice(WORDS)
        name = {
            "npm": f"@{word}/{other}{number}",
            "pypi": f"{word}-{other}-{number}",
            "maven": f"org.{word}:{other}{number}",
            "cargo": f"{word}-{number}",
            "golang": f"example.org/{word}/{other}{number}",
        }[ecosystem]
        version = f"{rng.randrange(1, 9)}.{rng.randrange(20)}.{rng.randrange(30)}"
        if ecosystem == "golang":
            version = f"v{version}"
        return cls(ecosystem, directory, name, version, lock, second, trivy_type, manager)

    @classmethod
    def of_system(cls, rng: random.Random, image: Image, number: int) -> PackageAt:
        """Make a package of the operating system in ``image``."""
        version = f"{rng.randrange(1, 9)}.{rng.randrange(20)}-{rng.randrange(1, 9)}+deb12u1"
        name = f"lib{rng.choice(WORDS)}{number}"
        return cls("deb", "", name, version, "", "", "debian", "debian:12", image)

    @classmethod
    def of_binary(cls, rng: random.Random, image: Image, number: int) -> PackageAt:
        """Make a module that is linked into a Go program in ``image``."""
        package = cls.make(rng, "golang", "usr/bin", number)
        program = f"{rng.choice(WORDS)}-server"
        return replace(package, lock_name=program, trivy_type="gobinary", image=image)

    def of_version(self, version: str) -> PackageAt:
        """The same package in another version."""
        return replace(self, version=version)

    def at(self, directory: str) -> PackageAt:
        """The same package in another directory."""
        return replace(self, directory=directory)

    def within(self, image: Image) -> PackageAt:
        """The same package in another image."""
        return replace(self, image=image)

    @property
    def lock(self) -> str:
        """The file that holds the package; empty for one of the operating system."""
        return f"{self.directory}/{self.lock_name}" if self.lock_name else ""

    @property
    def second(self) -> str:
        """The other manifest of the same place."""
        return f"{self.directory}/{self.second_name}"

    @property
    def other_spelling(self) -> str:
        """The name as the other tool writes it, where the ecosystem lets names differ."""
        if self.ecosystem == "pypi":
            return self.name.replace("-", "_").title()
        return self.name

    @property
    def purl(self) -> str:
        """The package URL as Trivy writes it."""
        if self.ecosystem == "deb":
            return f"pkg:deb/debian/{self.name}@{self.version}?arch=amd64&distro=debian-12.7"
        name = self.name.replace("@", "%40", 1).replace(":", "/")
        return f"pkg:{self.ecosystem}/{name}@{self.version}"


def components(count: int) -> Sequence[str]:
    """The directories of ``count`` components of a monorepo."""
    return [
        f"services/{WORDS[n % len(WORDS)]}-{n // len(WORDS)}" if n else "services/anchor"
        for n in range(count)
    ]


def hash_of(text: str) -> int:
    """Make a number of 64 bits from a text, the same in every process (FNV-1a)."""
    value = 14695981039346656037
    for byte in text.encode():
        value = (value ^ byte) * 1099511628211 % 2**64
    return value
