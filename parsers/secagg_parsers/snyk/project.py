"""What Snyk tested: a project by its manifest, an image, an application in one."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator

from secagg.model.finding import Location
from secagg.parsing import ParseContext
from secagg_parsers.fields import Entry, Masker, text
from secagg_parsers.places import Places

# Programs that a container test finds outside of any package manager.
BINARIES = "binaries"


class Project:
    """The frame of issues. Raises OddEntry where it makes no sense.

    ``image`` is the image in which an application lies.
    """

    def __init__(
        self,
        context: ParseContext,
        mask: Masker,
        places_of: Callable[[str | None], Places],
        entry: Entry,
        image: str | None,
    ) -> None:
        path = text(entry, "path")
        self.name = mask.optional(text(entry, "projectName"))
        self.manager = text(entry, "packageManager") or ""
        self.binary = False
        is_image = bool(entry.get("docker")) or (self.name or "").startswith("docker-image|")
        self.image = image or (mask[_image_name(path, self.name)] if is_image else None)
        file = text(entry, "displayTargetFile") or text(entry, "targetFile")
        whole = text(entry, "targetFilePath")
        places = places_of(path)
        self.uri = places.optional(file)
        if whole is not None and context.root is not None and not places[whole].startswith("/"):
            self.uri = places[whole]
        if self.image is not None and self.uri is not None:
            self.uri = self.uri.lstrip("/")

    @property
    def key(self) -> tuple[str | None, ...]:
        """What distinguishes the projects of one report."""
        return self.image, self.name, self.uri, BINARIES if self.binary else None

    def place(self, line: int | None = None) -> Location:
        logical = BINARIES if self.binary else None
        if self.uri is None and self.image is None:
            logical = self.name
        return Location(
            uri=None if self.binary else self.uri,
            start_line=line,
            image=self.image,
            logical=logical,
        )

    def of_binaries(self) -> Project:
        """Return the same image, for programs in it that no package manager knows."""
        other = copy.copy(self)
        other.binary = True
        return other

    def binaries(self, entry: Entry, where: str) -> Iterator[tuple[str, Entry]]:
        """Yield the issues of such programs, in the form of rows."""
        docker = entry.get("docker")
        vulnerabilities = docker.get("binariesVulns") if isinstance(docker, dict) else None
        if not isinstance(vulnerabilities, dict):
            return
        issues, packages = vulnerabilities.get("issuesData"), vulnerabilities.get("affectedPkgs")
        if not isinstance(issues, dict) or not isinstance(packages, dict):
            return
        for index, affected in enumerate(packages.values()):
            package = affected.get("pkg") if isinstance(affected, dict) else None
            its = affected.get("issues") if isinstance(affected, dict) else None
            if not isinstance(package, dict) or not isinstance(its, dict):
                continue
            for issue_id in its:
                issue = issues.get(issue_id)
                if isinstance(issue, dict):
                    row = {
                        "packageName": package.get("name"),
                        "version": package.get("version"),
                        **issue,
                    }
                    yield f"{where}docker.binariesVulns[{index}]", row


def _image_name(path: str | None, project: str | None) -> str:
    """The image of ``path``: a project's name may stand behind its tag (``a/b:tag/project``)."""
    if path is None:
        return (project or "image").removeprefix("docker-image|")
    head, colon, tag = path.rpartition(":")
    if colon and head and not tag.endswith((".tar", ".tar.gz")):
        return f"{head}:{tag.partition('/')[0]}"
    return path
