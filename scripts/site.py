"""Write the sources of the documentation site: ``site.py DIR``.

They are ``DIR/docs``, which is ``docs/`` with the commands as the command line describes them and
links that lead out of ``docs/`` as links to the repository's files, and ``DIR/zensical.toml``.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from scripts.reference import commands

ROOT = Path(__file__).parents[1]
# What other steps of docs-generation.yml put beside the pages.
_BESIDE = """
Also here: <a href="api/">the API of <code>secagg serve</code></a> and
<a href="modules/">the modules</a>.
"""
_LINK = re.compile(r"\[(?P<text>[^\]\n]*)\]\((?P<path>[^)\s#]+)(?P<anchor>#[^)\s]*)?\)")


def write_site(target: Path, environ: Mapping[str, str]) -> None:
    """Write the pages and the settings into ``target``, which must not exist."""
    pages = target / "docs"
    shutil.copytree(ROOT / "docs", pages)
    shutil.copy(ROOT / "scripts" / "docs" / "zensical.toml", target)
    (pages / "commands.md").write_text("\n".join(commands()) + "\n", "utf-8")
    with (pages / "index.md").open("a", encoding="utf-8") as index:
        index.write(_BESIDE)
    for page in pages.rglob("*.md"):
        where = page.relative_to(pages)
        page.write_text(with_links(page.read_text("utf-8"), where, environ), "utf-8")


def with_links(text: str, page: Path, environ: Mapping[str, str]) -> str:
    """Return a page, of which links to files outside of ``docs/`` lead to the repository.

    Of those to directories nothing but the words is left, and of all of them where no job says
    which repository it is (``GITHUB_REPOSITORY``, ``GITHUB_SHA``).
    """

    def moved(link: re.Match[str]) -> str:
        if ":" in link["path"]:
            return link[0]
        file = (ROOT / "docs" / page.parent / link["path"]).resolve()
        if file.suffix == ".md" and file.is_relative_to(ROOT / "docs"):
            return link[0]
        repository = environ.get("GITHUB_REPOSITORY")
        if not repository or not file.is_file():
            return link["text"]
        server = environ.get("GITHUB_SERVER_URL", "https://github.com")
        place = f"{server}/{repository}/blob/{environ.get('GITHUB_SHA', 'HEAD')}"
        return (
            f"[{link['text']}]({place}/{file.relative_to(ROOT).as_posix()}{link['anchor'] or ''})"
        )

    return _LINK.sub(moved, text)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    write_site(Path(sys.argv[1]), os.environ)
