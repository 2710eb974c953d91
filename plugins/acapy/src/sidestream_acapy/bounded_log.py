"""A log that can't be flooded: what goes wrong with one event goes wrong with thousands."""

import logging
from time import monotonic

_AGAIN_SECONDS = 60.0


class BoundedLog:
    """Logs each kind of trouble at once, and again at most once a minute, with how often it came meanwhile."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._last: dict[str, float] = {}
        self._unsaid: dict[str, int] = {}

    def warn(self, kind: str, text: str, error: BaseException | None = None) -> None:
        """Logs a warning. There are few kinds, named in the code."""
        now = monotonic()
        if now - self._last.get(kind, -_AGAIN_SECONDS) < _AGAIN_SECONDS:
            self._unsaid[kind] = self._unsaid.get(kind, 0) + 1
            return
        self._last[kind] = now
        unsaid = self._unsaid.pop(kind, 0)
        more = f" ({unsaid} more since the last such line)" if unsaid else ""
        because = f": {type(error).__name__}: {error}"[:500] if error is not None else ""
        self._logger.warning("sidestream: %s%s%s", text, because, more)
