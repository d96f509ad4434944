"""Which Kubernetes workload a check speaks of, where it names one in its message only."""

from __future__ import annotations

import re

# Trivy writes the container and the workload into the message of its checks for Kubernetes,
# in forms that differ by the age of the check (trivy-checks, ``checks/kubernetes``), and gives
# no resource beside them.
_CONTAINER = re.compile(
    r"\bcontainer ['\"](?P<container>[^'\"\s]+)['\"] of "
    r"['\"]?(?P<kind>[a-z]+)['\"]? ['\"](?P<name>[^'\"\s]+)['\"]",
    re.IGNORECASE,
)
_WORKLOAD = re.compile(
    r"(?:^|: )['\"]?(?P<kind>cronjob|daemonset|deployment|job|pod|replicaset|"
    r"replicationcontroller|service|statefulset)['\"]? ['\"]?(?P<name>[\w.-]+)['\"]?"
    r"(?: in ['\"]?[\w-]+['\"]? namespace)? should\b",
    re.IGNORECASE,
)
# KubeLinter writes the container, and the object on the next line
# (golangci.stackrox.io/kube-linter, ``pkg/command/lint``).
_OBJECT = re.compile(
    r"\nobject: [^\n/]{1,253}/(?P<name>[^\s/]{1,253}) \S{1,253}, Kind=(?P<kind>\w{1,63})"
)
_ITS_CONTAINER = re.compile(r"container \"(?P<container>[^\"\s]{1,253})\"")


def workload_in(message: str) -> str | None:
    """Name the workload, and the container if there is one, that ``message`` speaks of.

    ``deployment/shop, container server``; None where it names neither. The name of an image, the
    namespace and the lines of the file are no part of it.
    """
    match = _CONTAINER.search(message)
    if match is not None:
        return f"{match['kind'].lower()}/{match['name']}, container {match['container']}"
    match = _OBJECT.search(message)
    if match is not None:
        named = _ITS_CONTAINER.search(message, 0, match.start())
        container = f", container {named['container']}" if named else ""
        return f"{match['kind'].lower()}/{match['name']}{container}"
    match = _WORKLOAD.search(message)
    return None if match is None else f"{match['kind'].lower()}/{match['name']}"
