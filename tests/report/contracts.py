"""What the receivers' published schemas require, as far as secagg's documents go there.

Written from: OpenVEX 0.2.0's JSON Schema, GitLab's security report schemas 15.0.4, and
CycloneDX 1.6. Every object that secagg writes is closed here, so that a typing mistake in an
optional key is found, too.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

TEXT: Schema = {"type": "string", "minLength": 1}
WEB: Schema = {"type": "string", "pattern": "^https?://.+"}
LINE: Schema = {"type": "integer", "minimum": 1}
GITLAB_TIME: Schema = {
    "type": "string",
    "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}$",
}
RFC3339: Schema = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"}


def closed(required: dict[str, Schema], **optional: Schema) -> Schema:
    """An object with these keys and no others."""
    return {
        "type": "object",
        "properties": required | optional,
        "required": list(required),
        "additionalProperties": False,
    }


def several(items: Schema, least: int = 0, unique: bool = False) -> Schema:
    return {"type": "array", "items": items, "minItems": least, "uniqueItems": unique}


_SUBCOMPONENT = closed({"@id": TEXT})
_STATEMENT = closed(
    {
        "vulnerability": closed({"name": TEXT}, aliases=several(TEXT, unique=True)),
        "status": {"enum": ["not_affected", "affected", "fixed", "under_investigation"]},
        "products": several(
            closed({"@id": TEXT}, subcomponents=several(_SUBCOMPONENT, 1, True)), 1, True
        ),
    },
    timestamp=RFC3339,
    impact_statement=TEXT,
    action_statement=TEXT,
) | {
    "allOf": [
        {
            "if": {"properties": {"status": {"const": status}}},
            "then": {"required": [key]},
            "else": {"not": {"required": [key]}},
        }
        for status, key in (("not_affected", "impact_statement"), ("affected", "action_statement"))
    ]
}
OPENVEX = closed(
    {
        "@context": {"const": "https://openvex.dev/ns/v0.2.0"},
        "@id": {"type": "string", "pattern": "^[a-z]+:"},
        "author": TEXT,
        "timestamp": RFC3339,
        "version": LINE,
        "statements": several(_STATEMENT, 1, True),
        "tooling": TEXT,
    }
)

_TOOL = closed({"id": TEXT, "name": TEXT, "version": TEXT, "vendor": closed({"name": TEXT})})
_DEPENDENCY = closed(
    {"package": closed({"name": TEXT}), "version": TEXT}, direct={"type": "boolean"}
)
_LINES = {"start_line": LINE, "end_line": LINE}
_LOCATIONS: dict[str, Schema] = {
    "sast": closed({"file": TEXT}, **_LINES),
    "secret_detection": closed({"commit": closed({"sha": TEXT}), "file": TEXT}, **_LINES),
    "dependency_scanning": closed({"file": TEXT, "dependency": _DEPENDENCY}),
}


def gitlab(scan_type: str) -> Schema:
    """The report of ``scan_type``."""
    scan = closed(
        {
            "analyzer": _TOOL,
            "scanner": _TOOL,
            "type": {"const": scan_type},
            "start_time": GITLAB_TIME,
            "end_time": GITLAB_TIME,
            "status": {"enum": ["success", "failure"]},
        },
        messages=several(closed({"level": {"enum": ["info", "warn", "fatal"]}, "value": TEXT})),
    )
    vulnerability = closed(
        {
            "id": TEXT,
            "identifiers": several(closed({"type": TEXT, "name": TEXT, "value": TEXT}), 1),
            "location": _LOCATIONS[scan_type],
        },
        name={"type": "string", "maxLength": 255},
        description={"type": "string", "maxLength": 1_048_576},
        severity={"enum": ["Info", "Unknown", "Low", "Medium", "High", "Critical"]},
        solution={"type": "string", "maxLength": 7000},
        links=several(closed({"url": WEB})),
    )
    files = several(
        closed({"path": TEXT, "package_manager": TEXT, "dependencies": several(_DEPENDENCY)})
    )
    required: dict[str, Schema] = {
        "version": {"type": "string", "pattern": r"^\d+\.\d+\.\d+$"},
        "scan": scan,
        "vulnerabilities": several(vulnerability),
    }
    if scan_type == "dependency_scanning":
        required["dependency_files"] = files
    return closed(required)


_CDX_VULNERABILITY = closed(
    {
        "bom-ref": TEXT,
        "id": TEXT,
        "analysis": closed(
            {
                "state": {
                    "enum": [
                        "resolved",
                        "resolved_with_pedigree",
                        "exploitable",
                        "in_triage",
                        "false_positive",
                        "not_affected",
                    ]
                }
            },
            response=several(
                {
                    "enum": [
                        "can_not_fix",
                        "will_not_fix",
                        "update",
                        "rollback",
                        "workaround_available",
                    ]
                }
            ),
            detail={"type": "string"},
            lastUpdated=RFC3339,
        ),
        "affects": several(closed({"ref": TEXT}), 1, True),
    },
    ratings=several(
        closed(
            {
                "severity": {
                    "enum": ["critical", "high", "medium", "low", "info", "none", "unknown"]
                }
            },
            score={"type": "number"},
        )
    ),
    description={"type": "string"},
    recommendation={"type": "string"},
    references=several(closed({"id": TEXT, "source": closed({"name": TEXT})})),
    cwes=several(LINE),
)
CYCLONEDX = closed(
    {
        "bomFormat": {"const": "CycloneDX"},
        "specVersion": {"const": "1.6"},
        "serialNumber": {
            "type": "string",
            "pattern": "^urn:uuid:[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$",
        },
        "version": LINE,
        "metadata": {"type": "object"},
        "components": several(
            closed(
                {"type": {"const": "library"}, "name": TEXT, "bom-ref": TEXT, "purl": TEXT},
                version=TEXT,
            ),
            unique=True,
        ),
        "vulnerabilities": several(_CDX_VULNERABILITY, unique=True),
    }
)
