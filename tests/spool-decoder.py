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
# Bytes behind the last batch may be zeros, or of an earlier use of the file.
RESERVED = 0x0000_0001
# Numbers without a frame are done.
COMPACTED = 0x0002_0000
# Required flags that this program knows; 0x0001_0000: the segment may hold control records.
FLAGS_KNOWN = 0x0001_0000 | COMPACTED
# How far behind the last batch of a reserved file a header tells of a write that was never finished.
REMAINS_BYTES = 4 * 1024 * 1024


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
        # Kind, number and payload of each frame that is whole, in order.
        self.frames = []
        # Where no frame is: `at`, and the numbers missing there, from `number` up to `to`, as far as they had a frame.
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
                "flags": flags,
                "kind": kind,
                "name": copy[74 : 74 + name_bytes].decode(),
            }
        return None

    def has(self, flag):
        return self.header["flags"] & flag != 0

    def batch_at(self, at):
        """The batch header at an offset: base, count and durable; None when there is none that is whole."""
        if self.bytes[at : at + 4] != b"BTCH" or at + BATCH_HEADER.size > len(self.bytes):
            return None
        _, _, count, _, base, durable, _, _, crc = BATCH_HEADER.unpack_from(self.bytes, at)
        return (base, count, durable) if crc == crc32(self.bytes[at : at + 44], self.header["salt"]) else None

    def frame_header_at(self, at):
        """The frame header at an offset: size, type, number, checksum of the payload; None when there is none that is whole."""
        if at + FRAME_HEADER.size > len(self.bytes):
            return None
        size, kind, _, number, payload_crc, crc = FRAME_HEADER.unpack_from(self.bytes, at)
        if size > PAYLOAD_BYTES_MAX or crc != crc32(self.bytes[at : at + 20], self.header["salt"]):
            return None
        return size, kind, number, payload_crc

    def frame_at(self, at):
        """The frame at an offset: type, number, payload, offset after it; None when there is none that is whole."""
        header = self.frame_header_at(at)
        if header is None:
            return None
        size, kind, number, payload_crc = header
        start = at + FRAME_HEADER.size
        payload = self.bytes[start : start + size]
        if len(payload) < size or payload_crc != crc32(payload, self.header["salt"]):
            return None
        return kind, number, payload, at + (FRAME_HEADER.size + size + 7) // 8 * 8

    def scan(self):
        """Finds frames and holes. Gives the highest durable number that is told, and the number after the last frame."""
        at, expected, left, durable, hole = DATA_OFFSET, self.header["base"], 0, self.header["base"], None
        while at < len(self.bytes) and self.trailer_at(at) is None:
            batch, frame = self.batch_at(at), self.frame_at(at) if left > 0 else None
            found = expected
            if frame is not None and (frame[1] == expected or (hole is not None and expected <= frame[1] < expected + left)):
                kind, number, payload, after = frame
                left -= number - expected + 1
                found, expected, at = number, number + 1, after
                self.frames.append((kind, number, payload))
            elif batch is not None and self.is_next(batch[0], expected, hole):
                found, expected, left = batch[0], batch[0], batch[1]
                durable = max(durable, batch[2])
                at += BATCH_HEADER.size
            else:
                # Neither: look on, by steps of 8.
                if hole is None:
                    hole = {"at": at, "number": expected, "remains": left > 0}
                if at < hole["at"] + REMAINS_BYTES and (batch is not None or self.frame_header_at(at) is not None):
                    hole["remains"] = True
                at += 8
                continue
            if hole is not None:
                self.holes.append({**hole, "to": found, "isEnd": False})
                hole = None
        if hole is not None:
            self.holes.append({**hole, "to": expected, "isEnd": True})
        return durable, expected

    def is_next(self, base, expected, hole):
        """Whether a batch that begins with a number goes on from where the one before it ended."""
        return base == expected or (base > expected and (hole is not None or self.has(COMPACTED)))

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
    accepted, position, sequence, rule, lane, value_bytes, header_count, flags = struct.unpack_from("<dQQIIIHH", payload, 0)
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
        "exactlyOnce": flags & 1 == 1,
        "headers": [texts[index : index + 2] for index in range(7, len(texts), 2)],
        "value": base64.b64encode(payload[at:]).decode(),
    }


def dead_letter_of(payload):
    (size,) = struct.unpack_from("<I", payload, 0)
    return {**message_of(payload[4 + size :]), "dead": json.loads(payload[4 : 4 + size])}


def slot_of(path):
    """Generation and JSON of a slot of the cursor; None when it was never written, or not to its end."""
    with open(path, "rb") as file:
        slot = file.read()
    if not any(slot):
        return None
    version, size, generation, crc = struct.unpack_from("<IIQI", slot.ljust(32, b"\0"), 8)
    payload = slot[32 : 32 + size]
    if slot[:8] != b"SSTCURSR" or len(payload) < size or crc != crc32(payload, crc32(slot[:24])):
        print(f"{path}: never finished", file=sys.stderr)
        return None
    if version != 1:
        raise SystemExit(f"{path}: format {version}: not for this program")
    return generation, json.loads(payload)


def cursor_of(folder):
    """The newer whole slot's JSON, or None."""
    paths = [os.path.join(folder, name) for name in ("cursor-0", "cursor-1")]
    slots = [slot for path in paths if os.path.exists(path) and (slot := slot_of(path)) is not None]
    return max(slots, key=lambda slot: slot[0])[1] if slots else None


def within(ranges, number):
    return any(start <= number < end for start, end in ranges)


def is_done(cursor, number, to=None):
    """Of a number, or all up to another, by the cursor. One without a frame in a compacted segment is done, whatever it says."""
    if cursor is None:
        return False
    last = number if to is None else to - 1
    first = max(number, cursor["lowWater"])
    return first > last or any(start <= first and last < end for start, end in cursor["ranges"])


def in_force(records, is_over):
    """The control records that count, oldest first: the last about each name and each message that isn't done."""
    kept = {}
    for index, record in enumerate(records):
        kind = record.get("kind")
        key = {"record": ("record", record.get("name")), "skip": ("skip", record.get("logSequence"))}.get(kind, ("unknown", index))
        kept.pop(key, None)
        if not (kind == "record" and record["value"] is None or kind == "skip" and is_over(record["logSequence"])):
            kept[key] = record
    return list(kept.values())


def tell_holes(segment, is_last, durable, bound, complaints):
    """Tells what is missing; returns the number from which on nothing counts."""
    for hole in segment.holes:
        if hole["number"] >= bound:
            continue
        if is_last and hole["number"] >= durable:
            # A write that was never finished: the rest of the file goes with it. Of a file that is longer than what was
            # written to it, only what else stands there of this use tells of one.
            if not hole["isEnd"] or hole["remains"] or not segment.has(RESERVED):
                print(f"{segment.path}: never finished from byte {hole['at']} on", file=sys.stderr)
            return hole["number"]
        had = ", as far as they had one" if segment.has(COMPACTED) else ""
        lost = f"frames {hole['number']} to {hole['to'] - 1}{had}" if hole["to"] > hole["number"] else "no frame"
        complaints.tell(f"{segment.path}: damage at {hole['at']}, {lost}")
    return bound


def tell_gap(segment, end, bound, cursor, complaints):
    """Tells what is missing between a segment that isn't the last one and those after it."""
    if end >= bound:
        return
    # Others are gone behind it: of a full log, such as are done may go before older ones; and a segment that was left
    # after a write that failed may come back after those that took its place have gone.
    if not is_done(cursor, end, bound):
        complaints.tell(f"{segment.path}: ends before {end}, the next segment begins with {bound}")


def check_summary(segment, summary, frames, complaints):
    """Holds a summary against what the segment holds, where nothing is missing from it."""
    if segment.holes:
        return
    counts = {}
    for kind, _, payload in frames:
        if kind not in (MESSAGE, DEAD):
            continue
        message = message_of(payload) if kind == MESSAGE else dead_letter_of(payload)
        row = counts.setdefault(message["stream"], {})
        row[message["tenant"]] = row.get(message["tenant"], 0) + 1
    told = {stream: {tenant: n for tenant, n in row.items() if n} for stream, row in summary["counts"].items()}
    told = {stream: row for stream, row in told.items() if row}
    if told != counts:
        complaints.tell(f"{segment.path}: the summary counts {told}, the segment holds {counts}")
    numbers = [number for kind, number, _ in frames if kind not in (STATE, SUMMARY)]
    if segment.has(COMPACTED) and numbers != [number for start, end in summary["frames"] for number in range(start, end)]:
        complaints.tell(f"{segment.path}: the summary tells of frames {summary['frames']}, the segment holds {numbers}")


def read_segments(folder, complaints):
    """Those whose header can be read, in order."""
    segments = []
    for name in sorted(name for name in os.listdir(folder) if re.fullmatch(r"\d{16}\.segment", name)):
        segment = Segment(os.path.join(folder, name), complaints)
        if segment.header is None and len(segment.bytes) <= DATA_OFFSET:
            print(f"{segment.path}: never finished being made", file=sys.stderr)
        elif segment.header is None:
            complaints.tell(f"{segment.path}: no header can be read")
        else:
            segments.append(segment)
    if len({segment.header["logId"] for segment in segments}) > 1:
        complaints.tell(f"{folder}: segments of more than one log")
    return segments


class Progress:
    """Which events of sources that can be read again are there."""

    def __init__(self, state):
        self.positions = dict(state.get("progress", {}))
        self.begun = {key: list(names) for key, names in state.get("begun", {}).items()}

    def take(self, message):
        position = message["sourcePosition"]
        if position == 0 or message["stream"].startswith(("redrive/", "replay/")):
            return
        key = f"{message['source']} {message['eventId'].rpartition('/')[0]}"
        if position < self.positions.get(key, 0):
            return
        if position > self.positions.get(key, 0):
            self.positions[key], self.begun[key] = position, []
        self.begun[key].append(f"{message['stream']} {message['topic']}")


def main(folder, kept):
    complaints = Complaints()
    segments = read_segments(folder, complaints)
    cursor = cursor_of(folder)
    records, present, compacted = [], set(), []
    progress = Progress({})
    for index, segment in enumerate(segments):
        is_last = index == len(segments) - 1
        bound = min((later.header["base"] for later in segments[index + 1 :]), default=float("inf"))
        durable, end = segment.scan()
        summary = segment.summary()
        if not is_last:
            tell_gap(segment, end, bound, cursor, complaints)
        bound = tell_holes(segment, is_last, durable, bound, complaints)
        frames = [frame for frame in segment.frames if frame[1] < bound]
        if summary is not None and summary["nextSequence"] - 1 <= bound:
            check_summary(segment, summary, frames, complaints)
        if segment.has(COMPACTED):
            compacted.append((segment.header["base"], min(end, bound)))
        for kind, number, payload in frames:
            present.add(number)
            if kind == STATE:
                state = json.loads(payload)
                records, progress = state["control"], Progress(state)
            elif kind == CONTROL:
                records.append(json.loads(payload))
            elif kind == MESSAGE:
                progress.take(message_of(payload))
            if kept or kind not in (MESSAGE, DEAD):
                continue
            message = message_of(payload) if kind == MESSAGE else dead_letter_of(payload)
            done = is_done(cursor, number)
            if kind == DEAD and done:
                # It was redriven or purged.
                continue
            done = done if kind == MESSAGE else None
            print(json.dumps({"number": number, "logId": segment.header["logId"], "done": done, **message}, ensure_ascii=False))
        if summary is not None and summary["nextSequence"] - 1 <= bound:
            records, progress = summary["state"]["control"], Progress(summary["state"])
    if kept:
        is_over = lambda number: is_done(cursor, number) or (number not in present and within(compacted, number))
        lanes = cursor["lanes"] if cursor is not None else {}
        told = {"control": in_force(records, is_over), "lanes": lanes, "progress": progress.positions, "begun": progress.begun}
        print(json.dumps(told, ensure_ascii=False))
    return 1 if complaints.count else 0


if __name__ == "__main__":
    arguments = [argument for argument in sys.argv[1:] if argument != "--kept"]
    if len(arguments) != 1:
        raise SystemExit(__doc__)
    sys.stdout.reconfigure(encoding="utf-8")
    sys.exit(main(arguments[0], "--kept" in sys.argv))
