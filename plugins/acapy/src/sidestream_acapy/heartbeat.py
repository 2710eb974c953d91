"""The file `heartbeat`: what the writer says of itself.

See docs/journal-format.md, section 3.
"""

import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress

from .attributes import clipped
from .segment import FILE_MODE
from .version import WRITER

_FILE = "heartbeat"
_NOTICES_MAX = 20
_NOTICE_CHARS_MAX = 500


class Heartbeat:
    """Writes the file. What can't be written is left for the next time."""

    def __init__(self, folder: str, *, boot: str, agent: str, qos: str, every_ms: int) -> None:
        self._path = os.path.join(folder, _FILE)
        self._constant = {"version": 1, "boot": boot, "agent": agent, "writer": WRITER, "qos": qos, "everyMs": every_ms}
        self._notices: list[str] = []

    def add_notice(self, text: str) -> None:
        """Tells the operator something from now on; the newest ones are kept."""
        text = clipped(text, _NOTICE_CHARS_MAX)
        if text not in self._notices:
            self._notices = [*self._notices, text][-_NOTICES_MAX:]

    def withdraw_notice(self, text: str) -> None:
        """It is over."""
        with suppress(ValueError):
            self._notices.remove(clipped(text, _NOTICE_CHARS_MAX))

    def write(self, *, sequence: int, dropped: Mapping[str, int], stopped: bool) -> None:
        """Writes it beside, and moves it into place. Raises OSError."""
        said = {
            **self._constant,
            "atMs": time.time_ns() // 1_000_000,
            "sequence": sequence,
            "dropped": dict(dropped),
            "stopped": stopped,
            "notices": self._notices,
        }
        beside = f"{self._path}.new"
        fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, FILE_MODE)
        with open(fd, "w", encoding="utf-8") as file:
            json.dump(said, file)
        os.replace(beside, self._path)
