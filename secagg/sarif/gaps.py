"""The gaps of a SARIF run: failed invocations and notifications (SARIF 2.1.0, 3.20)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from secagg.jsonio.members import as_list, as_mapping, mapping_at, objects_in, text_at, value_at
from secagg.parsing import Gap
from secagg.sarif.text import first_sentence, message_text

# Members of an invocation that only a process has which was killed or did not start.
_ENDED_BADLY = ("exitSignalName", "exitSignalNumber", "processStartFailureMessage")


def of_run(
    frame: Mapping[str, Any],
    run: Mapping[str, Any],
    index: int,
    mask: Callable[[str], str] | None = None,
) -> Iterator[Gap]:
    """Yield the gaps of ``run``; ``frame`` is the run without results, masked.

    A failed invocation, an error notification (something was not analysed), and a run
    without a list of results (the tool did not look, 3.14.23) are fatal; warnings are not.
    ``mask`` masks the secrets in a message: one may appear only when its parts are joined.
    """
    tool = as_mapping(frame.get("tool"))
    driver = as_mapping(tool.get("driver"))
    name = driver.get("name") or f"runs[{index}]"
    if run.get("results") is None:
        yield Gap(
            message=f"{name}: the run has no results, so nothing was looked for",
            fatal=True,
            whole=True,
        )
    for invocation in objects_in(frame.get("invocations")):
        if _failed(invocation, run.get("results")):
            yield Gap(
                message=f"{name}: the tool says that it failed{_reason(invocation)}",
                fatal=True,
                # In a run that secagg wrote, the notifications name all that failed.
                whole=not (_is_ours(frame) and _has_errors(invocation)),
            )
        strings = as_mapping(driver.get("globalMessageStrings"))
        completed = invocation.get("executionSuccessful") is True
        for key in ("toolExecutionNotifications", "toolConfigurationNotifications"):
            for notification in objects_in(invocation.get(key)):
                yield from _gaps_of(notification, tool, strings, str(name), completed, mask)


def _failed(invocation: Mapping[str, Any], results: Any) -> bool:
    """Whether an invocation did not come to its end, by any of its members (3.20).

    Many tools exit with another code than 0 if they find something, so such a code alone is no
    failure of a run with results.
    """
    successful = invocation.get("executionSuccessful")
    if successful not in (None, True):
        return True
    if any(invocation.get(key) for key in _ENDED_BADLY):
        return True
    return successful is None and bool(invocation.get("exitCode")) and not results


def _gaps_of(
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
    strings = as_mapping(_descriptor(notification, tool).get("messageStrings"))
    text = message_text(notification.get("message"), strings, shared, mask)
    if mask is not None:
        text = mask(text)
    if not text:
        text = str(value_at(notification, "descriptor", "id") or "an unnamed notification")
    files = tuple(_files_of(notification))
    where = ", ".join(files)
    text = first_sentence(text, longest=300)
    message = f"{name}: {text} ({where})" if where else f"{name}: {text}"
    yield Gap(message=message, fatal=level == "error", files=files if completed else ())


def _is_ours(frame: Mapping[str, Any]) -> bool:
    return isinstance(value_at(frame, "properties", "secagg"), Mapping)


def _has_errors(invocation: Mapping[str, Any]) -> bool:
    notifications = objects_in(invocation.get("toolExecutionNotifications"))
    return any(notification.get("level") == "error" for notification in notifications)


def _descriptor(notification: Mapping[str, Any], tool: Mapping[str, Any]) -> Mapping[str, Any]:
    """Find the descriptor of a notification (3.52.4); an empty object where there is none."""
    reference = mapping_at(notification, "descriptor")
    component: Any = tool.get("driver")
    extensions = as_list(tool.get("extensions"))
    extension = value_at(reference, "toolComponent", "index")
    if isinstance(extension, int) and 0 <= extension < len(extensions):
        component = extensions[extension]
    descriptors = as_list(as_mapping(component).get("notifications"))
    index = reference.get("index")
    if isinstance(index, int) and 0 <= index < len(descriptors):
        return as_mapping(descriptors[index])
    named = (d for d in objects_in(descriptors) if d.get("id") == reference.get("id"))
    return next(named, {})


def _files_of(notification: Mapping[str, Any]) -> Iterator[str]:
    for location in as_list(notification.get("locations")):
        uri = value_at(location, "physicalLocation", "artifactLocation", "uri")
        if isinstance(uri, str):
            yield uri


def _reason(invocation: Mapping[str, Any]) -> str:
    for key in ("exitCodeDescription", "processStartFailureMessage", "exitSignalName"):
        if reason := text_at(invocation, key):
            return f": {first_sentence(reason)}"
    code = invocation.get("exitCode")
    return f" with exit code {code}" if isinstance(code, int) else ""
