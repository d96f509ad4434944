"""Each scanner sees its own token at most, and nothing that could steer or rob it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from secagg.scanners.base import Status
from tests.scanners.conftest import Bench, Repo

CANARY = "a-value-that-no-scanner-may-see"
FORBIDDEN = (
    "GITHUB_TOKEN",
    "GH_TOKEN",
    "SNYK_TOKEN",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "SECAGG_HMAC_KEY",
    "CANARY",
    "TRIVY_SEVERITY",
    "TRIVY_IGNOREFILE",
    "GITLEAKS_CONFIG",
    "PRE_COMMIT",
    "HUSKY",
    "HUSKY_GIT_PARAMS",
    "TRUFFLEHOG_PRE_COMMIT",
    "GIT_DIR",
    "LD_PRELOAD",
    "NODE_OPTIONS",
    "PYTHONPATH",
)


@pytest.mark.parametrize("tool", ["trivy", "snyk", "codeql", "gitleaks", "trufflehog"])
def test_only_what_a_scanner_needs_is_in_its_environment(
    bench: Bench, repo: Repo, tool: str
) -> None:
    repo.commit({"app.py": "x = 1\n", "package.json": "{}", "package-lock.json": "{}"})
    bench.extra |= dict.fromkeys(FORBIDDEN, CANARY)
    bench.extra |= {"HTTPS_PROXY": "http://proxy.example:3128", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    program = bench.stand_in(tool, "environment")
    runs = bench.scan(tool, repo.root)
    assert Status.COMPLETE in {run.status for run in runs}
    environment = json.loads(Path(f"{program}.environment").read_text())
    seen = {name for name, value in environment.items() if CANARY in value}
    assert seen == ({"SNYK_TOKEN"} if tool == "snyk" else set())
    assert environment["HTTPS_PROXY"] == "http://proxy.example:3128"
    assert environment["HOME"] == str(bench.home)
    assert Path(environment["TMPDIR"]).is_relative_to(bench.temporary)


@pytest.mark.parametrize("tool", ["trivy", "snyk", "codeql", "gitleaks", "trufflehog"])
def test_a_program_that_is_not_known_yet_gets_no_token_and_no_home(
    bench: Bench, repo: Repo, tool: str
) -> None:
    repo.write({"app.py": "", "package-lock.json": "{}", "package.json": "{}"})
    seen = bench.bin_dir / "seen"
    program = bench.bin_dir / tool
    program.write_text(
        "#!/usr/bin/env python3\n"
        f"import json, os; open({str(seen)!r}, 'w').write(json.dumps(dict(os.environ)))\n"
    )
    program.chmod(0o755)
    bench.extra |= {"SNYK_TOKEN": CANARY, "TRIVY_PASSWORD": CANARY}
    bench.scan(tool, repo.root)
    environment = json.loads(seen.read_text())
    assert CANARY not in environment.values()
    assert environment["HOME"] != str(bench.home)
