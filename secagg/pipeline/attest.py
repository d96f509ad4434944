"""Write the evidence of a scan beside its files, signed or plainly unsigned.

The statement is made of the written ``decision.json`` and ``summary.json``, so that it says what
they say, masked as they are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from secagg.config import NAME as CONFIG_NAME
from secagg.config import PROJECT
from secagg.errors import UsageError
from secagg.evidence.model import (
    GIT_COMMIT,
    PREDICATE_TYPE,
    SHA256,
    STATEMENT_TYPE,
    Counts,
    DecidingFile,
    EvaluatedChange,
    EvaluatedDatabase,
    EvaluatedTool,
    Evaluation,
    EvidenceStatement,
    EvidenceSubject,
    encode,
    sha256_of,
)
from secagg.model.state import DECISION_FILES
from secagg.output.decision import DecidedChange, DecisionDocument
from secagg.output.summary import Summary
from secagg.pipeline.gate import NAME as OVERRULES_NAME
from secagg.pipeline.gate import Gate
from secagg.pipeline.outcome import Outcome, ToolResult
from secagg.pipeline.ownsarif import database_of, split_by_tool
from secagg.pipeline.write import DECISION_NAME, SARIF_NAME, SUMMARY_NAME
from secagg.policy.load import find_policy_text, load_layers
from secagg.scanners.base import Status
from secagg.secrets.lastfilter import filtered_json
from secagg.system.files import MIB, read_regular, replacing
from secagg.system.git import git

if TYPE_CHECKING:
    from secagg.evidence.signing import Signer

SIGNED_NAME = "evidence.sigstore.json"
UNSIGNED_NAME = "evidence.unsigned.json"
_LARGEST = 1024 * MIB


@dataclass(frozen=True, slots=True, kw_only=True)
class Attestation:
    """How to write evidence: with the ``signer``, or unsigned for None.

    ``config`` is the configuration that an option named.
    """

    signer: Signer | None
    config: Path | None = None


def attest(gate: Gate, outcome: Outcome, directory: Path, attestation: Attestation) -> Path:
    """Write the evidence of the scan whose files are in ``directory``, and return the file.

    Raises :class:`secagg.errors.SigningError`, and :class:`UsageError` where a file of the scan
    cannot be read or the evidence not be written.
    """
    signer = attestation.signer
    payload = filtered_json(encode(statement_of(gate, outcome, directory, attestation.config)))
    data = payload + b"\n" if signer is None else signer.sign(payload)
    path = directory / (UNSIGNED_NAME if signer is None else SIGNED_NAME)
    try:
        # The payload has passed the filter; base64 of it must not be changed.
        with replacing(path, packed=True) as out:
            out.write(data)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from None
    return path


def statement_of(
    gate: Gate, outcome: Outcome, directory: Path, config: Path | None
) -> EvidenceStatement:
    """Return the statement on the scan whose files are in ``directory``.

    Raises :class:`UsageError` where a file cannot be read.
    """
    try:
        # Read once: what is hashed is what is decoded.
        decision_data = read_regular(directory / DECISION_NAME, limit=_LARGEST)
        summary_data = read_regular(directory / SUMMARY_NAME, limit=_LARGEST)
        digests = {
            SARIF_NAME: sha256_of(directory / SARIF_NAME),
            DECISION_NAME: hashlib.sha256(decision_data).hexdigest(),
        }
    except OSError as error:
        raise UsageError(
            f"the files of the scan in {directory} cannot be read: {error.strerror}"
        ) from None
    decision = msgspec.json.decode(decision_data, type=DecisionDocument)
    summary = msgspec.json.decode(summary_data, type=Summary)
    origin = gate.origin
    subject = [
        EvidenceSubject(name=name, digest={SHA256: digest}) for name, digest in digests.items()
    ]
    if origin.commit is not None:
        commit = EvidenceSubject(name=origin.repository, digest={GIT_COMMIT: origin.commit})
        subject.insert(0, commit)
    return EvidenceStatement(
        type_=STATEMENT_TYPE,
        predicate_type=PREDICATE_TYPE,
        subject=subject,
        predicate=Evaluation(
            secagg_version=decision.secagg_version,
            repository=origin.repository,
            branch=origin.branch,
            commit=origin.commit,
            changed_files=_changed_files(gate.root, origin.commit),
            started_at=summary.started_at,
            decided_on=decision.today.isoformat(),
            verdict=decision.verdict,
            exit_code=decision.exit_code,
            policy=decision.policy,
            narrowed=summary.narrowed,
            counts=_counts(decision),
            tools=[_tool(decision, number) for number in range(len(decision.tools))],
            databases=[*_databases(outcome)],
            gaps=decision.gaps,
            not_analysed=decision.not_analysed,
            failures=decision.failures,
            deciding_files=[*_deciding_files(gate, config)],
            change=_change(decision),
        ),
    )


def _changed_files(root: Path, commit: str | None) -> int | None:
    """Return how many tracked files are not as in ``commit``; None where git cannot tell."""
    if commit is None:
        return None
    options = ("--name-only", "-z", "--ignore-submodules=none", "--no-ext-diff", "--no-textconv")
    output = git(root, "diff", *options, commit, "--")
    return output.out.count(b"\0") if output.code == 0 else None


def _counts(decision: DecisionDocument) -> Counts:
    return Counts(
        total=decision.total,
        fail=decision.fail,
        warn=decision.warn,
        ignore=decision.ignore,
        excepted=decision.excepted,
        reported=decision.reported,
        by_counted_as=decision.by_counted_as,
        by_severity=decision.by_counted_as,
    )


def _tool(decision: DecisionDocument, number: int) -> EvaluatedTool:
    tool = decision.tools[number]
    return EvaluatedTool(
        name=tool.tool,
        version=tool.version,
        component=tool.component,
        mode=tool.mode,
        status=tool.status,
        optional=tool.optional,
        reported=tool.reported,
        findings=tool.findings,
        suppressed=tool.suppressed,
        unreadable=tool.unreadable,
        reason=tool.reason,
        notes=tool.notes,
    )


def _change(decision: DecisionDocument) -> EvaluatedChange | None:
    change = decision.change
    if change is None or change == DecidedChange():
        return None
    return EvaluatedChange(
        diff=change.diff,
        baseline=change.baseline,
        policy_from=change.policy_from,
        controls_changed=change.controls_changed,
    )


def _databases(outcome: Outcome) -> Iterator[EvaluatedDatabase]:
    """Yield the databases that the scanners used. Those of Snyk and CodeQL have no date."""
    by_tool: dict[str, list[ToolResult]] = {}
    for result in split_by_tool(outcome.results):
        if result.run.status is not Status.SKIPPED:
            by_tool.setdefault(result.run.tool, []).append(result)
    for tool, results in sorted(by_tool.items()):
        built_at = database_of(results)
        if built_at is not None or tool == "trivy":
            yield EvaluatedDatabase(tool=tool, built_at=built_at)


def _deciding_files(gate: Gate, config: Path | None) -> Iterator[DecidingFile]:
    """Yield the files of configuration, policy, overrules and decisions that are there."""
    read_from = "work tree" if gate.base is None else gate.base
    policy = gate.options.policy or gate.config.policy
    names = [str(config) if config is not None else CONFIG_NAME]
    if config is None:
        names.append(PROJECT)
    for layer in load_layers(policy, read=gate.controls.text):
        text = find_policy_text(layer.name)
        if text is None:
            names.append(layer.name)
        else:
            digest = hashlib.sha256(text.encode()).hexdigest()
            yield DecidingFile(name=f"policy {layer.name}", sha256=digest, read_from="secagg")
    names += gate.options.vex
    if gate.config.tools.gitleaks.config is not None:
        names.append(str(gate.config.tools.gitleaks.config))
    for name in dict.fromkeys([*names, OVERRULES_NAME, *DECISION_FILES]):
        # The files at their fixed places are read from the base alone, whatever the work tree has.
        own = name in (CONFIG_NAME, PROJECT, OVERRULES_NAME, *DECISION_FILES)
        in_base = own and gate.base is not None
        data = gate.controls.base_bytes(name) if in_base else gate.controls.read(name)
        if data is not None:
            yield DecidingFile(
                name=name, sha256=hashlib.sha256(data).hexdigest(), read_from=read_from
            )
