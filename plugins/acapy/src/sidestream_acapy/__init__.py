"""Plugin for ACA-Py agents: writes the events of all wallets into a journal that Sidestream drains.

Load it with `--plugin sidestream_acapy`, and configure it under the key `sidestream` of the agent's
`--plugin-config`. What it takes, and what it promises, is in its README.
"""

from .errors import ConfigurationError, JournalFull, SidestreamError
from .plugin import setup
from .version import VERSION as __version__

__all__ = ["ConfigurationError", "JournalFull", "SidestreamError", "__version__", "setup"]
