"""A writer that is killed at any moment: what it had journaled is there, whole."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from zlib import crc32

from journal_reader import Journal, Record, acknowledge, read, segments_of

CHILD = Path(__file__).parent / "appending_child.py"
ROUNDS = int(os.environ.get("SIDESTREAM_KILLS", "12"))


def killed_run(journals: Path, chance: random.Random) -> int:
    """Starts a writer, kills it, and returns the last sequence that it reported."""
    child = subprocess.Popen([sys.executable, str(CHILD), str(journals)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    last = b"0"
    try:
        for _ in range(chance.choice([1, 2, 30, 300, 1_500])):
            last = child.stdout.readline()
        for _ in range(chance.randrange(20_000)):
            # Some moment between two reports.
            pass
    finally:
        child.send_signal(signal.SIGKILL)
    # A report that the kill cut short is none.
    rest = [line for line in child.stdout.read().split(b"\n")[:-1] if line]
    child.stdout.close()
    assert child.wait() == -signal.SIGKILL
    return int(rest[-1] if rest else last)


def check_boot(records: list[Record], reported: int) -> None:
    """The sequences were checked by the reader; the rest is here."""
    assert records[0].sequence == 1
    assert records[-1].sequence >= reported
    for record in records:
        if record.kind == 1:
            body = record.content["body"].encode()
            assert crc32(body) == record.content["crc"]


def check_torn(folder: Path, found: Journal, last_segment_of_boot: set[int]) -> None:
    """A kill can tear what was being written, which is the end of a boot."""
    assert set(found.torn) <= last_segment_of_boot
    assert all(path.stat().st_size <= 64 * 1024 for path in segments_of(folder))


def test_each_event_whose_append_returned_survives_any_kill(tmp_path: Path) -> None:
    seed = int(os.environ.get("SIDESTREAM_SEED", random.SystemRandom().randrange(2**32)))
    print(f"SIDESTREAM_SEED={seed}")
    chance = random.Random(seed)
    folder = tmp_path / "agent-1"
    last_segments: set[int] = set()
    boots: set[str] = set()
    for _ in range(ROUNDS):
        reported = killed_run(tmp_path, chance)
        found = read(folder)
        new = [record for record in found.records if record.boot not in boots]
        check_boot(new, reported)
        boots.add(new[-1].boot)
        last_segments.add(max(int(path.name[:16]) for path in segments_of(folder)))
        check_torn(folder, found, last_segments)
        if chance.random() < 0.3:
            # The next run removes what is behind it.
            acknowledge(folder, chance.choice(found.records))
            boots.update(record.boot for record in found.records)
