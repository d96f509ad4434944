"""The steps before the scan: a directory for it, the pinned scanners, Trivy's database."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from secagg.action.inputs import Inputs, notice, without_secrets, words
from secagg.github.event import Event, read_event
from secagg.github.markdown import write_action_outputs, write_step_summary
from secagg.output import console
from secagg.scanners import SCANNERS
from secagg.system.dates import utc_today


def prepare(inputs: Inputs, environ: Mapping[str, str]) -> None:
    """Make the step's directory, and set outputs for the cache of Trivy's database."""
    parent = Path(environ["RUNNER_TEMP"])
    directory = Path(tempfile.mkdtemp(prefix="secagg-action-", dir=parent))
    tools = tools_to_run(inputs, environ)
    cache = environ.get("TRIVY_CACHE_DIR") or str(parent / "secagg-trivy")
    today = utc_today()
    database = "trivy" in tools and not inputs.reads_reports
    write_action_outputs(
        {
            "directory": str(directory),
            "out": str(directory / "out"),
            "database": str(database).lower(),
            "cache": cache,
            "cache-key": f"secagg-trivy-db-{today.isoformat()}",
            "cache-prefix": "secagg-trivy-db-",
            # A change must not cache a database that the default branch then trusts.
            "cache-save": str(database and _on_default_branch(environ)).lower(),
        },
        environ,
    )


def install_tools(inputs: Inputs, environ: Mapping[str, str]) -> None:
    """Install the pinned scanners and update the database; the scan reports failures again."""
    if inputs.reads_reports:
        return
    tools = tools_to_run(inputs, environ)
    if inputs.tools_install == "pinned":
        from secagg.pipeline.tools import install

        installable = installable_tools(tools)
        if installable and install(installable):
            notice("error", "a scanner could not be installed: its runs will be incomplete")
    if "trivy" in tools:
        _renew_database(inputs, environ)


def tools_to_run(inputs: Inputs, environ: Mapping[str, str]) -> list[str]:
    """Return the scanners to run: those of the input, else those of the configuration.

    Without Snyk in a fork's pull request, which gets no secrets.
    """
    if inputs.reads_reports:
        return []
    tools = inputs.tool_names()
    if not tools:
        from secagg.pipeline.gate import config_of

        config = config_of(Path(inputs.path), environ)
        tools = [name for name in SCANNERS if config.enabled(name)]
    return [name for name in tools if name != "snyk" or not without_secrets(environ)]


def installable_tools(tools: Sequence[str]) -> list[str]:
    """Return those of ``tools`` that the action can install on this platform."""
    from secagg.tools.catalogue import load_catalogue, this_platform

    catalogue, platform = load_catalogue(), this_platform()
    return [name for name in tools if catalogue.entry(name).offers(platform)]


def _renew_database(inputs: Inputs, environ: Mapping[str, str]) -> None:
    from secagg.tools.catalogue import ToolsError
    from secagg.tools.database import refresh_database

    repositories = words(inputs.db_repository)
    try:
        database = refresh_database(repositories)
    except ToolsError as error:
        console.err(f"secagg: {error}\n")
        notice("error", "Trivy has no vulnerability database: its runs will be incomplete")
        return
    if database.refused is None:
        write_action_outputs({"renewed": "true"}, environ)
        return
    warning = (
        f"Trivy's vulnerability database could not be renewed: the cached one, which is "
        f"{_age(database.age)} old, is used"
    )
    console.err(f"secagg: {database.refused}\n")
    notice("warning", warning)
    if inputs.summary == "true":
        write_step_summary(f"> {warning}.\n\n", environ)
    # The scan uses the present database, and is incomplete if the policy finds it too old.
    write_action_outputs({"skip-update": "true"}, environ)


def _age(age: timedelta) -> str:
    hours = int(age.total_seconds() // 3600)
    return f"{hours} hours" if hours < 48 else f"{hours // 24} days"


def _on_default_branch(environ: Mapping[str, str]) -> bool:
    event: Event | None = read_event(environ)
    if event is None or event.default_branch is None or event.pull_request:
        return False
    return environ.get("GITHUB_REF") == f"refs/heads/{event.default_branch}"
