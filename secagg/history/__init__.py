"""The history of findings in a database: seen when, fixed when, and who decided what.

Importing this package is slow: import it only where the store is used.
"""

from secagg.history.engine import DEFAULT, shown, url_of
from secagg.history.importing import ImportedRun
from secagg.history.store import Store, open_store

__all__ = ["DEFAULT", "ImportedRun", "Store", "open_store", "shown", "url_of"]
