"""``secagg verify``: say what evidence proves, and refuse what does not hold."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from secagg.cli.options import FormatOption, OutputFormat
from secagg.output import console
from secagg.output.escape import terminal

if TYPE_CHECKING:
    from secagg.evidence.model import EvaluatedTool, Evaluation
    from secagg.evidence.verifying import Verified


def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="evidence.sigstore.json of a scan.")],
    identity: Annotated[
        str | None,
        typer.Option(
            metavar="ID",
            help="Who may have signed: the workflow as URL@REF, exactly as in the certificate.",
        ),
    ] = None,
    issuer: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Who vouches for that identity, such as GitHub's tokens."),
    ] = None,
    repo: Annotated[
        str | None, typer.Option(metavar="OWNER/NAME", help="The repository it has to be on.")
    ] = None,
    commit: Annotated[
        str | None, typer.Option(metavar="SHA", help="The commit it has to be on.")
    ] = None,
    files: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Where findings.sarif and decision.json have to be; by default those beside FILE "
            "are compared if they are there.",
        ),
    ] = None,
    trusted_root: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="The trusted root of a sigstore, by default the public one's."
        ),
    ] = None,
    allow_unsigned: Annotated[
        bool,
        typer.Option("--allow-unsigned", help="Read a statement that nobody signed."),
    ] = False,
    output_format: FormatOption = OutputFormat.TABLE,
) -> None:
    """Check the evidence in FILE offline: who signed it, what was evaluated or incomplete.

    Ends with the exit code of the scan, or with 5 where the evidence does not hold.
    """
    from secagg.evidence.verifying import Expected, verify

    verified = verify(
        file,
        Expected(
            identity=identity,
            issuer=issuer,
            repository=repo,
            commit=commit,
            files=files,
            trusted_root=trusted_root,
            allow_unsigned=allow_unsigned,
        ),
    )
    if output_format is OutputFormat.JSON:
        from secagg.jsonio.output import indented

        console.json(indented(_document(verified)))
    else:
        console.out("\n".join(map(terminal, _lines(verified))) + "\n")
    raise typer.Exit(verified.statement.predicate.exit_code)


def _document(verified: Verified) -> dict[str, Any]:
    signature = verified.signature
    return {
        "verified": signature is not None,
        "signature": None
        if signature is None
        else {
            "identity": signature.identity,
            "issuer": signature.issuer,
            "not_before": signature.not_before,
            "not_after": signature.not_after,
            "repository": signature.repository,
            "commit": signature.commit,
        },
        "compared": verified.compared,
        "absent": verified.absent,
        "statement": verified.statement,
    }


def _lines(verified: Verified) -> Iterator[str]:
    scan, signature = verified.statement.predicate, verified.signature
    if signature is None:
        yield "NOT SIGNED: anybody may have written this statement"
    else:
        yield f"VERIFIED: signed by {signature.identity}"
        yield f"  issuer      {signature.issuer}"
        time = f"{signature.not_before:%Y-%m-%d %H:%M} to {signature.not_after:%H:%M} UTC"
        yield f"  signed      {time}"
        if signature.commit is not None and signature.commit != scan.commit:
            yield f"  workflow    of commit {signature.commit}"
    commit = scan.commit or "unknown"
    yield f"  evaluated   {scan.repository}, branch {scan.branch}, commit {commit}"
    if scan.changed_files != 0:
        count = "an unknown number of" if scan.changed_files is None else scan.changed_files
        yield f"              {count} tracked files differed from that commit"
    started = scan.started_at or "at an unknown time"
    yield f"  scanned     {started}, by secagg {scan.secagg_version}"
    yield from _files(verified)
    yield f"  policy      {scan.policy}"
    for file in scan.deciding_files:
        yield f"              {file.name} of {file.read_from}, sha256 {file.sha256}"
    change = scan.change
    if change is not None:
        yield f"  change      {change.diff or 'no diff'}, baseline {change.baseline or 'none'}"
        for name in change.controls_changed:
            yield f"              changes {name}, which takes effect after the merge"
    yield from _evaluated(scan)


def _files(verified: Verified) -> Iterator[str]:
    for name in verified.compared:
        yield f"  file        {name} has the digest of the statement"
    for name in verified.absent:
        yield f"  file        {name} was not compared: it is not beside the evidence"


def _evaluated(scan: Evaluation) -> Iterator[str]:
    yield ""
    yield "Tools"
    for tool in scan.tools:
        yield f"  {_tool(tool)}"
        if tool.reason:
            yield f"    {tool.reason}"
        for note in tool.notes:
            yield f"    {note}"
    for database in scan.databases:
        yield f"  database of {database.tool}: built {database.built_at or 'at an unknown time'}"
    if not scan.databases:
        yield "  databases: none with a date that is known"
    counts = scan.counts
    yield ""
    yield (
        f"Verdict: {scan.verdict.upper()} (exit code {scan.exit_code}): {counts.total} problems, "
        f"{counts.fail} fail, {counts.warn} warn, {counts.excepted} left out by decision"
    )
    if scan.narrowed:
        yield "  narrowed: only named tools, components or commits were looked at"
    for title, sentences in (
        ("incomplete", scan.gaps),
        ("not analysed", scan.not_analysed),
        ("fails", scan.failures),
    ):
        for sentence in sentences:
            yield f"  {title}: {sentence}"


def _tool(tool: EvaluatedTool) -> str:
    what = " ".join(filter(None, (tool.name, tool.version, tool.mode)))
    optional = ", optional" if tool.optional else ""
    return f"{what} in {tool.component}: {tool.status}{optional}, {tool.findings} findings"
