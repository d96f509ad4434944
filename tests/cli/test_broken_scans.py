"""Whatever happens to a scanner, the scan says so, keeps the rest, and leaves nothing behind."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.cli.running import Ran, alive, interrupted, secagg, standin, summary

FOUND = json.dumps(
    {
        "SchemaVersion": 2,
        "ArtifactName": ".",
        "Results": [
            {
                "Target": "Dockerfile",
                "Class": "config",
                "Type": "dockerfile",
                "Misconfigurations": [
                    {
                        "Type": "Dockerfile Security Check",
                        "ID": "DS-0002",
                        "Title": "Image user should not be 'root'",
                        "Description": "Running as root",
                        "Message": "Specify a USER",
                        "Severity": "HIGH",
                        "Status": "FAIL",
                        "CauseMetadata": {"StartLine": 1, "EndLine": 1},
                    }
                ],
            }
        ],
    }
)
TRIVY = (
    "out = next(a for a in sys.argv if a.startswith('--output=')).partition('=')[2]\n"
    f"pathlib.Path(out).write_text({FOUND!r})\n"
)
# Starts a child of its own, as scanners do, and writes down both process ids.
LINGER = (
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    "mark = pathlib.Path(os.environ['HOME'], 'pids')\n"
    "mark.with_name('wait').write_text(f'{os.getpid()} {child.pid}')\n"
    "mark.with_name('wait').rename(mark)\n"
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    directory = tmp_path / "home"
    directory.mkdir()
    return directory


@pytest.fixture
def bin_dir(tmp_path: Path) -> Path:
    standin(tmp_path / "bin", "trivy", "Version: 0.76.0", TRIVY)
    return tmp_path / "bin"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    directory = tmp_path / "target"
    directory.mkdir()
    (directory / "Dockerfile").write_text("FROM debian\n")
    return directory


def run(target: Path, bin_dir: Path, home: Path, *more: str) -> Ran:
    tools = ("--tool", "trivy", "--tool", "trufflehog")
    return secagg(
        "scan", target, *tools, "--output", home / "out", *more, bin_dir=bin_dir, home=home
    )


def assert_incomplete(ran: Ran, home: Path, reason: str) -> None:
    """Exit 3, the reason said by name, and Trivy's finding kept in every place."""
    assert ran.code == 3, ran
    document = summary(home / "out")
    assert document["decision"]["verdict"] == "incomplete"
    assert document["decision"]["exit_code"] == 3
    broken = [t for t in document["tools"] if t["tool"] == "trufflehog"]
    assert [t["status"] for t in broken] == ["failed"]
    assert reason in broken[0]["reason"]
    assert reason in ran.stdout
    assert "trufflehog" in ran.stdout
    assert_kept(home)


def assert_kept(home: Path) -> None:
    assert summary(home / "out")["findings"]["total"] == 1
    log = json.loads((home / "out" / "findings.sarif").read_bytes())
    results = [result for r in log["runs"] for result in r["results"]]
    assert [result["ruleId"] for result in results] == ["DS-0002"]


def assert_nothing_left(home: Path) -> None:
    pids = [int(pid) for pid in (home / "pids").read_text().split()]
    assert len(pids) == 2
    assert not [pid for pid in pids if alive(pid)]


def test_missing(target: Path, bin_dir: Path, home: Path) -> None:
    ran = run(target, bin_dir, home)
    assert_incomplete(ran, home, "no trufflehog on PATH")
    assert "secagg tools install trufflehog" in ran.stdout


def test_killed(target: Path, bin_dir: Path, home: Path) -> None:
    body = LINGER + "os.kill(os.getpid(), signal.SIGKILL)"
    standin(bin_dir, "trufflehog", "trufflehog 3.90.0", body)
    assert_incomplete(run(target, bin_dir, home), home, "killed by signal 9")
    assert_nothing_left(home)


def test_past_its_deadline(target: Path, bin_dir: Path, home: Path) -> None:
    standin(bin_dir, "trufflehog", "trufflehog 3.90.0", LINGER + "time.sleep(600)")
    ran = run(target, bin_dir, home, "--timeout", "2s")
    assert_incomplete(ran, home, "stopped at its deadline")
    assert_nothing_left(home)


def test_deaf_to_the_request_to_end(target: Path, bin_dir: Path, home: Path) -> None:
    deaf = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + LINGER + "time.sleep(600)"
    standin(bin_dir, "trufflehog", "trufflehog 3.90.0", deaf)
    ran = run(target, bin_dir, home, "--timeout", "2s")
    assert_incomplete(ran, home, "stopped at its deadline")
    assert_nothing_left(home)


def test_half_a_report(target: Path, bin_dir: Path, home: Path) -> None:
    body = (
        'print(\'{"DetectorName": "AWS", "SourceMetad\')\n'
        'sys.stderr.write(\'{"msg": "finished scanning"}\')'
    )
    standin(bin_dir, "trufflehog", "trufflehog 3.90.0", body)
    assert run(target, bin_dir, home).code == 3
    assert_kept(home)


def test_no_word_of_completion(target: Path, bin_dir: Path, home: Path) -> None:
    standin(bin_dir, "trufflehog", "trufflehog 3.90.0", "sys.exit(0)")
    assert_incomplete(run(target, bin_dir, home), home, "did not say that it finished")


def test_unreadable_report(target: Path, bin_dir: Path, home: Path) -> None:
    body = "sys.stdout.buffer.write(bytes(range(256)))\nsys.stderr.write('finished scanning')"
    standin(bin_dir, "trufflehog", "trufflehog 3.90.0", body)
    assert run(target, bin_dir, home).code == 3
    assert_kept(home)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted(target: Path, bin_dir: Path, home: Path, number: signal.Signals) -> None:
    standin(bin_dir, "trufflehog", "trufflehog 3.90.0", LINGER + "time.sleep(600)")
    tools = ("--tool", "trivy", "--tool", "trufflehog", "--jobs", "1")
    arguments = ("scan", target, *tools, "--output", home / "out")
    ran = interrupted(*arguments, bin_dir=bin_dir, home=home, when=home / "pids", number=number)
    assert ran.code == 130
    assert summary(home / "out")["decision"]["exit_code"] == 130
    assert_kept(home)
    assert_nothing_left(home)


def test_optional_tool_may_fail(target: Path, bin_dir: Path, home: Path) -> None:
    (target / "secagg.yaml").write_text("tools: {trufflehog: {optional: true}}\n")
    ran = run(target, bin_dir, home)
    assert ran.code == 1
    assert summary(home / "out")["decision"]["verdict"] == "fail"
    assert "no trufflehog on PATH" in ran.stdout


def test_all_missing(target: Path, home: Path, tmp_path: Path) -> None:
    ran = secagg("scan", target, "-o", home / "out", bin_dir=tmp_path / "none", home=home)
    assert ran.code == 3
    assert summary(home / "out")["findings"]["total"] == 0


def test_no_files_are_no_clean_repository(bin_dir: Path, home: Path, tmp_path: Path) -> None:
    (tmp_path / "empty" / ".git").mkdir(parents=True)
    ran = secagg("scan", tmp_path / "empty", bin_dir=bin_dir, home=home)
    assert ran.code == 2
    assert "was the repository checked out?" in ran.stderr


def test_a_bare_repository_is_no_clean_one(bin_dir: Path, home: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare.git"
    (bare / "objects").mkdir(parents=True)
    (bare / "refs").mkdir()
    (bare / "HEAD").write_text("ref: refs/heads/main\n")
    ran = secagg("scan", bare, bin_dir=bin_dir, home=home)
    assert ran.code == 2
    assert "clone it, and scan the clone" in ran.stderr


def test_a_tool_that_is_switched_off_has_a_line(target: Path, bin_dir: Path, home: Path) -> None:
    (target / "secagg.yaml").write_text("tools: {snyk: {enabled: false}}\n")
    secagg("scan", target, "--output", home / "out", bin_dir=bin_dir, home=home)
    lines = [t for t in summary(home / "out")["tools"] if t["tool"] == "snyk"]
    assert [(t["status"], t["reason"]) for t in lines] == [
        ("skipped", "switched off in secagg.yaml")
    ]


def test_the_file_of_a_broken_scan_is_not_judged_as_clean(
    target: Path, bin_dir: Path, home: Path
) -> None:
    standin(bin_dir, "trivy", "Version: 0.76.0", "sys.exit(1)")
    out = home / "broken"
    ran = secagg("scan", target, "-t", "trivy", "--output", out, bin_dir=bin_dir, home=home)
    assert ran.code == 3
    for arguments in (("--from", out), (out / "findings.sarif",)):
        judged = secagg("gate", *arguments, bin_dir=bin_dir, home=home)
        assert judged.code == 3, judged.stdout
        assert "INCOMPLETE" in judged.stdout
