from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from secagg_parsers.trivy.misconfigurations import forms_of

from secagg.errors import ReportError
from secagg.model.finding import Finding, Kind, Severity
from secagg.pipeline.assemble import DisplayPaths
from secagg.secrets.redactor import Redactor
from tests.parsers import samples
from tests.parsers.reading import context_for, read
from tests.parsers.samples import MISCONFIGURATION, SECRET, TOKEN, VULNERABILITY, trivy_result


def one(*results: samples.Json, root: Path | None = None, **frame: Any) -> Finding:
    (finding,) = read(samples.trivy(*results, **frame), root=root).findings
    return finding


def vulnerable(**fields: Any) -> Finding:
    return one(trivy_result(Vulnerabilities=[{**VULNERABILITY, **fields}]))


def test_vulnerability_keeps_what_trivy_says() -> None:
    finding = one(trivy_result(Vulnerabilities=[VULNERABILITY], Packages=samples.PACKAGES))
    assert (finding.tool, finding.kind, finding.rule_id) == (
        "trivy",
        Kind.VULNERABILITY,
        "CVE-2018-18074",
    )
    assert (finding.severity, finding.score) == (Severity.HIGH, 7.5)
    assert finding.package is not None
    assert finding.package.purl == "pkg:pypi/requests@2.19.0"
    assert (finding.package.type, finding.package.name) == ("pypi", "requests")
    known = finding.vulnerability
    assert known is not None
    assert known.fixed_versions == ("2.20.0", "2.19.2")
    assert (known.direct, known.scope, known.status) == (False, "dev", "fixed")
    assert known.dependency_paths == (("client@1.0.0", "requests@2.19.0"),)
    assert known.published == "2018-10-09T17:29:01.297Z"
    assert finding.cwes == ("CWE-522",)
    assert finding.location.uri == "requirements.txt"
    assert (finding.location.start_line, finding.location.end_line) == (5, 8)
    assert finding.fix == "Upgrade requests to 2.20.0 or 2.19.2 (GHSA-x84v-xcm2-53pg, DSA-4808-1)."
    assert finding.message.startswith("requests 2.19.0: python-requests")
    assert finding.rule is not None
    assert finding.rule.help_uri == "https://avd.aquasec.com/nvd/cve-2018-18074"


def test_ratings_of_every_source() -> None:
    rated = {(r.source, r.severity, r.score) for r in vulnerable().ratings}
    assert rated == {
        ("ghsa", Severity.HIGH, 7.5),
        ("nvd", Severity.HIGH, 9.8),
        ("ubuntu", Severity.MEDIUM, None),
    }


def test_cvss_2_alone_and_cvss_4_beside_3() -> None:
    vector = "AV:N/AC:L/Au:N/C:C/I:C/A:C"
    (rating,) = vulnerable(
        CVSS={"nvd": {"V2Score": 10, "V2Vector": vector}}, VendorSeverity={}
    ).ratings
    assert (rating.severity, rating.vector) == (Severity.HIGH, vector)
    both = {"V40Score": 8.7, "V40Vector": "CVSS:4.0/x", "V3Score": 7.5, "V2Score": 5}
    scores = [r.score for r in vulnerable(CVSS={"ghsa": both}, VendorSeverity={}).ratings]
    assert scores == [8.7, 7.5]


def test_an_advisory_of_a_vendor_is_no_other_name() -> None:
    known = vulnerable().vulnerability
    assert known is not None
    assert known.aliases == ("CVE-2018-18074", "GHSA-x84v-xcm2-53pg")


@pytest.mark.parametrize(
    ("references", "aliases"),
    [
        (["https://github.com/advisories/GHSA-x84v-xcm2-53pg"], {"GHSA-x84v-xcm2-53pg"}),
        (["https://github.com/a/b/security/advisories/GHSA-x84v-xcm2-53pg"], {"GHSA-x84v-xcm2-53pg"}),
        (
            [
                "https://github.com/advisories/GHSA-x84v-xcm2-53pg",
                "https://github.com/advisories/GHSA-aaaa-bbbb-cccc",
            ],
            set(),
        ),
        (["https://example.org/?see=GHSA-x84v-xcm2-53pg"], set()),
        (["https://rustsec.org/advisories/RUSTSEC-2021-0078.html"], {"RUSTSEC-2021-0078"}),
        (["https://github.com/pypa/x/blob/main/vulns/a/PYSEC-2021-59.yaml"], {"PYSEC-2021-59"}),
        (["https://pkg.go.dev/vuln/GO-2022-0969"], {"GO-2022-0969"}),
    ],
)  # fmt: skip
def test_aliases_from_references(references: list[str], aliases: set[str]) -> None:
    known = vulnerable(VendorIDs=None, References=references).vulnerability
    assert known is not None
    assert set(known.aliases) == {"CVE-2018-18074", *aliases}


def test_unknown_severity_is_not_known_and_a_gap_where_there_are_no_details() -> None:
    bare = {"VulnerabilityID": "CVE-2099-1", "PkgName": "a", "Severity": "UNKNOWN"}
    parsed = read(samples.trivy(trivy_result(Vulnerabilities=[bare, VULNERABILITY])))
    assert [f.severity_known for f in parsed.findings] == [False, True]
    assert parsed.findings[0].severity is Severity.NONE
    assert [gap.fatal for gap in parsed.gaps if "1 vulnerabilities" in gap.message] == [False]


def test_score_lies_in_the_band_of_the_severity() -> None:
    low = vulnerable(Severity="LOW", SeveritySource="debian")
    assert (low.severity, low.score) == (Severity.LOW, None)
    critical = vulnerable(Severity="CRITICAL", SeveritySource="debian")
    assert critical.score == 9.8


def test_vulnerability_without_an_id_is_one_still() -> None:
    parsed = read([trivy_result(Vulnerabilities=[{"PkgName": "simplito/elliptic-php"}])])
    assert [f.package and f.package.name for f in parsed.findings] == ["simplito/elliptic-php"]
    assert parsed.findings[0].vulnerability is not None
    assert parsed.findings[0].vulnerability.aliases == ()


def test_odd_entries_are_problems_and_the_good_ones_stay() -> None:
    rows = [
        {**VULNERABILITY, "PkgName": 5},
        VULNERABILITY,
        {**VULNERABILITY, "Severity": ["HIGH"]},
        "no object",
        {**VULNERABILITY, "References": 7, "CVSS": [], "CweIDs": "CWE-1", "Layer": 3},
    ]
    parsed = read(samples.trivy(trivy_result(Vulnerabilities=rows)))
    assert (parsed.reported, len(parsed.findings)) == (5, 2)
    assert [(p.where, p.message) for p in parsed.problems] == [
        ("Results[0].Vulnerabilities[0]", "PkgName is a number, not text"),
        ("Results[0].Vulnerabilities[2]", "Severity is a list, not text"),
        ("Results[0].Vulnerabilities[3]", "the entry is text, not an object"),
    ]


def test_what_trivy_was_told_to_hide_is_counted() -> None:
    parsed = read(samples.trivy_full())
    assert parsed.suppressed == 2  # one exception of a check, one by VEX
    assert {f.kind for f in parsed.findings} == set(Kind) - {Kind.CODE}
    assert parsed.tool_version == "0.76.0"


def test_exceptions_that_are_listed_are_not_counted_twice() -> None:
    excepted = {**MISCONFIGURATION, "Status": "EXCEPTION"}
    result = {
        "Target": "Dockerfile",
        "Class": "config",
        "MisconfSummary": {"Exceptions": 1},
        "Misconfigurations": [excepted],
    }
    parsed = read(samples.trivy(result))
    assert (parsed.reported, parsed.suppressed, parsed.findings) == (1, 1, [])


@pytest.mark.parametrize("written", ["DS002", "DS-0002", "AVD-DS-0002"])
def test_a_check_has_one_normal_form(written: str) -> None:
    forms = forms_of(written)
    assert forms[0] == "DS-0002"
    assert set(forms) == {"DS-0002", "DS002", "AVD-DS-0002"}


def test_checks_that_differ_stay_apart_and_custom_ones_as_they_are() -> None:
    assert forms_of("AVD-AWS-0107")[0] == "AWS-0107"
    assert forms_of("KSV-0110")[0] != forms_of("AVD-KSV-01010")[0]
    assert forms_of("no-user-pods") == ("no-user-pods",)
    assert forms_of("aws-vpc-no-ingress", "AVD-AWS-0107")[0] == "AWS-0107"


def test_misconfiguration_keeps_resource_place_and_callers() -> None:
    finding = one(
        {"Target": "a/Dockerfile", "Class": "config", "Misconfigurations": [MISCONFIGURATION]}
    )
    assert finding.rule_id == "DS-0002"
    assert finding.misconfiguration is not None
    assert finding.misconfiguration.resource == "stage"
    assert finding.misconfiguration.provider == "Dockerfile"
    assert (finding.location.uri, finding.location.start_line, finding.location.end_line) == (
        "a/Dockerfile",
        2,
        4,
    )
    assert [(r.uri, r.start_line, r.logical) for r in finding.related] == [
        ("main.tf", 1, "module.a")
    ]
    assert finding.fix is not None
    assert TOKEN not in repr(finding)


def test_image_has_layers_and_a_system_past_its_end() -> None:
    parsed = read(samples.trivy_image())
    system, library = (finding.location for finding in parsed.findings)
    assert (system.uri, system.image, system.layer) == (None, "alpine:3.9", "sha256:f1b5")
    assert system.logical == "alpine:3.9 (alpine 3.9.4)"
    assert (library.uri, library.logical, library.image) == ("app/y.jar", "Java", "alpine:3.9")
    (gap,) = parsed.gaps
    assert "alpine 3.9.4 is past its end of life" in gap.message


@pytest.mark.parametrize("key", ["Resources", "Findings"])
def test_cluster(key: str) -> None:
    parsed = read(samples.trivy_cluster(key))
    vulnerability, check = parsed.findings
    assert vulnerability.location.image == "docker.io/redis:6.0.5"
    assert check.rule_id == "KSV-0001"
    assert check.location.uri is None
    assert check.misconfiguration is not None
    assert check.misconfiguration.resource == "default/Deployment/redis: stage"
    assert [gap.message for gap in parsed.gaps if gap.fatal] == [
        "default/Pod/broken failed: image not found"
    ]
    ended = [gap for gap in parsed.gaps if "debian is past its end of life" in gap.message]
    assert len(parsed.gaps) - 1 == len(ended) == (key == "Findings")


def test_sbom_findings_lie_in_the_sbom() -> None:
    finding = one(
        {
            "Target": "Ruby",
            "Class": "lang-pkgs",
            "Type": "gemspec",
            "Vulnerabilities": [VULNERABILITY],
        },
        ArtifactType="cyclonedx",
        ArtifactName="boms/app.cdx.json",
    )
    assert (finding.location.uri, finding.location.logical) == ("boms/app.cdx.json", "Ruby")


def test_nothing_found_and_nothing_to_look_at_look_alike() -> None:
    parsed = read({"SchemaVersion": 2, "ArtifactName": ".", "ArtifactType": "filesystem"})
    assert (parsed.reported, parsed.findings) == (0, [])
    assert [gap.fatal for gap in parsed.gaps] == [False]


def test_a_schema_that_is_not_known_is_refused() -> None:
    with pytest.raises(ReportError, match="in a schema that is not known"):
        read(samples.trivy(SchemaVersion=3))


def test_texts_with_secrets_in_them_are_masked() -> None:
    finding = vulnerable(
        Title=f"seen {TOKEN}",
        References=["https://example.org/a", f"https://example.org/?t={TOKEN}"],
        PkgPath=f"dist/{TOKEN}/x.jar",
    )
    # Whoever judges sees the real path, and nobody else does.
    assert finding.location.uri == f"dist/{TOKEN}/x.jar"
    DisplayPaths(Redactor(b"key")).mask_findings([finding])
    assert TOKEN not in repr(finding)
    assert finding.references[0] == "https://example.org/a"


def test_license() -> None:
    (finding,) = (f for f in read(samples.trivy_full()).findings if f.kind is Kind.LICENSE)
    assert (finding.license, finding.severity) == ("GPL-3.0", Severity.HIGH)
    assert finding.package is not None
    assert finding.package.name == "readline"


def test_legacy_packages_get_a_purl() -> None:
    rows = {k: v for k, v in VULNERABILITY.items() if k != "PkgIdentifier"}
    legacy = {"Target": "p (debian 10.8)", "Type": "debian", "Vulnerabilities": [rows]}
    (finding,) = read([legacy]).findings
    assert finding.package is not None
    assert finding.package.purl == "pkg:deb/debian/requests@2.19.0"
    assert (finding.location.uri, finding.location.logical) == (None, "p (debian 10.8)")


class TestPlaces:
    def test_of_a_component(self, tmp_path: Path) -> None:
        document = samples.trivy(trivy_result(Vulnerabilities=[VULNERABILITY]))
        (finding,) = read(document, root=tmp_path, component="service").findings
        assert finding.location.uri == "service/requirements.txt"

    def test_of_an_artifact_below_the_root(self, tmp_path: Path) -> None:
        (tmp_path / "service").mkdir()
        result = trivy_result(Vulnerabilities=[VULNERABILITY])
        for name in ("service", str(tmp_path / "service"), f"{tmp_path}/service/"):
            assert one(result, root=tmp_path, ArtifactName=name).location.uri == (
                "service/requirements.txt"
            )

    def test_of_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "service").mkdir()
        (tmp_path / "service" / "requirements.txt").touch()
        result = trivy_result(Vulnerabilities=[VULNERABILITY])
        finding = one(result, root=tmp_path, ArtifactName="service/requirements.txt")
        assert finding.location.uri == "service/requirements.txt"

    def test_outside_of_the_root(self, tmp_path: Path) -> None:
        result = trivy_result(Vulnerabilities=[VULNERABILITY], Target="/etc/requirements.txt")
        assert one(result, root=tmp_path).location.uri == "/etc/requirements.txt"


class TestSecrets:
    """Trivy masks the value: it is read from the file."""

    def secret(self, root: Path, **fields: Any) -> Finding:
        result = {"Target": "settings.py", "Class": "secret", "Secrets": [{**SECRET, **fields}]}
        return one(result, root=root)

    def id_of(self, finding: Finding) -> str | None:
        assert finding.secret is not None
        return finding.secret.id

    def known(self, value: str) -> str | None:
        (finding,) = read([{**samples.GITLEAKS, "Secret": value}]).findings
        return self.id_of(finding)

    def test_is_the_one_that_gitleaks_reports(self, tmp_path: Path) -> None:
        (tmp_path / "settings.py").write_text(f"a\nTOKEN={TOKEN}\n")
        finding = self.secret(tmp_path)
        assert self.id_of(finding) == self.known(TOKEN) is not None
        place = finding.location
        assert (place.start_column, place.end_column) == (7, 7 + len(TOKEN))
        assert TOKEN not in repr(finding)

    def test_by_its_offset_where_a_line_holds_two(self, tmp_path: Path) -> None:
        other = TOKEN[:4] + TOKEN[4:][::-1]
        line = f"é={TOKEN} b={other}\n"
        (tmp_path / "settings.py").write_text("a\r\n" + line, newline="")
        masked = f"é={'*' * 40} b={'*' * 40}"
        first = 3 + len("é=".encode())
        for offset, value in ((first, TOKEN), (first + 40 + 3, other)):
            assert self.id_of(self.secret(tmp_path, Match=masked, Offset=offset)) == self.known(
                value
            )
        assert self.id_of(self.secret(tmp_path, Match=masked, Offset=None)) is None

    def test_in_a_part_of_a_long_line(self, tmp_path: Path) -> None:
        (tmp_path / "settings.py").write_text("a\n" + "z" * 300 + f" TOKEN={TOKEN} " + "y" * 300)
        masked = "zzz TOKEN=" + "*" * len(TOKEN) + " yyy"
        assert self.id_of(self.secret(tmp_path, Match=masked, Offset=None)) == self.known(TOKEN)

    def test_of_old_versions_with_five_asterisks(self, tmp_path: Path) -> None:
        (tmp_path / "settings.py").write_text(f"a\nTOKEN={TOKEN};")
        finding = self.secret(tmp_path, Match="TOKEN=*****;", Offset=None)
        assert self.id_of(finding) == self.known(TOKEN)

    def test_private_key(self, tmp_path: Path) -> None:
        (tmp_path / "settings.py").write_text(f"x\n{samples.PRIVATE_KEY}\n")
        finding = self.secret(tmp_path, Match="*" * 62, StartLine=3, EndLine=4, Offset=None)
        assert self.id_of(finding) == self.known(samples.PRIVATE_KEY)
        crlf = samples.PRIVATE_KEY.replace("\n", "\r\n  ")
        assert self.id_of(finding) == self.known(crlf)

    @pytest.mark.parametrize(
        "content",
        ["", "a\n", "a\nTOKEN=changed\n", f"a\nOTHER={TOKEN}\n"],
        ids=["empty", "short", "changed", "elsewhere"],
    )
    def test_is_not_guessed(self, tmp_path: Path, content: str) -> None:
        (tmp_path / "settings.py").write_text(content)
        assert self.id_of(self.secret(tmp_path)) is None

    def test_is_not_read_outside_of_the_checkout(self, tmp_path: Path) -> None:
        root = tmp_path / "root"
        root.mkdir()
        (tmp_path / "outside.py").write_text(f"a\nTOKEN={TOKEN}\n")
        (root / "settings.py").symlink_to(tmp_path / "outside.py")
        assert self.id_of(self.secret(root)) is None
        result = {"Target": "../outside.py", "Class": "secret", "Secrets": [SECRET]}
        assert self.id_of(one(result, root=root)) is None

    def test_is_not_read_from_the_checkout_for_an_image(self, tmp_path: Path) -> None:
        (tmp_path / "settings.py").write_text(f"a\nTOKEN={TOKEN}\n")
        result = {"Target": "settings.py", "Class": "secret", "Secrets": [SECRET]}
        finding = one(result, root=tmp_path, ArtifactType="container_image", ArtifactName="a:1")
        assert self.id_of(finding) is None

    def test_is_known_before_any_text_is_masked(self, tmp_path: Path) -> None:
        (tmp_path / "settings.py").write_text(f"a\nword = quiet{'x7' * 6}\n")
        check = {**MISCONFIGURATION, "Message": f"quiet{'x7' * 6} stands in ENV"}
        secret = {**SECRET, "Match": "word = " + "*" * 17, "Offset": None}
        document = samples.trivy(
            {"Target": "Dockerfile", "Class": "config", "Misconfigurations": [check]},
            {"Target": "settings.py", "Class": "secret", "Secrets": [secret]},
        )
        parsed = read(document, context=context_for(tmp_path))
        assert "quietx7" not in repr(parsed)


def test_a_rating_of_another_source_stands_in_for_unknown() -> None:
    finding = vulnerable(
        Severity="UNKNOWN",
        VendorSeverity={},
        CVSS={"ghsa": {"V40Score": 9.3, "V40Vector": "CVSS:4.0/AV:N"}},
    )
    assert (finding.severity, finding.severity_known, finding.score) == (
        Severity.CRITICAL,
        True,
        9.3,
    )
    worded = vulnerable(Severity="UNKNOWN", CVSS={}, VendorSeverity={"redhat": 2})
    assert (worded.severity, worded.severity_known, worded.score) == (Severity.MEDIUM, True, None)


def test_lines_of_a_rendered_template_are_no_lines_of_its_file() -> None:
    frame = {"Target": "chart/templates/d.yaml", "Class": "config", "Type": "helm"}
    helm = one(trivy_result(**frame, Misconfigurations=[MISCONFIGURATION]))
    assert (helm.location.uri, helm.location.start_line) == ("chart/templates/d.yaml", None)


def test_an_image_goes_by_its_digests() -> None:
    digest, image_id = "sha256:" + "c" * 64, "sha256:" + "d" * 64
    finding = one(
        trivy_result(Vulnerabilities=[VULNERABILITY]),
        ArtifactType="container_image",
        Metadata={"RepoDigests": [f"acme/shop@{digest}", "acme/shop@odd"], "ImageID": image_id},
    )
    assert finding.location.digests == (digest, image_id)
