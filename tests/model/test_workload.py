"""Kubernetes: what a check speaks of, and what a release changes in a manifest."""

from __future__ import annotations

import pytest

from secagg.model.context import without_image_tags, workload_in


@pytest.mark.parametrize(
    ("message", "named"),
    [
        (
            "Container 'nginx' of Deployment 'shop' should set 'resources.limits.cpu'",
            "deployment/shop, container nginx",
        ),
        (
            'container "nginx" of deployment "shop" in "default" namespace should specify a '
            "seccomp profile",
            "deployment/shop, container nginx",
        ),
        (
            "Container 'nginx' of 'deployment' 'shop' in 'default' namespace should set it",
            "deployment/shop, container nginx",
        ),
        (
            "deployment shop in default namespace should set metadata.namespace to another",
            "deployment/shop",
        ),
        ("Either Pod or Container should set 'securityContext.seccompProfile.type'", None),
        ("container should drop all", None),
        ("container shop in default namespace is using the default security context", None),
        ("Bucket does not have versioning enabled", None),
    ],
)
def test_the_workload_of_a_message(message: str, named: str | None) -> None:
    assert workload_in(message) == named


@pytest.mark.parametrize(
    ("line", "without"),
    [
        (b"      - image: shop:v1.4.2", b"      - image: shop"),
        (
            b'image: "registry.example.com:5000/a/shop:v1"',
            b'image: "registry.example.com:5000/a/shop"',
        ),
        (b"image: shop@sha256:00ff", b"image: shop"),
        (b"{image: shop:1, name: a}", b"{image: shop, name: a}"),
        (b"image: shop", b"image: shop"),
        (b"imagePullPolicy: Always", b"imagePullPolicy: Always"),
        (b"name: shop:v1", b"name: shop:v1"),
    ],
)
def test_tags_of_images_are_left_out(line: bytes, without: bytes) -> None:
    assert without_image_tags([line]) == [without]


def test_the_workload_that_kubelinter_names_is_the_one_that_trivy_names() -> None:
    message = 'container "a" is not set to runAsNonRoot\nobject: <no namespace>/web apps/v1, Kind=Deployment'  # fmt: skip
    assert workload_in(message) == "deployment/web, container a"
    assert workload_in("x\nobject: shop/db apps/v1, Kind=StatefulSet") == "statefulset/db"
    assert workload_in('container "a" is odd') is None
