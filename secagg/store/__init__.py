"""The history: which problems were seen when, what was decided on them, and by whom.

The package is slow to load: import it only where the store is used.
"""

from secagg.store.engine import DEFAULT, shown, url_of
from secagg.store.importing import Recorded
from secagg.store.store import Store, open_store

__all__ = ["DEFAULT", "Recorded", "Store", "open_store", "shown", "url_of"]
