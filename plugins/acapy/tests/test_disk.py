"""Disks that are full, for real: a file system of one megabyte, and a limit on the size of files."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from journal_reader import read

FULL_DISK = """
import asyncio, json, os, pathlib, subprocess, sys
folder = pathlib.Path(sys.argv[1])
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], check=True)
sys.path.insert(0, sys.argv[2])
from journal_reader import acknowledge, heartbeat, read
from rig import ALICE, Bus, connection, plugin_on
from sidestream_acapy import JournalFull

async def run(more):
    bus = Bus()
    async with plugin_on(bus, folder / "journals", {"segmentBytes": "64KiB", "holdMsMax": 30, **more}) as plugin:
        count = 0
        while not plugin.journal.dropped:
            count += 1
            try:
                await bus.notify(ALICE, connection(count, 5000))
            except JournalFull as error:
                assert "can't be written" in str(error), error
        full = read(plugin_folder)
        assert full.torn == {}, full.torn
        assert len(full.events) >= 150, len(full.events)
        assert plugin.journal.dropped == {"disk": 1}, plugin.journal.dropped
        plugin._work()
        trouble = plugin.heartbeat._notices
        assert "No space left on device" in trouble[0], trouble
        acknowledge(plugin_folder, full.events[-1])
        plugin._work()
        plugin.journal._next_look = plugin.journal._next_try = 0.0
        await bus.notify(ALICE, connection(count + 1, 5000))
        plugin._work()
        plugin._work()
        assert plugin.heartbeat._notices == []
    found = read(plugin_folder)
    assert found.torn == {}
    assert [reason for _, _, reason in found.gaps] == ["disk"], found.gaps
    assert found.events[-1].content["connection_id"] == f"c{count + 1}"
    acknowledge(plugin_folder, found.records[-1])
    return count

plugin_folder = folder / "journals" / "agent-1"
(folder / "journals").mkdir()
plugin_folder.mkdir()
# A full disk can't make this file later: its reader made it before.
(plugin_folder / "ack").write_text(" " * 512)
counts = [asyncio.run(run({})), asyncio.run(run({"whenJournalFull": "fail-closed"}))]
print(json.dumps(counts))
"""

LIMITED_FILES = """
import pathlib, resource, signal, sys
folder = pathlib.Path(sys.argv[1])
sys.path.insert(0, sys.argv[2])
from journal_reader import read
from sidestream_acapy.journal import Journal, JournalSettings
settings = JournalSettings(journals=str(folder), agent="agent-1", qos="at-least-once", bytes_max=2**26, segment_bytes=2**20)
journal = Journal(settings, lambda folder, error: None)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
results = [journal.append(1, b'{"topic":"t"}', b'"%s"' % (b"x" * 3_000)) for _ in range(50)]
assert results == [None] * 50, results
assert journal.append(1, b'{"topic":"t"}', b'"%s"' % (b"x" * 30_000)) == "disk"
journal.close()
found = read(folder / "agent-1")
assert [record.sequence for record in found.records] == list(range(1, 51))
assert found.torn == {}
"""


def run(script: str, folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    arguments = [*command, sys.executable, "-c", script, str(folder), str(Path(__file__).parent)]
    return subprocess.run(arguments, capture_output=True, text=True, timeout=50)


def can_mount() -> bool:
    """As root, or in a user namespace of one's own."""
    if shutil.which("unshare") is None:
        return False
    trial = ["unshare", "--mount", "--map-root-user", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return subprocess.run(trial, capture_output=True).returncode == 0


@pytest.mark.skipif(not can_mount(), reason="no file system can be mounted here (unshare --mount --map-root-user)")
def test_a_full_disk_loses_what_a_gap_names_and_tears_nothing(tmp_path: Path) -> None:
    ended = run(FULL_DISK, tmp_path, "unshare", "--mount", "--map-root-user")
    assert ended.returncode == 0, ended.stderr
    assert all(count > 150 for count in json.loads(ended.stdout))


def test_where_a_file_may_not_grow_the_next_segment_goes_on(tmp_path: Path) -> None:
    ended = run(LIMITED_FILES, tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert len(read(tmp_path / "agent-1").records) == 50
