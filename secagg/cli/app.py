"""The commands and their options, and how errors become exit codes."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from secagg import __version__
from secagg.cli.configuration import config_app
from secagg.cli.db import db_app
from secagg.cli.exceptions import except_app
from secagg.cli.gate import gate
from secagg.cli.gateoptions import (
    BaselineOption,
    DiffOption,
    NoStoreOption,
    OriginBranchOption,
    OriginCommitOption,
    OriginOption,
    PolicyFromOption,
    StoreOption,
    TimeOption,
    VexOption,
    gate_options,
)
from secagg.cli.help import Commands
from secagg.cli.history import register as register_history
from secagg.cli.init import register as register_init
from secagg.cli.intel import intel_app
from secagg.cli.merge import merge_app
from secagg.cli.options import (
    AllOption,
    ColourOption,
    ConfigOption,
    FilesArgument,
    FormatOption,
    JobsOption,
    OutputFormat,
    OutputOption,
    PathArgument,
    PolicyOption,
    QuietOption,
    RootOption,
    ScanFormat,
    ScanFormatOption,
    StripPrefixOption,
    TimeoutOption,
    ToolsOption,
    VerboseOption,
    ViewName,
    ViewOption,
)
from secagg.cli.policy import policy_app
from secagg.cli.report import register as register_report
from secagg.cli.serve import register as register_serve
from secagg.cli.staged import register as register_staged
from secagg.cli.tools import tools_app
from secagg.cli.triage import triage
from secagg.cli.upload import (
    ApiUrlOption,
    CategoryOption,
    CommentOption,
    CommitOption,
    DryRunOption,
    ExplainOption,
    JournalOption,
    RefOption,
    RepositoryOption,
    SuppressedName,
    SuppressedOption,
    register,
    request_of,
)
from secagg.errors import UsageError

app = typer.Typer(
    name="secagg",
    help="Run security scanners over a repository and end in one table, one SARIF file and "
    "one decision.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.add_typer(merge_app, name="merge", cls=Commands)
app.add_typer(except_app, name="except", cls=Commands)
app.add_typer(intel_app, name="intel", cls=Commands)
app.add_typer(config_app, name="config", cls=Commands)
app.add_typer(policy_app, name="policy", cls=Commands)
app.add_typer(tools_app, name="tools", cls=Commands)
app.command()(gate)
app.add_typer(db_app, name="db", no_args_is_help=True, cls=Commands)
app.command()(triage)


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", "-V", help="Print the version and exit.", is_eager=True)
    ] = False,
    debug: Annotated[
        bool,
        typer.Option(
            "--debug", help="Log what is decided and why on standard error (also SECAGG_LOG=debug)."
        ),
    ] = False,
) -> None:
    level = "debug" if debug else os.environ.get("SECAGG_LOG")
    if level:
        from secagg.output.logs import show_logs

        show_logs(level)
    if version:
        from secagg.output import console

        console.out(f"secagg {__version__}\n")
        raise typer.Exit


@app.command()
def scan(
    path: PathArgument = Path(),
    tool: ToolsOption = None,
    component: Annotated[
        list[str] | None,
        typer.Option(help="Scan this component only (its directory). Repeatable."),
    ] = None,
    timeout: TimeoutOption = None,
    jobs: JobsOption = None,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="COMMIT",
            help="Look at the history since this commit only; event: what the workflow's event "
            "brought (so by default in a pull request).",
        ),
    ] = None,
    output: OutputOption = Path("secagg-out"),
    output_format: ScanFormatOption = None,
    everything: AllOption = False,
    view: ViewOption = ViewName.PER_TOOL,
    policy: PolicyOption = None,
    policy_from: PolicyFromOption = None,
    baseline: BaselineOption = None,
    diff: DiffOption = None,
    vex: VexOption = None,
    store: StoreOption = None,
    no_store: NoStoreOption = False,
    config: ConfigOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    no_color: ColourOption = False,
    upload: Annotated[
        bool, typer.Option("--upload", help="Upload the results to GitHub code scanning.")
    ] = False,
    repository: RepositoryOption = None,
    ref: RefOption = None,
    commit: CommitOption = None,
    api_url: ApiUrlOption = None,
    category: CategoryOption = None,
    suppressed: SuppressedOption = SuppressedName.DISMISS,
    dry_run: DryRunOption = None,
    explain: ExplainOption = False,
    comment: CommentOption = False,
    journal: JournalOption = True,
) -> None:
    """Scan the repository at PATH with every tool that applies to it."""
    from secagg.pipeline import commands
    from secagg.pipeline.sarifruns import View

    request = request_of(
        repository=repository,
        ref=ref,
        commit=commit,
        api_url=api_url,
        category=category,
        suppressed=suppressed,
        dry_run=dry_run,
        explain=explain,
        comment=comment,
        journal=journal,
    )
    asked = upload or dry_run is not None or explain
    if not asked and request != request_of():
        raise UsageError(
            "an option of an upload was given without --upload",
            hint="add --upload, or see what would be sent with --explain or --dry-run DIR",
        )
    screen = commands.Screen(
        json=output_format is ScanFormat.JSON,
        quiet=quiet,
        verbose=verbose,
        no_colour=no_color,
        view=View(view),
        listing=None if output_format is None else output_format.listing,
        everything=everything,
    )
    raise typer.Exit(
        commands.scan(
            path,
            tools=tool or [],
            components=component or [],
            timeout=timeout,
            jobs=jobs,
            since=since,
            output=output,
            gate=gate_options(
                policy=policy,
                policy_from=policy_from,
                baseline=baseline,
                diff=diff,
                vex=vex,
                store="" if no_store else store,
            ),
            config=config,
            screen=screen,
            upload=request if asked else None,
        )
    )


register(app)
register_init(app)
register_staged(app)
register_report(app)
register_serve(app)
register_history(app)


@app.command()
def parse(
    files: FilesArgument,
    as_tool: Annotated[
        str | None, typer.Option("--as", metavar="TOOL", help="The tool that wrote the files.")
    ] = None,
    root: RootOption = Path(),
    strip_prefix: StripPrefixOption = None,
    output: OutputOption = Path("secagg-out"),
    output_format: ScanFormatOption = None,
    everything: AllOption = False,
    view: ViewOption = ViewName.PER_TOOL,
    policy: PolicyOption = None,
    policy_from: PolicyFromOption = None,
    baseline: BaselineOption = None,
    diff: DiffOption = None,
    vex: VexOption = None,
    store: StoreOption = None,
    no_store: NoStoreOption = False,
    repo: OriginOption = None,
    branch: OriginBranchOption = None,
    commit: OriginCommitOption = None,
    at: TimeOption = None,
    config: ConfigOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    no_color: ColourOption = False,
) -> None:
    """Read FILES that scanners wrote elsewhere; - is standard input."""
    from secagg.pipeline import commands
    from secagg.pipeline.sarifruns import View

    screen = commands.Screen(
        json=output_format is ScanFormat.JSON,
        quiet=quiet,
        verbose=verbose,
        no_colour=no_color,
        view=View(view),
        listing=None if output_format is None else output_format.listing,
        everything=everything,
    )
    raise typer.Exit(
        commands.parse(
            files,
            tool=as_tool,
            root=root,
            output=output,
            gate=gate_options(
                policy=policy,
                policy_from=policy_from,
                baseline=baseline,
                diff=diff,
                vex=vex,
                store="" if no_store else store,
                repository=repo,
                branch=branch,
                commit=commit,
            ),
            at=at,
            config=config,
            screen=screen,
            strip_prefix=strip_prefix or (),
        )
    )


@app.command()
def doctor(
    path: PathArgument = Path(),
    tool: ToolsOption = None,
    output_format: FormatOption = OutputFormat.TABLE,
    config: ConfigOption = None,
    no_color: ColourOption = False,
    github: Annotated[
        bool, typer.Option("--github", help="Say when the Security tab was last fed instead.")
    ] = False,
) -> None:
    """Say for each tool whether a scan of PATH would be complete, and what to do if not."""
    from secagg.pipeline import commands

    screen = commands.Screen(json=output_format is OutputFormat.JSON, no_colour=no_color)
    if github:
        from secagg.pipeline.uploadcheck import security_tab

        raise typer.Exit(security_tab(path, screen=screen))
    raise typer.Exit(commands.doctor(path, tools=tool or [], config=config, screen=screen))


@app.command()
def explain(
    identity: Annotated[str, typer.Argument(metavar="ID", help="The row's id, or its beginning.")],
    files: Annotated[
        list[str] | None, typer.Argument(metavar="[FILE...]", help="Reports to read instead.")
    ] = None,
    root: RootOption = Path(),
    output: OutputOption = Path("secagg-out"),
    config: ConfigOption = None,
    no_color: ColourOption = False,
) -> None:
    """Say why a row of the last scan is one row: members, reasons, and what was kept apart."""
    from secagg.pipeline import commands

    screen = commands.Screen(no_colour=no_color)
    raise typer.Exit(
        commands.explain(
            identity, files or [], root=root, output=output, config=config, screen=screen
        )
    )


# Typer has its own copy of Click or uses the one that is installed, depending on its version.
_WRONG_ARGUMENTS: Any = next(
    kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException"
)


def run() -> None:
    """Run the command of this process's arguments; the only place where errors end."""
    import gc
    import io

    from secagg.errors import SecaggError
    from secagg.exitcodes import ExitCode
    from secagg.output import console
    from secagg.secrets.lastfilter import filtered_error, switch_on

    # A command lives for one run and its findings make no cycles: the collector would walk over
    # a hundred thousand of them again and again, and free nothing.
    gc.disable()
    switch_on()
    try:
        # Typer's own errors quote the arguments, which a workflow may have from a pull request.
        sys.exit(app(standalone_mode=False))
    except _WRONG_ARGUMENTS as error:
        text = io.StringIO()
        error.show(file=text)
        console.err(filtered_error(text.getvalue()))
        sys.exit(error.exit_code)
    except SecaggError as error:
        from secagg.output.failure import exit_code_of, print_error

        print_error(error)
        sys.exit(exit_code_of(error))
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output has left (``secagg ... | head``): nothing to complain about.
        console.discard()
        sys.exit(ExitCode.INTERNAL)
    except Exception as error:
        _internal(error)


def _internal(error: Exception) -> NoReturn:
    """A mistake of secagg itself: its masked words, its place, and how to report it."""
    import platform
    import traceback

    from secagg.exitcodes import ExitCode
    from secagg.output import console
    from secagg.output.escape import LONGEST_SENTENCE, cell
    from secagg.secrets.lastfilter import filtered_error

    # The words may quote a report, which knows no line length.
    words = cell(filtered_error(str(error)), LONGEST_SENTENCE)
    console.err(f"secagg: internal error: {type(error).__name__}{f': {words}' if words else ''}\n")
    for frame in traceback.extract_tb(error.__traceback__)[-4:]:
        console.err(f"  {Path(frame.filename).name}:{frame.lineno} in {frame.name}\n")
    console.err(f"  secagg {__version__}, Python {platform.python_version()}\n")
    console.err(
        "  hint: this is a bug in secagg; report it with the lines above, and with those of "
        "secagg --debug before the command's name\n"
    )
    sys.exit(ExitCode.INTERNAL)
