"""CSAF 2.0 documents (``csaf_vex``): what ``product_status`` says of products with a purl.

``known_not_affected``, ``fixed`` and ``first_fixed`` make exceptions; ``known_affected``,
``first_affected``, ``last_affected`` and ``under_investigation`` speak against them; what is
``recommended`` says nothing of an installed version.

Source: OASIS CSAF 2.0, 3.2.2 (product tree), 3.2.3.9 (product status), 4.5 (profile VEX).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from secagg.decisions.vex import Statement, moment_of
from secagg.errors import ConfigError
from secagg.jsonio.members import as_list, as_mapping, objects_in, stripped_text, text_at, value_at
from secagg.packages.purl import PurlPattern, exact_purl

_SILENT = ("known_not_affected", "fixed", "first_fixed")
_AGAINST = ("known_affected", "first_affected", "last_affected", "under_investigation")
_DEEPEST = 100


@dataclass(frozen=True, slots=True)
class _Product:
    """A package and the container image that it is in; either may be missing."""

    purls: tuple[str, ...] = ()
    images: tuple[str, ...] = ()


def is_csaf(document: Any) -> bool:
    """True for a CSAF document of version 2."""
    return (text_at(document, "document", "csaf_version") or "").startswith("2.")


def read_csaf(document: Mapping[str, Any], name: str) -> list[Statement]:
    """Return the statements of ``document``, the file ``name``.

    Raises :class:`ConfigError` where its vulnerabilities are no list of objects with an id.
    """
    vulnerabilities = document.get("vulnerabilities", [])
    if not isinstance(vulnerabilities, list):
        raise ConfigError("its vulnerabilities are no list", where=name)
    tree = as_mapping(document.get("product_tree"))
    products, groups = _products(tree), _groups(tree)
    found: list[Statement] = []
    for number, value in enumerate(vulnerabilities, start=1):
        source = f"{name}: vulnerability {number}"
        if not isinstance(value, dict):
            raise ConfigError("a vulnerability is an object", where=source)
        names = _names(value)
        if not names:
            raise ConfigError("a vulnerability has a CVE or another id", where=source)
        found += _statements(value, names, document, source, products, groups)
    return found


def _statements(
    value: Mapping[str, Any],
    names: tuple[str, ...],
    document: Mapping[str, Any],
    source: str,
    products: Mapping[str, _Product],
    groups: Mapping[str, Sequence[str]],
) -> Iterator[Statement]:
    """One statement for each status of each reason and image."""
    about = as_mapping(document.get("document"))
    tracking = as_mapping(about.get("tracking"))
    draft = "is in a draft" if tracking.get("status") == "draft" else None
    listed = as_mapping(value.get("product_status"))
    reasons = dict(_reasons(value, groups))
    for status in (*_SILENT, *_AGAINST):
        silent = status in _SILENT
        # An image by itself is about all that is in it.
        together: dict[tuple[str | None, tuple[PurlPattern, ...], bool], list[PurlPattern]] = {}
        problems: dict[str | None, str] = {}
        for one in _texts(listed.get(status)):
            why = reasons.get(one)
            try:
                product = products.get(one, _Product())
                images = tuple(exact_purl(text) for text in product.images)
                purls = [exact_purl(text) for text in product.purls]
                if not purls and not images:
                    raise ValueError("names a product that is no package (it has no purl)")
                together.setdefault((why, images, bool(purls)), []).extend(purls)
            except ValueError as error:
                problems.setdefault(why, str(error))
        for (why, images, _), purls in together.items():
            # What speaks against exceptions and cannot be read may be about any package.
            problem = None if silent else problems.pop(why, None)
            if status == "known_not_affected" and why is None:
                problem = "says known_not_affected without a flag or an impact that says why"
            problems.pop(why, None)
            yield Statement(
                source=source,
                names=names,
                silent=silent,
                status=status,
                purls=tuple(dict.fromkeys(purls)),
                images=images,
                moment=_moment(tracking),
                reason=why,
                author=stripped_text(as_mapping(about.get("publisher")).get("name")),
                problem=problem or draft,
            )
        for why, problem in problems.items():
            yield Statement(
                source=source,
                names=names,
                silent=silent,
                status=status,
                purls=(),
                moment=_moment(tracking),
                reason=why,
                problem=problem,
            )


def _names(value: Mapping[str, Any]) -> tuple[str, ...]:
    """The CVE, and the ids of other systems."""
    more = (stripped_text(value_at(one, "text")) for one in as_list(value.get("ids")))
    return tuple(dict.fromkeys(filter(None, (stripped_text(value.get("cve")), *more))))


def _reasons(
    value: Mapping[str, Any], groups: Mapping[str, Sequence[str]]
) -> Iterator[tuple[str, str]]:
    """By product, why it is not affected: the flag, and the impact in words."""
    said: dict[str, list[str]] = {}
    for key, text in (("flags", "label"), ("threats", "details")):
        for one in objects_in(value.get(key)):
            words = stripped_text(one.get(text))
            if words is None or (key == "threats" and one.get("category") != "impact"):
                continue
            named = [*_texts(one.get("product_ids"))]
            named += [p for g in _texts(one.get("group_ids")) for p in groups.get(g, ())]
            for product in dict.fromkeys(named):
                said.setdefault(product, []).append(words)
    for product, words_of in said.items():
        yield product, ": ".join(words_of)


def _products(tree: Mapping[str, Any]) -> dict[str, _Product]:
    """Every product of the tree by its id; what is installed on another has that one's image."""
    found: dict[str, _Product] = {}
    waiting: list[tuple[Any, int]] = [(tree.get("branches"), 0)]
    for product in objects_in(tree.get("full_product_names")):
        _take(found, product)
    while waiting:
        branches, depth = waiting.pop()
        for branch in objects_in(branches) if depth < _DEEPEST else ():
            _take(found, as_mapping(branch.get("product")))
            waiting.append((branch.get("branches"), depth + 1))
    for one in objects_in(tree.get("relationships")):
        whole = as_mapping(one.get("full_product_name"))
        _take(found, whole)
        key = stripped_text(whole.get("product_id"))
        if key is None:
            continue
        own = found.get(key, _Product())
        part = found.get(stripped_text(one.get("product_reference")) or "", _Product())
        other = found.get(stripped_text(one.get("relates_to_product_reference")) or "", _Product())
        found[key] = _Product(
            purls=own.purls or part.purls, images=own.images or part.images or other.images
        )
    return found


def _take(found: dict[str, _Product], product: Mapping[str, Any]) -> None:
    key = stripped_text(product.get("product_id"))
    if key is None:
        return
    helper = as_mapping(product.get("product_identification_helper"))
    # One purl in CSAF 2.0, a list of them in 2.1.
    purls = [*_texts([helper.get("purl")]), *_texts(helper.get("purls"))]
    images = tuple(purl for purl in purls if purl.startswith("pkg:oci/"))
    found[key] = _Product(purls=tuple(purl for purl in purls if purl not in images), images=images)


def _groups(tree: Mapping[str, Any]) -> dict[str, Sequence[str]]:
    found: dict[str, Sequence[str]] = {}
    for group in objects_in(tree.get("product_groups")):
        key = stripped_text(group.get("group_id"))
        if key is not None:
            found[key] = list(_texts(group.get("product_ids")))
    return found


def _moment(tracking: Mapping[str, Any]) -> Any:
    return moment_of(tracking.get("current_release_date"))


def _texts(value: Any) -> Iterator[str]:
    return (text for item in as_list(value) if (text := stripped_text(item)) is not None)
