"""``python -m secagg``."""

from secagg.cli import main

main()
