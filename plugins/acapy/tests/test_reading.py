"""`python -m sidestream_acapy read` prints journals for people."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

from journal_reader import read, segments_of
from rig import ALICE, Bus, Event, connection, plugin_on


def written(journals: Path) -> Path:
    async def run() -> None:
        bus = Bus()
        async with plugin_on(bus, journals, {"segmentBytes": "64KiB"}) as plugin:
            for number in range(6):
                await bus.notify(ALICE, connection(number, 20_000))
            plugin.journal.give_up("full", 1)
            await bus.notify(ALICE, Event("acapy::ping::received", None))

    asyncio.run(run())
    return journals / "agent-1"


def printed(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sidestream_acapy", "read", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30)


def test_records_are_printed_as_json_lines_as_the_other_reader_reads_them(tmp_path: Path) -> None:
    folder = written(tmp_path)
    for given in (folder, tmp_path):
        ended = printed(given)
        assert (ended.returncode, ended.stderr) == (0, "")
        lines = [json.loads(line) for line in ended.stdout.splitlines()]
        records = read(folder).records
        assert [line["sequence"] for line in lines] == [record.sequence for record in records]
        assert [line["boot"] for line in lines] == [record.boot for record in records]
        assert lines[0]["journal"] == "agent-1"
        assert lines[0]["payload"] == records[0].content
        assert lines[0]["wallet"] == "alice-wallet"
        assert (lines[6]["kind"], lines[6]["last"], lines[6]["reason"]) == ("gap", 7, "full")
        assert lines[7]["payload"] is None


def test_what_is_torn_or_damaged_is_told_and_stepped_over(tmp_path: Path) -> None:
    folder = written(tmp_path)
    first, last = segments_of(folder)[0], segments_of(folder)[-1]
    data = bytearray(first.read_bytes())
    data[300] ^= 1
    first.write_bytes(data)
    last.write_bytes(last.read_bytes() + b"torn")
    ended = printed(tmp_path)
    assert ended.returncode == 1
    assert "damaged" in ended.stderr and "4 bytes at its end" in ended.stderr
    assert len(ended.stdout.splitlines()) == 7, "of 6 events, a gap and an event one is damaged"


def test_another_format_is_told_by_name(tmp_path: Path) -> None:
    folder = written(tmp_path)
    first = segments_of(folder)[0]
    data = bytearray(first.read_bytes())
    data[8] = 2
    first.write_bytes(data)
    ended = printed(folder)
    assert "it has format 2, this program reads format 1" in ended.stderr


def test_no_journal_is_status_2(tmp_path: Path) -> None:
    assert printed(tmp_path).returncode == 2
    assert printed(tmp_path / "none").returncode == 2
