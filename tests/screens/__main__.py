"""Write the screens anew: ``python -m tests.screens``."""

from __future__ import annotations

import sys

from tests.screens.take import write

if __name__ == "__main__":
    sys.stdout.write("".join(f"{name}\n" for name in write()) or "nothing has changed\n")
