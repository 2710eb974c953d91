"""The file `ack`, which the reader of a journal writes: how far it is done.

See docs/journal-format.md, section 4.
"""

import json
import os
from dataclasses import dataclass
from typing import Any, TypeGuard
from zlib import crc32

from .journal_format import NUMBER_MAX

ACK_FILE = "ack"
# The reader pads it to 512 bytes; what is longer is no such file.
_FILE_BYTES_MAX = 4_096


@dataclass(frozen=True, slots=True)
class Ack:
    """How far the reader is done."""

    boot: str
    sequence: int
    # Those below it may be removed.
    segment: int


def read_ack(folder: str) -> Ack | None:
    """None: there is none, or no whole and sound one just now; then it is looked for again later."""
    try:
        with open(os.path.join(folder, ACK_FILE), "rb") as file:
            said = json.loads(file.read(_FILE_BYTES_MAX))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or said.get("version") != 1:
        return None
    boot, sequence, segment = said.get("boot"), said.get("sequence"), said.get("segment")
    if not isinstance(boot, str) or not _is_position(sequence) or not _is_position(segment):
        return None
    # Segments are removed on its word, and a flipped bit would name others.
    if said.get("checksum") != crc32(f"{boot} {sequence} {segment} {said.get('claimed')}".encode()):
        return None
    return Ack(boot, sequence, segment)


def _is_position(value: Any) -> TypeGuard[int]:
    return type(value) is int and 0 <= value <= NUMBER_MAX
