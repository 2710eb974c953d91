"""The writer: sequences, segments, the lock, the budget, gaps."""

import os
import shutil
from pathlib import Path

import pytest
from journal_reader import ack_text, acknowledge, read, segments_of

from sidestream_acapy.errors import JournalUnusable
from sidestream_acapy.journal import Journal, JournalSettings

MIB = 2**20
ATTRIBUTES = b'{"topic":"t"}'


def journal(folder: Path, *, bytes_max: int = 64 * MIB, segment_bytes: int = 4096) -> Journal:
    settings = JournalSettings(
        journals=str(folder), agent="agent-1", qos="at-least-once", bytes_max=bytes_max, segment_bytes=segment_bytes
    )
    return Journal(settings, lambda _folder, _error: None)


def test_events_are_read_back_in_order_with_sequences_from_1(tmp_path: Path) -> None:
    writer = journal(tmp_path)
    for number in range(100):
        assert writer.append(1_000 + number, ATTRIBUTES, b'{"n":%d}' % number) is None
    writer.close()
    found = read(tmp_path / "agent-1")
    assert [record.sequence for record in found.records] == list(range(1, 101))
    assert [record.content["n"] for record in found.records] == list(range(100))
    assert found.records[7].time_ns == 1_007
    assert found.descriptions[0]["agent"] == "agent-1"
    assert found.descriptions[0]["qos"] == "at-least-once"
    assert len(segments_of(tmp_path / "agent-1")) > 1
    assert found.torn == {}


def test_each_start_has_a_boot_of_its_own_and_numbers_above_all_there_were(tmp_path: Path) -> None:
    for _ in range(3):
        writer = journal(tmp_path)
        writer.append(1, ATTRIBUTES, b"1")
        writer.close()
    found = read(tmp_path / "agent-1")
    assert [record.segment for record in found.records] == [1, 2, 3]
    assert len({record.boot for record in found.records}) == 3
    assert [record.sequence for record in found.records] == [1, 1, 1]


def test_numbers_go_on_above_the_segment_that_the_ack_names(tmp_path: Path) -> None:
    writer = journal(tmp_path)
    writer.append(1, ATTRIBUTES, b"1")
    writer.close()
    folder = tmp_path / "agent-1"
    record = read(folder).records[0]
    record.segment = 41
    acknowledge(folder, record)
    again = journal(tmp_path)
    again.append(1, ATTRIBUTES, b"1")
    again.close()
    assert segments_of(folder)[-1].name == "0000000000000042.journal"


def test_numbers_stay_such_that_readers_find_the_segments(tmp_path: Path) -> None:
    folder = tmp_path / "agent-1"
    folder.mkdir()
    (folder / "ack").write_text(ack_text("00", 1, 10**20))
    (folder / "9999999999999999.journal").write_text("no segment's number")
    writer = journal(tmp_path)
    writer.append(1, ATTRIBUTES, b"1")
    writer.close()
    assert (folder / "0000000000000001.journal").exists()


def test_a_second_writer_is_refused_by_name(tmp_path: Path) -> None:
    writer = journal(tmp_path)
    with pytest.raises(JournalUnusable, match="another program writes the journal .*sidestream.agent, now agent-1"):
        journal(tmp_path)
    writer.close()
    journal(tmp_path).close()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalUnusable, match="can't be used"):
        journal(tmp_path / "file")


def test_folders_and_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    writer = journal(tmp_path / "journals")
    writer.append(1, ATTRIBUTES, b"1")
    assert (tmp_path / "journals").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "journals/agent-1").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "journals/agent-1/writer.lock").stat().st_mode & 0o777 == 0o600
    writer.close()


def test_acknowledged_segments_are_removed_but_never_the_newest(tmp_path: Path) -> None:
    writer = journal(tmp_path)
    for _ in range(200):
        writer.append(1, ATTRIBUTES, b'"%s"' % (b"x" * 100))
    folder = tmp_path / "agent-1"
    found = read(folder)
    middle = found.records[100]
    acknowledge(folder, middle)
    writer.remove_acknowledged()
    assert segments_of(folder)[0].name == f"{middle.segment:016d}.journal"
    acknowledge(folder, found.records[-1])
    writer.remove_acknowledged()
    assert len(segments_of(folder)) == 1
    writer.close()
    # Also of an earlier boot, which has all been read: the newest stays.
    again = journal(tmp_path)
    found.records[-1].segment += 5
    acknowledge(folder, found.records[-1])
    again.remove_acknowledged()
    assert len(segments_of(folder)) == 1
    again.close()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        ack_text("00", 1, 9, version=2),
        ack_text(1, 1, 9),
        ack_text("00", 1, -9),
        # Numbers that no segment has had.
        ack_text("00", 1, 1000),
        ack_text("00", 1, 10**20),
        # A flipped bit makes another segment of it, that there is.
        ack_text("00", 1, 1).replace('"segment": 1', '"segment": 9'),
        ack_text("00", 1, 9).replace('"sequence": 1', '"sequence": 3'),
        '{"version":1,"boot":"00","sequence":1,"segment":9}',
        "\0" * 512,
    ],
)
def test_an_ack_that_is_not_whole_or_cannot_be_right_removes_nothing(tmp_path: Path, text: str) -> None:
    writer = journal(tmp_path)
    for _ in range(100):
        writer.append(1, ATTRIBUTES, b'"%s"' % (b"x" * 100))
    folder = tmp_path / "agent-1"
    before = segments_of(folder)
    (folder / "ack").write_text(text)
    writer.remove_acknowledged()
    assert segments_of(folder) == before
    writer.close()


def test_without_room_nothing_is_written_and_no_sequence_is_taken(tmp_path: Path) -> None:
    writer = journal(tmp_path, bytes_max=65_536 + 20_000)
    count = 0
    while writer.append(1, ATTRIBUTES, b'"%s"' % (b"x" * 100)) is None:
        count += 1
    assert writer.sequence == count
    assert writer.append(1, ATTRIBUTES, b'"%s"' % (b"x" * 100)) == "full"
    folder = tmp_path / "agent-1"
    assert sum(path.stat().st_size for path in segments_of(folder)) <= 20_000
    assert len(read(folder).records) == count
    writer.close()


def test_segments_of_earlier_boots_count_to_the_budget(tmp_path: Path) -> None:
    writer = journal(tmp_path, bytes_max=65_536 + 20_000)
    while writer.append(1, ATTRIBUTES, b'"%s"' % (b"x" * 1_000)) is None:
        pass
    writer.close()
    again = journal(tmp_path, bytes_max=65_536 + 20_000)
    assert again.append(1, ATTRIBUTES, b'"%s"' % (b"x" * 1_000)) == "full"
    acknowledge(tmp_path / "agent-1", read(tmp_path / "agent-1").records[-1])
    assert look_now(again).append(1, ATTRIBUTES, b'"%s"' % (b"x" * 1_000)) is None
    again.close()


def look_now(writer: Journal) -> Journal:
    """As if the time between two looks had gone by."""
    writer._next_look = writer._next_try = 0.0
    return writer


def test_a_gap_stands_for_what_was_given_up_and_comes_before_the_next_event(tmp_path: Path) -> None:
    writer = journal(tmp_path)
    writer.append(1, ATTRIBUTES, b"1")
    for reason in ("full", "full", "full", "too-large", "full"):
        writer.give_up(reason, 7)
    writer.append(2, ATTRIBUTES, b"2")
    writer.close()
    found = read(tmp_path / "agent-1")
    assert found.gaps == [(2, 4, "full"), (5, 5, "too-large"), (6, 6, "full")]
    assert [record.sequence for record in found.events] == [1, 7]
    assert writer.dropped == {"full": 4, "too-large": 1}


def test_a_journal_can_begin_with_a_gap(tmp_path: Path) -> None:
    writer = journal(tmp_path)
    writer.give_up("unserialisable", 7)
    writer.append(2, ATTRIBUTES, b"2")
    writer.close()
    assert read(tmp_path / "agent-1").gaps == [(1, 1, "unserialisable")]
    assert read(tmp_path / "agent-1").first_sequences == [1]


def test_an_outage_takes_a_bounded_number_of_gaps(tmp_path: Path) -> None:
    writer = journal(tmp_path)
    for number in range(1_000):
        writer.give_up("full" if number % 2 else "too-large", 7)
    writer.append(2, ATTRIBUTES, b"2")
    writer.close()
    found = read(tmp_path / "agent-1")
    assert len(found.gaps) == 64
    assert found.gaps[-1][1] == 1_000


def test_at_the_end_gaps_are_written_beyond_the_budget(tmp_path: Path) -> None:
    writer = journal(tmp_path, bytes_max=65_536 + 20_000)
    while writer.append(1, ATTRIBUTES, b'"%s"' % (b"x" * 10)) is None:
        pass
    writer.give_up("full", 7)
    assert writer.write_gaps() == "full"
    assert writer.write_gaps(at_end=True) is None
    writer.close()
    assert read(tmp_path / "agent-1").gaps == [(writer.sequence, writer.sequence, "full")]


def test_at_the_end_gaps_are_written_however_lately_the_disk_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = journal(tmp_path)
    writer.append(1, ATTRIBUTES, b"1")
    FailingWrites(monkeypatch, [OSError(28, "ENOSPC")])
    assert writer.append(1, ATTRIBUTES, b"2") == "disk"
    writer.give_up("disk", 7)
    assert writer.write_gaps() == "disk", "it is tried again a moment later"
    assert writer.write_gaps(at_end=True) is None
    writer.close()
    assert read(tmp_path / "agent-1").gaps == [(2, 2, "disk")]


def test_a_record_larger_than_a_segment_has_one_to_itself(tmp_path: Path) -> None:
    writer = journal(tmp_path)
    for size in (10, 10_000, 10):
        assert writer.append(1, ATTRIBUTES, b'"%s"' % (b"x" * size)) is None
    writer.close()
    assert [record.segment for record in read(tmp_path / "agent-1").records] == [1, 2, 3]


class FailingWrites:
    """Has the next writes fail, in the ways in which a disk does."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, failures: list[object]) -> None:
        self.failures = failures
        self.write = os.write
        monkeypatch.setattr(os, "write", self)

    def __call__(self, fd: int, data: bytes) -> int:
        failure = self.failures.pop(0) if self.failures else None
        if isinstance(failure, OSError):
            raise failure
        return self.write(fd, data[:failure] if isinstance(failure, int) else data)


def test_a_write_that_was_cut_short_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = journal(tmp_path)
    writer.append(1, ATTRIBUTES, b"1")
    FailingWrites(monkeypatch, [13, OSError(28, "ENOSPC")])
    assert writer.append(1, ATTRIBUTES, b"2") == "disk"
    assert read(tmp_path / "agent-1").torn == {}
    assert look_now(writer).append(1, ATTRIBUTES, b"3") is None
    writer.close()
    found = read(tmp_path / "agent-1")
    assert [record.content for record in found.records] == [1, 3]
    assert found.torn == {}


def test_a_write_that_was_cut_short_for_no_reason_is_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = journal(tmp_path)
    FailingWrites(monkeypatch, [100])
    assert writer.append(1, ATTRIBUTES, b"1") is None
    writer.close()
    assert [record.content for record in read(tmp_path / "agent-1").records] == [1]


def test_after_an_error_of_the_disk_a_new_segment_is_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = journal(tmp_path)
    writer.append(1, ATTRIBUTES, b"1")
    FailingWrites(monkeypatch, [OSError(5, "EIO")])
    assert writer.append(1, ATTRIBUTES, b"2") is None
    writer.close()
    assert [(record.segment, record.content) for record in read(tmp_path / "agent-1").records] == [(1, 1), (2, 2)]


def test_where_nothing_can_be_taken_back_the_torn_end_stays_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = journal(tmp_path)
    writer.append(1, ATTRIBUTES, b"1")
    FailingWrites(monkeypatch, [13, OSError(28, "ENOSPC")])

    def fail(_fd: int, _size: int) -> None:
        raise OSError(5, "EIO")

    monkeypatch.setattr(os, "ftruncate", fail)
    assert writer.append(1, ATTRIBUTES, b"2") is None
    writer.close()
    found = read(tmp_path / "agent-1")
    assert found.torn == {1: 13}
    assert [(record.segment, record.sequence) for record in found.records] == [(1, 1), (2, 2)]


def test_a_segment_whose_first_write_failed_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = journal(tmp_path)
    FailingWrites(monkeypatch, [OSError(28, "ENOSPC")])
    assert writer.append(1, ATTRIBUTES, b"1") == "disk"
    assert segments_of(tmp_path / "agent-1") == []
    assert look_now(writer).append(1, ATTRIBUTES, b"2") is None
    writer.close()
    assert [record.sequence for record in read(tmp_path / "agent-1").records] == [1]


def test_a_folder_that_was_removed_is_made_again_and_the_journal_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "agent-1"
    writer = journal(tmp_path)
    writer.append(1, ATTRIBUTES, b"1")
    assert not writer.follow_folder()
    shutil.rmtree(tmp_path)
    assert writer.follow_folder()
    assert not writer.follow_folder()
    assert writer.append(1, ATTRIBUTES, b"2") is None
    with pytest.raises(JournalUnusable, match="another program"):
        journal(tmp_path)
    writer.close()
    assert [(record.sequence, record.content) for record in read(folder).records] == [(2, 2)]


def test_what_was_emptied_is_made_again_too(tmp_path: Path) -> None:
    writer = journal(tmp_path)
    writer.append(1, ATTRIBUTES, b"1")
    for each in (tmp_path / "agent-1").iterdir():
        each.unlink()
    assert writer.follow_folder()
    assert writer.append(1, ATTRIBUTES, b"2") is None
    writer.close()
    assert [record.sequence for record in read(tmp_path / "agent-1").records] == [2]


def test_a_folder_that_another_took_meanwhile_is_left_to_it_until_it_is_free(tmp_path: Path) -> None:
    folder = tmp_path / "agent-1"
    writer = journal(tmp_path)
    writer.append(1, ATTRIBUTES, b"1")
    shutil.rmtree(folder)
    other = journal(tmp_path)
    other.append(1, ATTRIBUTES, b'"other"')
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        with pytest.raises(JournalUnusable, match="another program"):
            writer.follow_folder()
        assert writer.append(1, ATTRIBUTES, b"2") == "disk"
    assert len(os.listdir("/proc/self/fd")) < before
    other.close()
    assert [record.content for record in read(folder).records] == ["other"]
    assert writer.follow_folder()
    writer._next_try = 0.0
    assert writer.append(1, ATTRIBUTES, b"3") is None
    writer.close()
    assert [record.content for record in read(folder).records] == ["other", 3]
