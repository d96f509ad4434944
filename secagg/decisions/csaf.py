"""Read CSAF 2.0 documents (``csaf_vex``): the ``product_status`` of products with a purl.

``known_not_affected``, ``fixed`` and ``first_fixed`` make exceptions; ``known_affected``,
``first_affected``, ``last_affected`` and ``under_investigation`` overrule them; ``recommended``
says nothing about an installed version.

Source: OASIS CSAF 2.0, 3.2.2 (product tree), 3.2.3.9 (product status), 4.5 (profile VEX).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from secagg.decisions.vex import Statement
from secagg.errors import ConfigError
from secagg.jsonio.members import as_list, as_mapping, objects_in, stripped_text, text_at, value_at
from secagg.packages.purl import PurlPattern, exact_purl
from secagg.system.dates import parse_time

_EXEMPTING = ("known_not_affected", "fixed", "first_fixed")
_OVERRULING = ("known_affected", "first_affected", "last_affected", "under_investigation")
_MAX_DEPTH = 100


@dataclass(frozen=True, slots=True)
class _Product:
    """A package and the container image that contains it; either may be missing."""

    purls: tuple[str, ...] = ()
    images: tuple[str, ...] = ()


def is_csaf(document: Any) -> bool:
    """Tell whether ``document`` is a CSAF document of version 2."""
    return (text_at(document, "document", "csaf_version") or "").startswith("2.")


def read_csaf(document: Mapping[str, Any], name: str) -> list[Statement]:
    """Return the statements of ``document``, the file ``name``.

    Raises :class:`ConfigError` if its vulnerabilities are no list of objects with an id.
    """
    vulnerabilities = document.get("vulnerabilities", [])
    if not isinstance(vulnerabilities, list):
        raise ConfigError("its vulnerabilities are no list", where=name)
    tree = as_mapping(document.get("product_tree"))
    products, product_groups = _products(tree), _product_groups(tree)
    statements: list[Statement] = []
    for number, vulnerability in enumerate(vulnerabilities, start=1):
        source = f"{name}: vulnerability {number}"
        if not isinstance(vulnerability, dict):
            raise ConfigError("a vulnerability is an object", where=source)
        names = _names(vulnerability)
        if not names:
            raise ConfigError("a vulnerability has a CVE or another id", where=source)
        statements += _statements(vulnerability, names, document, source, products, product_groups)
    return statements


def _statements(
    vulnerability: Mapping[str, Any],
    names: tuple[str, ...],
    document: Mapping[str, Any],
    source: str,
    products: Mapping[str, _Product],
    groups: Mapping[str, Sequence[str]],
) -> Iterator[Statement]:
    """Yield a statement for each combination of status, reason and image."""
    header = as_mapping(document.get("document"))
    tracking = as_mapping(header.get("tracking"))
    draft = "is in a draft" if tracking.get("status") == "draft" else None
    product_status = as_mapping(vulnerability.get("product_status"))
    reasons = dict(_reasons(vulnerability, groups))
    for status in (*_EXEMPTING, *_OVERRULING):
        exempts = status in _EXEMPTING
        # A statement on an image alone is about every package in it.
        packages: dict[tuple[str | None, tuple[PurlPattern, ...], bool], list[PurlPattern]] = {}
        problems: dict[str | None, str] = {}
        for product_id in _texts(product_status.get(status)):
            reason = reasons.get(product_id)
            try:
                product = products.get(product_id, _Product())
                images = tuple(exact_purl(text) for text in product.images)
                purls = [exact_purl(text) for text in product.purls]
                if not purls and not images:
                    raise ValueError("names a product that is no package (it has no purl)")
                packages.setdefault((reason, images, bool(purls)), []).extend(purls)
            except ValueError as error:
                problems.setdefault(reason, str(error))
        for (reason, images, _), purls in packages.items():
            # An overruling statement with an unreadable product may be about any package.
            problem = None if exempts else problems.pop(reason, None)
            if status == "known_not_affected" and reason is None:
                problem = "says known_not_affected without a flag or an impact that says why"
            problems.pop(reason, None)
            yield Statement(
                source=source,
                names=names,
                exempts=exempts,
                status=status,
                purls=tuple(dict.fromkeys(purls)),
                images=images,
                moment=parse_time(tracking.get("current_release_date")),
                reason=reason,
                author=stripped_text(as_mapping(header.get("publisher")).get("name")),
                problem=problem or draft,
            )
        for reason, problem in problems.items():
            yield Statement(
                source=source,
                names=names,
                exempts=exempts,
                status=status,
                purls=(),
                moment=parse_time(tracking.get("current_release_date")),
                reason=reason,
                problem=problem,
            )


def _names(vulnerability: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the CVE, and the ids in other databases."""
    more = (stripped_text(value_at(item, "text")) for item in as_list(vulnerability.get("ids")))
    return tuple(dict.fromkeys(filter(None, (stripped_text(vulnerability.get("cve")), *more))))


def _reasons(
    vulnerability: Mapping[str, Any], groups: Mapping[str, Sequence[str]]
) -> Iterator[tuple[str, str]]:
    """Yield each product's id, and why it is not affected: its flags and its impact."""
    by_product: dict[str, list[str]] = {}
    for key, field in (("flags", "label"), ("threats", "details")):
        for item in objects_in(vulnerability.get(key)):
            reason = stripped_text(item.get(field))
            if reason is None or (key == "threats" and item.get("category") != "impact"):
                continue
            named = [*_texts(item.get("product_ids"))]
            named += [p for g in _texts(item.get("group_ids")) for p in groups.get(g, ())]
            for product in dict.fromkeys(named):
                by_product.setdefault(product, []).append(reason)
    for product, reasons in by_product.items():
        yield product, ": ".join(reasons)


def _products(tree: Mapping[str, Any]) -> dict[str, _Product]:
    """Return the products of the tree by id; a product installed on an image has that image."""
    products: dict[str, _Product] = {}
    pending: list[tuple[Any, int]] = [(tree.get("branches"), 0)]
    for product in objects_in(tree.get("full_product_names")):
        _add_product(products, product)
    while pending:
        branches, depth = pending.pop()
        for branch in objects_in(branches) if depth < _MAX_DEPTH else ():
            _add_product(products, as_mapping(branch.get("product")))
            pending.append((branch.get("branches"), depth + 1))
    for relationship in objects_in(tree.get("relationships")):
        combined_product = as_mapping(relationship.get("full_product_name"))
        _add_product(products, combined_product)
        key = stripped_text(combined_product.get("product_id"))
        if key is None:
            continue
        combined = products.get(key, _Product())
        component = products.get(
            stripped_text(relationship.get("product_reference")) or "", _Product()
        )
        platform = products.get(
            stripped_text(relationship.get("relates_to_product_reference")) or "", _Product()
        )
        products[key] = _Product(
            purls=combined.purls or component.purls,
            images=combined.images or component.images or platform.images,
        )
    return products


def _add_product(products: dict[str, _Product], product: Mapping[str, Any]) -> None:
    key = stripped_text(product.get("product_id"))
    if key is None:
        return
    helper = as_mapping(product.get("product_identification_helper"))
    # One purl in CSAF 2.0, a list of them in 2.1.
    purls = [*_texts([helper.get("purl")]), *_texts(helper.get("purls"))]
    images = tuple(purl for purl in purls if purl.startswith("pkg:oci/"))
    products[key] = _Product(
        purls=tuple(purl for purl in purls if purl not in images), images=images
    )


def _product_groups(tree: Mapping[str, Any]) -> dict[str, Sequence[str]]:
    product_groups: dict[str, Sequence[str]] = {}
    for group in objects_in(tree.get("product_groups")):
        key = stripped_text(group.get("group_id"))
        if key is not None:
            product_groups[key] = list(_texts(group.get("product_ids")))
    return product_groups


def _texts(value: Any) -> Iterator[str]:
    return (text for item in as_list(value) if (text := stripped_text(item)) is not None)
