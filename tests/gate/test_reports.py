"""What is said of a run beside its findings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from secagg.parsing import Gap, ParseContext, RawReport, installed_parsers
from secagg.pipeline.outcome import gaps_of
from secagg.pipeline.reports import parse_reports
from secagg.scanners.base import Status, ToolRun
from secagg.secrets.lastfilter import run_redactor

EMPTY = json.dumps({"SchemaVersion": 2, "ArtifactName": ".", "ArtifactType": "filesystem"}).encode()
REMARK = "there are no results: nothing was found, or nothing to look at"
UNREAD = "ui/package.json has no lock file"


@pytest.mark.parametrize(
    ("status", "gaps", "said"),
    [
        (Status.COMPLETE, [], [REMARK]),
        (Status.FAILED, [], []),
        (Status.COMPLETE, [Gap(message=UNREAD, fatal=True)], [UNREAD]),
    ],
)
def test_an_empty_report_is_remarked_on_unless_its_run_failed(
    tmp_path: Path, status: Status, gaps: list[Gap], said: list[str]
) -> None:
    run = ToolRun(tool="trivy", status=status, gaps=gaps)
    run.reports.append(RawReport(name="trivy.json", data=EMPTY, tool="trivy"))
    context = ParseContext(redactor=run_redactor(tmp_path), root=tmp_path)
    (result,) = parse_reports([run], parsers=installed_parsers(), context=context)
    assert [gap.message for gap in gaps_of(result)] == said
