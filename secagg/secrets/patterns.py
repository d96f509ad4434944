"""The shapes of secrets: tokens, keys, URLs with credentials, assignments.

Each shape has literals, and its pattern is tried only on a text with one of them. So the many
texts without any literal cost only one search for all literals together. A shape masks its
group ``secret`` if it has one, else the whole match.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import NamedTuple

MASK = "[redacted]"


class Shape(NamedTuple):
    """A regular expression, and literals of which every match contains one."""

    name: str
    literals: tuple[str, ...]
    expression: str
    flags: int = 0

    @property
    def pattern(self) -> re.Pattern[str]:
        """Return the expression, compiled at its first use."""
        return _compiled(self.expression, self.flags)


@cache
def _compiled(expression: str, flags: int) -> re.Pattern[str]:
    return re.compile(expression, flags)


_PEM = r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
_PEM_END = r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
# Between the lines of a key: line ends, also as \n in a literal, quotes, "+".
# All repetitions are atomic or bounded: a report must not be able to stall the search.
_BETWEEN = r"""(?>\s|\\+[nrt]|["'`,>|*#\\]|\+(?=\s))"""
_BODY = r"[A-Za-z0-9+/=]"
_HEADER = r"(?:Proc-Type|DEK-Info|Version|Comment|Hash):[^\n\\]{0,100}"

# The parts of an assignment: NAME = "value".
_WORD = (
    r"pass(?:word|wd|phrase|code)|passwd|pwd|secret(?:[_-]?key(?:[_-]?base)?)?|token|api[_-]?key"
    r"|access[_-]?key|private[_-]?key|client[_-]?secret|auth[_-]?key|credentials?|signing[_-]?key"
    r"|encryption[_-]?key|master[_-]?key|account[_-]?key|shared[_-]?access[_-]?key|webhook[_-]?url"
)
_SUFFIX = r"(?:[_-]?(?:[0-9]{1,3}|prod|dev|test|stage|staging|live|base64|b64|value|raw|plain))?"
_NAME = rf"(?<!public)(?<!public[_-])(?:{_WORD}){_SUFFIX}(?![A-Za-z0-9_-])"
_ASSIGN = r"\s{0,20}(?:=>|:=|===?|=|:)\s{0,20}"
_QUOTE = r"""\\{0,3}["'`]"""
# A value begins here, and no reference, template, mask or null.
_VALUE = (
    r"(?!\$|<[\w .-]*>(?![^\s\"'`])|\{|%[({s]|\[redacted\]|\*{3}|x{4,}(?![A-Za-z0-9])|\.{3}"
    r"|(?:null|none|true|false|nil|undefined|env|redacted|string|str|bytes|int|object|any)"
    r"(?![A-Za-z0-9_]))"
)
# Literals of which every _WORD has one. "pass" and "key" alone are in half of all code.
_PIECES = (
    *("passw", "passp", "passc", "pwd", "secret", "token", "credential", "webhook"),
    # With the letter before "key": api, access and shared access, private, client secret, auth, ...
    *(f"{letter}key" for letter in "_-isetrhgn"),
)
_WORD_LITERALS = tuple(
    dict.fromkeys(
        variant
        for piece in _PIECES
        for variant in (
            piece,
            piece.upper(),
            piece.capitalize(),
            piece.replace("key", "Key"),
            piece.replace("passw", "passW"),
            piece.replace("passw", "PassW"),
        )
    )
)


def _token(name: str, prefix: str, pattern: str) -> Shape:
    return Shape(name, (prefix,), rf"(?<![A-Za-z0-9_]){pattern}")


SHAPES: tuple[Shape, ...] = (
    Shape(
        "private-key",
        ("-----BEGIN", "-----END"),
        # A whole key; the rest of one that was cut off; the rest of one that began before.
        rf"{_PEM}(?:(?!-----BEGIN).){{0,20000}}?{_PEM_END}"
        rf"|{_PEM}(?:{_BETWEEN}|{_HEADER}|{_BODY}{{8,}})*"
        rf"|(?<!{_BODY})(?>(?:(?>{_BODY}{{8,200}}){_BETWEEN}{{1,40}}){{1,400}}){_PEM_END}",
        re.DOTALL,
    ),
    *(
        _token("aws-access-key", prefix, rf"{prefix}[A-Z2-7]{{16}}(?![A-Za-z0-9])")
        for prefix in ("AKIA", "ASIA", "ABIA", "ACCA")
    ),
    *(_token("github-token", f"gh{kind}_", rf"gh{kind}_[A-Za-z0-9]{{30,}}") for kind in "pousr"),
    _token("github-pat", "github_pat_", r"github_pat_[A-Za-z0-9_]{22,}"),
    *(
        _token("gitlab-token", prefix, rf"{prefix}[A-Za-z0-9_.-]{{16,}}")
        for prefix in ("glpat-", "gldt-", "glrt-", "glptt-", "glsoat-", "glcbt-", "glft-")
    ),
    Shape("slack-token", ("xox", "xapp-"), r"(?<![A-Za-z0-9])(?:xox[abeoprs]|xapp)-[\w-]{10,}"),
    Shape(
        "webhook",
        ("hooks.slack.com", "discord", "webhook.office.com", "hooks.zapier.com"),
        r"(?:hooks\.slack\.com/(?:services|workflows|triggers)|discord(?:app)?\.com/api/webhooks"
        r"|\.webhook\.office\.com/webhookb2|hooks\.zapier\.com/hooks/catch)"
        r"/(?P<secret>[\w/@-]{10,})",
    ),
    Shape(
        "payment-token",
        ("k_live_", "k_test_", "whsec_", "access_token$", "EAAA"),
        r"(?<![A-Za-z0-9])(?:[psr]k_(?:live|test)_[A-Za-z0-9]{16,}|whsec_[A-Za-z0-9+/=]{24,}"
        r"|access_token\$(?:production|sandbox)\$\w{16}\$\w{32}|EAAA[\w-]{60})",
    ),
    _token("google-key", "AIza", r"AIza[0-9A-Za-z_-]{35}"),
    _token("google-oauth", "ya29.", r"ya29\.[0-9A-Za-z_-]{20,}"),
    _token("google-secret", "GOCSPX-", r"GOCSPX-[0-9A-Za-z_-]{20,}"),
    Shape(
        "ai-key",
        ("sk-",),
        r"(?<![A-Za-z0-9_-])sk-(?:(?:ant|proj|svcacct|admin|or)-[\w-]{20,}|[A-Za-z0-9]{32,})",
    ),
    _token("hugging-face", "hf_", r"hf_[A-Za-z0-9]{30,}"),
    _token("sendgrid", "SG.", r"SG\.[\w-]{16,32}\.[\w-]{16,64}"),
    _token("mailgun", "key-", r"key-[0-9a-f]{32}(?![0-9a-f])"),
    _token("twilio", "SK", r"SK[0-9a-f]{32}(?![0-9a-f])"),
    _token("npm-token", "npm_", r"npm_[A-Za-z0-9]{36}"),
    _token("pypi-token", "pypi-AgE", r"pypi-AgE[\w-]{50,}"),
    _token("rubygems", "rubygems_", r"rubygems_[0-9a-f]{48}"),
    _token("docker-pat", "dckr_", r"dckr_(?:pat|oat)_[\w-]{20,}"),
    # The base64 of {"auths": ..., which a pull secret begins with
    _token("docker-config", "eyJhdXRo", r"eyJhdXRo[A-Za-z0-9+/=_-]{20,}"),
    _token("digitalocean", "_v1_", r"do[opr]_v1_[0-9a-f]{64}"),
    Shape("shopify", ("shp",), r"(?<![A-Za-z0-9])shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}"),
    Shape("vault", ("hvs.", "hvb.", "hvr."), r"(?<![A-Za-z0-9])hv[sbr]\.[\w-]{24,}"),
    Shape("grafana", ("glc_", "glsa_"), r"(?<![A-Za-z0-9])gl(?:c|sa)_[A-Za-z0-9_+/=]{30,}"),
    _token("age-key", "AGE-SECRET-KEY-1", r"AGE-SECRET-KEY-1[0-9A-Z]{58}"),
    _token("atlassian", "ATATT3", r"ATATT3[\w=-]{60,}"),
    _token("databricks", "dapi", r"dapi[0-9a-f]{32}"),
    _token("linear", "lin_api_", r"lin_api_[A-Za-z0-9]{32,}"),
    _token("new-relic", "NRAK-", r"NRAK-[A-Z0-9]{27}"),
    _token("postman", "PMAK-", r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}"),
    Shape("sentry", ("sntry",), r"(?<![A-Za-z0-9])sntry[su]_[A-Za-z0-9_=+/-]{40,}"),
    _token("tailscale", "tskey-", r"tskey-[a-z]+-[A-Za-z0-9-]{16,}"),
    Shape("telegram", (":AA",), r"(?<!\d)\d{8,10}:AA[\w-]{33}"),
    Shape(
        "json-web-token",
        ("eyJ",),
        r"(?<![A-Za-z0-9_-])eyJ[\w-]{10,}\.eyJ[\w-]{10,}(?:\.[\w-]*)?",
    ),
    Shape(
        "url-credentials",
        ("://", r":\/\/", "%3A%2F%2F"),
        r"(?:://|:\\/\\/|%3A%2F%2F)(?P<secret>"
        # user:password, the password up to the last "@" before the path; or a lone token
        # (of many addresses in a row each is read to the beginning of the next: that is linear)
        r"(?!\[redacted\]@)(?:(?:(?!%3A)[^\s/?#\"'<>`:@\\]){0,256}+(?::|%3A)"
        # (a slash belongs to no password, but some tools write it; what begins as a port is none)
        r"(?!\$|<|\{|\[redacted\])(?!\d{1,5}/)(?:(?!://|%3A%2F%2F)[^\s?#\"'<>`\\]){1,1024}?"
        r"|[A-Za-z0-9_-]{16,256}+))"
        r"(?:@|%40)(?![^\s/?#\"'<>`@\\]{0,1024}@)",
    ),
    Shape(
        "authorization",
        ("uthorization", "UTHORIZATION", "earer ", "BEARER "),
        r"(?i:authorization)(?:\\{0,3}[\"'])?\s{0,4}[:=]\s{0,4}"
        r"(?:\\{0,3}[\"'])?(?:(?i:basic|bearer|token|apikey|digest|negotiate|aws4-hmac-sha256)\s+)?"
        r"(?P<secret>(?!\$|<|\{|\[redacted\])[^\s\"'<>`\\,;]{8,})"
        r"|(?i:bearer)\s+(?P<secret2>(?=[A-Za-z._~+/=-]*\d)[A-Za-z0-9._~+/=-]{16,})",
    ),
    Shape(
        "quoted-assignment",
        _WORD_LITERALS,
        rf"(?i:{_NAME})(?:{_QUOTE})?\]?{_ASSIGN}(?:[bruf]{{0,2}})(?P<q>{_QUOTE})"
        rf"(?P<secret>(?i:{_VALUE})(?:(?!(?P=q))[^\n]){{4,400}}?)(?P=q)",
    ),
    Shape(
        "environment-assignment",
        _WORD_LITERALS,
        # NAME=value, as in .env files, Dockerfiles and shells
        rf"(?<!PUBLIC)(?<!PUBLIC_)(?:{_WORD.upper()}){_SUFFIX.upper()}"
        rf"=(?P<secret>(?i:{_VALUE})[^\s\"'`;,&|<>()\\\[\]]{{4,400}})(?![(\[])",
    ),
    Shape(
        "json-assignment",
        _WORD_LITERALS,
        # NAME={"a": "value"}: a service account's key in one variable
        rf"(?:{_WORD.upper()})[A-Z0-9_]{{0,20}}=(?P<secret>\{{\\{{0,3}}\"[^\n]{{4,4000}}\}})",
    ),
    Shape(
        "line-assignment",
        _WORD_LITERALS,
        # a whole line "name: value" or "name = value" of a configuration file
        rf"(?m:^)[ \t>*\-]{{0,40}}[\w.\-]{{0,60}}(?i:{_NAME})[\"']?[ \t]*[:=][ \t]*"
        rf"(?P<secret>(?i:{_VALUE})[^\s\"'`,;(){{}}\[\]]{{4,400}})[ \t]*(?:#[^\n]*)?\r?(?m:$)",
    ),
    Shape(
        "assignment",
        _WORD_LITERALS,
        rf"(?i:{_NAME})(?:{_QUOTE})?{_ASSIGN}"
        rf"(?P<secret>(?i:{_VALUE})(?=[^\s\"'`;,&]*\d)(?=[^\s\"'`;,&]*[A-Za-z])"
        r"(?>[^\s\"'`;,&|<>()\[\]{}\\]{8,400}))(?![(\[])",
    ),
    Shape(
        "connection-string",
        ("assword=", "PASSWORD=", "wd=", "PWD=", "ccountKey=", "ccessKey=", "sig="),
        r"(?i:(?<![a-z0-9])(?:password|pwd|accountkey|sharedaccesskey|sig))="
        r"(?P<secret>(?!\$|<|\{|\[redacted\])[^;\s\"'&]{4,400})(?=[;\"'&])",
    ),
    Shape(
        "option",
        ("--pass", "--token", "--secret", "--api", "--user", "-u ", "--key", "--auth"),
        r"(?<![\w-])(?:--(?:pass(?:word|wd|phrase)?|token|secret|api[-_]?(?:key|token)|auth[-_]token)"
        r"[= ]\s{0,4}[\"']?(?P<secret>(?![-$<{]|\[redacted\])[^\s\"'`]{6,400})"
        r"|(?:-u|--user)[= ]\s{0,4}[\"']?[^\s:\"']{1,100}:(?P<secret2>(?![$<{])[^\s\"'`]{4,400}))",
    ),
    Shape(
        "element",
        ("</",),
        rf"<(?P<tag>[\w.:-]{{0,60}}(?i:{_WORD}))>(?P<secret>(?i:{_VALUE})[^<\s]{{4,400}})</(?P=tag)>",
    ),
)


# The shapes whose literals are words of prose: they count only before an assignment.
ASSIGNMENTS = frozenset(
    {
        "quoted-assignment",
        "environment-assignment",
        "json-assignment",
        "line-assignment",
        "assignment",
    }
)


def secret_spans(text: str, numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yield the spans of the secrets in ``text`` with the shapes ``numbers`` of ``SHAPES``."""
    for number in numbers:
        pattern = SHAPES[number].pattern
        groups = [name for name in ("secret", "secret2") if name in pattern.groupindex]
        for match in pattern.finditer(text):
            group = next((name for name in groups if match[name] is not None), 0)
            yield match.span(group)
