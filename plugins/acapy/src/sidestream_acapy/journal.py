"""Writes a journal.

Promise: after `append` returned None, the event stands in the file, whole, behind the one before it. Everything else
leaves the file as it was. What is given up becomes a gap, which is written before anything that comes after it. The
folder never takes more than the budget, but for a gap at a clean end.

Nothing here waits: see room.py.
"""

import errno
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic, time_ns

from .gaps import Gaps
from .journal_folder import JournalFolder
from .journal_format import (
    KIND_EVENT,
    KIND_GAP,
    RECORD_HEADER_BYTES,
    header_bytes,
    record,
    segment_header,
)
from .segment import Segment
from .version import WRITER

REASON_FULL = "full"
REASON_DISK = "disk"
# While there is no room, `ack` is read so often at most; and a disk that took nothing is tried so often.
LOOK_SECONDS = 0.05
# Kept free of the budget for `ack`, `heartbeat` and its copy.
SMALL_FILES_BYTES = 64 * 1024
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})


@dataclass(frozen=True, slots=True)
class JournalSettings:
    """How a journal is written."""

    journals: str
    agent: str
    qos: str
    bytes_max: int
    segment_bytes: int
    # Whether finished segments stay open until somebody synced them.
    syncs: bool = False


class Journal:
    """The writer of one journal. Made once in the life of an agent."""

    def __init__(self, settings: JournalSettings, on_trouble: Callable[[str, OSError], None]) -> None:
        """Takes the lock. Raises JournalUnusable."""
        self.folder = JournalFolder(settings.journals, settings.agent)
        self.settings = settings
        self.boot = os.urandom(16)
        # The last one given; 0: none.
        self.sequence = 0
        # Reason → events given up.
        self.dropped: dict[str, int] = {}
        # Finished segments that nobody synced yet.
        self._unsynced: list[Segment] = []
        # Segments were made, so the folder must be synced as well.
        self._is_folder_dirty = False
        self._on_trouble = on_trouble
        self._segment: Segment | None = None
        # Bytes that may be written without another look: into the segment at hand, within the budget, with no gap and
        # no failure before them.
        self._room = 0
        self._gaps = Gaps()
        self._budget = settings.bytes_max - SMALL_FILES_BYTES
        self._next_look = 0.0
        self._next_try = 0.0
        described = {"agent": settings.agent, "qos": settings.qos, "writer": WRITER}
        self._description = json.dumps(described, separators=(",", ":")).encode()
        self._header_bytes = header_bytes(self._description)

    def append(self, time_ns: int, attributes: bytes, payload: bytes) -> str | None:
        """Appends an event under the next sequence.

        Returns None, or why there is no room for it now: `full` or `disk`. Then nothing has changed.
        """
        size = RECORD_HEADER_BYTES + len(attributes) + len(payload)
        segment = self._segment
        if segment is None or size > self._room:
            return self._append_carefully(time_ns, attributes, payload)
        sequence = self.sequence + 1
        try:
            segment.append(record(sequence, KIND_EVENT, time_ns, attributes, payload, segment.salt))
        except OSError as error:
            if not self._leave_after(error):
                return self._pause()
            return self._append_carefully(time_ns, attributes, payload)
        self.sequence = sequence
        self._room -= size
        return None

    def _append_carefully(self, time_ns: int, attributes: bytes, payload: bytes) -> str | None:
        failure = self.write_gaps()
        if failure is None:
            failure = self._write(self.sequence + 1, KIND_EVENT, time_ns, attributes, payload)
        if failure is not None:
            return failure
        self.sequence += 1
        segment = self._segment
        if segment is not None:
            self._room = min(self.settings.segment_bytes - segment.bytes, self._budget - self._taken())
        return None

    def give_up(self, reason: str, time_ns: int) -> None:
        """Has a gap stand for the next event."""
        self._room = 0
        self.sequence += 1
        self.dropped[reason] = self.dropped.get(reason, 0) + 1
        self._gaps.add(self.sequence, reason, time_ns)

    def write_gaps(self, *, at_end: bool = False) -> str | None:
        """Writes the gaps that wait. Returns why it can't, or None.

        at_end: it is the last try, so it goes beyond the budget, and doesn't wait for a disk that failed a moment ago.
        """
        while self._gaps:
            gap = self._gaps.first()
            attributes = json.dumps({"last": gap.last, "reason": gap.reason}, separators=(",", ":")).encode()
            failure = self._write(gap.first, KIND_GAP, gap.time_ns, attributes, b"", at_end)
            if failure is not None:
                return failure
            self._gaps.written()
        return None

    def remove_acknowledged(self) -> None:
        """Removes the segments that the reader is done with."""
        self.folder.remove_acknowledged(self._segment.number if self._segment is not None else None)

    def take_unsynced(self) -> tuple[list[Segment], bool]:
        """The segments that were written to since the last call, and whether the folder has new names.

        Whoever takes them syncs them, and closes those that are finished: `is_finished`.
        """
        segments, self._unsynced = self._unsynced, []
        if self._segment is not None and self._segment.is_dirty:
            segments.append(self._segment)
        for segment in segments:
            segment.is_dirty = False
        is_folder_dirty, self._is_folder_dirty = self._is_folder_dirty, False
        return segments, is_folder_dirty

    def follow_folder(self) -> bool:
        """Begins anew where somebody removed the folder. True: it did.

        Raises JournalUnusable while it can't be made again; until then there is no room for anything.
        """
        if self.folder.is_in_place():
            return False
        self.leave_segment()
        self.folder.close()
        self.folder = JournalFolder(self.settings.journals, self.settings.agent)
        return True

    def is_finished(self, segment: Segment) -> bool:
        """True: nothing more is written to it."""
        return segment is not self._segment

    def leave_segment(self) -> None:
        """Finishes the segment; what comes next begins another."""
        segment, self._segment = self._segment, None
        self._room = 0
        if segment is None:
            return
        self.folder.finish(segment.number, segment.bytes)
        if self.settings.syncs and segment.is_dirty:
            self._unsynced.append(segment)
        else:
            segment.close()

    def close(self) -> None:
        """Closes the files, and gives back the lock."""
        self.leave_segment()
        for segment in self._unsynced:
            segment.close()
        self._unsynced.clear()
        self.folder.close()

    def _write(
        self,
        sequence: int,
        kind: int,
        time_ns: int,
        attributes: bytes,
        payload: bytes,
        at_end: bool = False,
    ) -> str | None:
        size = RECORD_HEADER_BYTES + len(attributes) + len(payload)
        if self._next_try > 0 and not at_end and monotonic() < self._next_try:
            return REASON_DISK
        # Again in a new segment, where the file at hand takes no more for a reason of its own.
        for is_last_try in (False, True):
            segment = self._segment
            if segment is not None and segment.bytes + size > self.settings.segment_bytes:
                self.leave_segment()
                segment = None
            needed = size if segment is not None else size + self._header_bytes
            if not at_end and self._taken() + needed > self._budget and not self._find_room(needed):
                return REASON_FULL
            try:
                if segment is None:
                    self._begin(sequence, kind, time_ns, attributes, payload)
                else:
                    segment.append(record(sequence, kind, time_ns, attributes, payload, segment.salt))
                self._next_try = 0.0
                return None
            except OSError as error:
                if not self._leave_after(error) or is_last_try:
                    break
        return self._pause()

    def _leave_after(self, error: OSError) -> bool:
        """Tells of a write that failed. True: it was for a reason of the segment's own, which was left."""
        self._on_trouble(self.folder.path, error)
        segment = self._segment
        if segment is None or not (segment.is_broken or error.errno not in _NO_ROOM):
            return False
        self.leave_segment()
        return True

    def _pause(self) -> str:
        self._room = 0
        self._next_try = monotonic() + LOOK_SECONDS
        return REASON_DISK

    def _taken(self) -> int:
        segment = self._segment
        return self.folder.finished_bytes + (segment.bytes if segment is not None else 0)

    def _find_room(self, needed: int) -> bool:
        now = monotonic()
        if now < self._next_look:
            return False
        self.remove_acknowledged()
        if self._taken() + needed <= self._budget:
            return True
        self._next_look = now + LOOK_SECONDS
        return False

    def _begin(self, sequence: int, kind: int, event_ns: int, attributes: bytes, payload: bytes) -> None:
        """Begins a segment whose first write is its header with the first record."""
        salt = int.from_bytes(os.urandom(4), "little") or 1
        number = self.folder.next_number()
        segment = Segment(self.folder.path_of(number), number, salt)
        header = segment_header(
            boot=self.boot,
            number=number,
            first_sequence=sequence,
            salt=salt,
            time_ns=time_ns(),
            description=self._description,
        )
        try:
            segment.append(header + record(sequence, kind, event_ns, attributes, payload, salt))
        except OSError:
            segment.close()
            try:
                os.unlink(segment.path)
            except OSError:
                # Readers step over a segment without a whole header.
                self.folder.finish(number, 0)
            raise
        self._is_folder_dirty = True
        self._segment = segment
