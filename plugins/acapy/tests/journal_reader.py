"""Another reader of journals, written from docs/journal-format.md alone, and strict: it raises at whatever isn't so."""

import json
import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Record:
    boot: str
    segment: int
    sequence: int
    time_ns: int
    kind: int
    attributes: dict[str, Any]
    payload: bytes

    @property
    def content(self) -> Any:
        return json.loads(self.payload)


@dataclass
class Journal:
    records: list[Record] = field(default_factory=list)
    # Segment → bytes at its end that are no whole record.
    torn: dict[int, int] = field(default_factory=dict)
    descriptions: list[dict[str, Any]] = field(default_factory=list)
    first_sequences: list[int] = field(default_factory=list)

    @property
    def events(self) -> list[Record]:
        return [record for record in self.records if record.kind == 1]

    @property
    def gaps(self) -> list[tuple[int, int, str]]:
        return [(r.sequence, r.attributes["last"], r.attributes["reason"]) for r in self.records if r.kind == 2]


def segments_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.name.endswith(".journal"))


def read(folder: Path) -> Journal:
    journal = Journal()
    for path in segments_of(folder):
        _read_segment(path, journal)
    _check_sequences(journal.records)
    return journal


def _read_segment(path: Path, journal: Journal) -> None:
    data = path.read_bytes()
    number = int(path.name.removesuffix(".journal"))
    assert path.stat().st_mode & 0o777 == 0o600
    if len(data) < 68:
        journal.torn[number] = len(data)
        return
    magic, form, size, boot, told, first, salt, described, _time = struct.unpack("<8sII16sQQIIQ", data[:64])
    assert (magic, form, told) == (b"SSTJRNAL", 1, number)
    assert salt != 0 and 64 + described <= size - 4 <= 65_532
    (checksum,) = struct.unpack("<I", data[size - 4 : size])
    assert checksum == zlib.crc32(data[: size - 4])
    journal.descriptions.append(json.loads(data[64 : 64 + described]))
    journal.first_sequences.append(first)
    at = size
    while at < len(data):
        record = _record(data, at, salt, boot.hex(), number)
        if record is None:
            journal.torn[number] = len(data) - at
            return
        if at == size:
            assert record.sequence == first
        journal.records.append(record)
        at += struct.unpack("<I", data[at + 4 : at + 8])[0]


def _record(data: bytes, at: int, salt: int, boot: str, number: int) -> Record | None:
    if len(data) - at < 32:
        return None
    checksum, size, sequence, time_ns, kind, zeros, described = struct.unpack("<IIQQB3sI", data[at : at + 32])
    if size < 32 or at + size > len(data):
        return None
    if zlib.crc32(data[at + 4 : at + size], salt) != checksum:
        return None
    assert kind in (1, 2) and zeros == b"\0\0\0" and size <= 64 * 2**20 and described <= 16 * 2**10
    attributes = json.loads(data[at + 32 : at + 32 + described].decode("utf-8"))
    payload = data[at + 32 + described : at + size]
    if kind == 1:
        json.loads(payload.decode("utf-8"), parse_constant=_refuse)
        _check_attributes(attributes)
    else:
        assert payload == b"" and attributes["last"] >= sequence and 0 < len(attributes["reason"]) <= 64
    return Record(boot, number, sequence, time_ns, kind, attributes, payload)


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def _check_attributes(attributes: dict[str, Any]) -> None:
    assert set(attributes) <= {"topic", "wallet", "label", "state", "recordId"}
    topic = attributes["topic"]
    assert 1 <= _units(topic) <= 256 and not any(ord(each) < 32 or 127 <= ord(each) < 160 for each in topic)
    if "wallet" in attributes:
        assert 1 <= len(attributes["wallet"]) <= 128 and all(33 <= ord(each) <= 126 for each in attributes["wallet"])
    for name, most in (("label", 256), ("state", 128), ("recordId", 128)):
        assert name not in attributes or 1 <= _units(attributes[name]) <= most


def _check_sequences(records: list[Record]) -> None:
    """Within a boot each follows the one before; boots don't mix."""
    expected: dict[str, int] = {}
    order: list[str] = []
    for record in records:
        if record.boot not in expected:
            order.append(record.boot)
        assert order[-1] == record.boot, "boots are mixed"
        assert expected.get(record.boot, record.sequence) == record.sequence, "a sequence is missing"
        expected[record.boot] = (record.attributes["last"] if record.kind == 2 else record.sequence) + 1


def acknowledge(folder: Path, record: Record) -> None:
    """Writes `ack` as a reader does that is done with a record."""
    (folder / "ack").write_text(ack_text(record.boot, record.sequence, record.segment))


def ack_text(boot: Any, sequence: int, segment: int, version: int = 1) -> str:
    """What stands in `ack`; its checksum is right, whatever the values are."""
    checksum = zlib.crc32(f"{boot} {sequence} {segment} 0".encode())
    said = {"version": version, "boot": boot, "sequence": sequence, "segment": segment, "claimed": 0}
    return json.dumps({**said, "checksum": checksum}).ljust(511) + "\n"


def heartbeat(folder: Path) -> dict[str, Any]:
    said: dict[str, Any] = json.loads((folder / "heartbeat").read_text())
    return said
