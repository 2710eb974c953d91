/**
 * Writes record batches (format 2) as Kafka stores them.
 *
 * Promise: one buffer a batch and no object per record; a batch never takes more bytes than it may. Keys, headers and
 * values are written as they are: an empty key or value is empty, not absent.
 * @see https://kafka.apache.org/documentation/#recordbatch
 */
import { crc32c, Writer } from "@platformatic/kafka";
import type { OutgoingMessage } from "../../driver/destination.ts";

/** Bytes of a batch before its records. */
export const BATCH_HEAD_BYTES = 61;
/** What the batch's length field doesn't count: the offset and itself. */
export const LENGTH_FROM = 12;
/** What the checksum covers begins here, with the attributes. */
export const CRC_FROM = 21;
export const MAGIC = 2;
/** The leader fills it in. */
const NO_LEADER_EPOCH = -1;
/** A record's attributes and its time relative to the batch's: both 0. */
const RECORD_FIXED_BYTES = 2;
/** Shorter texts are written faster by hand. */
const TEXT_BY_HAND_BYTES = 24;

/** Whose batch it is, and which of theirs. */
export interface BatchNumbers {
  readonly producerId: bigint;
  readonly epoch: number;
  readonly baseSequence: number;
}

/** Records of a batch, with room for its head before them. */
export interface EncodedRecords {
  readonly bytes: Buffer;
  readonly count: number;
}

/** Bytes of a batch that holds this message alone, uncompressed. */
export function loneBatchBytes(message: OutgoingMessage): number {
  const bodyBytes = recordBodyBytes(message, 0);
  return BATCH_HEAD_BYTES + varintBytes(bodyBytes) + bodyBytes;
}

/**
 * Encodes the first messages, as many as a batch may hold.
 *
 * @param bytesMax - Of the whole batch.
 * @returns A count of 0 when not even the first fits.
 */
export function encodeRecords(messages: readonly OutgoingMessage[], bytesMax: number): EncodedRecords {
  const bodies = new Int32Array(messages.length);
  let count = 0;
  let length = BATCH_HEAD_BYTES;
  for (const message of messages) {
    const bodyBytes = recordBodyBytes(message, count);
    const recordBytes = varintBytes(bodyBytes) + bodyBytes;
    if (length + recordBytes > bytesMax) break;
    bodies[count] = bodyBytes;
    count += 1;
    length += recordBytes;
  }
  const bytes = Buffer.allocUnsafe(length);
  let at = BATCH_HEAD_BYTES;
  for (let index = 0; index < count; index += 1) {
    at = writeVarint(bytes, at, bodies[index] as number);
    at = writeBody(bytes, at, messages[index] as OutgoingMessage, index);
  }
  return { bytes, count };
}

/**
 * Fills in the head. The batch is ready to be sent then.
 *
 * @param codec - As `codecBits` has it; the records in it are compressed with it already.
 * @param timeMs - Of all its records: the broker forgets producers by it, so that it must be the time of sending.
 */
export function sealBatch(batch: Buffer, count: number, codec: number, numbers: BatchNumbers, timeMs: number): void {
  batch.writeInt32BE(0, 0);
  batch.writeInt32BE(0, 4);
  batch.writeInt32BE(batch.length - LENGTH_FROM, 8);
  batch.writeInt32BE(NO_LEADER_EPOCH, 12);
  batch.writeInt8(MAGIC, 16);
  batch.writeInt16BE(codec, 21);
  batch.writeInt32BE(count - 1, 23);
  batch.writeBigInt64BE(BigInt(timeMs), 27);
  batch.writeBigInt64BE(BigInt(timeMs), 35);
  batch.writeBigInt64BE(numbers.producerId, 43);
  batch.writeInt16BE(numbers.epoch, 51);
  batch.writeInt32BE(numbers.baseSequence, 53);
  batch.writeInt32BE(count, 57);
  // The library copies a plain Buffer before it reckons; this form it takes as it is.
  batch.writeUInt32BE(crc32c(Writer.create().append(batch.subarray(CRC_FROM)).dynamicBuffer), 17);
}

function recordBodyBytes({ key, headers, value }: OutgoingMessage, offsetDelta: number): number {
  let bytes = RECORD_FIXED_BYTES + varintBytes(offsetDelta) + textBytes(key);
  bytes += varintBytes(value.length) + value.length + varintBytes(headers.length);
  for (const header of headers) bytes += textBytes(header[0]) + textBytes(header[1]);
  return bytes;
}

function writeBody(bytes: Buffer, from: number, { key, headers, value }: OutgoingMessage, offsetDelta: number): number {
  let at = from;
  bytes[at++] = 0;
  bytes[at++] = 0;
  at = writeVarint(bytes, at, offsetDelta);
  at = writeText(bytes, at, key);
  at = writeVarint(bytes, at, value.length);
  bytes.set(value, at);
  at = writeVarint(bytes, at + value.length, headers.length);
  for (const header of headers) at = writeText(bytes, writeText(bytes, at, header[0]), header[1]);
  return at;
}

function textBytes(text: string): number {
  const length = Buffer.byteLength(text);
  return varintBytes(length) + length;
}

/** Its length, and the text in UTF-8. @returns Where to go on. */
function writeText(bytes: Buffer, from: number, text: string): number {
  const length = Buffer.byteLength(text);
  const at = writeVarint(bytes, from, length);
  if (length === text.length && length <= TEXT_BY_HAND_BYTES) {
    for (let index = 0; index < length; index += 1) bytes[at + index] = text.charCodeAt(index);
  } else {
    bytes.write(text, at);
  }
  return at + length;
}

/** Lengths are signed in this format: twice the number, seven bits a byte. */
function varintBytes(length: number): number {
  if (length < 1 << 6) return 1;
  if (length < 1 << 13) return 2;
  if (length < 1 << 20) return 3;
  return length < 1 << 27 ? 4 : 5;
}

function writeVarint(bytes: Buffer, from: number, length: number): number {
  let at = from;
  // Lengths stay below 2^30: a message can't be larger than what a broker takes.
  let rest = length << 1;
  while (rest > 0x7f) {
    bytes[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  bytes[at++] = rest;
  return at;
}
