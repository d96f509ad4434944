"""Nothing unkeyed is told of a line that holds a secret."""

from __future__ import annotations

from pathlib import Path

from secagg.model.finding import Finding, Kind, Location, SarifOrigin, SecretSighting, Severity
from secagg.model.fingerprint import line_hashes_for
from secagg.model.identity import set_identities
from secagg.secrets.patterns import MASK
from secagg.secrets.redactor import KEYED, Redactor, Secret

FILE = "import db\n\npassword = '{}'\nquery = 1\n\n\n{}def run():\n    eval(query)\n"
FAR = (
    "# a comment that takes more room than the hash of a line looks at, twice fifty characters\n"
    * 2
)
PRODUCERS = "0123456789abcdef:1"


def finding(line: int | None, *, kind: Kind = Kind.CODE, commit: str | None = None) -> Finding:
    place = Location(uri="app.py", start_line=line, commit=commit)
    return Finding(
        tool="t", kind=kind, rule_id="r", severity=Severity.LOW, title="t", location=place
    )


def marked(
    tmp_path: Path, value: str, key: bytes, *, known: bool = True, given: str | None = None
) -> dict[str, str]:
    """The hashes of findings on, before and behind the line with the password."""
    (tmp_path / "app.py").write_text(FILE.format(value, FAR))
    redactor = Redactor(key)
    if known:
        redactor.identify(Secret(value))
    findings = [finding(line) for line in (1, 3, 9)]
    for one in findings:
        one.line_hash = given
        if given:
            one.fingerprints = {"matchBasedId/v1": given, "commitSha": "0" * 40}
            result = {"message": {"text": "m"}, "partialFingerprints": dict(one.fingerprints)}
            one.sarif = SarifOrigin.of({}, result)
    set_identities(findings, tmp_path, redactor)
    told = {}
    for one in findings:
        line = one.location.start_line
        told[f"{line} hash"] = one.line_hash or ""
        told[f"{line} identity"] = one.identity
        told[f"{line} given"] = one.fingerprints.get("matchBasedId/v1", "")
        if one.sarif is not None:
            told[f"{line} sarif"] = str(one.sarif.result["partialFingerprints"])
    return told


def test_what_depends_on_a_secret_depends_on_the_key(tmp_path: Path) -> None:
    for given in (None, PRODUCERS):
        for known in (True, False):
            first = marked(tmp_path, "k9Qz4LmX7p", b"one key", known=known, given=given)
            other_key = marked(tmp_path, "k9Qz4LmX7p", b"another", known=known, given=given)
            other_value = marked(tmp_path, "w3Rt8NbY5s", b"one key", known=known, given=given)
            for name, told in first.items():
                assert told == other_value[name] or told != other_key[name], name
            # Line 1 is followed by the password within what its hash looks at; line 9 is far off.
            assert first["1 hash"].startswith(KEYED) and first["3 hash"].startswith(KEYED)
            assert not first["9 hash"].startswith(KEYED)
            assert first["9 identity"] == other_key["9 identity"]
            assert first["3 given"] != PRODUCERS
            assert "'commitSha': '0000" in first.get("3 sarif", "'commitSha': '0000")


def test_a_line_without_a_secret_keeps_its_hash(tmp_path: Path) -> None:
    told = marked(tmp_path, "${PASSWORD}", b"key", known=False)
    lines = (1, 3, 9)
    hashes = line_hashes_for((tmp_path / "app.py").read_bytes(), lines)
    assert {line: told[f"{line} hash"] for line in lines} == hashes


def test_without_the_file_the_place_of_a_secret_tells(tmp_path: Path) -> None:
    """The tool that found the secret has hidden its value, the other one gave an unkeyed hash."""
    secret = finding(3, kind=Kind.SECRET)
    secret.secret = SecretSighting(id=None, detector="d")
    code, elsewhere, old = finding(3), finding(40), finding(3, commit="c")
    for one in (code, elsewhere, old):
        one.line_hash = PRODUCERS
    set_identities([secret, code, elsewhere, old], None, Redactor(b"key"))
    assert code.line_hash is not None and code.line_hash.startswith(KEYED)
    assert code.line_hash.endswith(":1")
    assert elsewhere.line_hash == old.line_hash == PRODUCERS


def test_what_is_keyed_is_not_keyed_again() -> None:
    redactor = Redactor(b"key")
    secret = finding(3, kind=Kind.SECRET)
    secret.line_hash = PRODUCERS
    set_identities([secret], None, redactor)
    once = secret.line_hash
    set_identities([secret], None, redactor)
    assert secret.line_hash == once != PRODUCERS


def test_a_place_before_the_secret_or_far_behind_it_is_not_keyed() -> None:
    secret = finding(40, kind=Kind.SECRET)
    places = [finding(line) for line in (2, 34, 35, 40, 41)]
    for one in places:
        one.line_hash = PRODUCERS
    set_identities([secret, *places], None, Redactor(b"key"))
    # Without the file, what is hashed may reach five lines down.
    keyed = [one.location.start_line for one in places if one.line_hash != PRODUCERS]
    assert keyed == [35, 40]


def test_a_secret_of_several_lines_is_on_each_of_them() -> None:
    secret = finding(10, kind=Kind.SECRET)
    secret.location.end_line = 12
    places = [finding(line) for line in (4, 5, 11, 12, 13)]
    for one in places:
        one.line_hash = PRODUCERS
    set_identities([secret, *places], None, Redactor(b"key"))
    keyed = [one.location.start_line for one in places if one.line_hash != PRODUCERS]
    assert keyed == [5, 11, 12]
    many = "first-Line9x\nsecond-Line9\nthird-Line9x"
    redactor = Redactor(b"key")
    redactor.identify(Secret(many))
    assert redactor.secret_lines(f"a\nb\n{many}\nc\n{many} d".encode()) == {3, 4, 5, 7, 8, 9}


def test_the_window_of_a_hash_is_counted_in_characters(tmp_path: Path) -> None:
    """Of lines of nine characters and their ends a hundred are ten; spaces do not count."""
    for spaces in (1, 60):
        line = f"ab{' ' * spaces}cdefghi\n"
        (tmp_path / "app.py").write_text(line * 11 + "password = 'k9Qz4LmX7p'\n")
        places = [finding(1), finding(2), finding(3)]
        set_identities(places, tmp_path, Redactor(b"key"))
        assert [(one.line_hash or "").startswith(KEYED) for one in places] == [False, False, True]


def test_fingerprints_in_sarif_are_keyed_too() -> None:
    secret = finding(3, kind=Kind.SECRET)
    given = {"matchBasedId/v1": PRODUCERS, "commitSha": "0" * 40, "short": "abc", "odd": 5}
    secret.fingerprints = {"matchBasedId/v1": PRODUCERS}
    secret.sarif = SarifOrigin.of({}, {"partialFingerprints": given, "fingerprints": given})
    set_identities([secret], None, Redactor(b"key"))
    keyed = secret.fingerprints["matchBasedId/v1"]
    assert keyed.startswith(KEYED) and keyed.endswith(":1") and len(keyed) == len(KEYED) + 32 + 2
    expected = {**given, "matchBasedId/v1": keyed}
    assert secret.sarif.result["partialFingerprints"] == expected
    assert secret.sarif.result["fingerprints"] == expected


def test_what_was_masked_in_a_result_was_on_its_line() -> None:
    """No place of a secret is known, and the message says that there is one."""
    masked, quiet, secret = finding(3), finding(3), finding(None, kind=Kind.SECRET)
    masked.message = f"the password {MASK} is weak"
    quiet.message = "the password is weak"
    for one in (masked, quiet, secret):
        one.line_hash = PRODUCERS
    set_identities([masked, quiet, secret], None, Redactor(b"key"))
    assert [one.line_hash == PRODUCERS for one in (masked, quiet, secret)] == [False, True, False]


def test_lines_of_what_is_no_text_are_found() -> None:
    redactor = Redactor(b"key")
    redactor.identify(Secret("k9Qz4LmX7pRt"))
    assert redactor.secret_lines(b"\xff\n\xfe k9Qz4LmX7pRt \x80\n\xff") == {2}
