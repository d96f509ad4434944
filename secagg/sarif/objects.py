"""SARIF objects as secagg writes them: each class holds the members that secagg fills.

Names are sarif_om's, which the tests load every output into. It is not imported here: that
takes as long as a small scan's whole start.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct, field

from secagg.sarif.bag import Bag


class _Object(Struct, omit_defaults=True, rename="camel", gc=False):
    """An object whose members are left out where they have no value."""


class Message(_Object):
    text: str
    markdown: str | None = None
    arguments: Any = None


class ArtifactLocation(_Object):
    uri: str
    uri_base_id: str | None = None


class Region(_Object):
    start_line: int
    start_column: int | None = None
    end_line: int | None = None
    end_column: int | None = None


class PhysicalLocation(_Object):
    artifact_location: ArtifactLocation
    region: Region


class LogicalLocation(_Object):
    fully_qualified_name: str


class Location(_Object):
    physical_location: PhysicalLocation
    logical_locations: tuple[LogicalLocation, ...] = ()
    id: int | None = None
    message: Message | None = None


class ResultProperties(_Object):
    secagg: Bag


class Result(_Object, kw_only=True):
    rule_id: str
    rule_index: int
    level: str
    message: Message
    locations: tuple[Location, ...]
    properties: ResultProperties
    partial_fingerprints: Mapping[str, str] | None = None
    related_locations: Sequence[Any] = ()
    suppressions: Sequence[Mapping[str, Any]] = ()
    correlation_guid: str | None = None
    baseline_state: str | None = None
    code_flows: Any = None
    stacks: Any = None
    fixes: Any = None
    graphs: Any = None
    rank: Any = None
    hosted_viewer_uri: Any = None


class RuleProperties(_Object, kw_only=True):
    tags: tuple[str, ...]
    problem_severity: str = field(name="problem.severity")
    precision: str | None = None
    security_severity: str | None = field(default=None, name="security-severity")


class ReportingConfiguration(_Object):
    level: str = "warning"


class ReportingDescriptor(_Object, kw_only=True):
    id: str
    name: str | None = None
    short_description: Message
    full_description: Message
    help: Message
    help_uri: str | None = None
    default_configuration: ReportingConfiguration
    properties: RuleProperties
