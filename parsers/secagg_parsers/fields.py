"""Typed readers for the fields of a report's entries, and the masking of their texts.

A field that is missing, null or empty is None (or an empty tuple). A field that identifies or
locates an entry raises :class:`OddEntry` for a wrong type; the parsers catch it for each entry:
the entry becomes a problem and the others stay. Optional details are read by the readers that
begin with ``any_``: they treat a wrong type as missing, for a finding with an odd reference is
still a finding. The messages name fields and types, never values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from secagg.jsonio.reading import Entries, encoded, is_list
from secagg.jsonio.value import encode
from secagg.model.finding import Finding, Kind, Location, Rule, SecretSighting, Severity
from secagg.parsing import EntryProblem, ParsedReport
from secagg.secrets.redactor import Redactor

Entry = Mapping[str, Any]

_TYPES = {
    dict: "an object",
    list: "a list",
    str: "text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    type(None): "null",
}


class OddEntry(Exception):
    """One entry of a report does not have the shape that its tool writes."""


def json_type(value: object) -> str:
    """Return the name of a value's JSON type, for messages."""
    return _TYPES.get(type(value), "something else")


def text(entry: Entry, key: str) -> str | None:
    value = entry.get(key)
    if value is None or value == "":
        return None
    if type(value) is str:
        return value
    raise OddEntry(f"{key} is {json_type(value)}, not text")


def required_text(entry: Entry, key: str) -> str:
    """Return the text of a field without which the entry means nothing."""
    value = text(entry, key)
    if value is None:
        raise OddEntry(f"{key} is missing")
    return value


def texts(entry: Entry, key: str) -> tuple[str, ...]:
    value = entry.get(key)
    if not value and (value is None or type(value) is list):
        return ()
    if type(value) is not list:
        raise OddEntry(f"{key} is {json_type(value)}, not a list")
    for item in value:
        if type(item) is not str:
            raise OddEntry(f"{key} holds {json_type(item)}, not text")
    return tuple(value)


def integer(entry: Entry, key: str) -> int | None:
    """Return a whole number (a float without a fraction is one)."""
    value = entry.get(key)
    if value is None or type(value) is int:
        return value
    if type(value) is float and value.is_integer():
        return int(value)
    raise OddEntry(f"{key} is {json_type(value)}, not a whole number")


def position(entry: Entry, key: str) -> int | None:
    """Return a line or column, from 1; None if it is below 1."""
    value = integer(entry, key)
    return value if value is not None and value > 0 else None


def number(entry: Entry, key: str) -> float | None:
    value = entry.get(key)
    if value is None:
        return None
    if type(value) is float or type(value) is int:
        return float(value)
    raise OddEntry(f"{key} is {json_type(value)}, not a number")


def flag(entry: Entry, key: str) -> bool | None:
    value = entry.get(key)
    if value is None or type(value) is bool:
        return value
    raise OddEntry(f"{key} is {json_type(value)}, not true or false")


def mapping(entry: Entry, key: str) -> Entry:
    value = entry.get(key)
    if value is None:
        return {}
    if type(value) is dict:
        return value
    raise OddEntry(f"{key} is {json_type(value)}, not an object")


def listed(entry: Entry, key: str) -> Sequence[Any]:
    """Return a list of anything; empty if it is missing."""
    value: Any = entry.get(key)
    if value is None:
        return []
    if is_list(value):
        items: Sequence[Any] = value
        return items
    raise OddEntry(f"{key} is {json_type(value)}, not a list")


def any_text(entry: Entry, key: str) -> str | None:
    value = entry.get(key)
    return value if type(value) is str and value else None


def any_texts(entry: Entry, key: str) -> tuple[str, ...]:
    """Return the texts in a list, without its other items."""
    value = entry.get(key)
    if type(value) is not list:
        return ()
    return tuple([item for item in value if type(item) is str and item])


def any_mapping(entry: Entry, key: str) -> Entry:
    value = entry.get(key)
    return value if type(value) is dict else {}


def any_objects(entry: Entry, key: str) -> list[Entry]:
    """Return the objects in a list, without its other items."""
    value = entry.get(key)
    return [item for item in value if type(item) is dict] if type(value) is list else []


def any_number(entry: Entry, key: str) -> float | None:
    value = entry.get(key)
    return float(value) if type(value) is float or type(value) is int else None


def as_object(value: object) -> Entry:
    if type(value) is dict:
        return value
    raise OddEntry(f"the entry is {json_type(value)}, not an object")


def add_problem(out: ParsedReport, where: str, error: object) -> None:
    """Count one entry as reported and as a problem."""
    out.reported += 1
    out.problems.append(EntryProblem(message=str(error), where=where))


def objects(
    out: ParsedReport, entry: Entry, key: str, where: str, redactor: Redactor | None = None
) -> Iterator[tuple[str, Entry]]:
    """Yield the objects of a list, each with its path; other items are counted as problems.

    With a ``redactor`` every text in them is masked.
    """
    path = f"{where}{key}"
    try:
        items = listed(entry, key)
    except OddEntry as error:
        add_problem(out, path, error)
        return
    pairs = ((item, b"") for item in items) if redactor is None else encoded(items)
    for index, (item, data) in enumerate(pairs):
        if type(item) is not dict:
            add_problem(out, f"{path}[{index}]", f"the entry is {json_type(item)}, not an object")
        elif redactor is None:
            yield f"{path}[{index}]", item
        else:
            yield f"{path}[{index}]", redactor.mask_entry(item, data)[0]


def with_redactor(
    items: Sequence[Any], redactor: Redactor, repeating: str
) -> Iterator[tuple[Any, Redactor | None]]:
    """Yield each of ``items`` with the redactor that its entries need, None if they need none.

    One search over an item with all its entries shows for most that nothing needs masking.
    Entries of the list ``repeating`` that have one ``id`` repeat texts: these are searched once.
    Where nothing but such an entry needs masking, it is masked already.
    """
    if not isinstance(items, Entries):
        # Such an item is small, or so large that its own entries are decoded one by one.
        yield from ((item, redactor) for item in items)
        return
    clean: dict[str, Entry] = {}
    for item, data in items.encoded():
        entries = item.get(repeating) if type(item) is dict else None
        if type(entries) is not list:
            yield item, None if redactor.is_clean(data) else redactor
            continue
        first: dict[str, Entry] = {}
        different = [_different(entry, clean, first) for entry in entries]
        if redactor.is_clean(encode({**item, repeating: different})):
            clean |= first
            yield item, None
        elif redactor.is_clean(encode({**item, repeating: []})):
            masked = [
                _masked(entry, part, clean, redactor)
                for entry, part in zip(entries, different, strict=True)
            ]
            yield {**item, repeating: masked}, None
        else:
            yield item, redactor


def _masked(entry: Any, part: Any, clean: dict[str, Entry], redactor: Redactor) -> Any:
    """Mask ``entry``, of which ``part`` is what it does not repeat; note in ``clean`` if it is."""
    name = _id_of(entry)
    if (part is entry or name in clean) and redactor.is_clean(encode(part)):
        if name is not None:
            clean.setdefault(name, entry)
        return entry
    return redactor.mask_entry(entry, encode(entry))[0]


def _id_of(entry: Any) -> str | None:
    name = entry.get("id") if type(entry) is dict else None
    return name if type(name) is str else None


def _different(entry: Any, clean: Mapping[str, Entry], first: dict[str, Entry]) -> Any:
    """Return the members of ``entry`` that the first entry with its ``id`` lacks or has otherwise.

    Such an entry of an item before is in ``clean``, of the same item in ``first``.
    """
    name = _id_of(entry)
    if name is None:
        return entry
    other = clean.get(name) or first.setdefault(name, entry)
    if other is entry:
        return entry
    return {key: value for key, value in entry.items() if other.get(key, _MISSING) != value}


_MISSING = object()


def objects_with_redactor(
    out: ParsedReport, entry: Entry, key: str, where: str, redactor: Redactor
) -> Iterator[tuple[str, Entry, Redactor | None]]:
    """Yield the objects of a list, each with its path and the redactor that its entries need."""
    path = f"{where}{key}"
    try:
        items = listed(entry, key)
    except OddEntry as error:
        add_problem(out, path, error)
        return
    for index, (item, entry_redactor) in enumerate(with_redactor(items, redactor, "")):
        if type(item) is dict:
            yield f"{path}[{index}]", item, entry_redactor
        else:
            add_problem(out, f"{path}[{index}]", f"the entry is {json_type(item)}, not an object")


def collect(
    out: ParsedReport, items: Iterable[Any], build: Callable[[Any], Finding], where: str
) -> None:
    """Count every item as reported, and keep its finding or the reason why there is none."""
    add_finding = out.findings.append
    for index, item in enumerate(items):
        out.reported += 1
        try:
            add_finding(build(item))
        except OddEntry as error:
            out.problems.append(EntryProblem(message=str(error), where=f"{where}[{index}]"))


REVOKE_SECRET = (
    "Revoke the secret where it was issued, then remove it from the code and its history."
)
_LONGEST_REASON = 300

# Texts that repeat do so soon: older entries of the cache would only take memory.
_MAX_CACHED = 16_384
_LONGEST_CACHED = 256


class Masker(dict[str, str]):
    """A cache of masked texts: ``masker[text]``. Register the report's secrets first."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._mask = redactor.mask

    def __missing__(self, text: str) -> str:
        masked = self._mask(text)
        if len(text) <= _LONGEST_CACHED:
            if len(self) >= _MAX_CACHED:
                self.clear()
            self[text] = masked
        return masked

    def optional(self, text: str | None) -> str | None:
        return None if text is None else self[text]


def reason(redactor: Redactor, text: str) -> str:
    """Return a tool's error message for quoting: masked, on one line, shortened."""
    line = " ".join(redactor.mask(text).split())
    return line if len(line) <= _LONGEST_REASON else line[: _LONGEST_REASON - 1] + "…"


def secret_finding(
    *,
    tool: str,
    rule_id: str,
    title: str,
    location: Location,
    value_id: str | None,
    detector: str | None = None,
    verified: bool | None = None,
    severity: Severity | None = None,
    description: str | None = None,
) -> Finding:
    """Make the finding of a secret; its default severity is high, or critical if it is verified.

    ``value_id`` comes from :func:`secagg.secrets.redactor.identify`. All texts must be masked.
    """
    where = f" in commit {location.commit[:12]}" if location.commit else ""
    return Finding(
        tool=tool,
        kind=Kind.SECRET,
        rule_id=rule_id,
        severity=severity or (Severity.CRITICAL if verified else Severity.HIGH),
        title=title,
        message=f"{title} in {location.uri or 'the repository'}{where}.",
        location=location,
        rule=Rule(
            id=rule_id,
            name=title,
            short_description=description or title,
            tags=("security", "secret"),
        ),
        cwes=("CWE-798",),
        secret=SecretSighting(
            id=value_id,
            detector=detector or rule_id,
            verified=verified,
            in_history=location.commit is not None,
        ),
        fix=REVOKE_SECRET,
    )
