"""Small files as FIRST and CISA publish them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from secagg.intel import EPSS_NAME, KEV_NAME, FileRecord, Record, checksum, write_record

EPSS = (
    b"#model_version:v2025.03.14,score_date:2026-11-20T12:55:00Z\n"
    b"cve,epss,percentile\n"
    b"CVE-2021-44228,0.94358,0.99958\n"
    b"CVE-2020-0001,0.0005,0.1\n"
)


def kev_json(**changes: Any) -> bytes:
    document = {
        "title": "CISA Catalog of Known Exploited Vulnerabilities",
        "catalogVersion": "2026.11.20",
        "dateReleased": "2026-11-20T15:00:29.6219Z",
        "count": 2,
        "vulnerabilities": [
            {
                "cveID": "CVE-2021-44228",
                "vendorProject": "Apache",
                "dueDate": "2021-12-24",
                "knownRansomwareCampaignUse": "Known",
            },
            {"cveID": "CVE-2026-1000", "knownRansomwareCampaignUse": "Unknown"},
        ],
    }
    return json.dumps(document | changes).encode()


KEV = kev_json()


def put(directory: Path) -> None:
    """Both files as ``secagg intel update`` would have put them there on 23 November 2026."""
    record = Record()
    for name, data in {EPSS_NAME: EPSS, KEV_NAME: KEV}.items():
        (directory / name).write_bytes(data)
        record.files[name] = FileRecord(
            url="https://files.example/",
            sha256=checksum(data),
            dated="2026-11-20",
            fetched_at=datetime(2026, 11, 23, tzinfo=UTC),
            entries=2,
        )
    write_record(directory, record)
