"""``secagg gate --run KEY``: judge what a recorded scan had seen."""

from __future__ import annotations

from secagg.merge import MergedSet
from secagg.pipeline.assemble import tool_outcome
from secagg.pipeline.gate import Gate
from secagg.pipeline.judging import decide, suppress
from secagg.pipeline.origin import open_store_of
from secagg.pipeline.outcome import Outcome, ToolResult
from secagg.report.findings import group_of
from secagg.scanners.base import Status, ToolRun
from secagg.secrets.key import load_key
from secagg.secrets.redactor import Redactor


def judge_run(key: str, gate: Gate) -> Outcome:
    """Judge the run whose key begins with ``key`` by today's policy, exceptions and decisions.

    Raises :class:`secagg.errors.StoreError` for a run that is not there.
    """
    with open_store_of(gate.options.store or None, gate.root, create=False) as store:
        run, problems = store.run(store.run_key(key))
    results = [
        ToolResult(
            run=ToolRun(
                tool=tool.tool,
                status=Status(tool.status),
                component=tool.component,
                mode=tool.mode,
                version=tool.version,
                seconds=tool.seconds,
                reason=tool.reason,
            )
        )
        for tool in run.tools
    ]
    merged = MergedSet(groups=[group_of(problem) for problem in problems])
    judged = decide(
        gate, merged, [tool_outcome(result) for result in results], redactor=Redactor(load_key())
    )
    suppress(judged.decision.judgements)
    return Outcome(
        results=results,
        merged=merged,
        decision=judged.decision,
        components=sorted({problem.component or "." for problem in problems}),
        root_name=gate.root.name,
        started_at=run.started_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        change=judged.change,
        comparison=judged.comparison,
    )
