"""Install the scanners in pinned versions, list and verify them, for ``secagg tools``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from secagg.errors import UsageError
from secagg.output import console
from secagg.output.escape import terminal
from secagg.output.failure import print_error
from secagg.scanners.base import RunContext
from secagg.scanners.configuration import Unusable
from secagg.scanners.options import ToolOptions
from secagg.scanners.program import NotInstalled, find_program, tools_directory
from secagg.secrets.redactor import Redactor
from secagg.tools.catalogue import Catalogue, SourceKind, ToolsError, load_catalogue, this_platform
from secagg.tools.database import refresh_database
from secagg.tools.installed import Receipt, difference, receipts, spec_of
from secagg.tools.installed import install as install_tool


def install(
    names: Sequence[str],
    *,
    directory: Path | None = None,
    kind: str | None = None,
    catalogue: Path | None = None,
) -> int:
    """Install the scanners in ``names``, or all that have a source for this platform.

    Tries each, and returns 1 if one failed. Raises :class:`ConfigError` for a catalogue that
    cannot be used, and :class:`ToolsError` for an unknown name.
    """
    if kind is not None and kind not in get_args(SourceKind):
        raise UsageError(
            f"there is no source {kind!r}", hint=f"sources: {', '.join(get_args(SourceKind))}"
        )
    tools, platform = load_catalogue(catalogue), this_platform()
    chosen = list(names) or [
        name for name in tools.__struct_fields__ if tools.entry(name).offers(platform)
    ]
    for name in chosen:
        tools.entry(name)
    target = directory or tools_directory(os.environ)
    failed = False
    for name in chosen:
        try:
            receipt, installed = install_tool(
                name,
                tools,
                platform,
                directory=target,
                kind=kind,  # type: ignore[arg-type]
                catalogue_file=catalogue,
            )
        except ToolsError as error:
            failed = True
            print_error(error)
            continue
        source = f"{receipt.source}, SHA-256 {receipt.digest}" if installed else "is there already"
        console.out(f"{name} {receipt.version}: {terminal(source)}\n")
    console.out(f"directory: {terminal(str(target))}\n")
    if directory is not None and directory.absolute() != tools_directory(os.environ):
        console.out("put it on PATH, or name it by SECAGG_TOOLS, so that a scan finds them\n")
    return 1 if failed else 0


def show(*, directory: Path | None = None, catalogue: Path | None = None) -> int:
    """List each scanner with its pinned versions for this platform and the installed one."""
    tools, platform = load_catalogue(catalogue), this_platform()
    installed = receipts(directory or tools_directory(os.environ))
    for name in tools.__struct_fields__:
        console.out(
            f"{name:<11} {_pinned(tools, name, platform)}; {terminal(_present(name, installed))}\n"
        )
    return 0


def verify(
    names: Sequence[str], *, directory: Path | None = None, catalogue: Path | None = None
) -> int:
    """Compare the installed scanners with the pinned ones; return 1 if one differs or must not run.

    Of a scanner on PATH that secagg did not install, only the version is checked.
    """
    tools = load_catalogue(catalogue)
    target = directory or tools_directory(os.environ)
    installed, platform = receipts(target), this_platform()
    failed = False
    for name in list(names) or list(tools.__struct_fields__):
        entry = tools.entry(name)
        receipt = installed.get(name)
        if receipt is None:
            try:
                problem, remark = _version_on_path(name)
            except NotInstalled as error:
                problem, remark = error.reason if names else None, "not installed"
        else:
            problem = difference(name, receipt, target)
            remark = f"{receipt.version} from {receipt.source}, as it was installed"
            source = entry.source(receipt.source)  # type: ignore[arg-type]
            asset = None if source is None else source.platforms.get(platform)
            if source is None or source.version != receipt.version:
                remark += "; another version is pinned now"
            elif asset and asset.program and asset.program != receipt.digest:
                problem = problem or f"its SHA-256 {receipt.digest} is not the pinned one"
        failed = failed or problem is not None
        console.out(f"{name:<11} {terminal(f'WRONG: {problem}' if problem else remark)}\n")
    return 1 if failed else 0


def database(repositories: Sequence[str], *, cache: Path | None = None) -> int:
    """Update Trivy's vulnerability database and print its age; on failure the old one stays."""
    state = refresh_database(repositories, cache=cache)
    if state.refused is not None:
        console.err(f"secagg: warning: not renewed: {terminal(state.refused)}\n")
    hours = int(state.age.total_seconds() // 3600)
    age = f"{hours} hours" if hours < 48 else f"{hours // 24} days"
    console.out(f"Trivy's vulnerability database is {age} old ({terminal(str(state.cache))})\n")
    return 0


def _pinned(catalogue: Catalogue, name: str, platform: str) -> str:
    entry = catalogue.entry(name)
    offers = [
        f"{source.version} ({kind})"
        for kind in entry.offers(platform)
        if (source := entry.source(kind)) is not None
    ]
    return ", ".join(offers) or f"no pinned version for {platform}"


def _present(name: str, installed: dict[str, Receipt]) -> str:
    receipt = installed.get(name)
    if receipt is not None:
        return f"installed: {receipt.version} from {receipt.source}"
    try:
        problem, remark = _version_on_path(name)
    except NotInstalled as error:
        return error.reason
    return problem or remark


def _version_on_path(name: str) -> tuple[str | None, str]:
    context = RunContext(redactor=Redactor(os.urandom(32)))
    try:
        program = find_program(spec_of(name), ToolOptions(), context)
    except NotInstalled:
        raise
    except Unusable as error:
        return error.reason, ""
    return None, f"{program.version} at {program.path}, not installed by secagg: not pinned"
