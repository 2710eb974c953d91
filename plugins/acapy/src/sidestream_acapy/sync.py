"""`fsync: batch`: has the disk confirm what was written, some milliseconds' worth at a time.

fdatasync runs in a thread of its own, so that the agent's loop never waits for the disk; the callers do.
"""

import asyncio
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from .errors import JournalFull
from .journal import Journal


class BatchSync:
    """Syncs the journal while there is something to sync."""

    def __init__(
        self,
        journal: Journal,
        *,
        every_seconds: float,
        fails_closed: bool,
        on_trouble: Callable[[str, BaseException], None],
    ) -> None:
        self._journal = journal
        self._every_seconds = every_seconds
        self._fails_closed = fails_closed
        self._on_trouble = on_trouble
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="sidestream-sync")
        # What was written up to now is covered by it.
        self._next: asyncio.Future[None] | None = None
        self._running: asyncio.Task[None] | None = None

    async def wait(self, wait_seconds: float) -> None:
        """Waits until the disk has what was written before the call, or the time is over.

        Raises JournalFull where the journal fails closed and the disk didn't confirm it.
        """
        batch = self.begin()
        # `wait` leaves the batch to the others when this caller goes away.
        await asyncio.wait([batch], timeout=wait_seconds)
        failure = batch.exception() if batch.done() else TimeoutError(f"the disk took longer than {wait_seconds:.1f} s")
        if failure is None:
            return
        self._on_trouble("what was journaled is not known to be on disk", failure)
        if self._fails_closed:
            raise JournalFull(f"the journal {self._journal.folder.path} could not be synced: {failure}") from failure

    def close(self) -> None:
        """Syncs what is left, itself; to be called when no loop runs the rest any more."""
        self._threads.shutdown(wait=True)
        try:
            self._sync_now()
        except OSError as error:
            self._on_trouble("what was journaled last is not known to be on disk", error)

    def begin(self) -> asyncio.Future[None]:
        """Has what was written before the call synced, whether somebody waits or not."""
        loop = asyncio.get_running_loop()
        if self._next is None:
            self._next = loop.create_future()
            if self._running is None:
                self._running = loop.create_task(self._run())
        return self._next

    async def _run(self) -> None:
        try:
            while self._next is not None:
                await asyncio.sleep(self._every_seconds)
                batch, self._next = self._next, None
                await self._sync(batch)
        finally:
            self._running = None

    async def _sync(self, batch: asyncio.Future[None]) -> None:
        segments, is_folder_dirty = self._journal.take_unsynced()
        folder = self._journal.folder.path if is_folder_dirty else None
        files = [segment.fd for segment in segments if segment.fd >= 0]
        try:
            await asyncio.get_running_loop().run_in_executor(self._threads, _sync, files, folder)
        except OSError as error:
            # What the kernel could not write it may have forgotten: nothing more goes into that file.
            self._journal.leave_segment()
            batch.set_exception(error)
            # Heard of, also where every caller is gone.
            batch.exception()
        else:
            batch.set_result(None)
        for segment in segments:
            if self._journal.is_finished(segment) and not segment.is_dirty:
                segment.close()

    def _sync_now(self) -> None:
        segments, is_folder_dirty = self._journal.take_unsynced()
        files = [segment.fd for segment in segments if segment.fd >= 0]
        _sync(files, self._journal.folder.path if is_folder_dirty else None)


def _sync(files: Sequence[int], folder: str | None) -> None:
    for file in files:
        os.fdatasync(file)
    if folder is not None:
        entry = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(entry)
        finally:
            os.close(entry)
