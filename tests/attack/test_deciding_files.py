"""One function opens a file that decides something (:class:`secagg.change.controls.Controls`).

Every other module that opens a file is listed here with what it opens. A new one fails this test:
whoever adds it says why what it reads decides nothing in a change.
"""

from __future__ import annotations

import ast
from pathlib import Path

import secagg

PACKAGE = Path(secagg.__file__).parent
OPENERS = frozenset({"read_text", "read_bytes", "open", "fdopen", "load_model", "load_placed"}) | {
    "read_regular",
    "read_given",
}

OPENED = {
    "action/inputs.py": "the decision that the scan of this job has written",
    "change/base.py": "the event's payload, which the runner writes",
    "change/controls.py": "files that decide: the base's in a change",
    "change/owners.py": "CODEOWNERS outside of a change",
    "cli/completion.py": "the decision of the last scan, for what Tab offers",
    "cli/exceptions.py": "the summary of the last scan",
    "cli/intel.py": "files to be installed",
    "cli/scan.py": "files that are written",
    "config.py": "secagg.yaml outside of a change; texts that Controls has read",
    "decisions/entry.py": "exceptions outside of a change",
    "decisions/ownfile.py": "texts that were read by the gate's reader",
    "decisions/snykfile.py": "texts that were read by the gate's reader",
    "decisions/trivyignore.py": "texts that were read by the gate's reader",
    "evidence/model.py": "the scan's files, to hash them",
    "evidence/signing.py": "sigstore's configuration, which the command has checked",
    "evidence/verifying.py": "evidence and its trusted root, for the person who calls it",
    "github/event.py": "the event's payload, which the runner writes",
    "github/journal.py": "the journal of uploads",
    "github/markdown.py": "the runner's command files",
    "history/backup.py": "backups",
    "history/engine.py": "the store's file, as it is made",
    "history/store.py": "secagg's own tables",
    "init/files.py": "files that init writes, as they are",
    "init/ownwheel.py": "secagg's own wheel",
    "init/plan.py": "secagg's own action and lock",
    "init/survey.py": "answers of an earlier init, for the person who calls it",
    "intel.py": "EPSS and KEV files and their checksums, whose directory the gate has checked",
    "jsonio/packed.py": "documents in memory, which it unpacks",
    "merge/overrule.py": "texts that the gate's reader has read",
    "merge/rules.py": "secagg's own tables",
    "model/fingerprint.py": "the lines of findings",
    "notify/targets.py": "addresses to send messages to, for the person who names the file",
    "output/console.py": "/dev/null",
    "pipeline/attest.py": "the scan's own files, as they are written",
    "pipeline/gate.py": (
        "the change's pyproject.toml, to tell whether its table differs; overrules outside of a change"
    ),
    "pipeline/basecache.py": "the cached scan of a base, by its digest",
    "pipeline/parse.py": "reports",
    "pipeline/uploadruns.py": "bundles",
    "pipeline/lastscan.py": "how long the tools of the last scan took",
    "policy/load.py": "built-in and installed policies; texts that the gate's reader has read",
    "policycheck/check.py": "a policy that is checked, which decides nothing",
    "policytest/model.py": "tests of policies, which decide nothing",
    "report/parquet.py": "files of an earlier export",
    "report/document.py": "a report, which the caller has checked",
    "report/page/__init__.py": "secagg's own page",
    "sarif/conform.py": "SARIF's schema",
    "sarif/reader.py": "reports",
    "scanners/codeql.py": "what CodeQL printed; the machine's limits",
    "scanners/coverage.py": "manifests",
    "scanners/configuration.py": "private copies, and without a gate the files themselves",
    "scanners/git.py": "what git printed; lines of sources",
    "scanners/gitleaks.py": "what Gitleaks printed",
    "scanners/job.py": "reports",
    "scanners/program.py": "programs, to hash them",
    "scanners/snyk.py": "whether Snyk has a token; what it printed",
    "scanners/trivy.py": "Trivy's program, for its version; what it printed",
    "scanners/trivydb.py": "when Trivy's database was made",
    "scanners/trufflehog.py": "what TruffleHog printed",
    "secrets/key.py": "the installation's key",
    "serve/allpages.py": "the style sheet of its pages, in the package",
    "serve/settings.py": "the server's settings, for the person who starts it",
    "system/entrypoints.py": "which plugins the installed packages have",
    "system/files.py": "files that are written; what its callers name",
    "system/git.py": "what git printed",
    "system/process.py": "what programs printed",
    "system/processgroup.py": "/proc",
    "system/root.py": "where the project begins: whether it has a configuration",
    "system/yamlfile.py": "files that the callers named here give it",
    "tools/catalogue.py": "secagg's own list of scanners, or the one a person names to install",
    "tools/installed.py": (
        "programs that were installed for the user, to hash them; downloads, whose digest is pinned"
    ),
}


def opens(path: Path) -> bool:
    """Whether a module calls something that opens a file."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            called = node.func
            name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            if name in OPENERS:
                return True
    return False


def test_nobody_else_opens_files() -> None:
    found = {path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py") if opens(path)}
    assert found == OPENED.keys()


def test_a_module_that_opens_a_file_is_seen(tmp_path: Path) -> None:
    module = tmp_path / "new.py"
    module.write_text("from pathlib import Path\nPath('x').read_text()\n")
    assert opens(module)
    module.write_text("x = 1\n")
    assert not opens(module)
