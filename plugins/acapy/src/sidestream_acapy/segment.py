"""One file of a journal, open for appending.

Promise: after `append` returns, the bytes stand in the file as a whole; after it raises, the file is as it was before,
or the segment is broken and must be left.
"""

import errno
import os

FILE_MODE = 0o600


class Segment:
    """A segment that this process writes."""

    __slots__ = ("bytes", "fd", "is_broken", "is_dirty", "number", "path", "salt")

    def __init__(self, path: str, number: int, salt: int) -> None:
        """Makes the file. Raises OSError."""
        self.path = path
        self.number = number
        self.salt = salt
        self.bytes = 0
        self.is_broken = False
        # Written to since it was synced last.
        self.is_dirty = False
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self.fd = os.open(path, flags, FILE_MODE)

    def append(self, data: bytes) -> None:
        """Appends by one write. Raises OSError."""
        try:
            written = os.write(self.fd, data)
            if written != len(data):
                # Only the next write tells why this one was cut short.
                written += os.write(self.fd, data[written:])
            if written != len(data):
                raise OSError(errno.ENOSPC, f"only {written} of {len(data)} bytes were written")
        except OSError:
            self._take_back()
            raise
        self.bytes += written
        self.is_dirty = True

    def _take_back(self) -> None:
        try:
            os.ftruncate(self.fd, self.bytes)
        except OSError:
            self.is_broken = True

    def close(self) -> None:
        """Closes the file; again is harmless."""
        if self.fd >= 0:
            fd, self.fd = self.fd, -1
            try:
                os.close(fd)
            except OSError:
                # The records are written; whether the disk has them is told by fdatasync alone.
                pass
