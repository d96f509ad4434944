"""The settings of ``secagg serve`` for many people and jobs: a YAML file that --config names."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, IPvAnyAddress, model_validator

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


def is_address(text: object) -> bool:
    """Return whether ``text`` is an address that logins and tokens may be sent to."""
    try:
        return isinstance(text, str) and bool(_is_address(text))
    except ValueError:
        return False


def _is_pattern(text: str) -> str:
    if not is_pattern(text):
        raise ValueError("a repository is expected, such as acme/shop, or acme/* for all of acme's")
    return text


Address = Annotated[str, Field(max_length=500), AfterValidator(_is_address)]
Repository = Annotated[str, Field(max_length=200), AfterValidator(_is_pattern)]
Header = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]*$", max_length=100)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Claim = Annotated[str, Field(pattern=r"^[\x21-\x7e]+$", max_length=200)]
Scope = Annotated[str, Field(pattern=r"^[\x21\x23-\x5b\x5d-\x7e]+$", max_length=100)]
Ref = Annotated[str, Field(pattern=r"^refs/(heads|tags)/\S+$", max_length=500)]


class _SettingsPart(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Issuer(_SettingsPart):
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


class Proxy(_SettingsPart):
    """The proxy that people log in at: its addresses, and the headers that it says them by.

    ``groups`` holds names with commas between them.
    """

    addresses: tuple[IPvAnyAddress, ...] = Field(min_length=1)
    user: Header = "X-Forwarded-User"
    groups: Header = "X-Forwarded-Groups"

    @property
    def peers(self) -> frozenset[str]:
        """The addresses as a connection has them."""
        return frozenset(map(str, self.addresses))


class Login(_SettingsPart):
    """The issuer of OpenID Connect that people log in at, and how long a session holds.

    ``user`` and ``groups`` are claims of its ID tokens. An ``email`` counts if the issuer has
    verified it. The client's secret, if it has one, is in the environment.
    """

    issuer: Address
    client_id: Name
    user: Claim = "email"
    groups: Claim = "groups"
    scopes: tuple[Scope, ...] = ("openid", "email", "profile")
    hours: int = Field(default=12, ge=1, le=168)
    idle_minutes: int = Field(default=60, ge=5, le=1440)

    @model_validator(mode="after")
    def _asks_for_an_id_token(self) -> Login:
        if "openid" not in self.scopes:
            raise ValueError("the scope openid is needed, or there is no ID token")
        return self


class Team(_SettingsPart):
    """People, and groups of the proxy or the issuer, with a role in some repositories."""

    name: Name
    role: Literal["reader", "triager", "admin"]
    members: tuple[Name, ...] = ()
    groups: tuple[Name, ...] = ()
    repositories: tuple[Repository, ...] = Field(min_length=1)


class Settings(_SettingsPart):
    """The settings. ``address`` is where people and jobs reach the server, and its audience.

    With ``proxy`` or ``login`` the page is for the people of ``teams`` only, and no address with a
    token opens it. ``tools`` are tools that jobs may report and secagg does not know.
    """

    address: Address
    issuers: tuple[Issuer, ...] = ()
    proxy: Proxy | None = None
    login: Login | None = None
    teams: tuple[Team, ...] = ()
    tools: tuple[Name, ...] = Field(default=(), max_length=12)

    @model_validator(mode="after")
    def _teams_come_through_a_way_in(self) -> Settings:
        if bool(self.teams) != (self.proxy is not None or self.login is not None):
            raise ValueError("teams and a proxy or a login are needed together")
        return self

    @property
    def host(self) -> str:
        """The value of the Host header of requests."""
        return urlsplit(self.address).netloc.lower()


def load_settings(path: Path) -> Settings:
    """Read the settings. Raises :class:`secagg.errors.ConfigError`."""
    return load_model(path, Settings, name=str(path))
