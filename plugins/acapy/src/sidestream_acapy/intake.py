"""Brings events into the journal in the order in which they happened, and holds callers while there is no room.

Promise: no caller is held longer than `hold_seconds`, and none is passed by: while one waits, all that come later wait
behind it. What is given up is a gap in the journal.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from .bounded_log import BoundedLog
from .errors import JournalFull
from .journal import LOOK_SECONDS, REASON_DISK, REASON_FULL, Journal
from .sync import BatchSync

Pending = Awaitable[None]

# Of gaps: an error of which nobody thought, such as memory that ran out.
REASON_FAILED = "failed"

# What waits takes memory of the agent: beyond these an event waits for no room.
_WAITING_MAX = 10_000
_WAITING_BYTES_MAX = 64 * 2**20
# So many are brought in before others in the agent have their turn.
_AT_ONCE_MAX = 100


@dataclass(frozen=True, slots=True)
class HoldPolicy:
    """What happens while there is no room."""

    # False: events are given up at once.
    holds: bool
    hold_seconds: float
    fails_closed: bool
    # False: nobody awaits what `put` returns.
    waits_for_sync: bool


@dataclass(slots=True)
class _Waiting:
    time_ns: int
    attributes: bytes
    payload: bytes
    deadline: float
    # True: it is in the journal. None: nobody waits.
    placed: asyncio.Future[bool] | None
    # It is given up whatever comes, and only its place is kept; so many of them.
    reason: str | None = None
    count: int = 1


class Intake:
    """The way into the journal."""

    def __init__(
        self,
        journal: Journal,
        policy: HoldPolicy,
        sync: BatchSync | None,
        log: BoundedLog,
        on_appended: Callable[[], None],
    ) -> None:
        self._journal = journal
        self._policy = policy
        self._holds = policy.holds
        self._sync = sync
        self._log = log
        self._on_appended = on_appended
        self._line: deque[_Waiting] = deque()
        self._line_bytes = 0
        self._draining: asyncio.Task[None] | None = None
        self._hint = asyncio.Event()
        # Somebody waited in vain. Until there is room again others don't wait too: an outage holds the agent once.
        self._is_giving_up = False

    def put(self, time_ns: int, attributes: bytes, payload: bytes) -> Pending | None:
        """Journals an event. Returns None when it is done, or what its caller must await. Raises JournalFull."""
        if not self._line:
            failure = self._append(time_ns, attributes, payload)
            if failure is None:
                self._is_giving_up = False
                self._on_appended()
                return self._synced() if self._sync is not None else None
            if failure == REASON_FAILED:
                self._give_up(time_ns, failure)
                return None
            if not self._holds or (self._is_giving_up and not self._policy.fails_closed):
                self._give_up(time_ns, failure)
                self._refused(failure)
                return None
        return self._wait(time_ns, attributes, payload)

    def _synced(self) -> Pending | None:
        assert self._sync is not None
        if self._policy.waits_for_sync:
            return self._sync.wait(self._policy.hold_seconds)
        self._sync.begin()
        return None

    def lose(self, time_ns: int, reason: str, topic: str, error: Exception | None) -> None:
        """Has a gap stand for an event that can't be journaled."""
        self._log.warn(reason, f"an event of the topic {topic!r:.100} was not journaled, {reason}", error)
        if self._line:
            self._keep_place(time_ns, reason)
        else:
            self._give_up(time_ns, reason)

    def look_again(self) -> None:
        """There may be room."""
        self._hint.set()

    def flush_gaps(self, *, at_end: bool = False) -> None:
        """Writes gaps that wait for room, at the end beyond the budget."""
        if not self._line:
            self._write_gaps(at_end=at_end)

    def stop_holding(self) -> None:
        """From now on nobody waits, and who does is let go."""
        self._holds = False
        while self._line:
            self._settle_first(is_last_chance=True)

    def _give_up(self, time_ns: int, reason: str, count: int = 1) -> None:
        for _ in range(count):
            self._journal.give_up(reason, time_ns)
        self._write_gaps()

    def _append(self, time_ns: int, attributes: bytes, payload: bytes) -> str | None:
        """None, or why it isn't journaled: for want of room, or since something is broken that waiting won't mend."""
        try:
            return self._journal.append(time_ns, attributes, payload)
        except Exception as error:
            self._log.warn(REASON_FAILED, "an event could not be journaled", error)
            return REASON_FAILED

    def _write_gaps(self, *, at_end: bool = False) -> None:
        try:
            if self._journal.write_gaps(at_end=at_end) is None:
                self._on_appended()
        except Exception as error:
            self._log.warn(REASON_FAILED, "a gap could not be journaled", error)

    def _refused(self, failure: str) -> None:
        """Ends the call for an event that was given up."""
        if self._policy.fails_closed:
            raise self._full(failure)
        self._log.warn("full", f"events are given up: {self._full(failure)}")

    def _full(self, failure: str) -> JournalFull:
        why = "has no room in its disk budget" if failure == REASON_FULL else "can't be written"
        return JournalFull(f"the journal {self._journal.folder.path} {why}")

    def _wait(self, time_ns: int, attributes: bytes, payload: bytes) -> Pending | None:
        loop = asyncio.get_running_loop()
        is_over = len(self._line) >= _WAITING_MAX or self._line_bytes + len(payload) > _WAITING_BYTES_MAX
        if is_over:
            self._keep_place(time_ns, REASON_FULL)
            self._refused(REASON_FULL)
            return None
        is_held = not self._is_giving_up or self._policy.fails_closed
        placed = loop.create_future() if is_held else None
        deadline = loop.time() + self._policy.hold_seconds
        self._line.append(_Waiting(time_ns, attributes, payload, deadline, placed))
        self._line_bytes += len(payload)
        if self._draining is None:
            self._draining = loop.create_task(self._drain())
        return self._finish(placed, deadline) if placed is not None else None

    def _keep_place(self, time_ns: int, reason: str) -> None:
        """Lines up the gap that an event will be; neighbours share one, so that what waits stays bounded."""
        last = self._line[-1]
        if last.reason is not None and (last.reason == reason or len(self._line) > 2 * _WAITING_MAX):
            last.count += 1
        else:
            self._line.append(_Waiting(time_ns, b"", b"", 0.0, None, reason))

    async def _finish(self, placed: asyncio.Future[bool], deadline: float) -> None:
        if await placed and self._sync is not None:
            await self._sync.wait(max(0.0, deadline - asyncio.get_running_loop().time()))

    async def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            count = 0
            while self._line:
                first = self._line[0]
                if self._settle_first(is_last_chance=loop.time() >= first.deadline):
                    count += 1
                    if count % _AT_ONCE_MAX == 0:
                        await asyncio.sleep(0)
                    continue
                self._hint.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(min(LOOK_SECONDS, max(0.0, first.deadline - loop.time()))):
                        await self._hint.wait()
        finally:
            self._draining = None

    def _settle_first(self, *, is_last_chance: bool) -> bool:
        """Brings in the one that waits first, or gives it up. False: it goes on waiting."""
        first = self._line[0]
        reason = first.reason
        if reason is None:
            reason = self._append(first.time_ns, first.attributes, first.payload)
            if reason in (REASON_FULL, REASON_DISK):
                if not is_last_chance:
                    return False
                self._is_giving_up = True
        self._line.popleft()
        self._line_bytes -= len(first.payload)
        if reason is None:
            self._is_giving_up = False
            self._on_appended()
        else:
            self._give_up(first.time_ns, reason, first.count)
        self._tell(first, reason)
        return True

    def _tell(self, waited: _Waiting, reason: str | None) -> None:
        placed = waited.placed
        if placed is None or placed.done():
            return
        if reason is None:
            placed.set_result(True)
        elif self._policy.fails_closed:
            placed.set_exception(self._full(reason))
        else:
            placed.set_result(False)
            self._log.warn("full", f"events are given up: {self._full(reason)}")
