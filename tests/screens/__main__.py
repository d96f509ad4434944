"""Write the screens, and the views of the page, anew: ``python -m tests.screens``."""

from __future__ import annotations

import sys

from tests.report.browser import launched
from tests.screens import comments, pages, take

if __name__ == "__main__":
    with launched() as browser:
        changed = [*take.write(), *comments.write(), *pages.write(browser)]
    sys.stdout.write("".join(f"{name}\n" for name in changed) or "nothing has changed\n")
