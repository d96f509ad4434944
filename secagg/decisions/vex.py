"""VEX: which statements hold for a package, and OpenVEX documents.

A statement that a product is not affected holds until a later one says that it is. Where two
cannot be told apart in time, the one that keeps the finding counts.

``not_affected`` and ``fixed`` make exceptions; ``affected``, ``under_investigation`` and any
word that is not known speak against them.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from secagg.decisions.entry import ScopedException, shortened
from secagg.decisions.scope import Scope, plain
from secagg.errors import ConfigError
from secagg.jsonio.members import stripped_text
from secagg.model.problem import State
from secagg.packages.purl import PurlPattern, exact_purl
from secagg.policy.decision import DecisionSource, PolicyException
from secagg.system.dates import Ceiling


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement: ``silent`` if it says that the vulnerability ``names`` does not count.

    ``purls`` are the packages that it is about, ``images`` the container images (``pkg:oci``) in
    which; with images alone it is about all that is in them. ``moment`` is when it was made.
    ``problem`` is a sentence where it cannot be honoured.
    """

    source: str
    names: tuple[str, ...]
    silent: bool
    status: str
    purls: tuple[PurlPattern, ...]
    images: tuple[PurlPattern, ...] = ()
    moment: datetime.datetime | None = None
    reason: str | None = None
    author: str | None = None
    problem: str | None = None


def entries_of(statements: Sequence[Statement], ceiling: Ceiling) -> list[ScopedException]:
    """Return the exceptions that ``statements`` (of all documents, in their order) come to."""
    against: dict[str, list[Statement]] = {}
    for statement in statements:
        if not statement.silent:
            for name in statement.names:
                against.setdefault(plain(name), []).append(statement)
    return [_entry(s, against, ceiling) for s in statements if s.silent]


def _entry(
    statement: Statement, against: dict[str, list[Statement]], ceiling: Ceiling
) -> ScopedException:
    names = tuple(dict.fromkeys(plain(name) for name in statement.names))
    problem = statement.problem
    not_purls: dict[PurlPattern, None] = {}
    for other in (o for name in names for o in against.get(name, ())):
        if not _is_later(other, statement):
            continue
        if other.problem is not None or not other.purls:
            problem = problem or f"{other.source} says otherwise ({other.status})"
        not_purls |= dict.fromkeys(other.purls)
    if not statement.purls and not statement.images:
        problem = problem or "names no package by its purl"
    created = statement.moment.date() if statement.moment is not None else None
    where = " or ".join(purl.text for purl in statement.purls or statement.images)
    exception = PolicyException(
        origin=DecisionSource.VEX,
        state=State.FALSE_POSITIVE,
        source=statement.source,
        target=shortened(f"{' or '.join(names)} in {where or 'no package'}") or "",
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
        not_purls=tuple(not_purls),
    )
    # Where all that it covers is taken back, nothing is covered and it is shown as unused.
    return ScopedException(exception, scope)


def _is_later(other: Statement, statement: Statement) -> bool:
    if other.moment is None or statement.moment is None:
        return True
    return other.moment >= statement.moment


def moment_of(text: object) -> datetime.datetime | None:
    """Return a time of a VEX document, in UTC; None where it says none."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.datetime.fromisoformat(text.strip())
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=datetime.UTC)
        return moment.astimezone(datetime.UTC)
    except (ValueError, OverflowError):
        return None


_SILENT = frozenset({"not_affected", "fixed"})


def is_openvex(document: Any) -> bool:
    """True for a document with OpenVEX's context."""
    if not isinstance(document, dict):
        return False
    context = document.get("@context")
    contexts = context if isinstance(context, list) else [context]
    return any(isinstance(c, str) and c.startswith("https://openvex.dev/ns") for c in contexts)


def read_openvex(document: Mapping[str, Any], name: str) -> list[Statement]:
    """Return the statements of ``document``, the file ``name``.

    Raises :class:`ConfigError` where it has no list of statements, or one is no statement.
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
    """One statement for each image among the products, and one for all other products."""
    if not isinstance(value, dict):
        raise ConfigError("a statement is an object", where=source)
    names = _names(value.get("vulnerability"))
    if not names:
        raise ConfigError("a statement names a vulnerability", where=source)
    status = value.get("status")
    if not isinstance(status, str):
        raise ConfigError("a statement has a status", where=source)
    silent = status in _SILENT
    reasons = [value.get(key) for key in ("justification", "impact_statement", "status_notes")]
    made = partial(
        Statement,
        source=source,
        names=names,
        silent=silent,
        status=status,
        moment=_moment(value, document),
        reason=": ".join(filter(None, map(stripped_text, reasons))),
        author=stripped_text(value.get("supplier")) or stripped_text(document.get("author")),
    )
    unjustified = None
    if status == "not_affected" and not any(stripped_text(r) for r in reasons[:2]):
        unjustified = "says not_affected without a justification or impact_statement"
    products = value.get("products")
    products = products if isinstance(products, list) else []
    others = []
    for product in products:
        image = _image(product)
        if image is None:
            others.append(product)
            continue
        within = product.get("subcomponents") if isinstance(product, dict) else None
        purls, problem = _purls(within, every=silent)
        yield made(purls=purls, images=(image,), problem=problem or unjustified)
    if others or not products:
        purls, problem = _purls(others, every=silent)
        yield made(purls=purls, problem=problem or unjustified)


def _image(product: Any) -> PurlPattern | None:
    """The container image that a product is, by a purl of the type oci."""
    text = _purl(product)
    if text is None or not text.startswith("pkg:oci/"):
        return None
    try:
        return exact_purl(text)
    except ValueError:
        return None


def _names(vulnerability: Any) -> tuple[str, ...]:
    """Name and aliases, each once."""
    if isinstance(vulnerability, str):
        return (vulnerability,) if vulnerability.strip() else ()
    if not isinstance(vulnerability, dict):
        return ()
    name = stripped_text(vulnerability.get("name"))
    if name is None:
        return ()
    aliases = vulnerability.get("aliases")
    more = filter(None, map(stripped_text, aliases)) if isinstance(aliases, list) else ()
    return tuple(dict.fromkeys((name, *more)))


def _purls(products: Any, *, every: bool) -> tuple[tuple[PurlPattern, ...], str | None]:
    """The packages: a product's subcomponents where it has any, else the product itself.

    Where a purl cannot be read, ``every`` decides: an exception loses that one, and a statement
    that speaks against exceptions is then taken to be about any package.
    """
    patterns: dict[PurlPattern, None] = {}
    problem = None
    for product in products if isinstance(products, list) else ():
        within = product.get("subcomponents") if isinstance(product, dict) else None
        for component in within if isinstance(within, list) and within else [product]:
            try:
                text = _purl(component)
                if text is not None:
                    patterns.setdefault(exact_purl(text))
                    continue
                problem = problem or "names a product that is no package (it has no purl)"
            except ValueError as error:
                problem = problem or f"has a purl that cannot be read: {error}"
    if every and patterns:
        problem = None
    return tuple(patterns), problem


def _purl(component: Any) -> str | None:
    if isinstance(component, str):
        return component if component.startswith("pkg:") else None
    if not isinstance(component, dict):
        return None
    identifiers = component.get("identifiers")
    given = stripped_text(identifiers.get("purl")) if isinstance(identifiers, dict) else None
    if given is not None:
        return given
    own = stripped_text(component.get("@id"))
    return own if own is not None and own.startswith("pkg:") else None


def _moment(value: Mapping[str, Any], document: Mapping[str, Any]) -> Any:
    # A document's last_updated says nothing of a statement that was not touched.
    for time in (value.get("last_updated"), value.get("timestamp"), document.get("timestamp")):
        if time is not None:
            return moment_of(time)
    return None
