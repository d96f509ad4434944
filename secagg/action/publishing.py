"""The step ``publish``: upload and comment, or write a bundle for a job that may upload."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from secagg.action.artifacts import reports
from secagg.action.inputs import Inputs, from_fork, notice, read_decision, uploads
from secagg.action.scanning import secagg
from secagg.errors import SecaggError
from secagg.github.event import read_event
from secagg.github.markdown import write_action_outputs, write_step_summary
from secagg.output import console
from secagg.output.codehost import CommitPages
from secagg.output.failure import exit_code_of, print_error
from secagg.output.markdown import decision_markdown
from secagg.pipeline.write import SARIF_NAME
from secagg.secrets.lastfilter import filtered_error

BUNDLE = "secagg-bundle.json.gz"


def publish(inputs: Inputs, environ: Mapping[str, str]) -> int:
    """Upload the scan's files and return 0; the exit code of the upload is an output."""
    if inputs.mode == "publish":
        return _publish_bundle(inputs, environ)
    sarif = inputs.out / SARIF_NAME
    if not sarif.is_file():
        console.err("secagg: the scan left no findings.sarif: there is nothing to upload\n")
        return 0
    if from_fork(environ):
        bundle = str(inputs.out / BUNDLE)
        secagg(["bundle", "--root", inputs.path, "--out", bundle, "--", *_files(inputs)])
    if not uploads(inputs, environ):
        if inputs.upload == "auto" and from_fork(environ):
            notice(
                "notice",
                "not uploaded: a fork's token may not; the bundle in the artifact is for a "
                "workflow_run job with secagg publish",
            )
        return 0
    code = _upload(inputs, environ)
    write_action_outputs({"code": code, "url": alerts_url(environ)}, environ)
    return 0


def _publish_bundle(inputs: Inputs, environ: Mapping[str, str]) -> int:
    """Upload the untrusted bundle of a fork's job."""
    arguments = ["publish", str(Path(inputs.reports) / BUNDLE)]
    code = secagg([*arguments, "--comment"] if inputs.comment == "true" else arguments)
    write_action_outputs({"code": code, "url": alerts_url(environ)}, environ)
    return 0


def alerts_url(environ: Mapping[str, str]) -> str:
    """Return the address of the code scanning alerts of this run's branch or pull request."""
    server = environ.get("GITHUB_SERVER_URL", "https://github.com")
    repository = environ.get("GITHUB_REPOSITORY", "")
    event = read_event(environ)
    number = None if event is None else event.pull_number
    branch = environ.get("GITHUB_REF", "").removeprefix("refs/heads/")
    query = f"is:open pr:{number}" if number is not None else f"is:open branch:{branch}"
    return f"{server}/{repository}/security/code-scanning?query={quote(query)}"


def _upload(inputs: Inputs, environ: Mapping[str, str]) -> int:
    from secagg.cli.screen import Screen
    from secagg.cli.upload import UploadRequest, decision_comment, directory_is_gone, upload_files
    from secagg.pipeline.upload import UploadOptions

    decision = read_decision(inputs)
    event = read_event(environ)
    root = Path(inputs.path)
    options = UploadOptions(
        category=inputs.category or None,
        comment=inputs.comment == "true" and event is not None and event.pull_number is not None,
        decision=None if decision is None else decision_comment(decision, environ),
        # Close the alerts of renamed and removed components, also where other jobs scanned.
        is_obsolete=lambda category: directory_is_gone(root, category),
    )
    if inputs.summary == "false":
        os.environ.pop("GITHUB_STEP_SUMMARY", None)
    try:
        return upload_files(
            _files(inputs), UploadRequest(options=options), root=root, config=None, screen=Screen()
        )
    except SecaggError as error:
        print_error(error)
        if decision is not None and inputs.summary == "true":
            write_step_summary(decision_markdown(decision, code=CommitPages.of(environ)), environ)
        write_action_outputs({"upload-error": filtered_error(str(error))}, environ)
        return int(exit_code_of(error))


def _files(inputs: Inputs) -> list[str]:
    """Return the files to upload: the scan's, or other jobs' reports."""
    return reports(inputs) if inputs.reads_reports else [str(inputs.out / SARIF_NAME)]
