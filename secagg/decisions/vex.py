"""VEX statements as exceptions, and the reader of OpenVEX documents.

A statement that a product is not affected counts until a later one says that it is. If their order
in time is not known, the one that keeps the finding counts.

In OpenVEX ``not_affected`` and ``fixed`` make exceptions; ``affected``, ``under_investigation``
and any unknown word overrule them.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from secagg.decisions.entry import ScopedException, shortened
from secagg.decisions.scope import Scope
from secagg.errors import ConfigError
from secagg.jsonio.members import stripped_text
from secagg.model.problem import State
from secagg.packages.purl import PurlPattern, exact_purl, is_purl
from secagg.policy.decision import DecisionSource, PolicyException
from secagg.policy.selectors import normal_id
from secagg.system.dates import Ceiling, parse_time


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement on the vulnerability ``names`` (aliases); ``exempts`` if it makes an exception.

    ``purls`` are the packages that it is about, ``images`` the container images (``pkg:oci``) that
    contain them; with images alone it is about everything in them. ``moment`` is when it was made
    (UTC). ``problem`` says why it cannot be honoured.
    """

    source: str
    names: tuple[str, ...]
    exempts: bool
    status: str
    purls: tuple[PurlPattern, ...]
    images: tuple[PurlPattern, ...] = ()
    moment: datetime.datetime | None = None
    reason: str | None = None
    author: str | None = None
    problem: str | None = None


def vex_exceptions(statements: Sequence[Statement], ceiling: Ceiling) -> list[ScopedException]:
    """Make the exceptions of the ``statements`` of all documents, in their order."""
    overruling: dict[str, list[Statement]] = {}
    for statement in statements:
        if not statement.exempts:
            for name in statement.names:
                overruling.setdefault(normal_id(name), []).append(statement)
    return [_entry(statement, overruling, ceiling) for statement in statements if statement.exempts]


def _entry(
    statement: Statement, overruling: dict[str, list[Statement]], ceiling: Ceiling
) -> ScopedException:
    names = tuple(dict.fromkeys(normal_id(name) for name in statement.names))
    problem = statement.problem
    excluded_purls: dict[PurlPattern, None] = {}
    for other in (other for name in names for other in overruling.get(name, ())):
        if not _is_later(other, statement):
            continue
        if other.problem is not None or not other.purls:
            problem = problem or f"{other.source} says otherwise ({other.status})"
        excluded_purls |= dict.fromkeys(other.purls)
    if not statement.purls and not statement.images:
        problem = problem or "names no package by its purl"
    created = statement.moment.date() if statement.moment is not None else None
    packages = " or ".join(purl.text for purl in statement.purls or statement.images)
    exception = PolicyException(
        origin=DecisionSource.VEX,
        state=State.FALSE_POSITIVE,
        source=statement.source,
        target=shortened(f"{' or '.join(names)} in {packages or 'no package'}") or "",
        reason=shortened(statement.reason) or statement.status,
        owner=shortened(statement.author),
        created=created,
        refusal=problem or ceiling.foreign_refusal(created, None),
    )
    if not (statement.purls or statement.images) or not names:
        return ScopedException(exception, None)
    scope = Scope(
        advisories=(names,),
        purls=statement.purls,
        images=statement.images,
        excluded_purls=tuple(excluded_purls),
    )
    # If every package is excluded, it covers nothing and is shown as unused.
    return ScopedException(exception, scope)


def _is_later(other: Statement, statement: Statement) -> bool:
    if other.moment is None or statement.moment is None:
        return True
    return other.moment >= statement.moment


_EXEMPTING = frozenset({"not_affected", "fixed"})


def is_openvex(document: Any) -> bool:
    """Tell whether ``document`` has OpenVEX's context."""
    if not isinstance(document, dict):
        return False
    context = document.get("@context")
    contexts = context if isinstance(context, list) else [context]
    return any(
        isinstance(each, str) and each.startswith("https://openvex.dev/ns") for each in contexts
    )


def read_openvex(document: Mapping[str, Any], name: str) -> list[Statement]:
    """Return the statements of ``document``, the file ``name``.

    Raises :class:`ConfigError` if it has no list of statements, or one is no statement.
    """
    statements = document.get("statements")
    if not isinstance(statements, list):
        raise ConfigError("an OpenVEX document has a list of statements", where=name)
    return [
        statement
        for number, value in enumerate(statements, start=1)
        for statement in _statements(value, document, f"{name}: statement {number}")
    ]


def _statements(value: Any, document: Mapping[str, Any], source: str) -> Iterator[Statement]:
    """Yield a statement for each image among the products, and one for all other products."""
    if not isinstance(value, dict):
        raise ConfigError("a statement is an object", where=source)
    names = _names(value.get("vulnerability"))
    if not names:
        raise ConfigError("a statement names a vulnerability", where=source)
    status = value.get("status")
    if not isinstance(status, str):
        raise ConfigError("a statement has a status", where=source)
    exempts = status in _EXEMPTING
    reasons = [value.get(key) for key in ("justification", "impact_statement", "status_notes")]
    make_statement = partial(
        Statement,
        source=source,
        names=names,
        exempts=exempts,
        status=status,
        moment=_moment(value, document),
        reason=": ".join(filter(None, map(stripped_text, reasons))),
        author=stripped_text(value.get("supplier")) or stripped_text(document.get("author")),
    )
    unjustified = None
    if status == "not_affected" and not any(stripped_text(reason) for reason in reasons[:2]):
        unjustified = "says not_affected without a justification or impact_statement"
    products = value.get("products")
    products = products if isinstance(products, list) else []
    packages = []
    for product in products:
        image = _image(product)
        if image is None:
            packages.append(product)
            continue
        subcomponents = product.get("subcomponents") if isinstance(product, dict) else None
        purls, problem = _purls(subcomponents, skip_unreadable=exempts)
        yield make_statement(purls=purls, images=(image,), problem=problem or unjustified)
    if packages or not products:
        purls, problem = _purls(packages, skip_unreadable=exempts)
        yield make_statement(purls=purls, problem=problem or unjustified)


def _image(product: Any) -> PurlPattern | None:
    """Return the purl of a product that is a container image (type oci); else None."""
    text = _purl(product)
    if text is None:
        return None
    try:
        purl = exact_purl(text)
    except ValueError:
        return None
    return purl if purl.kind == "oci" else None


def _names(vulnerability: Any) -> tuple[str, ...]:
    """Return name and aliases, each once."""
    if isinstance(vulnerability, str):
        return (vulnerability,) if vulnerability.strip() else ()
    if not isinstance(vulnerability, dict):
        return ()
    name = stripped_text(vulnerability.get("name"))
    if name is None:
        return ()
    aliases = vulnerability.get("aliases")
    others = filter(None, map(stripped_text, aliases)) if isinstance(aliases, list) else ()
    return tuple(dict.fromkeys((name, *others)))


def _purls(products: Any, *, skip_unreadable: bool) -> tuple[tuple[PurlPattern, ...], str | None]:
    """Return the packages of ``products``, and a problem: subcomponents, or the product itself.

    With ``skip_unreadable`` (for exceptions) unreadable purls are left out while others remain.
    Without it they are a problem: an overruling statement may then be about any package.
    """
    patterns: dict[PurlPattern, None] = {}
    problem = None
    for product in products if isinstance(products, list) else ():
        subcomponents = product.get("subcomponents") if isinstance(product, dict) else None
        for component in (
            subcomponents if isinstance(subcomponents, list) and subcomponents else [product]
        ):
            try:
                text = _purl(component)
                if text is not None:
                    patterns.setdefault(exact_purl(text))
                    continue
                problem = problem or "names a product that is no package (it has no purl)"
            except ValueError as error:
                problem = problem or f"has a purl that cannot be read: {error}"
    if skip_unreadable and patterns:
        problem = None
    return tuple(patterns), problem


def _purl(component: Any) -> str | None:
    if isinstance(component, str):
        return component if is_purl(component) else None
    if not isinstance(component, dict):
        return None
    identifiers = component.get("identifiers")
    purl = stripped_text(identifiers.get("purl")) if isinstance(identifiers, dict) else None
    if purl is not None:
        return purl
    identifier = stripped_text(component.get("@id"))
    return identifier if identifier is not None and is_purl(identifier) else None


def _moment(value: Mapping[str, Any], document: Mapping[str, Any]) -> Any:
    # A document's last_updated does not say when this statement was changed.
    for time in (value.get("last_updated"), value.get("timestamp"), document.get("timestamp")):
        if time is not None:
            return parse_time(time)
    return None
