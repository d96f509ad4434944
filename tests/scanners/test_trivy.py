"""The real Trivy: what could make it falsely clean is prevented, or told."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from scripts import trivy_db
from secagg.packages.components import find_components
from secagg.scanners.base import Status, ToolRun
from secagg.scanners.job import config_file_note
from secagg.scanners.trivy import SPEC
from secagg.scanners.trivydb import DATABASE_HINT, NO_DATABASE
from tests.scanners.conftest import Bench, Repo

DOCKERFILE = {"Dockerfile": "FROM scratch\n"}
TERRAFORM = 'resource "aws_s3_bucket" "x" {\n  bucket = "a"\n}\n'
PACKAGES = ("lodash", "4.17.10")
POM = """\
<project><modelVersion>4.0.0</modelVersion>
<groupId>a</groupId><artifactId>b</artifactId><version>1</version>
<dependencies>
<dependency><groupId>org.a</groupId><artifactId>b</artifactId><version>${no}</version></dependency>
</dependencies></project>
"""


def package_lock(*, dev: bool = False) -> str:
    name, version = PACKAGES
    entry = {"version": version} | ({"dev": True} if dev else {})
    key = "devDependencies" if dev else "dependencies"
    root = {"name": "web", "version": "1.0.0", key: {name: version}}
    packages = {"": root, f"node_modules/{name}": entry}
    return json.dumps({"name": "web", "lockfileVersion": 3, "packages": packages})


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    cache = tmp_path_factory.mktemp("trivy-cache")
    trivy_db.build(cache)
    return cache


@pytest.fixture
def trivy(bench: Bench) -> Bench:
    bench.install_real("trivy")
    return bench


def scan(trivy: Bench, repo: Repo, **settings: Any) -> ToolRun:
    (run,) = trivy.scan("trivy", repo.root, **{"offline": True} | settings)
    assert trivy.leftovers() == []
    return run


def found(run: ToolRun, what: str, key: str) -> list[str]:
    (report,) = run.reports
    results = report.document.get("Results", [])
    return [entry[key] for result in results for entry in result.get(what, [])]


def gaps(run: ToolRun, *, fatal: bool) -> list[str]:
    return [gap.message for gap in run.gaps if gap.fatal is fatal]


def test_its_version_is_recorded(trivy: Bench, repo: Repo) -> None:
    repo.write(DOCKERFILE)
    run = scan(trivy, repo, scanners=["misconfig"])
    assert run.status is Status.COMPLETE
    assert run.version is not None
    assert run.version.startswith("0.")
    assert "DS-0002" in found(run, "Misconfigurations", "ID")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("trivy.yaml", "severity: [LOW]\nscan:\n  scanners: [secret]\n"),
        ("trivy.yaml", "misconfiguration:\n  scanners: [terraform]\n"),
        (".trivyignore", "DS-0002\nDS-0026\n"),
        (".trivyignore.yaml", "misconfigurations:\n  - id: DS-0002\n"),
    ],
)
def test_its_own_files_in_the_target_do_not_act(
    trivy: Bench, repo: Repo, name: str, text: str
) -> None:
    repo.write({**DOCKERFILE, name: text})
    run = scan(trivy, repo, scanners=["misconfig"])
    assert run.status is Status.COMPLETE
    assert "DS-0002" in found(run, "Misconfigurations", "ID")
    assert gaps(run, fatal=False) == [config_file_note(name, used=False)]


def test_a_secret_configuration_in_the_target_does_not_act(trivy: Bench, repo: Repo) -> None:
    token = "ghp_" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0dF3gH6"
    repo.write(
        {
            "app.py": f'TOKEN = "{token}"\n',
            "trivy-secret.yaml": "disable-rules: [github-pat]\n",
        }
    )
    run = scan(trivy, repo, scanners=["secret"])
    assert found(run, "Secrets", "RuleID") == ["github-pat"]
    assert "the repository's own trivy-secret.yaml was not used" in gaps(run, fatal=False)


def test_a_trusted_target_is_obeyed_and_that_is_told(trivy: Bench, repo: Repo) -> None:
    repo.write({**DOCKERFILE, ".trivyignore": "DS-0002\n"})
    run = scan(trivy, repo, scanners=["misconfig"], trust_target_config=True)
    assert "DS-0002" not in found(run, "Misconfigurations", "ID")
    assert gaps(run, fatal=False) == ["the repository's own .trivyignore was used"]


def test_comments_that_hide_misconfigurations_are_counted(trivy: Bench, repo: Repo) -> None:
    repo.write({"main.tf": f"#trivy:ignore:*\n{TERRAFORM}"})
    hidden = scan(trivy, repo, scanners=["misconfig"])
    (told,) = gaps(hidden, fatal=False)
    repo.write({"main.tf": TERRAFORM})
    shown = scan(trivy, repo, scanners=["misconfig"])
    assert found(hidden, "Misconfigurations", "ID") == []
    number = len(found(shown, "Misconfigurations", "ID"))
    assert number > 0
    assert told == f"comments in the repository's own files hid {number} misconfigurations"


def test_files_that_it_cannot_parse_are_told_without_their_content(
    trivy: Bench, repo: Repo
) -> None:
    repo.write(
        {
            "Dockerfile": "FROM\nRUN\n",
            "main.tf": 'resource "aws_s3_bucket" "x" {\n  bucket = hunter2hunter2 +\n',
        }
    )
    run = scan(trivy, repo, scanners=["misconfig"])
    assert run.status is Status.COMPLETE
    assert sorted(gaps(run, fatal=False)) == [
        "Trivy: [dockerfile scanner] Failed to parse file: Dockerfile",
        "Trivy: [terraform parser] Error parsing file: main.tf",
    ]


def test_many_complaints_are_cut_short(bench: Bench, repo: Repo) -> None:
    program = bench.stand_in("trivy")
    lines = "".join(f"now\tWARN\t[x] Unable to read {n}\tmore\n" for n in range(25))
    program.write_text(
        program.read_text().replace("Path(output))", f"Path(output), log={lines!r})")
    )
    (run,) = bench.scan("trivy", repo.root, scanners=["misconfig"])
    assert len(run.gaps) == 21
    assert run.gaps[0].message == "Trivy: [x] Unable to read 0"
    assert run.gaps[-1].message == "Trivy: 5 more warnings of this sort"


def test_vulnerabilities_are_found_offline(trivy: Bench, repo: Repo, database: Path) -> None:
    repo.write({"web/package.json": "{}", "web/package-lock.json": package_lock()})
    run = scan(trivy, repo, cache_dir=database)
    assert run.status is Status.COMPLETE
    assert gaps(run, fatal=True) == []
    assert "CVE-2019-10744" in found(run, "Vulnerabilities", "VulnerabilityID")


def test_without_a_database_nothing_is_called_clean(
    trivy: Bench, repo: Repo, tmp_path: Path
) -> None:
    """What needs no database is looked for all the same, and kept."""
    repo.write({"package-lock.json": package_lock(), "Dockerfile": "FROM debian:12\n"})
    run = scan(trivy, repo, cache_dir=tmp_path / "none")
    assert run.status is Status.FAILED
    assert run.reason == NO_DATABASE
    assert run.hint == DATABASE_HINT
    assert "DS-0002" in found(run, "Misconfigurations", "ID")


@pytest.mark.parametrize(
    ("days", "due", "settings", "old"),
    [
        (6, -1, {}, False),
        (8, -1, {}, True),
        (8, 1, {}, False),
        (8, -1, {"max_database_age": 10}, False),
        (11, -1, {"max_database_age": 10}, True),
        (400, -1, {"scanners": ["misconfig"]}, False),
    ],
)
def test_an_old_database_is_no_clean_bill(
    trivy: Bench, repo: Repo, tmp_path: Path, days: int, due: int, settings: Any, old: bool
) -> None:
    cache = tmp_path / "cache"
    trivy_db.build(cache)
    now = datetime.now(UTC)
    dates = {"UpdatedAt": now - timedelta(days=days), "NextUpdate": now + timedelta(days=due)}
    (cache / "db" / "metadata.json").write_text(
        json.dumps({"Version": 2} | {key: day.isoformat() for key, day in dates.items()})
    )
    repo.write({"Dockerfile": "FROM debian:12\n"})
    run = scan(trivy, repo, cache_dir=cache, **settings)
    said = [gap for gap in run.gaps if gap.fatal and f"is {days} days old" in gap.message]
    assert bool(said) is old
    # No base of a change excuses it.
    assert all(gap.whole for gap in said)


def test_requirements_in_a_folder_and_included_ones_are_scanned(
    trivy: Bench, repo: Repo, database: Path
) -> None:
    repo.write(
        {
            "requirements/base.txt": "pyyaml==5.3\n",
            "requirements.txt": "-r deps.txt\n",
            "deps.txt": "jinja2==2.4.1\n",
        }
    )
    run = scan(trivy, repo, cache_dir=database, scanners=["vuln"])
    assert set(found(run, "Vulnerabilities", "PkgName")) == {"pyyaml", "jinja2"}
    assert run.status is Status.COMPLETE and gaps(run, fatal=True) == []


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        (
            {"web/package.json": '{"dependencies": {"lodash": "^4"}}'},
            "web/package.json has dependencies but no lock file: they were not checked",
        ),
        (
            {"web/package-lock.json": '{"packages": {'},
            "web/package-lock.json was not read: it is broken",
        ),
        ({"Cargo.lock": "[[package]\n"}, "Cargo.lock was not read: it is broken"),
        (
            {"pom.xml": POM},
            "pom.xml: org.a:b has no version that Trivy could determine: it was not checked",
        ),
        (
            {"requirements.txt": "requests\n"},
            "requirements.txt was not read: it pins no exact version",
        ),
    ],
)
def test_dependencies_that_it_passes_over_make_the_scan_incomplete(
    trivy: Bench, repo: Repo, database: Path, files: dict[str, str], complaint: str
) -> None:
    repo.write(files)
    run = scan(trivy, repo, cache_dir=database, scanners=["vuln"])
    assert gaps(run, fatal=True) == [complaint]
    allowed = scan(trivy, repo, cache_dir=database, scanners=["vuln"], allow_unread_manifests=True)
    assert gaps(allowed, fatal=False) == [complaint]


@pytest.mark.parametrize(
    "files",
    [
        {"web/package.json": '{"scripts": {}}'},
        {"web/package-lock.json": package_lock(dev=True), "web/package.json": "{}"},
        {
            "package-lock.json": package_lock(),
            "package.json": '{"workspaces": ["web"]}',
            "web/package.json": '{"dependencies": {"lodash": "^4"}}',
        },
        {"requirements-dev.txt": "requests==2.19.1\n"},
        {"tool/pyproject.toml": "[tool.ruff]\nline-length = 100\n"},
    ],
)
def test_what_it_reads_or_need_not_read_is_not_complained_about(
    trivy: Bench, repo: Repo, database: Path, files: dict[str, str]
) -> None:
    repo.write(files)
    run = scan(trivy, repo, cache_dir=database, scanners=["vuln"])
    assert run.status is Status.COMPLETE
    assert gaps(run, fatal=True) == []


def test_requirements_by_another_name_are_read(trivy: Bench, repo: Repo, database: Path) -> None:
    repo.write({"requirements-dev.txt": "requests==2.19.1\n"})
    run = scan(trivy, repo, cache_dir=database, scanners=["vuln"])
    assert "CVE-2018-18074" in found(run, "Vulnerabilities", "VulnerabilityID")


def test_requirements_without_an_exact_version_are_counted(
    trivy: Bench, repo: Repo, database: Path
) -> None:
    repo.write(
        {
            "requirements.txt": "# what we need\nrequests==2.19.1 \\\n  --hash=sha256:00\n"
            "flask>=1\n-r other.txt\nattrs\n"
        }
    )
    run = scan(trivy, repo, cache_dir=database, scanners=["vuln"])
    assert gaps(run, fatal=False) == [
        "2 of 3 requirements in requirements.txt name no exact version: they were not checked"
    ]


def test_a_chosen_component_is_scanned_alone(trivy: Bench, repo: Repo) -> None:
    repo.write({"a/Dockerfile": "FROM scratch\n", "b/Dockerfile": "FROM scratch\n"})
    chosen = [c for c in find_components(repo.root) if c.path == "b"]
    run = scan(trivy, repo, scanners=["misconfig"], components=chosen, whole=False)
    (report,) = run.reports
    assert (run.component, report.component) == ("b", "b")
    assert {result["Target"] for result in report.document["Results"]} == {"Dockerfile"}


def test_directories_that_it_passes_over_by_their_name_are_scanned(
    trivy: Bench, repo: Repo, database: Path
) -> None:
    names = ("dev", "proc", "sys/dev", "a/dev")
    repo.write({f"{name}/Dockerfile": "FROM scratch\n" for name in names})
    repo.write({"sys/package.json": "{}", "sys/package-lock.json": package_lock()})
    run = scan(trivy, repo, cache_dir=database, scanners=["vuln", "misconfig"])
    places = {
        f"{report.component or ''}/{result['Target']}".lstrip("/")
        for report in run.reports
        for result in report.document.get("Results") or []
        if result.get("Misconfigurations") or result.get("Packages")
    }
    assert places == {*(f"{name}/Dockerfile" for name in names), "sys/package-lock.json"}
    assert gaps(run, fatal=True) == []
    skipped = scan(trivy, repo, scanners=["misconfig"], skip_dirs=["sys/dev", "proc", "a"])
    assert [report.component for report in skipped.reports] == [None, "dev", "sys"]


def test_many_directories_that_it_passes_over_are_no_end_of_runs(bench: Bench, repo: Repo) -> None:
    bench.stand_in("trivy")
    repo.write({f"{'dev/' * 30}Dockerfile": "FROM scratch\n"})
    (repo.root / "proc").symlink_to("dev")
    (run,) = bench.scan("trivy", repo.root, scanners=["misconfig"])
    assert len(run.reports) == 9
    (told,) = gaps(run, fatal=True)
    assert (
        told == f"{'/'.join(['dev'] * 9)} was not scanned: Trivy passes over a directory so named"
    )


def test_a_bill_of_materials_is_scanned(trivy: Bench, repo: Repo, database: Path) -> None:
    bom = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "components": [
            {
                "type": "library",
                "name": "requests",
                "version": "2.19.1",
                "purl": "pkg:pypi/requests@2.19.1",
            }
        ],
    }
    repo.write({"bom.json": json.dumps(bom)})
    runs = trivy.scan(
        "trivy",
        repo.root,
        offline=True,
        cache_dir=database,
        scanners=["vuln", "misconfig"],
        sboms=[Path("bom.json")],
    )
    assert [run.mode for run in runs] == ["fs", f"sbom {repo.root / 'bom.json'}"]
    assert runs[1].status is Status.COMPLETE, runs[1].hint
    assert "CVE-2018-18074" in found(runs[1], "Vulnerabilities", "VulnerabilityID")


def test_an_image_that_is_not_there_is_a_failure(trivy: Bench, repo: Repo, database: Path) -> None:
    runs = trivy.scan(
        "trivy", repo.root, offline=True, cache_dir=database, images=["no.such.invalid/image:1"]
    )
    assert [(run.mode, run.status) for run in runs][1] == (
        "image no.such.invalid/image:1",
        Status.FAILED,
    )


def test_an_operating_system_past_its_end_of_life_is_told(bench: Bench, repo: Repo) -> None:
    program = bench.stand_in("trivy")
    text = program.read_text().replace(
        '"ArtifactName"',
        '"Metadata": {"OS": {"Family": "debian", "Name": "8.11", "EOSL": True}}, "ArtifactName"',
    )
    program.write_text(text)
    (run,) = bench.scan("trivy", repo.root, scanners=["misconfig"])
    (told,) = gaps(run, fatal=True)
    assert told.startswith("debian 8.11 is past its end of life")


@pytest.mark.parametrize("version", ["0.69.4", "0.69.5", "0.69.6"])
def test_the_stolen_releases_are_refused(bench: Bench, repo: Repo, version: str) -> None:
    program = bench.stand_in("trivy")
    program.write_text(program.read_text().replace("0.76.0", version))
    (run,) = bench.scan("trivy", repo.root)
    assert run.status is Status.FAILED
    assert str(run.reason).startswith(f"Trivy {version} is refused: these releases")


def test_a_stolen_release_is_not_even_started(bench: Bench, repo: Repo) -> None:
    program = bench.stand_in("trivy")
    written_in = "# github.com/aquasecurity/trivy/pkg/version/app.ver=0.69.4\n"
    started = program.with_name("started")
    program.write_text(f"#!/usr/bin/env python3\n{written_in}open({str(started)!r}, 'w').close()\n")
    (run,) = bench.scan("trivy", repo.root)
    assert str(run.reason).startswith("Trivy 0.69.4 is refused")
    assert not started.exists()


def test_the_version_that_the_linker_wrote_is_read_from_the_real_one(trivy: Bench) -> None:
    assert SPEC.inspect is not None
    assert str(SPEC.inspect((trivy.bin_dir / "trivy").resolve())).startswith("0.")
