"""The model of files with tests of a policy: cases of findings, and what is expected."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from packageurl import PackageURL
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from secagg.decisions.ownfile import DecisionEntry, DecisionFile, ExceptionEntry, Identity
from secagg.errors import ConfigError
from secagg.model.finding import DISTRIBUTION_TYPES, Kind, Package, Severity
from secagg.policy.decision import Action, Verdict
from secagg.policy.load import find_policy_text, load, unknown_policy
from secagg.policy.model import Cwe, Dependency, Policy, PolicyScope
from secagg.policy.notation import Day, Days, OneOrMany
from secagg.system.dates import utc_today
from secagg.system.yamlfile import PlacedModel, load_model, load_placed


def package_from_purl(purl: str) -> Package:
    """Read the package of ``purl``. Raises ``ValueError`` where it is not a purl."""
    try:
        parsed = PackageURL.from_string(purl)
    except ValueError:
        raise ValueError("a purl such as pkg:npm/lodash@4.17.4 is expected") from None
    name = parsed.name
    if parsed.namespace and parsed.type not in DISTRIBUTION_TYPES:
        name = f"{parsed.namespace}{':' if parsed.type == 'maven' else '/'}{name}"
    return Package(type=parsed.type, name=name, version=parsed.version, purl=parsed.to_string())


# The keys that only findings of one kind have.
_KIND_KEYS = {
    Kind.VULNERABILITY: (
        "advisory",
        "fix_available",
        "status",
        "dependency",
        "scope",
        "epss",
        "in_kev",
    ),
    Kind.SECRET: ("verified", "in_history_only"),
}


def _expectation(value: object) -> object:
    """Read ``expect: fail`` as ``expect: {action: fail}``."""
    return {"action": value} if isinstance(value, str) else value


class Expectation(BaseModel):
    """The judgement that is expected for one finding."""

    model_config = ConfigDict(extra="forbid")

    action: Action | None = None
    rule: str | None = Field(
        default=None, description="the rule that takes it, max_age, or none if no rule does"
    )
    says: OneOrMany[str] = Field(
        default_factory=list, description="parts of the sentence shown, whatever their case"
    )
    counted_as: Severity | None = Field(
        default=None, description="the severity that it counts as, as in decision.json"
    )
    counts_as: Severity | None = Field(
        default=None, description="an older word for counted_as, deprecated"
    )
    excepted: bool | None = Field(
        default=None,
        description="whether an exception in force, with the approvals that it needs, takes it out",
    )

    @model_validator(mode="after")
    def _check_not_empty(self) -> Expectation:
        if not self.model_fields_set:
            raise ValueError("nothing is expected: give at least one of action, rule, says")
        if self.counts_as is not None and self.counted_as is not None:
            raise ValueError("counts_as is an older word for counted_as: give one of them")
        return self


class CaseFinding(BaseModel):
    """A finding in short. Facts that are not given are not known."""

    model_config = ConfigDict(extra="forbid")

    kind: Kind
    severity: Severity | Literal["unknown"] = "unknown"
    score: float | None = Field(default=None, ge=0.0, le=10.0, description="CVSS")
    tool: OneOrMany[str] = Field(
        default_factory=list,
        min_length=1,
        description="by default one that finds this kind; several report the same problem",
    )
    rule: str | None = Field(default=None, min_length=1, description="the tool's own rule id")
    advisory: OneOrMany[str] = Field(default_factory=list, description="CVE, GHSA or other ids")
    cwe: OneOrMany[Cwe] = Field(default_factory=list)
    package: str | None = Field(default=None, description="a purl: pkg:npm/lodash@4.17.4")
    path: str | None = Field(default=None, min_length=1, description="from the repository's root")
    line: int | None = Field(default=None, ge=1)
    component: str | None = Field(default=None, description="a directory; . is the root")
    fix_available: bool | None = None
    status: str | None = Field(default=None, min_length=1, description="will_not_fix and the like")
    dependency: Dependency | None = None
    scope: PolicyScope | None = None
    verified: bool | None = None
    in_history_only: bool | None = None
    epss: float | None = Field(default=None, ge=0.0, le=1.0)
    in_kev: bool | None = None
    baseline: Literal["new", "existing"] | None = None
    in_diff: bool | None = None
    owner: OneOrMany[str] = Field(default_factory=list)
    first_seen: Day | None = None
    age: Days | None = Field(default=None, description="30d: first seen so long before today")
    id: Identity | None = Field(default=None, description="its identity, for exceptions by id")
    times: int = Field(default=1, ge=1, le=1000, description="so many findings of this sort")
    expect: Annotated[
        Expectation | None,
        BeforeValidator(_expectation, json_schema_input_type=Expectation | Action | None),
    ] = None

    @field_validator("package")
    @classmethod
    def _check_purl(cls, value: str | None) -> str | None:
        if value is not None:
            package_from_purl(value)
        return value

    @model_validator(mode="after")
    def _check_keys(self) -> CaseFinding:
        for kind, keys in _KIND_KEYS.items():
            key = next((key for key in keys if key in self.model_fields_set), None)
            if key is not None and self.kind is not kind:
                raise ValueError(f"{key}: only a finding of kind {kind} has it")
        if self.age is not None and self.first_seen is not None:
            raise ValueError("age and first_seen say the same: give one of them")
        if self.id is not None and self.times > 1:
            raise ValueError("an id is one finding's: leave out times")
        return self


def _empty_if_none(value: object) -> object:
    return [] if value is None else value


class Case(BaseModel):
    """One test: findings, and the answer expected of the gate."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1)
    findings: Annotated[list[CaseFinding], BeforeValidator(_empty_if_none)] = Field(
        default_factory=list
    )
    verdict: Verdict
    says: OneOrMany[str] = Field(
        default_factory=list,
        description="parts of the reasons and notes of the verdict, whatever their case",
    )
    today: Day | None = Field(default=None, description="instead of the file's")
    exceptions: list[ExceptionEntry] = Field(
        default_factory=list, description="besides the file's; as in secagg-exceptions.yaml"
    )
    failed_tools: OneOrMany[str] = Field(
        default_factory=list, description="tools whose run did not complete"
    )
    gaps: OneOrMany[str] = Field(
        default_factory=list,
        description="sentences on what no tool has looked at, as a scan says them",
    )


class PolicyTests(BaseModel):
    """A file with tests of a policy."""

    model_config = ConfigDict(extra="forbid")

    policy: str = Field(description="a policy's name, or a file relative to this one")
    today: Day | None = Field(
        default=None, description="the day (UTC) of the judging; by default this very day"
    )
    exceptions_file: str | None = Field(
        default=None, description="a secagg-exceptions.yaml, relative to this file"
    )
    exceptions: list[ExceptionEntry] = Field(
        default_factory=list, description="as in secagg-exceptions.yaml"
    )
    cases: list[Case] = Field(min_length=1)

    def day(self, case: Case) -> datetime.date:
        """Return the day (UTC) on which ``case`` is judged."""
        return case.today or self.today or utc_today()


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedTests:
    """A test file with its policy and exceptions, ready to run."""

    file: PlacedModel[PolicyTests]
    policy: Policy
    exceptions: Sequence[tuple[Sequence[DecisionEntry], str]]


def load_tests(path: Path) -> LoadedTests:
    """Load the test file at ``path`` with its policy and exceptions.

    Raises :class:`ConfigError` where it, its policy or its exceptions cannot be used.
    """
    try:
        file = load_placed(path, PolicyTests, name=str(path))
    except ConfigError as error:
        raise _explain_policy(path, error) from None
    tests = file.value
    file.refuse_two_of_a_name(
        "cases",
        (case.name for case in tests.cases),
        hint="say in the name what is special about each",
    )
    name = tests.policy
    if find_policy_text(name) is None:
        if not (path.parent / name).is_file():
            raise unknown_policy(name, where=file.where("policy"))
        name = str(path.parent / name)
    policy = load(name)
    exceptions: list[tuple[Sequence[DecisionEntry], str]] = [(tests.exceptions, file.name)]
    if tests.exceptions_file is not None:
        other = path.parent / tests.exceptions_file
        entries = load_model(other, DecisionFile, name=str(other)).entries
        exceptions.insert(0, (entries, str(other)))
    return LoadedTests(file=file, policy=policy, exceptions=exceptions)


def _explain_policy(path: Path, error: ConfigError) -> ConfigError:
    """Return ``error``, or a clearer one where the file is a policy rather than tests of one."""
    try:
        load_model(path, Policy, name=str(path))
    except ConfigError:
        return error
    return ConfigError(
        "this is a policy, not a file with tests of one",
        where=str(path),
        hint="keep tests in a directory of their own",
    )
