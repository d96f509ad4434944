"""What is known of vulnerabilities beyond their advisories: EPSS and KEV, from files."""

from secagg.intel.files import IntelEntry
from secagg.intel.intel import Intel

__all__ = ["Intel", "IntelEntry"]
