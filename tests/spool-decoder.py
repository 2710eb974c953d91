#!/usr/bin/env python3
"""Prints the messages of a spool folder, one JSON object a line. Written from docs/spool-format.md alone.

usage: spool-decoder.py FOLDER          a log's folder: data/spool/DESTINATION or data/dead/DESTINATION
       spool-decoder.py --kept FOLDER   the control records in force and the lanes instead, as one JSON object

Reads only. What can't be read is told on standard error; exit status 1 then. Needs Python 3.11, no packages.
"""

import base64
import json
import os
import re
import struct
import sys
from zlib import crc32

DATA_OFFSET = 8192
HEADER_BYTES = 512
BATCH_HEADER = struct.Struct("<4sIIIQQdII")
FRAME_HEADER = struct.Struct("<IBB2xQII")
TRAILER = struct.Struct("<8sdd4xI")
PAYLOAD_BYTES_MAX = 256 * 1024 * 1024
MESSAGE, STATE, CONTROL, DEAD, SUMMARY = 1, 2, 3, 5, 6
# Required flags that this program knows: the segment may hold control records.
FLAGS_KNOWN = 0x0001_0000


class Complaints:
    def __init__(self):
        self.count = 0

    def tell(self, text):
        self.count += 1
        print(text, file=sys.stderr)


class Segment:
    """One file: its header, and every frame in it that is whole."""

    def __init__(self, path, complaints):
        self.path = path
        self.complaints = complaints
        with open(path, "rb") as file:
            self.bytes = file.read()
        self.header = self.read_header()
        self.frames = []
        self.holes = []

    def read_header(self):
        for offset in (0, 4096):
            copy = self.bytes[offset : offset + HEADER_BYTES]
            if len(copy) < HEADER_BYTES or copy[:8] != b"SSTSEGMT":
                continue
            if struct.unpack_from("<I", copy, 508)[0] != crc32(copy[:508]):
                continue
            version, data_offset = struct.unpack_from("<II", copy, 8)
            number, base = struct.unpack_from("<QQ", copy, 32)
            salt, flags = struct.unpack_from("<II", copy, 48)
            if version != 1 or data_offset != DATA_OFFSET or flags & 0xFFFF_0000 & ~FLAGS_KNOWN:
                raise SystemExit(f"{self.path}: format {version}, flags {flags:x}: not for this program")
            kind, name_bytes = copy[72], copy[73]
            return {
                "logId": copy[16:32].hex(),
                "number": number,
                "base": base,
                "salt": salt,
                "kind": kind,
                "name": copy[74 : 74 + name_bytes].decode(),
            }
        return None

    def batch_at(self, at):
        """The batch header at an offset: base and count; None when there is none that is whole."""
        if at + BATCH_HEADER.size > len(self.bytes):
            return None
        magic, _, count, _, base, durable, _, _, crc = BATCH_HEADER.unpack_from(self.bytes, at)
        if magic != b"BTCH" or crc != crc32(self.bytes[at : at + 44], self.header["salt"]):
            return None
        return base, count, durable

    def frame_at(self, at):
        """The frame at an offset: type, number, payload, offset after it; None when there is none that is whole."""
        if at + FRAME_HEADER.size > len(self.bytes):
            return None
        size, kind, _, number, payload_crc, crc = FRAME_HEADER.unpack_from(self.bytes, at)
        salt = self.header["salt"]
        if size > PAYLOAD_BYTES_MAX or crc != crc32(self.bytes[at : at + 20], salt):
            return None
        start = at + FRAME_HEADER.size
        payload = self.bytes[start : start + size]
        if len(payload) < size or payload_crc != crc32(payload, salt):
            return None
        return kind, number, payload, at + (FRAME_HEADER.size + size + 7) // 8 * 8

    def scan(self):
        at, expected, left, durable, hole = DATA_OFFSET, self.header["base"], 0, self.header["base"], None
        while at < len(self.bytes):
            if self.trailer_at(at):
                break
            batch, frame = self.batch_at(at), self.frame_at(at) if left > 0 else None
            found = expected
            if frame is not None and (frame[1] == expected or (hole is not None and expected <= frame[1] < expected + left)):
                kind, number, payload, after = frame
                left -= number - expected + 1
                found, expected, at = number, number + 1, after
                self.frames.append((kind, number, payload))
            elif batch is not None and (batch[0] == expected or (hole is not None and batch[0] >= expected)):
                found, expected, left = batch[0], batch[0], batch[1]
                durable = max(durable, batch[2])
                at += BATCH_HEADER.size
            else:
                # Neither: look on, by steps of 8.
                if hole is None:
                    hole = {"at": at, "number": expected}
                at += 8
                continue
            if hole is not None:
                self.holes.append({**hole, "to": found})
                hole = None
        if hole is not None:
            self.holes.append({**hole, "to": expected})
        return durable, expected

    def trailer_at(self, at):
        """The offset of the summary, when the trailer of a sealed segment is there."""
        if at != len(self.bytes) - TRAILER.size:
            return None
        magic, offset, _, crc = TRAILER.unpack_from(self.bytes, at)
        if magic != b"SSTTRAIL" or crc != crc32(self.bytes[at : at + 28], self.header["salt"]):
            return None
        return int(offset)

    def summary(self):
        at = len(self.bytes) - TRAILER.size
        offset = self.trailer_at(at) if at >= DATA_OFFSET else None
        if offset is None or self.batch_at(offset) is None:
            return None
        frame = self.frame_at(offset + BATCH_HEADER.size)
        return json.loads(frame[2]) if frame is not None and frame[0] == SUMMARY else None


def message_of(payload):
    accepted, position, sequence, rule, lane, value_bytes, header_count = struct.unpack_from("<dQQIIII", payload, 0)
    at = 40
    texts = []
    for _ in range(7 + 2 * header_count):
        (size,) = struct.unpack_from("<I", payload, at)
        texts.append(payload[at + 4 : at + 4 + size].decode())
        at += 4 + size
    stream, revision, tenant, source, event_id, topic, key = texts[:7]
    if len(payload) != at + value_bytes:
        raise ValueError("a message's payload has another length than its parts")
    return {
        "sequence": sequence,
        "stream": stream,
        "topic": topic,
        "key": key,
        "tenant": tenant,
        "source": source,
        "sourcePosition": position,
        "eventId": event_id,
        "rule": rule,
        "revision": revision,
        "lane": lane,
        "acceptedMs": accepted,
        "headers": [texts[index : index + 2] for index in range(7, len(texts), 2)],
        "value": base64.b64encode(payload[at:]).decode(),
    }


def dead_letter_of(payload):
    (size,) = struct.unpack_from("<I", payload, 0)
    return {**message_of(payload[4 + size :]), "dead": json.loads(payload[4 : 4 + size])}


def cursor_of(folder):
    """The newer whole slot's JSON, or None."""
    best = (0, None)
    for name in ("cursor-0", "cursor-1"):
        try:
            with open(os.path.join(folder, name), "rb") as file:
                slot = file.read()
        except FileNotFoundError:
            continue
        if len(slot) < 32 or slot[:8] != b"SSTCURSR":
            continue
        version, size, generation, crc = struct.unpack_from("<IIQI", slot, 8)
        payload = slot[32 : 32 + size]
        if len(payload) < size or crc != crc32(payload, crc32(slot[:24])):
            continue
        if version != 1:
            raise SystemExit(f"{name}: format {version}: not for this program")
        if generation > best[0]:
            best = (generation, json.loads(payload))
    return best[1]


def is_done(cursor, number):
    if cursor is None:
        return False
    return number < cursor["lowWater"] or any(start <= number < end for start, end in cursor["ranges"])


def in_force(records, cursor):
    """The control records that count, oldest first: the last about each name and each message that isn't done."""
    kept = {}
    for index, record in enumerate(records):
        kind = record.get("kind")
        key = {"record": ("record", record.get("name")), "skip": ("skip", record.get("logSequence"))}.get(kind, ("unknown", index))
        kept.pop(key, None)
        is_over = kind == "record" and record["value"] is None or kind == "skip" and is_done(cursor, record["logSequence"])
        if not is_over:
            kept[key] = record
    return list(kept.values())


def tell_holes(segment, is_last, durable, end, bound, complaints):
    """Tells what is missing; returns the number from which on nothing counts."""
    for hole in segment.holes:
        if hole["number"] >= bound:
            continue
        if is_last and hole["number"] >= durable:
            # A write that was never finished: the rest of the file goes with it.
            print(f"{segment.path}: never finished from byte {hole['at']} on", file=sys.stderr)
            return hole["number"]
        complaints.tell(f"{segment.path}: damage at {hole['at']}, frames {hole['number']} to {hole['to'] - 1}")
    if bound != float("inf") and end < bound:
        complaints.tell(f"{segment.path}: ends before {end}, the next segment begins with {bound}")
    return bound


def check_summary(segment, frames, complaints):
    summary = segment.summary()
    if summary is None:
        return
    counts = {}
    for kind, _, payload in frames:
        if kind not in (MESSAGE, DEAD):
            continue
        message = message_of(payload) if kind == MESSAGE else dead_letter_of(payload)
        row = counts.setdefault(message["stream"], {})
        row[message["tenant"]] = row.get(message["tenant"], 0) + 1
    told = {stream: {tenant: n for tenant, n in row.items() if n} for stream, row in summary["counts"].items()}
    if not segment.holes and {stream: row for stream, row in told.items() if row} != counts:
        complaints.tell(f"{segment.path}: the summary counts {told}, the segment holds {counts}")


def main(folder, kept):
    complaints = Complaints()
    names = sorted(name for name in os.listdir(folder) if re.fullmatch(r"\d{16}\.segment", name))
    segments = []
    for name in names:
        segment = Segment(os.path.join(folder, name), complaints)
        if segment.header is None:
            complaints.tell(f"{segment.path}: no header can be read")
        else:
            segments.append(segment)
    if len({segment.header["logId"] for segment in segments}) > 1:
        complaints.tell(f"{folder}: segments of more than one log")
    cursor = cursor_of(folder)
    records = []
    for index, segment in enumerate(segments):
        bound = min((later.header["base"] for later in segments[index + 1 :]), default=float("inf"))
        durable, end = segment.scan()
        bound = tell_holes(segment, index == len(segments) - 1, durable, end, bound, complaints)
        frames = [frame for frame in segment.frames if frame[1] < bound]
        check_summary(segment, frames, complaints)
        for kind, number, payload in frames:
            if kind == STATE:
                records = json.loads(payload)["control"]
            elif kind == CONTROL:
                records.append(json.loads(payload))
            if kept or kind not in (MESSAGE, DEAD):
                continue
            message = message_of(payload) if kind == MESSAGE else dead_letter_of(payload)
            done = is_done(cursor, number) if kind == MESSAGE else None
            print(json.dumps({"number": number, "logId": segment.header["logId"], "done": done, **message}, ensure_ascii=False))
    if kept:
        lanes = cursor["lanes"] if cursor is not None else {}
        print(json.dumps({"control": in_force(records, cursor), "lanes": lanes}, ensure_ascii=False))
    return 1 if complaints.count else 0


if __name__ == "__main__":
    arguments = [argument for argument in sys.argv[1:] if argument != "--kept"]
    if len(arguments) != 1:
        raise SystemExit(__doc__)
    sys.stdout.reconfigure(encoding="utf-8")
    sys.exit(main(arguments[0], "--kept" in sys.argv))
