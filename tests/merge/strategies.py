"""Findings for the laws: from pools so small that everything meets everything."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

from secagg.model.finding import Finding, Severity
from tests.merge.make import code, license_finding, misconfiguration, secret, vulnerability

TOOLS = ("trivy", "snyk", "codeql", "gitleaks", "trufflehog", "semgrep")
_ALIASES = (
    "CVE-2021-1",
    "CVE-2021-2",
    "CVE-2020-3",
    "GHSA-aaaa-aaaa-aaaa",
    "GHSA-bbbb-bbbb-bbbb",
    "SNYK-JS-A-1",
    "RUSTSEC-2021-0001",
    "DSA-1-1",
    "RHSA-2021:1",
)
# Also as nobody should write them.
ALIASES = (
    *_ALIASES,
    "cve-2021-1",
    " CVE-2021-1",
    "CVE-2021-1 ",
    "CVE",
    "GHSAX-1",
    "RUSTY-1",
    "GO-2021-0001",
    "GO-1",
    "DEBIAN-CVE-2021-1",
    "",
)
tools = st.sampled_from(TOOLS)
severities = st.sampled_from(Severity)
lines = st.one_of(st.none(), st.integers(1, 8))


@st.composite
def vulnerabilities(draw: st.DrawFn) -> Finding:
    aliases = draw(st.lists(st.sampled_from(_ALIASES), min_size=1, max_size=3, unique=True))
    return vulnerability(
        draw(tools),
        *aliases,
        package=draw(st.sampled_from(["a", "A", "b"])),
        version=draw(st.sampled_from(["1.0", "1.1", None])),
        uri=draw(st.sampled_from(["w/package.json", "w/package-lock.json", "v/yarn.lock"])),
        severity=draw(severities),
    )


@st.composite
def secrets(draw: st.DrawFn) -> Finding:
    line = draw(st.integers(1, 4))
    found = secret(
        draw(tools),
        draw(st.sampled_from(["hmac-sha256:aa", "hmac-sha256:bb", None])),
        detector=draw(st.sampled_from(["aws-access-token", "github-pat", "generic", "AWS"])),
        uri=draw(st.sampled_from(["a.env", "b.env"])),
        line=line,
        end=line + draw(st.integers(0, 2)),
        commit=draw(st.sampled_from([None, "c1", "c2"])),
        verified=draw(st.sampled_from([None, True, False])),
    )
    column = draw(st.one_of(st.none(), st.integers(1, 9)))
    if column is not None:
        place = found.location
        place.start_column, place.end_column = column, column + draw(st.integers(1, 9))
    return found


@st.composite
def codes(draw: st.DrawFn) -> Finding:
    line = draw(lines)
    column = draw(st.one_of(st.none(), st.integers(1, 20)))
    return code(
        draw(tools),
        draw(st.sampled_from(["r1", "r2", "py/sql-injection", "B608"])),
        *draw(st.lists(st.sampled_from(["CWE-89", "CWE-79", "CWE-943", "CWE-564"]), max_size=2)),
        uri=draw(st.sampled_from(["a.py", "b.py"])),
        line=line,
        end=None if line is None else line + draw(st.integers(0, 3)),
        columns=None if column is None else (column, column + draw(st.integers(1, 10))),
        line_hash=draw(st.sampled_from([None, "h1:1", "h2:1"])),
    )


@st.composite
def misconfigurations(draw: st.DrawFn) -> Finding:
    return misconfiguration(
        draw(tools),
        draw(st.sampled_from(["DS-0002", "DS002", "CKV_DOCKER_3", "DS-0026"])),
        resource=draw(st.sampled_from([None, "r1", "r2"])),
        uri=draw(st.sampled_from(["Dockerfile", "b/Dockerfile"])),
        line=draw(lines),
    )


licenses = st.builds(
    license_finding,
    tools,
    st.sampled_from(["MIT", "GPL-3.0", "GPL-3.0-only"]),
    package=st.sampled_from(["a", "b"]),
)
findings = st.one_of(vulnerabilities(), secrets(), codes(), misconfigurations(), licenses)


@dataclass
class Problem:
    """One made problem: each tool's view of it."""

    number: int
    views: list[Finding]


@st.composite
def problems(draw: st.DrawFn) -> list[Problem]:
    """Real problems that do not contradict each other, each seen by some tools.

    Views of one problem always share a sign that joins them; each tool sees each at most once.
    """
    return [Problem(number, draw(_views(number))) for number in range(draw(st.integers(1, 6)))]


@st.composite
def _views(draw: st.DrawFn, number: int) -> list[Finding]:
    kind = draw(st.sampled_from(["vulnerability", "secret", "code", "misconfiguration"]))
    seen_by = draw(st.lists(tools, min_size=1, max_size=4, unique=True))
    views = []
    for tool in seen_by:
        if kind == "vulnerability":
            more = [f"GHSA-{number:04}-aaaa-aaaa", f"SNYK-JS-A-{number}"]
            extra = draw(st.lists(st.sampled_from(more), unique=True))
            views.append(vulnerability(tool, f"CVE-2020-{number + 1}", *extra))
        elif kind == "secret":
            commit = draw(st.sampled_from([None, "c1"]))
            line = number * 10 + draw(st.integers(1, 3))
            views.append(secret(tool, f"hmac-sha256:{number}", line=line, commit=commit))
        elif kind == "code":
            line = number * 10 + 5
            end = line + draw(st.integers(0, 2))
            cwe = draw(st.sampled_from(["CWE-89", "CWE-564"]))
            same_line = f"{number}:1"
            views.append(code(tool, f"{tool}-rule", cwe, line=line, end=end, line_hash=same_line))
        else:
            views.append(misconfiguration(tool, f"CHECK-{number}", line=number * 10 + 1))
    return views
