"""Helm chart templates, for which scanners give the lines of the rendered document.

Such lines mean nothing in the template and may lie behind its end, so they are removed.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from secagg.jsonio.members import value_at
from secagg.model.finding import Location

_CHART = ("Chart.yaml", "Chart.yml")
_FOLDER = "templates"


class Charts:
    """The Helm charts of a checkout; each folder is looked at once."""

    def __init__(self, root: Path | None) -> None:
        self._root = root
        self._is_chart_folder: dict[str, bool] = {}

    def is_template(self, place: Location) -> bool:
        """Tell whether ``place`` is in a template: below ``templates`` beside a ``Chart.yaml``."""
        uri = place.uri
        if self._root is None or uri is None or f"{_FOLDER}/" not in uri:
            return False
        parts = uri.split("/")
        folders = [n for n, part in enumerate(parts[:-1]) if part == _FOLDER]
        return any(self._is_chart("/".join(parts[:number])) for number in folders)

    def _is_chart(self, folder: str) -> bool:
        if folder not in self._is_chart_folder:
            assert self._root is not None
            base = self._root / folder
            try:
                self._is_chart_folder[folder] = any((base / name).is_file() for name in _CHART)
            except (OSError, ValueError):
                self._is_chart_folder[folder] = False
        return self._is_chart_folder[folder]


def without_lines(place: Location) -> None:
    """Take the lines and columns from ``place``."""
    place.start_line = place.start_column = place.end_line = place.end_column = None


def without_regions(result: Mapping[str, Any]) -> dict[str, Any]:
    """Give a SARIF result without the regions of its locations."""
    copy = dict(result)
    locations = copy.get("locations")
    if isinstance(locations, list):
        copy["locations"] = [_without_region(location) for location in locations]
    return copy


def _without_region(location: Any) -> Any:
    physical = value_at(location, "physicalLocation")
    if not isinstance(physical, Mapping):
        return location
    rest = {k: v for k, v in physical.items() if k not in ("region", "contextRegion")}
    return {**location, "physicalLocation": rest}
