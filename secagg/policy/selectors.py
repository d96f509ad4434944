"""Test what people name in policies, exceptions and filters: files, rules, owners and the like.

Each kind of name has one test here, so that a pattern selects the same problems in a policy's
rule, in an exception, and in the filters of ``report``, ``triage``, ``gate`` and ``notify``. The
test of packages is :func:`secagg.packages.purl.package_test`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import cache

from secagg.merge.rules import checks_of, own_checks, plain_check
from secagg.model.finding import Finding, Kind, Location
from secagg.model.place import manifest_place
from secagg.packages.advisories import Advisories
from secagg.system.globs import Glob, is_wild, names, paths

NO_OWNER = "none"
"""The word for problems that nobody owns."""

# Trivy's older names of its checks begin with it: AVD-DS-0002 is DS-0002.
_AVD = "AVD-"
_ADVISORIES = Advisories()


def normal_id(text: str) -> str:
    """Normalize an advisory id: ``cve-2021-1 `` and ``DEBIAN-CVE-2021-1`` become ``CVE-2021-1``."""
    return _ADVISORIES[text].id


def rooted(pattern: str) -> str:
    """Return a path pattern in which ``./`` in front means the root, as in a shell: ``/src``."""
    negated = pattern[:1] == "!"
    path = pattern[negated:]
    return "!" * negated + path[1:] if path.startswith("./") else pattern


def path_test(patterns: Iterable[str]) -> Callable[[str], bool]:
    """Make a test of paths, relative to the root, with the patterns of ``.gitignore``."""
    return paths([rooted(pattern) for pattern in patterns])


def component_test(patterns: Iterable[str]) -> Callable[[str], bool]:
    """Make a test of whether a component matches a pattern, or is below one that does.

    ``services`` covers ``services/pay``; ``.`` is the root alone. ``./`` in front and ``/`` at the
    end change nothing.
    """
    matches = names(pattern.removeprefix("./").rstrip("/") or pattern for pattern in patterns)

    def test(component: str) -> bool:
        while not matches(component):
            component = component.rpartition("/")[0]
            if not component:
                return False
        return True

    return cache(test)


def owner_test(patterns: Iterable[str]) -> Callable[[Sequence[str]], bool]:
    """Make a test of a problem's owners; ``none`` is a problem without an owner.

    The ``@`` in front of a team or an account may be left out.
    """
    wanted = [pattern.lstrip("@") for pattern in patterns]
    matches = names(wanted)
    unowned = any(pattern.casefold() == NO_OWNER for pattern in wanted)

    def test(owners: Sequence[str]) -> bool:
        if not owners:
            return unowned
        return any(matches(owner.lstrip("@")) for owner in owners)

    return test


def advisory_test(patterns: Iterable[str]) -> Callable[[Iterable[str]], bool]:
    """Make a test of a problem's advisory ids, in any spelling: ``cve-2021-1``."""
    globs = [
        Glob(pattern.strip() if is_wild(pattern) else normal_id(pattern), flat=True)
        for pattern in patterns
        if pattern.strip()
    ]

    @cache
    def matches(name: str) -> bool:
        return any(glob.matches(name) or glob.matches(normal_id(name)) for glob in globs)

    return lambda ids: any(map(matches, ids))


def matches_rule(rule: Glob, rule_id: str, checks: Collection[str]) -> bool:
    """Tell whether a pattern matches a rule's id, or another spelling of its check's id.

    ``checks`` are normalized (:func:`secagg.merge.rules.plain_check`), and empty for a rule that is
    no check of a configuration.
    """
    if rule.matches(rule_id):
        return True
    if rule.regex is None:
        return plain_check(rule.text) in checks
    return any(map(rule.matches, check_names(checks)))


def check_names(checks: Iterable[str]) -> list[str]:
    """Return the names by which people may call normalized checks."""
    return [name for check in checks for name in (check, _AVD + check)]


def rule_matches(finding: Finding, rule: Glob) -> bool:
    """Tell whether ``rule`` matches the finding's rule, as :func:`matches_rule` does."""
    is_check = finding.kind is Kind.MISCONFIGURATION
    return matches_rule(rule, finding.rule_id, own_checks(finding) if is_check else ())


def by_rule(members: Sequence[Finding], rules: Sequence[Glob]) -> list[bool]:
    """Tell for each member of a group whether its rule is one of ``rules``.

    Tools' ids of one check count as one: a match of the one is a match of the other.
    """
    matching = [any(rule_matches(finding, rule) for rule in rules) for finding in members]
    return matching if all(matching) else same_check(members, matching)


def same_check(members: Sequence[Finding], matching: Sequence[bool]) -> list[bool]:
    """Extend ``matching`` to every misconfiguration of the same check as a matching one."""
    checks: frozenset[str] = frozenset().union(
        *(
            checks_of(finding)
            for finding, matches in zip(members, matching, strict=True)
            if matches and finding.kind is Kind.MISCONFIGURATION
        )
    )
    if not checks:
        return list(matching)
    return [
        matches or (finding.kind is Kind.MISCONFIGURATION and bool(checks_of(finding) & checks))
        for finding, matches in zip(members, matching, strict=True)
    ]


def in_paths(members: Sequence[Finding], matches: Callable[[str], bool]) -> list[bool | None]:
    """Tell for each member of a group whether its file matches; None if it has no file.

    A manifest and its lock file count as one: a match of the one is a match of the other. Files
    inside an image are no files of the repository.
    """
    matching = [_in_repository(finding.location, matches) for finding in members]
    if True not in matching or False not in matching:
        return matching
    manifests = {
        manifest_place(finding.location.uri or "")
        for finding, matched in zip(members, matching, strict=True)
        if matched and finding.package is not None
    }
    return [
        matched is not False
        or (
            finding.package is not None
            and finding.location.image is None
            and manifest_place(finding.location.uri or "") in manifests
        )
        if matched is not None
        else None
        for finding, matched in zip(members, matching, strict=True)
    ]


def _in_repository(location: Location, matches: Callable[[str], bool]) -> bool | None:
    if location.uri is None:
        return None
    return location.image is None and matches(location.uri)
