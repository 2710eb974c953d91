"""`fsync: batch`: who notified has it on disk."""

import asyncio
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from journal_reader import heartbeat, read
from rig import ALICE, Bus, connection, plugin_on

from sidestream_acapy import JournalFull

BATCH: dict[str, Any] = {"fsync": "batch", "fsyncMs": 1, "segmentBytes": "64KiB"}


class Disk:
    """Takes part in each fdatasync, and writes down which file was synced at which size."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.synced: dict[str, int] = {}
        self.count = 0
        self.threads: set[int] = set()
        self.failure: OSError | None = None
        self.gate = threading.Event()
        self.gate.set()
        self._fdatasync = os.fdatasync
        monkeypatch.setattr(os, "fdatasync", self)

    def __call__(self, fd: int) -> None:
        assert self.gate.wait(30)
        if self.failure is not None:
            raise self.failure
        size = os.fstat(fd).st_size
        self._fdatasync(fd)
        self.count += 1
        self.threads.add(threading.get_ident())
        self.synced[os.readlink(f"/proc/self/fd/{fd}")] = size

    def has_all(self, folder: Path) -> bool:
        sizes = {str(path): path.stat().st_size for path in folder.iterdir() if path.name.endswith(".journal")}
        return sizes == self.synced


def test_what_notify_returned_is_on_disk_and_callers_share_a_sync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(monkeypatch)

    async def run() -> None:
        bus = Bus()
        async with plugin_on(bus, tmp_path, BATCH):
            for number in range(5):
                await asyncio.gather(*(bus.notify(ALICE, connection(n, 5_000)) for n in range(20)))
                assert disk.has_all(tmp_path / "agent-1"), number
            assert disk.count < 30
            assert threading.get_ident() not in disk.threads, "the agent's loop never syncs"

    asyncio.run(run())
    assert len(read(tmp_path / "agent-1").events) == 100


def test_a_disk_that_hangs_holds_nobody_longer_than_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(monkeypatch)

    async def run() -> None:
        bus = Bus()
        async with plugin_on(bus, tmp_path, {**BATCH, "holdMsMax": 30}) as plugin:
            disk.gate.clear()
            await bus.notify(ALICE, connection(1))
            await bus.notify(ALICE, connection(2))
            assert len(bus.notified) == 2
            plugin._work()
            assert "not known to be on disk" in heartbeat(tmp_path / "agent-1")["notices"][0]
            disk.gate.set()

    asyncio.run(run())
    assert len(read(tmp_path / "agent-1").events) == 2


def test_fail_closed_raises_where_the_disk_did_not_confirm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(monkeypatch)

    async def run() -> None:
        bus = Bus()
        async with plugin_on(bus, tmp_path, {**BATCH, "whenJournalFull": "fail-closed"}):
            await bus.notify(ALICE, connection(1))
            disk.failure = OSError(5, "EIO")
            with pytest.raises(JournalFull, match="could not be synced"):
                await bus.notify(ALICE, connection(2))
            disk.failure = None
            await bus.notify(ALICE, connection(3))

    asyncio.run(run())
    found = read(tmp_path / "agent-1")
    assert [record.segment for record in found.events] == [1, 1, 2], "nothing more goes into a file that failed"


def test_fail_open_goes_on_after_a_failed_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(monkeypatch)

    async def run() -> None:
        bus = Bus()
        async with plugin_on(bus, tmp_path, BATCH):
            disk.failure = OSError(5, "EIO")
            await bus.notify(ALICE, connection(1))
            disk.failure = None
            await bus.notify(ALICE, connection(2))

    asyncio.run(run())
    assert [record.sequence for record in read(tmp_path / "agent-1").events] == [1, 2]


def test_what_was_written_last_is_synced_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(monkeypatch)

    async def run() -> None:
        bus = Bus()
        async with plugin_on(bus, tmp_path, {**BATCH, "fsyncMs": 10_000}):
            notifying = asyncio.ensure_future(bus.notify(ALICE, connection(1)))
            await asyncio.sleep(0)
        notifying.cancel()

    asyncio.run(run())
    assert disk.has_all(tmp_path / "agent-1")


def test_no_file_stays_open(tmp_path: Path) -> None:
    async def run() -> None:
        bus = Bus()
        before = len(os.listdir("/proc/self/fd"))
        async with plugin_on(bus, tmp_path, BATCH):
            for number in range(60):
                await bus.notify(ALICE, connection(number, 30_000))
            # The segment at hand and the lock.
            assert len(os.listdir("/proc/self/fd")) <= before + 2
        assert len(os.listdir("/proc/self/fd")) == before

    asyncio.run(run())
