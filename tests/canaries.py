"""Fifty shapes of secrets, hidden where scanners are known to leave them, and the search.

Nothing here is a real secret, and none stands in this file: values are made at run time
from a seed, so that secret scanners have nothing to find in the repository itself.
"""

from __future__ import annotations

import base64
import contextlib
import html
import json
import random
import string
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_ALNUM = string.ascii_letters + string.digits
_UPPER = string.ascii_uppercase + "234567"
_HEX = "0123456789abcdef"


@dataclass(frozen=True)
class Canary:
    """A made-up secret: what the tool calls ``value``, and the ``line`` of code it stands in."""

    name: str
    value: str
    line: str


def canaries(seed: int = 4) -> list[Canary]:
    """The fifty shapes; another seed gives other values."""
    made = random.Random(seed)

    def some(length: int, alphabet: str = _ALNUM) -> str:
        # A digit and a letter, always, as issuers' tokens have.
        end = "A7" if alphabet is _UPPER else "a7"
        return "".join(made.choice(alphabet) for _ in range(length - 2)) + end

    def pem(kind: str, lines: int = 6) -> str:
        body = "\n".join(some(64, _ALNUM + "+/") for _ in range(lines))
        return f"-----BEGIN {kind}-----\n{body}\n{some(22)}==\n-----END {kind}-----"

    def jwt() -> str:
        head = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').decode().rstrip("=")
        claims = json.dumps({"sub": some(12), "jti": some(20)}).encode()
        body = base64.urlsafe_b64encode(claims).decode().rstrip("=")
        return f"{head}.{body}.{some(43)}"

    plain: list[tuple[str, str, str]] = [
        ("aws access key", "AKIA" + some(14, _UPPER) + "QX", "AWS_ACCESS_KEY_ID={}"),
        ("aws session key id", "ASIA" + some(14, _UPPER) + "ZP", "aws_access_key_id = {}"),
        ("aws secret key", some(40, _ALNUM + "/+"), 'AWS_SECRET_ACCESS_KEY="{}"'),
        ("github token", "ghp_" + some(36), "git clone https://{}@github.com/acme/engine"),
        ("github fine-grained", "github_pat_" + some(82, _ALNUM), "GITHUB_TOKEN={}"),
        ("github app token", "ghs_" + some(36), "Authorization: token {}"),
        ("gitlab token", "glpat-" + some(20), 'curl -H "PRIVATE-TOKEN: {}" https://gitlab.example'),
        ("slack bot", f"xoxb-{made.randrange(10**11)}-{some(24)}", 'slack = WebClient("{}")'),
        ("slack app", f"xapp-1-A{some(9)}-{some(40)}", "SLACK_APP_TOKEN: {}"),
        (
            "slack webhook",
            f"T{some(8)}/B{some(8)}/{some(24)}",
            "https://hooks.slack.com/services/{}",
        ),
        ("stripe live", "sk_live_" + some(24), "stripe.api_key = '{}'"),
        ("stripe restricted", "rk_live_" + some(24), 'STRIPE_KEY="{}"'),
        ("google api key", "AIza" + some(35), "const apiKey = `{}`;"),
        ("google oauth secret", "GOCSPX-" + some(28), '{{"client_secret": "{}"}}'),
        ("sendgrid", f"SG.{some(22)}.{some(43)}", "SENDGRID_API_KEY={}"),
        ("mailgun", "key-" + some(32, _HEX[:10] + "a"), 'mailgun_api_key: "{}"'),
        ("twilio", "SK" + some(32, _HEX), "twilio_token = '{}'"),
        ("npm token", "npm_" + some(36), "//registry.example/:_authToken={}"),
        ("pypi token", "pypi-AgEI" + some(120), "password = {}"),
        ("docker token", "dckr_pat_" + some(27), "docker login -u bot --password {}"),
        ("hugging face", "hf_" + some(34, string.ascii_letters), 'HF_TOKEN = "{}"'),
        ("openai key", "sk-proj-" + some(48), "OPENAI_API_KEY={}"),
        ("anthropic key", "sk-ant-api03-" + some(80), 'client = Anthropic(api_key="{}")'),
        ("vault token", "hvs." + some(90), "VAULT_TOKEN={}"),
        ("databricks", "dapi" + some(32, _HEX), 'token = "{}"'),
        ("digitalocean", "dop_v1_" + some(64, _HEX), "DO_TOKEN={}"),
        ("shopify", "shpat_" + some(32, _HEX), 'X-Shopify-Access-Token: "{}"'),
        ("telegram bot", f"{made.randrange(10**9, 10**10)}:AA{some(33)}", "BOT_TOKEN={}"),
        (
            "age key",
            "AGE-SECRET-KEY-1" + some(58, _UPPER),
            "{}",
        ),
        ("json web token", jwt(), "Authorization: Bearer {}"),
        (
            "basic credentials",
            base64.b64encode(f"bot:{some(20)}".encode()).decode(),
            "Authorization: Basic {}",
        ),
        ("password in a url", some(18) + "!x", "postgres://app:{}@db.example:5432/app"),
        ("password with an at sign", f"p@{some(12)}@{some(6)}", "amqp://guest:{}@mq.example/v"),
        ("percent-encoded password", f"a/{some(10)}%#?&", 'DB_PASSWORD="{}"'),
        ("mongo connection", some(16), "mongodb+srv://root:{}@c.example.net/?w=majority"),
        ("connection string", some(24), "Server=db;User Id=sa;Password={};Encrypt=yes"),
        (
            "azure account key",
            base64.b64encode(made.randbytes(64)).decode(),
            "AccountName=x;AccountKey={};EndpointSuffix=y",
        ),
        ("unicode passphrase", f"pässwörd-{some(8)}-ключ-🔑{some(4)}", 'passphrase = "{}"'),
        ("japanese password", f"秘密のパスワード{some(6)}", 'password: "{}"'),
        ("quotes inside", f"a\"b'c\\{some(12)}", "db.connect(secret={!r})"),
        ("spaces inside", f"correct horse {some(6)} staple", 'PASSPHRASE="{}"'),
        ("html characters", f'<{some(8)}>&"{some(8)}"', "let secret = {!r};"),
        ("json inside json", json.dumps({"private": some(30)}), "SECRET_JSON={}"),
        ("xml element", some(20), "<password>{}</password>"),
        ("yaml value", some(20), "password: {}"),
        ("long random hex", some(64, _HEX), "SECRET_KEY_BASE={}"),
        ("rsa key", pem("RSA PRIVATE KEY"), "{}"),
        ("openssh key", pem("OPENSSH PRIVATE KEY", 9), 'KEY = """{}"""'),
        ("ec key on one line", pem("EC PRIVATE KEY", 2), "{}"),
        ("pgp key", pem("PGP PRIVATE KEY BLOCK", 8), "cat <<EOF\n{}\nEOF"),
    ]
    return [Canary(name, value, line.format(value)) for name, value, line in plain]


def survivors(written: bytes, planted: list[Canary]) -> list[str]:
    """Which values stand in ``written`` and how: ``github token as base64``."""
    text = written.decode("utf-8", "surrogateescape")
    with contextlib.suppress(ValueError):
        # A JSON file is looked at as its reader sees it, too.
        text += "\n" + "\n".join(_strings(json.loads(text)))
    return [
        f"{canary.name} as {form}"
        for canary in planted
        for form, value in _writings(canary.value)
        if value in text
    ]


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


def _writings(value: str) -> Iterator[tuple[str, str]]:
    yield "it is", value
    yield "its first half", value[: max(len(value) // 2, 12)] if len(value) >= 24 else value
    yield "JSON", json.dumps(value)[1:-1]
    yield "JSON in JSON", json.dumps(json.dumps(value)[1:-1])[1:-1]
    yield "a URL", urllib.parse.quote(value, safe="")
    yield "HTML", html.escape(value)
    raw = value.encode()
    yield "hexadecimal", raw.hex()
    for shift in range(3):
        padded = base64.b64encode(b"\0" * shift + raw).decode()
        inner = padded[-(-shift * 4 // 3) : len(padded) // 4 * 4 - 4]
        yield f"base64 at {shift}", inner
        yield f"URL-safe base64 at {shift}", inner.replace("+", "-").replace("/", "_")
    for number, line in enumerate(value.splitlines()):
        if len(line) >= 16 and not line.startswith("-----"):
            yield f"its line {number}", line


# -- reports of the five tools, in their own formats ------------------------------------------


def reports(planted: list[Canary]) -> dict[str, bytes]:
    """File name to content: every tool's report with the values wherever it may leave them."""
    return {
        "gitleaks.json": _json([_gitleaks(n, c, planted) for n, c in enumerate(planted)]),
        "trufflehog.jsonl": b"\n".join(_json(_trufflehog(n, c)) for n, c in enumerate(planted)),
        "trivy.json": _json(_trivy(planted)),
        "snyk.json": _json(_snyk(planted)),
        "snyk-code.sarif": _json(_sarif("SnykCode", "python/HardcodedPassword", planted)),
        "codeql.sarif": _json(_sarif("CodeQL", "py/hardcoded-credentials", planted)),
        "gitleaks.sarif": _json(gitleaks_sarif(planted)),
    }


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _commit(number: int) -> str:
    return f"{number:040x}"


def _other(number: int, planted: list[Canary]) -> Canary:
    return planted[(number * 7 + 3) % len(planted)]


def _gitleaks(number: int, canary: Canary, planted: list[Canary]) -> dict[str, Any]:
    """The commit message holds another finding's value, which may come later in the report."""
    other = _other(number, planted)
    return {
        "RuleID": "generic-api-key",
        "Description": "Detected a Generic API Key",
        "StartLine": number + 1,
        "EndLine": number + 1,
        "StartColumn": 2,
        "EndColumn": 40,
        "Match": canary.line,
        "Secret": canary.value,
        "File": f"src/module{number}.py",
        "SymlinkFile": "",
        "Commit": _commit(number),
        "Link": f"https://git.example/blob/x?q={urllib.parse.quote(canary.value)}#L{number}",
        "Entropy": 4.5,
        "Author": "A. Person",
        "Email": "person@mail.example",
        "Date": "2026-01-01T00:00:00Z",
        "Message": f"Rotate the key {other.value}\n\nwas {other.line}",
        "Tags": [],
        "Fingerprint": f"{_commit(number)}:src/module{number}.py:generic-api-key:{number}",
    }


def _trufflehog(number: int, canary: Canary) -> dict[str, Any]:
    return {
        "SourceMetadata": {
            "Data": {
                "Git": {
                    "commit": _commit(number),
                    "file": f"src/module{number}.py",
                    "email": "A. Person <person@mail.example>",
                    "repository": "file:///checkout",
                    "timestamp": "2026-01-01 00:00:00 +0000",
                    "line": number + 1,
                }
            }
        },
        "SourceID": 1,
        "SourceType": 16,
        "SourceName": "trufflehog - git",
        "DetectorType": 2,
        "DetectorName": "Generic",
        "DecoderName": "BASE64" if number % 2 else "PLAIN",
        "Verified": False,
        "VerificationError": "Get https://api.example/?key="
        f"{urllib.parse.quote(canary.value)}: timeout",
        "Raw": canary.value,
        "RawV2": f"{canary.value}:{canary.value[::-1]}",
        "Redacted": canary.value[: len(canary.value) // 2],
        "ExtraData": {"header": f"Bearer {canary.value}", "account": "1234"},
        "StructuredData": None,
        "SecretParts": {"key": canary.value},
    }


def _trivy(planted: list[Canary]) -> dict[str, Any]:
    secrets, failures = [], []
    for number, canary in enumerate(planted):
        lines = [_trivy_line(number + 1, text) for text in canary.line.split("\n")]
        secrets.append(
            {
                "RuleID": "generic-token",
                "Category": "general",
                "Severity": "HIGH",
                "Title": "Token",
                "StartLine": number + 1,
                "EndLine": number + 1,
                "Code": {"Lines": lines},
                "Match": f"token = {'*' * len(canary.value)}",
                "Layer": {"CreatedBy": f"RUN echo {canary.line}"},
            }
        )
        failures.append(
            {
                "Type": "Dockerfile Security Check",
                "ID": "DS-0031",
                "Title": "Secrets passed via build-args or envs",
                "Description": "Passing secrets via build-args or envs is not secure.",
                "Message": f"Possible exposure of secret env: {canary.line}",
                "Severity": "CRITICAL",
                "Status": "FAIL",
                "CauseMetadata": {
                    "Provider": "Dockerfile",
                    "StartLine": number + 1,
                    "EndLine": number + 1,
                    "Code": {"Lines": lines},
                },
            }
        )
    environment = [f"V{n}={canary.value}" for n, canary in enumerate(planted)]
    return {
        "SchemaVersion": 2,
        "Trivy": {"Version": "0.76.0"},
        "ArtifactName": "app:1",
        "ArtifactType": "container_image",
        "Metadata": {
            "ImageConfig": {
                "config": {"Env": environment},
                "history": [{"created_by": f"ENV {canary.line}"} for canary in planted],
            }
        },
        "Results": [
            {"Target": "app.env", "Class": "secret", "Secrets": secrets},
            {
                "Target": "Dockerfile",
                "Class": "config",
                "Type": "dockerfile",
                "Misconfigurations": failures,
            },
        ],
    }


def _trivy_line(number: int, text: str) -> dict[str, Any]:
    return {"Number": number, "Content": text, "Highlighted": f"\x1b[38;5;33m{text}\x1b[0m"}


def _snyk(planted: list[Canary]) -> dict[str, Any]:
    rows = [
        {
            "id": f"SNYK-PYTHON-EXAMPLE-{number}",
            "title": "Information Exposure",
            "severity": "high",
            "packageName": "example",
            "name": "example",
            "version": "1.0.0",
            "from": [
                "app@1.0.0",
                f"example@git+https://bot:{urllib.parse.quote(c.value)}@git.example",
            ],
            "upgradePath": [],
            "description": f"An example follows.\n\n    {c.line}\n",
            "identifiers": {"CVE": [f"CVE-2026-{10000 + number}"], "CWE": ["CWE-200"]},
            "packageManager": "pip",
            "language": "python",
        }
        for number, c in enumerate(planted)
    ]
    return {
        "ok": False,
        "vulnerabilities": rows,
        "dependencyCount": 1,
        "packageManager": "pip",
        "projectName": "app",
        "displayTargetFile": "requirements.txt",
        "path": "/checkout",
    }


def _sarif(driver: str, rule: str, planted: list[Canary]) -> dict[str, Any]:
    results = []
    for number, canary in enumerate(planted):
        place = _place(f"src/module{number}.py", number + 1, canary.line)
        encoded = base64.b64encode(f"id={number};{canary.value}".encode()).decode()
        results.append(
            {
                "ruleId": rule,
                "ruleIndex": 0,
                "message": {
                    "text": "The hard-coded value "
                    f"{json.dumps(canary.value, ensure_ascii=False)} is used as password.",
                    "markdown": f"The hard-coded value `{canary.value}` is used as password.",
                },
                "locations": [place],
                "relatedLocations": [{**place, "message": {"text": f"Use of {canary.line}"}}],
                "codeFlows": [{"threadFlows": [{"locations": [{"location": place}]}]}],
                "properties": {"evidence": encoded, canary.value: "a key"},
            }
        )
    tags = ["security", "external/cwe/cwe-798"]
    descriptor = {
        "id": rule,
        "shortDescription": {"text": "Hard-coded credentials"},
        "defaultConfiguration": {"level": "error"},
        "properties": {"tags": tags, "security-severity": "9.8"},
    }
    invocation = {
        "executionSuccessful": True,
        "commandLine": f"scan --token {planted[3].value}",
        "environmentVariables": {f"V{n}": c.value for n, c in enumerate(planted)},
        "toolExecutionNotifications": [
            {"level": "error", "message": {"text": f"cannot parse {c.line}"}} for c in planted
        ],
    }
    run = {
        "tool": {"driver": {"name": driver, "rules": [descriptor]}},
        "invocations": [invocation],
        "results": results,
    }
    return {"version": "2.1.0", "runs": [run]}


def gitleaks_sarif(planted: list[Canary]) -> dict[str, Any]:
    """What ``gitleaks --report-format sarif`` writes: the secret is the snippet."""
    results = [
        {
            "message": {"text": f"generic-api-key has detected secret for file src/m{n}.py."},
            "ruleId": "generic-api-key",
            "locations": [_place(f"src/m{n}.py", n + 1, canary.value)],
            "partialFingerprints": {
                "commitSha": _commit(n),
                "email": "person@mail.example",
                "author": "A. Person",
                "date": "2026-01-01T00:00:00Z",
                "commitMessage": f"add {_other(n, planted).line}",
            },
        }
        for n, canary in enumerate(planted)
    ]
    driver = {"name": "gitleaks", "semanticVersion": "v8.0.0", "rules": [{"id": "generic-api-key"}]}
    return {"version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": results}]}


def _place(uri: str, line: int, snippet: str) -> dict[str, Any]:
    region = {"startLine": line, "snippet": {"text": snippet}}
    return {"physicalLocation": {"artifactLocation": {"uri": uri}, "region": region}}
