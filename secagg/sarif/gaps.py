"""What a run says it did not do: failed invocations and error notifications (3.20)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from secagg.parsing import Gap
from secagg.sarif.text import first_sentence, message_text

_EMPTY: Mapping[str, Any] = {}


def of_run(
    frame: Mapping[str, Any],
    run: Mapping[str, Any],
    index: int,
    mask: Callable[[str], str] | None = None,
) -> Iterator[Gap]:
    """Yield the gaps of a run: ``frame`` is the run without results, masked.

    ``mask`` masks the secrets in a message, which may be put together of parts that hold none.

    A failed invocation, an error notification (something was not analysed), and a run
    without a list of results (the tool did not look, 3.14.23) are fatal; warnings are not.
    """
    tool = _mapping(frame.get("tool"))
    driver = _mapping(tool.get("driver"))
    name = driver.get("name") or f"runs[{index}]"
    if run.get("results") is None:
        yield Gap(
            message=f"{name}: the run has no results, so nothing was looked for",
            fatal=True,
            whole=True,
        )
    invocations = frame.get("invocations")
    for invocation in invocations if isinstance(invocations, list) else ():
        if not isinstance(invocation, Mapping):
            continue
        if invocation.get("executionSuccessful") is False:
            yield Gap(
                message=f"{name}: the tool says that it failed{_why(invocation)}",
                fatal=True,
                # What we wrote ourselves failed for what its notifications name.
                whole=not (_is_ours(frame) and _has_errors(invocation)),
            )
        strings = _mapping(driver.get("globalMessageStrings"))
        for key in ("toolExecutionNotifications", "toolConfigurationNotifications"):
            notifications = invocation.get(key)
            for notification in notifications if isinstance(notifications, list) else ():
                if isinstance(notification, Mapping):
                    completed = invocation.get("executionSuccessful") is True
                    yield from _notified(notification, tool, strings, str(name), completed, mask)


def _notified(
    notification: Mapping[str, Any],
    tool: Mapping[str, Any],
    shared: Mapping[str, Any],
    name: str,
    completed: bool,
    mask: Callable[[str], str] | None,
) -> Iterator[Gap]:
    level = notification.get("level", "warning")
    if level not in ("error", "warning"):
        return
    strings = _mapping(_descriptor(notification, tool).get("messageStrings"))
    text = message_text(notification.get("message"), strings, shared, mask)
    if mask is not None:
        text = mask(text)
    if not text:
        text = str(_mapping(notification.get("descriptor")).get("id") or "an unnamed notification")
    files = tuple(_places(notification))
    where = ", ".join(files)
    text = first_sentence(text, longest=300)
    message = f"{name}: {text} ({where})" if where else f"{name}: {text}"
    yield Gap(message=message, fatal=level == "error", files=files if completed else ())


def _is_ours(frame: Mapping[str, Any]) -> bool:
    return isinstance(_mapping(frame.get("properties")).get("secagg"), Mapping)


def _has_errors(invocation: Mapping[str, Any]) -> bool:
    listed = invocation.get("toolExecutionNotifications")
    return isinstance(listed, list) and any(_mapping(n).get("level") == "error" for n in listed)


def _descriptor(notification: Mapping[str, Any], tool: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = _mapping(notification.get("descriptor"))
    component: Any = tool.get("driver")
    extensions = tool.get("extensions")
    extension = _mapping(reference.get("toolComponent")).get("index")
    extensions = extensions if isinstance(extensions, list) else []
    if isinstance(extension, int) and 0 <= extension < len(extensions):
        component = extensions[extension]
    listed = _mapping(component).get("notifications")
    index = reference.get("index")
    if isinstance(listed, list):
        if isinstance(index, int) and 0 <= index < len(listed):
            return _mapping(listed[index])
        for descriptor in listed:
            if isinstance(descriptor, Mapping) and descriptor.get("id") == reference.get("id"):
                return descriptor
    return _EMPTY


def _places(notification: Mapping[str, Any]) -> Iterator[str]:
    locations = notification.get("locations")
    for location in locations if isinstance(locations, list) else ():
        physical = _mapping(_mapping(location).get("physicalLocation"))
        uri = _mapping(physical.get("artifactLocation")).get("uri")
        if isinstance(uri, str):
            yield uri


def _why(invocation: Mapping[str, Any]) -> str:
    for key in ("exitCodeDescription", "processStartFailureMessage", "exitSignalName"):
        if isinstance(invocation.get(key), str) and invocation[key]:
            return f": {first_sentence(invocation[key])}"
    code = invocation.get("exitCode")
    return f" with exit code {code}" if isinstance(code, int) else ""


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else _EMPTY
