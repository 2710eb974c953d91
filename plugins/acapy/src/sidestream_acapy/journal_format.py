"""The bytes of a journal: the header of a segment, and records.

See docs/journal-format.md, section 2, of the Sidestream repository.
"""

import struct
from zlib import crc32

FORMAT = 1
MAGIC = b"SSTJRNAL"
KIND_EVENT = 1
KIND_GAP = 2

RECORD_HEADER_BYTES = 32
RECORD_BYTES_MAX = 64 * 2**20
ATTRIBUTES_BYTES_MAX = 16 * 2**10
SEGMENT_BYTES_MAX = 2**30
# Of sequences, and of segments.
NUMBER_MAX = 2**53 - 1

# Magic, format, bytes of the header, boot id, number, first sequence, salt, bytes of the description, time.
_HEADER = struct.Struct("<8sII16sQQIIQ")
_CHECKSUM = struct.Struct("<I")
# All of a record's header but its checksum: bytes, sequence, time, kind, three zeros, bytes of the attributes.
_RECORD = struct.Struct("<IQQB3xI")
_pack_record = _RECORD.pack
_pack_checksum = _CHECKSUM.pack


def segment_name(number: int) -> str:
    """Name of the file of a segment."""
    return f"{number:016d}.journal"


def segment_number(name: str) -> int | None:
    """Number of the segment that a file is; None: it is none."""
    digits, dot, ending = name.partition(".")
    is_one = dot and ending == "journal" and len(digits) == 16 and digits.isascii() and digits.isdigit()
    return int(digits) if is_one and int(digits) <= NUMBER_MAX else None


def header_bytes(description: bytes) -> int:
    """Bytes that the header with a description takes."""
    return _HEADER.size + len(description) + _CHECKSUM.size


def segment_header(
    *, boot: bytes, number: int, first_sequence: int, salt: int, time_ns: int, description: bytes
) -> bytes:
    """The header of a segment."""
    start = _HEADER.pack(
        MAGIC,
        FORMAT,
        header_bytes(description),
        boot,
        number,
        first_sequence,
        salt,
        len(description),
        time_ns,
    )
    covered = start + description
    return covered + _CHECKSUM.pack(crc32(covered))


def record(sequence: int, kind: int, time_ns: int, attributes: bytes, payload: bytes, salt: int) -> bytes:
    """One record. The checksum is seeded with the segment's salt."""
    size = RECORD_HEADER_BYTES + len(attributes) + len(payload)
    covered = _pack_record(size, sequence, time_ns, kind, len(attributes)) + attributes + payload
    return _pack_checksum(crc32(covered, salt)) + covered
