"""Check who has approved a decision in the repository's file.

Anybody can write a name into a file. A name in ``approved_by`` counts only if CODEOWNERS gives it
the file of decisions: then GitHub can demand that one of its owners has reviewed every change of
the file. In a pull request both files are read from the base commit, as all that controls the gate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from secagg.model.approval import person_key

Owners = Callable[[str], Sequence[str]]
"""Returns the owners of a file, as CODEOWNERS writes them."""


def no_owners(file: str) -> Sequence[str]:
    """Return nobody: approvals in a file do not count where CODEOWNERS cannot be read."""
    return ()


def confirmed(
    first: str | None, approvers: Sequence[str], file: str, owners: Owners | None
) -> tuple[tuple[str, ...], str | None]:
    """Return who has signed a decision in ``file``, and why a named approver does not count.

    ``first`` is who decided, ``approvers`` are the names in ``approved_by``. Without ``owners``
    every name counts that is another's, for tests of policies.
    """
    signed = [first] if first and not _is_team(first) else []
    refusal = None
    if first and not signed and approvers:
        refusal = f"{first} is a team, so nobody can tell who has decided: name a person in by"
    for name in approvers:
        why = _refusal(name, signed, file, owners)
        if why is None:
            signed.append(name)
        refusal = refusal or why
    return tuple(signed), refusal


def _refusal(name: str, signed: Sequence[str], file: str, owners: Owners | None) -> str | None:
    if person_key(name) in map(person_key, signed):
        return f"{name} has signed already"
    if _is_team(name):
        return f"{name} is a team, and CODEOWNERS does not tell who is in a team: name people"
    if any(_is_address(name) is not _is_address(other) for other in signed):
        return (
            f"{name} and {signed[0]} may be one person: name both by their handle, or both by "
            "their address"
        )
    if owners is None:
        return None
    of_file = owners(file)
    if person_key(name) in map(person_key, of_file):
        return None
    if not of_file:
        return f"CODEOWNERS names no owner of {file}, so nobody can tell that {name} has agreed"
    teams = any(map(_is_team, of_file))
    note = " (it does not tell who is in a team: name people)" if teams else ""
    return f"CODEOWNERS does not name {name} as an owner of {file}{note}"


def _is_address(name: str) -> bool:
    return "@" in person_key(name)


def _is_team(name: str) -> bool:
    """Whether CODEOWNERS calls a team so: ``@acme/security``."""
    return "/" in person_key(name)
