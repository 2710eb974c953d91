/**
 * The records of a journal.
 *
 * Promise: whatever the bytes, reading one gives a record whose checksum is right and whose attributes are within their
 * bounds, or says why not; it never reads beyond the bytes that it is given.
 *
 * @see docs/journal-format.md, section 2.
 */
import { crc32 } from "node:zlib";
import { WALLET } from "../../driver/agent-event.ts";

export const RECORD_HEADER_BYTES = 32;
const RECORD_BYTES_MAX = 64 * 1024 * 1024;
const ATTRIBUTES_BYTES_MAX = 16 * 1024;
const KIND_EVENT = 1;
const KIND_GAP = 2;
const NS_PER_MS = 1e6;

interface RecordCommon {
  readonly sequence: number;
  readonly timeMs: number;
  /** What it takes in the file. */
  readonly bytes: number;
}

export interface EventRecord extends RecordCommon {
  readonly kind: "event";
  readonly topic: string;
  readonly wallet: string | null;
  readonly label: string | null;
  readonly state: string | null;
  readonly recordId: string | null;
  /** A view of the bytes that were read. */
  readonly payload: Buffer;
}

/** Events that the writer gave up: `sequence` to `last`. */
export interface GapRecord extends RecordCommon {
  readonly kind: "gap";
  readonly last: number;
  readonly reason: string;
}

export type JournalRecord = EventRecord | GapRecord;

/**
 * Reads the record at an offset.
 *
 * @param salt - The segment's.
 * @returns "incomplete" when the bytes end within it, "bad" when it can't be one.
 */
export function decodeRecord(bytes: Buffer, offset: number, salt: number): JournalRecord | "incomplete" | "bad" {
  if (bytes.length - offset < RECORD_HEADER_BYTES) return "incomplete";
  const recordBytes = recordBytesAt(bytes, offset);
  if (recordBytes === null) return "bad";
  const end = offset + recordBytes;
  if (end > bytes.length) return "incomplete";
  if (crc32(bytes.subarray(offset + 4, end), salt) !== bytes.readUInt32LE(offset)) return "bad";
  const attributesEnd = offset + RECORD_HEADER_BYTES + bytes.readUInt32LE(offset + 28);
  const attributes = attributesOf(bytes.toString("utf8", offset + RECORD_HEADER_BYTES, attributesEnd));
  if (attributes === null) return "bad";
  const common = {
    sequence: Number(bytes.readBigUInt64LE(offset + 8)),
    timeMs: Number(bytes.readBigUInt64LE(offset + 16)) / NS_PER_MS,
    bytes: recordBytes,
  };
  if (!Number.isSafeInteger(common.sequence) || common.sequence < 1) return "bad";
  if (bytes.readUInt8(offset + 24) === KIND_GAP) return gapOf(attributes, common);
  return eventOf(attributes, common, bytes.subarray(attributesEnd, end));
}

/**
 * The length that stands at an offset; null where no record can begin there, which shows without its checksum.
 *
 * @param offset - With `RECORD_HEADER_BYTES` behind it.
 */
export function recordBytesAt(bytes: Buffer, offset: number): number | null {
  const kind = bytes.readUInt8(offset + 24);
  if ((kind !== KIND_EVENT && kind !== KIND_GAP) || bytes.readUIntLE(offset + 25, 3) !== 0) return null;
  const recordBytes = bytes.readUInt32LE(offset + 4);
  const attributesBytes = bytes.readUInt32LE(offset + 28);
  if (recordBytes > RECORD_BYTES_MAX || attributesBytes > ATTRIBUTES_BYTES_MAX) return null;
  return recordBytes >= RECORD_HEADER_BYTES + attributesBytes ? recordBytes : null;
}

type Attributes = Readonly<Record<string, unknown>>;

function attributesOf(text: string): Attributes | null {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === "object" && parsed !== null && !Array.isArray(parsed) ? (parsed as Attributes) : null;
  } catch {
    return null;
  }
}

const TOPIC_CHARS_MAX = 256;
const LABEL_CHARS_MAX = 256;
const ID_CHARS_MAX = 128;
const REASON_CHARS_MAX = 64;

function eventOf(attributes: Attributes, common: RecordCommon, payload: Buffer): EventRecord | "bad" {
  const topic = textOf(attributes["topic"], TOPIC_CHARS_MAX);
  const wallet = attributes["wallet"] ?? null;
  if (topic === null || /[\p{Cc}\p{Cs}]/u.test(topic)) return "bad";
  if (wallet !== null && !(typeof wallet === "string" && WALLET.test(wallet))) return "bad";
  return {
    kind: "event",
    ...common,
    topic,
    wallet,
    label: textOf(attributes["label"], LABEL_CHARS_MAX),
    state: textOf(attributes["state"], ID_CHARS_MAX),
    recordId: textOf(attributes["recordId"], ID_CHARS_MAX),
    payload,
  };
}

function gapOf({ last, reason }: Attributes, common: RecordCommon): GapRecord | "bad" {
  if (typeof last !== "number" || !Number.isSafeInteger(last) || last < common.sequence) return "bad";
  return { kind: "gap", ...common, last, reason: textOf(reason, REASON_CHARS_MAX) ?? "unknown" };
}

/** Null where there is none, or it is empty, no text, or beyond its bound. */
function textOf(value: unknown, charsMax: number): string | null {
  return typeof value === "string" && value !== "" && value.length <= charsMax ? value : null;
}
