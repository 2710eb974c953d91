/**
 * The bytes of a segment: header, batch header, frame header. docs/spool-format.md is the specification.
 *
 * Promise: little endian, 8-aligned, every header and payload under a CRC-32 that is seeded with the segment's salt,
 * so that neither an earlier use of the file nor the bytes of a body can pass for a frame.
 */
import assert from "node:assert/strict";
import { crc32 } from "node:zlib";
import { shortCrc32 } from "./short-crc.ts";

export const FORMAT_VERSION = 1;
/** Where batches begin: after the two copies of the header, each in a block of its own. */
export const DATA_OFFSET = 8192;
const HEADER_COPY_OFFSETS = [0, 4096] as const;
const HEADER_BYTES = 512;
const HEADER_CRC_OFFSET = 508;
/** Flags of a segment that a reader must know; the low half may be ignored by one that doesn't. */
const FLAGS_REQUIRED = 0xffff_0000;
/** Bytes behind the last batch may be zeros, or of an earlier use of the file. */
export const FLAG_RESERVED = 0x0000_0001;
/** The segment may hold control records: whoever doesn't know them would give numbers of lanes twice. */
export const FLAG_CONTROL = 0x0001_0000;
/** Numbers without a frame are done: the segment was rewritten without them. */
export const FLAG_COMPACTED = 0x0002_0000;
const FLAGS_KNOWN = FLAG_CONTROL | FLAG_COMPACTED;
const SEGMENT_MAGIC = Buffer.from("SSTSEGMT", "latin1");

export const BATCH_HEADER_BYTES = 48;
const BATCH_MAGIC_BYTES = Buffer.from("BTCH", "latin1");
const BATCH_MAGIC = BATCH_MAGIC_BYTES.readUInt32LE(0);

export const FRAME_HEADER_BYTES = 24;
/** Larger than any finished message; a length above it is damage, not a frame. */
export const FRAME_PAYLOAD_BYTES_MAX = 256 * 1024 * 1024;

export const FRAME_TYPES = { message: 1, state: 2, control: 3, progress: 4, dead: 5, summary: 6 } as const;
/** Codes above it are not given out: type, flags and zeros of a frame's header make one small number. */
export const FRAME_TYPE_MAX = 255;
export type FrameType = keyof typeof FRAME_TYPES;

export const LOG_KINDS = { messages: 1, deadLetters: 2 } as const;
export type LogKind = keyof typeof LOG_KINDS;

export interface SegmentHeader {
  readonly version: number;
  /** 32 hex digits. */
  readonly logId: string;
  /** Rises by one with each segment of a log; part of the file's name. */
  readonly number: number;
  /** Number of the first frame. */
  readonly baseSequence: number;
  /** Seed of all checksums in this use of the file. */
  readonly salt: number;
  readonly flags: number;
  readonly createdMs: number;
  /** Null: a kind that this release doesn't know. */
  readonly kind: LogKind | null;
  readonly name: string;
}

export interface BatchHeader {
  readonly bytes: number;
  readonly frameCount: number;
  readonly baseSequence: number;
  /** Every frame below it was on disk when this batch was written. */
  readonly durableSequence: number;
  readonly writtenMs: number;
}

export interface FrameHeader {
  readonly payloadBytes: number;
  readonly type: number;
  readonly sequence: number;
  readonly payloadCrc: number;
}

/** Bytes up to the next multiple of 8. */
export function align(bytes: number): number {
  return (bytes + 7) & ~7;
}

/** Bytes that a frame with this payload takes. */
export function frameBytesOf(payload: Buffer): number {
  return align(FRAME_HEADER_BYTES + payload.length);
}

/** Both copies of a segment's header, ready to be written at offset 0. */
export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  const block = Buffer.alloc(DATA_OFFSET);
  const copy = Buffer.alloc(HEADER_BYTES);
  SEGMENT_MAGIC.copy(copy, 0);
  copy.writeUInt32LE(header.version, 8);
  copy.writeUInt32LE(DATA_OFFSET, 12);
  copy.write(header.logId, 16, 16, "hex");
  writeU64(copy, header.number, 32);
  writeU64(copy, header.baseSequence, 40);
  copy.writeUInt32LE(header.salt, 48);
  copy.writeUInt32LE(header.flags, 52);
  copy.writeDoubleLE(header.createdMs, 56);
  copy.writeUInt8(header.kind === null ? 0 : LOG_KINDS[header.kind], 72);
  const name = Buffer.from(header.name, "utf8");
  copy.writeUInt8(name.length, 73);
  name.copy(copy, 74);
  copy.writeUInt32LE(crc32(copy.subarray(0, HEADER_CRC_OFFSET)), HEADER_CRC_OFFSET);
  for (const offset of HEADER_COPY_OFFSETS) copy.copy(block, offset);
  return block;
}

function kindOf(code: number): LogKind | null {
  if (code === LOG_KINDS.messages) return "messages";
  return code === LOG_KINDS.deadLetters ? "deadLetters" : null;
}

/** Why this release can't read a segment that a newer one wrote; null when it can. */
export function newerFormat(header: SegmentHeader): string | null {
  if (header.version > FORMAT_VERSION) return `has format ${header.version}; this release reads up to ${FORMAT_VERSION}`;
  const unknown = (header.flags & FLAGS_REQUIRED & ~FLAGS_KNOWN) >>> 0;
  return unknown === 0 ? null : `needs what this release doesn't have (flags ${unknown.toString(16)})`;
}

/** Reads the first copy that is whole; null when neither is. The version is not judged here. */
export function decodeSegmentHeader(block: Buffer): SegmentHeader | null {
  for (const offset of HEADER_COPY_OFFSETS) {
    const copy = block.subarray(offset, offset + HEADER_BYTES);
    if (copy.length < HEADER_BYTES || copy.compare(SEGMENT_MAGIC, 0, 8, 0, 8) !== 0) continue;
    if (copy.readUInt32LE(HEADER_CRC_OFFSET) !== crc32(copy.subarray(0, HEADER_CRC_OFFSET))) continue;
    return {
      version: copy.readUInt32LE(8),
      logId: copy.toString("hex", 16, 32),
      number: readU64(copy, 32),
      baseSequence: readU64(copy, 40),
      salt: copy.readUInt32LE(48),
      flags: copy.readUInt32LE(52),
      createdMs: copy.readDoubleLE(56),
      kind: kindOf(copy.readUInt8(72)),
      name: copy.toString("utf8", 74, 74 + copy.readUInt8(73)),
    };
  }
  return null;
}

export function encodeBatchHeader(target: Buffer, header: BatchHeader, salt: number): void {
  target.writeUInt32LE(BATCH_MAGIC, 0);
  target.writeUInt32LE(header.bytes, 4);
  target.writeUInt32LE(header.frameCount, 8);
  target.writeUInt32LE(0, 12);
  writeU64(target, header.baseSequence, 16);
  writeU64(target, header.durableSequence, 24);
  target.writeDoubleLE(header.writtenMs, 32);
  target.writeUInt32LE(0, 40);
  target.writeUInt32LE(crc32(target.subarray(0, 44), salt), 44);
}

/** The batch header at an offset, or null when there is none that is whole. */
export function decodeBatchHeader(bytes: Buffer, offset: number, salt: number): BatchHeader | null {
  if (offset + BATCH_HEADER_BYTES > bytes.length || bytes.readUInt32LE(offset) !== BATCH_MAGIC) return null;
  if (bytes.readUInt32LE(offset + 44) !== crc32(bytes.subarray(offset, offset + 44), salt)) return null;
  return {
    bytes: bytes.readUInt32LE(offset + 4),
    frameCount: bytes.readUInt32LE(offset + 8),
    baseSequence: readU64(bytes, offset + 16),
    durableSequence: readU64(bytes, offset + 24),
    writtenMs: bytes.readDoubleLE(offset + 32),
  };
}

/** Offset of the next whole batch header at or after an offset, or -1. */
export function findBatchHeader(bytes: Buffer, from: number, salt: number): number {
  for (let at = bytes.indexOf(BATCH_MAGIC_BYTES, from); at >= 0; at = bytes.indexOf(BATCH_MAGIC_BYTES, at + 1)) {
    if (at % 8 === 0 && decodeBatchHeader(bytes, at, salt) !== null) return at;
  }
  return -1;
}

export function encodeFrameHeader(
  target: Buffer,
  offset: number,
  type: FrameType,
  sequence: number,
  payloadBytes: number,
  salt: number,
): void {
  const payloadAt = offset + FRAME_HEADER_BYTES;
  target.writeUInt32LE(payloadBytes, offset);
  target.writeUInt32LE(FRAME_TYPES[type], offset + 4);
  writeU64(target, sequence, offset + 8);
  const payload = new Uint8Array(target.buffer, target.byteOffset + payloadAt, payloadBytes);
  target.writeUInt32LE(crc32(payload, salt), offset + 16);
  target.writeUInt32LE(shortCrc32(target, offset, offset + 20, salt), offset + 20);
}

/** Type and length of a frame that this process wrote: nothing is checked. */
export function frameAt(bytes: Buffer, offset: number): { readonly type: FrameType; readonly payloadBytes: number } {
  const type = frameType(bytes.readUInt8(offset + 4));
  assert(type !== null, "a frame of our own");
  return { type, payloadBytes: bytes.readUInt32LE(offset) };
}

/** Null for a type that this release doesn't know. */
export function frameType(code: number): FrameType | null {
  return (Object.keys(FRAME_TYPES) as FrameType[]).find((name) => FRAME_TYPES[name] === code) ?? null;
}

/** The frame header at an offset, or null when there is none that is whole. */
export function decodeFrameHeader(bytes: Buffer, offset: number, salt: number): FrameHeader | null {
  if (offset + FRAME_HEADER_BYTES > bytes.length) return null;
  const payloadBytes = bytes.readUInt32LE(offset);
  if (payloadBytes > FRAME_PAYLOAD_BYTES_MAX) return null;
  if (bytes.readUInt32LE(offset + 20) !== shortCrc32(bytes, offset, offset + 20, salt)) return null;
  return {
    payloadBytes,
    type: bytes.readUInt8(offset + 4),
    sequence: readU64(bytes, offset + 8),
    payloadCrc: bytes.readUInt32LE(offset + 16),
  };
}

/** Writes a whole number up to 2^53. */
export function writeU64(target: Buffer, value: number, offset: number): void {
  target.writeUInt32LE(value % 0x1_0000_0000, offset);
  target.writeUInt32LE(Math.floor(value / 0x1_0000_0000), offset + 4);
}

export function readU64(source: Buffer, offset: number): number {
  return source.readUInt32LE(offset + 4) * 0x1_0000_0000 + source.readUInt32LE(offset);
}
