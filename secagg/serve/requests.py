"""Describe the bodies of requests to the API (:mod:`secagg.serve.api`), with their limits."""

from __future__ import annotations

import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from secagg.model.access import MOST_DAYS, TokenScope, is_name, is_pattern
from secagg.model.problem import State, Triage
from secagg.remote.documents import LONGEST_BRANCH, LONGEST_REPOSITORY, MOST_PROBLEMS

MOST_RUNS = 10_000


def _storable(text: str) -> str:
    if "\0" in text:
        raise ValueError("it holds a character that no name has")
    return text


def _is_name(text: str) -> str:
    if not is_name(text, 100):
        raise ValueError("it is no name")
    return text


def _is_pattern(text: str) -> str:
    if not is_pattern(text):
        raise ValueError("it is no repository")
    return text


Text = Annotated[str, AfterValidator(_storable)]
Repository = Annotated[Text, Field(min_length=1, max_length=LONGEST_REPOSITORY)]
Branch = Annotated[Text, Field(min_length=1, max_length=LONGEST_BRANCH)]
Name = Annotated[Text, Field(min_length=1, max_length=200)]
Identities = Annotated[list[Name], Field(max_length=MOST_PROBLEMS)]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class FileDecision(_Request):
    """A decision from a file of the repository."""

    state: State
    reason: str
    by: str | None = None
    owner: str | None = None
    at: datetime.datetime | None = None
    expires: datetime.date | None = None
    alert: str | None = None
    approved_by: list[str] = Field(default=[], max_length=20)

    def triage(self) -> Triage:
        """Return the decision; a time without a zone is in UTC."""
        at = self.at
        if at is not None and at.tzinfo is None:
            at = at.replace(tzinfo=datetime.UTC)
        approved_by = tuple(self.approved_by)
        return Triage(**{**self.model_dump(), "at": at, "approved_by": approved_by})


class FirstSeenRequest(_Request):
    repository: Repository
    branch: Branch
    identities: Identities


class ProblemsRequest(_Request):
    """The problems to read; of every repository that the caller may read without one."""

    repository: Repository | None = None
    branch: Branch | None = None
    states: list[State] = Field(default=[], max_length=len(State))
    as_of: Name | None = None
    file_decisions: dict[str, FileDecision] = Field(default={}, max_length=MOST_PROBLEMS)
    details: bool = True
    default_branches: bool = False


class ChangesRequest(_Request):
    keys: list[Name] = Field(max_length=MOST_RUNS)


class AuditRequest(_Request):
    repository: Repository | None = None
    subjects: list[Name] = Field(default=[], max_length=1000)
    limit: int | None = Field(default=None, ge=1, le=100_000)


class DecisionRequest(_Request):
    """A decision on problems. Who decides, and when, the server says."""

    repository: Repository
    identities: Identities
    decision: FileDecision
    dry_run: bool = False


class UndoRequest(_Request):
    """Decisions to take back: the newest on each identity, or a batch."""

    repository: Repository
    identities: Identities | None = None
    batch: Name | None = None
    dry_run: bool = False

    @model_validator(mode="after")
    def _one_of_both(self) -> UndoRequest:
        if (self.identities is None) == (self.batch is None):
            raise ValueError("either identities or a batch is expected")
        return self


class TokenRequest(_Request):
    """A token as the store keeps it; who adds it, and when, the server says."""

    id: str = Field(pattern=r"^[0-9a-f]{10}$")
    name: Annotated[str, Field(max_length=100), AfterValidator(_is_name)]
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    scopes: list[TokenScope] = Field(min_length=1, max_length=len(TokenScope))
    repositories: list[Annotated[Repository, AfterValidator(_is_pattern)]] = Field(
        min_length=1, max_length=100
    )
    days: int = Field(ge=1, le=MOST_DAYS)
