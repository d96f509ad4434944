from __future__ import annotations

import pytest

from secagg.packages.keys import version_key


@pytest.mark.parametrize(
    ("kind", "versions"),
    [
        ("golang", ["v1.2.3", "1.2.3"]),
        ("golang", ["v3.2.0+incompatible", "3.2.0"]),
        # Trivy, OSV-Scanner and Snyk on a commit without a tag.
        (
            "golang",
            [
                "v0.0.0-20200622213623-75b288015ac9",
                "0.0.0-20200622213623-75b288015ac9",
                "#75b288015ac9",
            ],
        ),
        ("pypi", ["1", "1.0", "1.0.0"]),
        ("gem", ["1.13.0", "1.13.0-x86_64-linux", "1.13.0-java"]),
        ("composer", ["v1.0.0", "1.0.0"]),
        ("deb", ["1:2.3-4", "2.3-4"]),
    ],
)
def test_spellings_of_one_version(kind: str, versions: list[str]) -> None:
    assert len({version_key(kind, version) for version in versions}) == 1


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("golang", "v0.0.0-20200622213623-75b288015ac9", "v0.0.0-20200622213623-85b288015ac9"),
        ("golang", "v1.2.0", "v1.2"),
        ("pypi", "1.0", "1.0.1"),
        ("pypi", "1.0", "10"),
        ("pypi", "0", "0.0.1"),
        ("pypi", "1.0rc1", "1.0"),
        ("npm", "1.0", "1.0.0"),
        ("npm", "1.0.0-rc", "1.0.0"),
        ("gem", "1.13.0", "1.13"),
        ("deb", "2.3-4", "2.3-5"),
        ("cargo", "0.7.0", "0.7"),
    ],
)
def test_different_versions(kind: str, one: str, other: str) -> None:
    assert version_key(kind, one) != version_key(kind, other)
