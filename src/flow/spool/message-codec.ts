/** The payload of a message frame, and of a dead letter, which is a message with the reason before it. */
import type { Message } from "../message/message.ts";
import { align, FRAME_HEADER_BYTES, readU64, writeU64 } from "./format.ts";
import type { SpooledMessage } from "./spooled.ts";
import { TextCache } from "./text-cache.ts";
import { TextEncodings, writeText } from "./text-encodings.ts";

/** Lane of a message whose lane is chosen when it is sent. */
export const LANE_UNASSIGNED = 0xffff_ffff;
/** Flag of a message that must never arrive twice. */
const MESSAGE_EXACTLY_ONCE = 1;
const FIXED_BYTES = 40;
const STRING_COUNT = 7;
/** Bytes of the smallest frame that holds a message. */
export const MESSAGE_FRAME_BYTES_MIN = align(FRAME_HEADER_BYTES + FIXED_BYTES + STRING_COUNT * 4);

const knownEncodings = new TextEncodings();

/** A message as it stands in the log, with the lane that was fixed when it was appended. */
export type DecodedMessage = SpooledMessage & { readonly lane: number };

/** Upper bound of a message's payload in bytes: no UTF-16 unit takes more than three bytes of UTF-8. */
export function messagePayloadBytesMax(message: Message): number {
  let units = message.stream.length + message.revision.length + message.tenant.length + message.source.length;
  units += message.eventId.length + message.topic.length + message.key.length;
  let strings = STRING_COUNT;
  for (const [name, value] of message.headers) {
    units += name.length + value.length;
    strings += 2;
  }
  return FIXED_BYTES + strings * 4 + units * 3 + message.value.length;
}

/**
 * Writes a message's payload.
 *
 * @param sequence - Number within log, stream and topic.
 * @returns Bytes written.
 */
export function encodeMessage(target: Buffer, offset: number, message: Message, sequence: number, lane: number): number {
  target.writeDoubleLE(message.acceptedMs, offset);
  writeU64(target, message.sourcePosition, offset + 8);
  writeU64(target, sequence, offset + 16);
  target.writeUInt32LE(message.rule, offset + 24);
  target.writeUInt32LE(lane, offset + 28);
  target.writeUInt32LE(message.value.length, offset + 32);
  target.writeUInt16LE(message.headers.length, offset + 36);
  target.writeUInt16LE(message.exactlyOnce ? MESSAGE_EXACTLY_ONCE : 0, offset + 38);
  let at = offset + FIXED_BYTES;
  at = knownEncodings.write(target, at, message.stream);
  at = knownEncodings.write(target, at, message.revision);
  at = knownEncodings.write(target, at, message.tenant);
  at = knownEncodings.write(target, at, message.source);
  at = writeText(target, at, message.eventId);
  at = knownEncodings.write(target, at, message.topic);
  at = writeText(target, at, message.key);
  for (const [name, value] of message.headers) {
    at = knownEncodings.write(target, at, name);
    at = writeText(target, at, value);
  }
  target.set(message.value, at);
  return at + message.value.length - offset;
}

/** Reads a message's payload. The checksum was checked before, so a length that doesn't fit is a fault of ours. */
export function decodeMessage(payload: Buffer, logSequence: number): DecodedMessage {
  const reader = new TextReader(payload, FIXED_BYTES);
  const stream = reader.known();
  const revision = reader.known();
  const tenant = reader.known();
  const source = reader.known();
  const eventId = reader.next();
  const topic = reader.known();
  const key = reader.next();
  const headers: [string, string][] = [];
  for (let left = payload.readUInt16LE(36); left > 0; left--) headers.push([reader.known(), reader.known()]);
  return {
    stream,
    revision,
    tenant,
    source,
    eventId,
    topic,
    key,
    headers,
    logSequence,
    frameBytes: align(FRAME_HEADER_BYTES + payload.length),
    acceptedMs: payload.readDoubleLE(0),
    sourcePosition: readU64(payload, 8),
    sequence: readU64(payload, 16),
    rule: payload.readUInt32LE(24),
    exactlyOnce: (payload.readUInt16LE(38) & MESSAGE_EXACTLY_ONCE) !== 0,
    lane: payload.readUInt32LE(28),
    value: payload.subarray(reader.at, reader.at + payload.readUInt32LE(32)),
  };
}

const knownTexts = new TextCache();

class TextReader {
  readonly #bytes: Buffer;
  at: number;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  next(): string {
    const from = this.#step();
    return this.#bytes.toString("utf8", from, this.at);
  }

  /** A text that many messages have. */
  known(): string {
    const from = this.#step();
    return knownTexts.read(this.#bytes, from, this.at);
  }

  #step(): number {
    const from = this.at + 4;
    const length = this.#bytes.readUInt32LE(this.at);
    this.at = from + length;
    return from;
  }
}

/** What is written before a dead letter's message. */
export interface DeadLetterCause {
  readonly code: string;
  readonly reason: string;
  readonly deadMs: number;
  readonly destination: string;
  readonly logId: string;
  readonly logSequence: number;
}

export function encodeDeadLetter(cause: DeadLetterCause, message: Message, sequence: number): Buffer {
  const head = Buffer.from(JSON.stringify(cause), "utf8");
  const target = Buffer.alloc(4 + head.length + messagePayloadBytesMax(message));
  target.writeUInt32LE(head.length, 0);
  head.copy(target, 4);
  return target.subarray(0, 4 + head.length + encodeMessage(target, 4 + head.length, message, sequence, LANE_UNASSIGNED));
}

export function decodeDeadLetter(payload: Buffer): { readonly cause: DeadLetterCause; readonly message: DecodedMessage } {
  const headBytes = payload.readUInt32LE(0);
  const cause = JSON.parse(payload.toString("utf8", 4, 4 + headBytes)) as DeadLetterCause;
  return { cause, message: decodeMessage(payload.subarray(4 + headBytes), cause.logSequence) };
}
