"""The settings of ``secagg serve`` for many people and jobs: a YAML file that --config names."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from secagg.model.access import is_pattern
from secagg.system.network import is_loopback
from secagg.system.yamlfile import load_model

# By provider: the issuer of its own service, and where an issuer's keys are below it.
ISSUERS = {
    "github": ("https://token.actions.githubusercontent.com", "/.well-known/jwks"),
    "gitlab": ("https://gitlab.com", "/oauth/discovery/keys"),
}


def _is_address(text: str) -> str:
    """Check an address of the web: https, or http on this machine."""
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("it is no address") from None
    if not host or parts.username or parts.query or parts.fragment:
        raise ValueError("an address such as https://secagg.example is expected")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        raise ValueError("an address of https is expected")
    return text.rstrip("/")


def _is_pattern(text: str) -> str:
    if not is_pattern(text):
        raise ValueError("a repository is expected, such as acme/shop, or acme/* for all of acme's")
    return text


Address = Annotated[str, Field(max_length=500), AfterValidator(_is_address)]
Repository = Annotated[str, Field(max_length=200), AfterValidator(_is_pattern)]
Ref = Annotated[str, Field(pattern=r"^refs/(heads|tags)/\S+$", max_length=500)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Issuer(_Model):
    """A CI service whose tokens are believed, for some of its repositories.

    ``refs`` are the refs whose jobs may record runs; ``*`` in one stands for any text. ``issuer``
    and ``keys`` are needed for a server of your own only.
    """

    provider: Literal["github", "gitlab"]
    repositories: tuple[Repository, ...] = Field(min_length=1)
    refs: tuple[Ref, ...] = Field(default=("refs/heads/*",), min_length=1)
    issuer: Address | None = None
    keys: Address | None = None

    @property
    def url(self) -> str:
        """The value of the claim ``iss``."""
        return self.issuer or ISSUERS[self.provider][0]

    @property
    def keys_url(self) -> str:
        """Where the issuer's public keys are."""
        return self.keys or self.url + ISSUERS[self.provider][1]


class Settings(_Model):
    """The settings. ``address`` is where people and jobs reach the server, and its audience."""

    address: Address
    issuers: tuple[Issuer, ...] = ()

    @property
    def host(self) -> str:
        """The value of the Host header of requests."""
        return urlsplit(self.address).netloc.lower()


def load_settings(path: Path) -> Settings:
    """Read the settings. Raises :class:`secagg.errors.ConfigError`."""
    return load_model(path, Settings, name=str(path))
