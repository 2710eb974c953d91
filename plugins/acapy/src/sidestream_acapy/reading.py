"""Reads a journal, for people: records in order, and what could not be read.

Nothing of the writer's code is used but the numbers of the format, so that one shows the other's mistakes.
"""

import json
import os
import struct
from collections.abc import Iterator
from typing import Any
from zlib import crc32

from .journal_format import (
    ATTRIBUTES_BYTES_MAX,
    FORMAT,
    KIND_EVENT,
    KIND_GAP,
    MAGIC,
    RECORD_BYTES_MAX,
    RECORD_HEADER_BYTES,
    segment_number,
)

_FIXED_BYTES = 64

Line = dict[str, Any]


def journals_in(folder: str) -> list[str]:
    """The folder, when it is a journal, else the journals in it."""
    if any(segment_number(name) is not None for name in os.listdir(folder)):
        return [folder]
    return sorted(
        entry.path
        for entry in os.scandir(folder)
        if entry.is_dir() and not entry.name.startswith(".") and _is_journal(entry.path)
    )


def _is_journal(folder: str) -> bool:
    return any(name in ("writer.lock", "heartbeat") or segment_number(name) is not None for name in os.listdir(folder))


def read_journal(folder: str) -> Iterator[Line | str]:
    """The records as they stand in the files, and texts for what can't be read."""
    numbered = ((segment_number(name), name) for name in os.listdir(folder))
    segments = sorted((number, name) for number, name in numbered if number is not None)
    for place, (number, name) in enumerate(segments):
        try:
            with open(os.path.join(folder, name), "rb") as file:
                data = file.read()
        except FileNotFoundError:
            # The reader was done with it, and the writer removed it meanwhile.
            continue
        yield from _read_segment(data, number, name, is_last=place == len(segments) - 1)


def _read_segment(data: bytes, number: int, name: str, *, is_last: bool) -> Iterator[Line | str]:
    header = _header(data)
    if isinstance(header, str):
        yield f"{name}: {header}"
        return
    size, boot, salt = header
    offset = size
    while offset < len(data):
        found = _record(data, offset, salt)
        if found is not None:
            line, length = found
            yield {"boot": boot, "segment": number, **line}
            offset += length
            continue
        behind = _next_whole(data, offset + 1, salt)
        if behind is None:
            where = "under way, or torn" if is_last else "torn"
            yield f"{name}: {len(data) - offset} bytes at its end, from byte {offset} on, are {where}"
            return
        yield f"{name}: {behind - offset} bytes from byte {offset} on are damaged"
        offset = behind


def _header(data: bytes) -> tuple[int, str, int] | str:
    if len(data) < _FIXED_BYTES + 4 or data[:8] != MAGIC:
        return "it has no header"
    form, size = struct.unpack_from("<II", data, 8)
    if form != FORMAT:
        return f"it has format {form}, this program reads format {FORMAT}"
    if size > len(data) or size < _FIXED_BYTES + 4 or crc32(data[: size - 4]) != _u32(data, size - 4):
        return "its header is damaged"
    return size, data[16:32].hex(), _u32(data, 48)


def _next_whole(data: bytes, start: int, salt: int) -> int | None:
    for offset in range(start, len(data) - RECORD_HEADER_BYTES + 1):
        if _record(data, offset, salt) is not None:
            return offset
    return None


def _record(data: bytes, offset: int, salt: int) -> tuple[Line, int] | None:
    if offset + RECORD_HEADER_BYTES > len(data):
        return None
    checksum, length, sequence, time_ns, kind, zeros, attributes_length = struct.unpack_from("<IIQQB3sI", data, offset)
    end = offset + length
    if kind not in (KIND_EVENT, KIND_GAP) or zeros != b"\0\0\0" or length > RECORD_BYTES_MAX or end > len(data):
        return None
    if attributes_length > ATTRIBUTES_BYTES_MAX or RECORD_HEADER_BYTES + attributes_length > length:
        return None
    if crc32(data[offset + 4 : end], salt) != checksum:
        return None
    payload_at = offset + RECORD_HEADER_BYTES + attributes_length
    attributes = json.loads(data[offset + RECORD_HEADER_BYTES : payload_at])
    line = {"sequence": sequence, "timeNs": time_ns, "kind": "event" if kind == KIND_EVENT else "gap", **attributes}
    if kind == KIND_EVENT:
        line["payload"] = json.loads(data[payload_at:end])
    return line, length


def _u32(data: bytes, offset: int) -> int:
    return int.from_bytes(data[offset : offset + 4], "little")
