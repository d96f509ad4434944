"""The history: which problems were seen when, what was decided on them, and by whom.

The package is slow to load: import it only where the store is used.
"""

from secagg.history.engine import DEFAULT, shown, url_of
from secagg.history.importing import ImportedRun
from secagg.history.store import Store, open_store

__all__ = ["DEFAULT", "ImportedRun", "Store", "open_store", "shown", "url_of"]
