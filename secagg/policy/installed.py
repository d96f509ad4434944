"""Policies of installed packages, found by entry point.

An entry point of the group ``secagg.policies`` names a package in which a file ``NAME.yaml``
lies, ``NAME`` being that of the entry point. A built-in policy cannot be replaced this way.
"""

from __future__ import annotations

from importlib import metadata, resources

from secagg.errors import ConfigError

ENTRY_POINTS = "secagg.policies"
_FILES = (".yaml", ".yml")


def installed_policies() -> dict[str, metadata.EntryPoint]:
    """The entry points by name, in the order of the names."""
    found = metadata.entry_points(group=ENTRY_POINTS)
    return {entry.name: entry for entry in sorted(found, key=lambda entry: entry.name)}


def installed_text(name: str) -> str | None:
    """The YAML text of a package's policy ``name``, or None where no package has it.

    Raises :class:`ConfigError` where a package names a policy that it does not hold.
    """
    # What looks like a file is one: no package is asked about it.
    if "/" in name or name.endswith(_FILES):
        return None
    entry = installed_policies().get(name)
    if entry is None:
        return None
    try:
        return (resources.files(entry.module) / f"{name}.yaml").read_text("utf-8")
    except (ImportError, OSError, TypeError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"cannot be read: {type(error).__name__}",
            where=f"policy {name}",
            hint=f"mend or remove the package that brings it ({entry.value})",
        ) from None
