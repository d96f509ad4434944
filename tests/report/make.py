"""Problems as a monorepo has them: an engine in Rust, a service in Python, a dashboard in Next.js.

:func:`problem` makes one with only what a test is about said; :func:`history` a whole history
from a seed, always the same one.
"""

from __future__ import annotations

import datetime
import hashlib
import random
from typing import Any

from secagg.model.finding import Kind, Severity
from secagg.model.problem import (
    Problem,
    RunRecord,
    Snippet,
    Source,
    State,
    TimelineStep,
    ToolRunRecord,
    Triage,
)
from secagg.report.source import RecordedHistory

NOW = datetime.datetime(2026, 3, 20, 9, 30, tzinfo=datetime.UTC)
TODAY = NOW.date()
REPOSITORY, BRANCH = "acme/shop", "main"

_SEVERITIES = [Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM, Severity.LOW, Severity.NONE]
_WEIGHTS = [4, 18, 45, 28, 5]
_COMPONENTS = {"engine": "@acme/engine", "service": "@acme/payments", "web": "@acme/dashboard"}
_PACKAGES = {
    "engine": ("cargo", "engine/Cargo.lock", ["openssl", "tokio", "hyper", "time", "regex"]),
    "service": ("pypi", "service/poetry.lock", ["django", "urllib3", "jinja2", "pillow"]),
    "web": ("npm", "web/package-lock.json", ["lodash", "next", "semver", "word-wrap", "axios"]),
}
_CODE = [
    ("py/sql-injection", "SQL query built from user-controlled sources", "CWE-89"),
    ("js/xss-through-dom", "DOM text reinterpreted as HTML", "CWE-79"),
    ("py/path-injection", "Uncontrolled data used in path expression", "CWE-22"),
    ("rust/weak-cryptographic-algorithm", "Use of a broken or weak algorithm", "CWE-327"),
]
_FILES = {
    "engine": ["src/main.rs", "src/pricing/discount.rs", "crates/ledger/src/lib.rs"],
    "service": ["app/views.py", "app/payments/refunds/handlers.py", "app/db.py"],
    "web": ["src/pages/checkout/[orderId]/index.tsx", "src/lib/format.ts", "next.config.js"],
}
_CHECKS = [
    ("AVD-DS-0002", "Image user should not be 'root'", "Dockerfile"),
    ("AVD-AWS-0107", "An ingress security group rule allows traffic from /0", "infra/main.tf"),
]
_SECRETS = [("aws-access-token", "AWS access key"), ("github-pat", "GitHub token")]


def identity(text: str) -> str:
    """32 hexadecimal digits, as identities are."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def problem(name: str = "one", **fields: Any) -> Problem:
    """A problem in code of which only ``fields`` matter."""
    given: dict[str, Any] = {
        "identity": identity(name),
        "kind": Kind.CODE,
        "severity": Severity.HIGH,
        "title": f"Problem {name}",
        "rule_id": f"py/{name}",
        "tools": ("codeql",),
        "uri": "service/app/views.py",
        "line": 12,
        "component": "service",
        "repository": REPOSITORY,
        "branch": BRANCH,
        "first_seen": NOW - datetime.timedelta(days=10),
        "last_seen": NOW,
    }
    return Problem(**(given | fields))


def vulnerability(name: str = "CVE-2026-0001", **fields: Any) -> Problem:
    """A vulnerable dependency of the dashboard."""
    given: dict[str, Any] = {
        "kind": Kind.VULNERABILITY,
        "rule_id": name,
        "title": f"{name} in lodash",
        "tools": ("trivy", "snyk"),
        "uri": "web/package-lock.json",
        "line": None,
        "component": "web",
        "package": "lodash",
        "package_type": "npm",
        "version": "4.17.4",
        "purl": "pkg:npm/lodash@4.17.4",
        "aliases": (name,),
    }
    return problem(name + str(fields.get("uri", "")), **(given | fields))


def run(days_ago: float = 0, verdict: str = "fail", **fields: Any) -> RunRecord:
    """A recorded scan so many days before :data:`NOW`."""
    at = NOW - datetime.timedelta(days=days_ago)
    given: dict[str, Any] = {
        "key": identity(f"run {days_ago}"),
        "repository": REPOSITORY,
        "branch": BRANCH,
        "commit": hashlib.sha1(str(days_ago).encode()).hexdigest(),
        "started_at": at,
        "verdict": verdict,
        "policy": "default",
        "tools": (ToolRunRecord(tool="trivy", component=".", status="complete", seconds=12.5),),
    }
    return RunRecord(**(given | fields))


def history(count: int, seed: int = 1) -> RecordedHistory:
    """``count`` problems of every kind and state, and thirty daily runs."""
    made = random.Random(seed)
    runs = [_run_of(day, count, made) for day in range(30)]
    return RecordedHistory([_any(made, number) for number in range(count)], runs)


def _run_of(day: int, count: int, made: random.Random) -> RunRecord:
    share = (0.75 + 0.01 * (30 - day)) * count / sum(_WEIGHTS)
    counts = {
        str(s): round(share * weight * made.uniform(0.93, 1.07))
        for s, weight in zip(_SEVERITIES, _WEIGHTS, strict=True)
    }
    return run(day, by_severity=counts)


def _any(made: random.Random, number: int) -> Problem:
    component = made.choice(list(_COMPONENTS))
    kind = made.choices(list(Kind), [50, 6, 30, 12, 2])[0]
    found = _MAKERS[kind](made, component, number)
    age = min(made.expovariate(1 / 40), 400)
    found.first_seen = NOW - datetime.timedelta(days=age if age > 1 else 0)
    found.last_seen = NOW
    if found.severity.rank >= 3:
        limit = 15 if found.severity is Severity.CRITICAL else 60
        found.due = (found.first_seen + datetime.timedelta(days=limit)).date()
    found.action = "fail" if found.severity.rank >= 3 else "warn"
    found.rule, found.why = "worst-first", "Known problems of this severity are not merged."
    if made.random() < 0.85:
        found.owners = (_COMPONENTS[component],)
    _decide(made, found)
    return found


def _decide(made: random.Random, found: Problem) -> None:
    luck = made.random()
    if luck < 0.06:
        found.fixed_at = NOW if luck < 0.005 else NOW - datetime.timedelta(days=3)
    elif luck < 0.065:
        found.reopened_at = NOW
    elif luck < 0.15:
        state = made.choice([State.CONFIRMED, State.FALSE_POSITIVE, State.ACCEPTED])
        found.triage = Triage(
            state=state,
            reason="The endpoint is reachable from the office network only.",
            by="dana@acme.example",
            owner="@acme/security",
            at=NOW - datetime.timedelta(days=2),
            expires=TODAY + datetime.timedelta(days=90) if state is State.ACCEPTED else None,
        )
    elif luck < 0.16:
        found.exception = "secagg-exceptions.yaml:12"


def _common(made: random.Random, component: str, number: int) -> dict[str, Any]:
    severity = made.choices(_SEVERITIES, _WEIGHTS)[0]
    score = {4: 9.1, 3: 7.5, 2: 5.3, 1: 2.1, 0: None}[severity.rank]
    return {
        "name": f"{component} {number}",
        "severity": severity,
        "score": score,
        "component": component,
    }


def _vulnerable(made: random.Random, component: str, number: int) -> Problem:
    kind, manifest, packages = _PACKAGES[component]
    name = made.choice(packages)
    cve = f"CVE-202{made.randint(0, 6)}-{made.randint(1000, 49999)}"
    patch = made.randint(5, 30)
    common = _common(made, component, number)
    tools = made.choice([("trivy",), ("snyk",), ("trivy", "snyk")])
    return problem(
        **common,
        kind=Kind.VULNERABILITY,
        rule_id=cve,
        title=f"{name}: improper input validation lets a remote attacker exhaust memory",
        message=f"{name} before 4.17.{patch} does not bound what it reads from the network.",
        tools=tools,
        uri=manifest,
        line=made.randint(10, 9000),
        package=name,
        package_type=kind,
        version="4.17.4",
        purl=f"pkg:{kind}/{name}@4.17.4",
        fixed_versions=(f"4.17.{patch}",) if made.random() < 0.8 else (),
        dependency_paths=(("shop", "api-client", name),),
        direct=made.random() < 0.3,
        scope=made.choice(["production", "development"]),
        aliases=(cve, f"GHSA-{number:04x}-aaaa-bbbb"),
        cwes=("CWE-400",),
        epss=round(made.random() ** 6, 4),
        kev=made.random() < 0.01,
        references=(f"https://example.org/advisories/{cve}",),
        sources=tuple(
            Source(tool=t, rule_id=cve, severity=common["severity"], uri=manifest, message=name)
            for t in tools
        ),
    )


def _code(made: random.Random, component: str, number: int) -> Problem:
    rule, title, cwe = made.choice(_CODE)
    uri, line = f"{component}/{made.choice(_FILES[component])}", made.randint(3, 900)
    common = _common(made, component, number)
    text = ("    name = request.args['name']", "    query = 'SELECT ' + name", "    run(query)")
    return problem(
        **common,
        rule_id=rule,
        title=title,
        message="This query depends on a user-provided value.",
        cwes=(cwe,),
        uri=uri,
        line=line,
        end_line=line,
        help_uri="https://example.org/queries/" + rule,
        snippet=Snippet(start_line=line - 1, lines=text),
        steps=(
            TimelineStep(uri=uri, line=line - 1, message="request.args"),
            TimelineStep(uri=uri, line=line, message="query"),
        ),
        sources=(
            Source(tool="codeql", rule_id=rule, severity=common["severity"], uri=uri, line=line),
        ),
    )


def _secret(made: random.Random, component: str, number: int) -> Problem:
    rule, title = made.choice(_SECRETS)
    uri = f"{component}/{made.choice(_FILES[component])}"
    return problem(
        **_common(made, component, number),
        kind=Kind.SECRET,
        rule_id=rule,
        title=title,
        message=f"{title} in a file that is in the repository",
        tools=("gitleaks", "trufflehog"),
        uri=uri,
        line=made.randint(1, 90),
        commit=hashlib.sha1(str(number).encode()).hexdigest(),
        secret=identity(f"value {number}"),
        verified=made.random() < 0.1,
        in_history_only=made.random() < 0.5,
    )


def _misconfigured(made: random.Random, component: str, number: int) -> Problem:
    rule, title, name = made.choice(_CHECKS)
    return problem(
        **_common(made, component, number),
        kind=Kind.MISCONFIGURATION,
        rule_id=rule,
        title=title,
        tools=("trivy",),
        uri=f"{component}/{name}",
        line=made.randint(1, 60),
        resource="aws_security_group.web" if name.endswith("tf") else None,
        fix="Add a USER statement that names a user other than root.",
    )


def _license(made: random.Random, component: str, number: int) -> Problem:
    kind, manifest, packages = _PACKAGES[component]
    return problem(
        **_common(made, component, number),
        kind=Kind.LICENSE,
        rule_id="GPL-3.0-only",
        title="GPL-3.0-only is not allowed",
        tools=("trivy",),
        uri=manifest,
        line=None,
        package=made.choice(packages),
        package_type=kind,
        version="4.17.4",
    )


_MAKERS = {
    Kind.VULNERABILITY: _vulnerable,
    Kind.SECRET: _secret,
    Kind.CODE: _code,
    Kind.MISCONFIGURATION: _misconfigured,
    Kind.LICENSE: _license,
}
