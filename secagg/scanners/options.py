"""Each tool's own settings, as they stand under ``tools:`` in ``secagg.yaml``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from secagg.durations import seconds

Duration = Annotated[float, BeforeValidator(seconds)]
_SHA256 = r"^[0-9a-f]{64}$"


class ToolOptions(BaseModel):
    """What every tool has."""

    model_config = ConfigDict(extra="forbid")

    path: str | None = Field(default=None, description="the executable, if not found on PATH")
    sha256: str | None = Field(
        default=None, pattern=_SHA256, description="refuse to run a file with another SHA-256"
    )
    timeout: Duration | None = Field(default=None, description="a deadline of its own")
    memory_mb: int | None = Field(default=None, ge=64, description="limit of address space")
    trust_target_config: bool = Field(
        default=False,
        description="let the scanned repository's own configuration of this tool apply",
    )


class TrivyOptions(ToolOptions):
    scanners: list[Literal["vuln", "misconfig", "secret", "license"]] = Field(
        default=["vuln", "misconfig", "secret"]
    )
    images: list[str] = Field(default_factory=list, description="container images to scan too")
    sboms: list[str] = Field(default_factory=list, description="SBOM files to scan too")
    cache_dir: str | None = Field(default=None, description="where Trivy keeps its databases")
    offline: bool = Field(default=False, description="use the databases that are there already")


class GitleaksOptions(ToolOptions):
    modes: list[Literal["git", "dir"]] = Field(
        default=["git", "dir"], description="history, work tree or both"
    )
    config: str | None = Field(default=None, description="a Gitleaks configuration of your own")
    max_target_megabytes: int | None = Field(default=None, ge=1)


class TrufflehogOptions(ToolOptions):
    verify: bool = Field(
        default=False, description="send candidate secrets to their services to see if they work"
    )


class SnykOptions(ToolOptions):
    modes: list[Literal["test", "code", "iac", "container"]] = Field(default=["test"])
    images: list[str] = Field(default_factory=list, description="images for mode container")
    org: str | None = Field(default=None, pattern=r"^[A-Za-z0-9-]+$")
    api: str | None = Field(default=None, description="the API of another region")


class CodeqlOptions(ToolOptions):
    languages: list[str] | None = Field(default=None, description="instead of those detected")
    suite: Literal["code-scanning", "security-extended", "security-and-quality"] = (
        "security-extended"
    )
    build_mode: Literal["none", "autobuild", "manual"] | None = None
    build_command: str | None = None
    packs: list[str] = Field(default_factory=list, description="further query packs")
    threads: int | None = Field(default=None, ge=1)
    ram_mb: int | None = Field(default=None, ge=512)
    download: bool = Field(default=False, description="let CodeQL download missing packs")
