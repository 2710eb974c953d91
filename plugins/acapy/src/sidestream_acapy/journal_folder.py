"""The folder of one journal: its lock, and which segments stand in it."""

import errno
import fcntl
import os

from .ack import read_ack
from .errors import JournalUnusable
from .journal_format import segment_name, segment_number
from .segment import FILE_MODE

FOLDER_MODE = 0o700
_LOCK_FILE = "writer.lock"


class JournalFolder:
    """Knows the segments on disk and what they take; removes those that the reader is done with."""

    def __init__(self, journals: str, name: str) -> None:
        """Makes the folder and takes its lock. Raises JournalUnusable."""
        self.path = os.path.join(journals, name)
        self._lock = -1
        try:
            os.makedirs(journals, FOLDER_MODE, exist_ok=True)
            os.makedirs(self.path, FOLDER_MODE, exist_ok=True)
            self._lock = _take_lock(self.path, name)
            # Segment number → bytes, of the segments that were there before and those that were finished since.
            self._finished = self._look()
        except OSError as error:
            self.close()
            raise JournalUnusable(f"the folder {self.path} can't be used: {error}") from error
        self.finished_bytes = sum(self._finished.values())
        ack = read_ack(self.path)
        self._last_number = max([0, *self._finished, ack.segment if ack is not None else 0])

    @property
    def is_held(self) -> bool:
        """True: its lock is ours."""
        return self._lock >= 0

    def is_in_place(self) -> bool:
        """False: somebody removed it, or its lock, so that another writer could take what stands there now."""
        if not self.is_held:
            return False
        try:
            own, there = os.fstat(self._lock), os.stat(os.path.join(self.path, _LOCK_FILE))
        except FileNotFoundError:
            return False
        except OSError:
            # It can't be told.
            return True
        return os.path.samestat(own, there)

    def next_number(self) -> int:
        """Number for a new segment: above all there were, and never the same again. Raises OSError."""
        if not self.is_held:
            raise OSError(errno.ENOENT, f"{self.path} was removed, and can't be made again")
        self._last_number += 1
        return self._last_number

    def path_of(self, number: int) -> str:
        """Path of a segment's file."""
        return os.path.join(self.path, segment_name(number))

    def finish(self, number: int, size: int) -> None:
        """Counts a segment to which nothing more is written."""
        self._finished[number] = size
        self.finished_bytes += size

    def remove_acknowledged(self, newest: int | None) -> None:
        """Removes the segments that the reader is done with, but never the newest.

        newest: number of the segment that is being written; None: there is none.
        """
        if not self._finished:
            return
        ack = read_ack(self.path)
        # A number that was never given is damage, on whose word nothing goes.
        if ack is None or ack.segment > self._last_number:
            return
        kept = newest if newest is not None else max(self._finished)
        for number in sorted(self._finished):
            if number >= ack.segment or number >= kept:
                return
            try:
                os.unlink(self.path_of(number))
            except FileNotFoundError:
                pass
            except OSError:
                # Tried again at the next look; until then it counts.
                return
            self.finished_bytes -= self._finished.pop(number)

    def close(self) -> None:
        """Gives the lock back."""
        if self._lock >= 0:
            lock, self._lock = self._lock, -1
            os.close(lock)

    def _look(self) -> dict[int, int]:
        sizes = {}
        with os.scandir(self.path) as entries:
            for entry in entries:
                number = segment_number(entry.name)
                if number is not None:
                    sizes[number] = entry.stat().st_size
        return sizes


def _take_lock(folder: str, name: str) -> int:
    lock = os.open(os.path.join(folder, _LOCK_FILE), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise JournalUnusable(
            f"another program writes the journal {folder}: give each agent a name of its own "
            f"(sidestream.agent, now {name})"
        ) from None
    except OSError:
        os.close(lock)
        raise
    return lock
