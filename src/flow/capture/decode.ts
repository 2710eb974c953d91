/**
 * Reads a batch back into events, on the engine thread.
 *
 * Promise: nothing is read beyond the batch or beyond a record's own length, whatever the bytes say. A batch whose
 * framing is broken is refused whole, by an error that names the place. A record whose inside is broken is set apart
 * with its error and the rest goes on. Bodies are views of the batch: it lives as long as any of its events.
 */
import { OUTCOMES } from "../../driver/source.ts";
import { isSidestreamError, type SidestreamError } from "../../errors.ts";
import type { Event, Transaction } from "../event.ts";
import { decodeAgent } from "./decode-agent.ts";
import { body, checkParts, type Reading } from "./decode-parts.ts";
import { parseRequestHead, parseResponseHead } from "./head.ts";
import {
  BATCH,
  BATCH_HEADER_BYTES,
  BATCH_MAGIC,
  BOOT_ID_BYTES,
  FLAG_DURABLE,
  FLAG_FIRST_TRUNCATED,
  FLAG_RESPONSE_TRUNCATED,
  HANDOVER_VERSION,
  KIND_AGENT,
  KIND_TRANSACTION,
  RECORD,
  RECORD_HEADER_BYTES,
  TRANSACTION,
  TRANSACTION_FIXED_BYTES,
  invalidHandover,
  readU53,
} from "./layout.ts";

/** A record as the engine sees it. */
export interface Decoded {
  readonly event: Event;
  /** The source waits for its settlement. */
  readonly durable: boolean;
  readonly recordNumber: number;
  /** Bytes of the encoded record. */
  readonly bytes: number;
}

/** A record whose inside could not be read. */
export interface Undecodable {
  readonly recordNumber: number;
  readonly durable: boolean;
  readonly bytes: number;
  readonly error: SidestreamError;
}

export interface DecodedBatch {
  readonly number: number;
  readonly bootId: string;
  /** When the edge sent it, milliseconds since 1970. */
  readonly sentMs: number;
  readonly records: readonly Decoded[];
  readonly undecodable: readonly Undecodable[];
}

/** The id of a transaction's event: the same for both sides, so that the edge can name it after the engine died. */
export function transactionEventId(bootId: string, recordNumber: number): string {
  return `${bootId}-${recordNumber}`;
}

function decodeTransaction(reading: Reading, offset: number, bytes: number, flags: number): Transaction {
  const { view } = reading;
  if (bytes < TRANSACTION_FIXED_BYTES) throw invalidHandover("record", `${bytes} bytes are too few for a transaction`);
  const addressBytes = view.getUint16(offset + TRANSACTION.remoteAddressBytes, true);
  const requestHeadBytes = view.getUint32(offset + TRANSACTION.requestHeadBytes, true);
  const requestBodyBytes = view.getUint32(offset + TRANSACTION.requestBodyBytes, true);
  const responseHeadBytes = view.getUint32(offset + TRANSACTION.responseHeadBytes, true);
  const responseBodyBytes = view.getUint32(offset + TRANSACTION.responseBodyBytes, true);
  const parts = TRANSACTION_FIXED_BYTES + addressBytes + requestHeadBytes + requestBodyBytes + responseHeadBytes + responseBodyBytes;
  checkParts(bytes, parts, flags, FLAG_DURABLE | FLAG_FIRST_TRUNCATED | FLAG_RESPONSE_TRUNCATED);
  const outcome = OUTCOMES[view.getUint8(offset + TRANSACTION.outcome)];
  const durationMs = view.getFloat64(offset + TRANSACTION.durationMs, true);
  if (outcome === undefined || view.getUint8(offset + TRANSACTION.zero) !== 0) throw invalidHandover("outcome", "is not known");
  if (!(durationMs >= 0 && durationMs < Infinity)) throw invalidHandover("duration", "is not a time in milliseconds");

  const addressAt = offset + TRANSACTION_FIXED_BYTES;
  const requestHeadAt = addressAt + addressBytes;
  const requestBodyAt = requestHeadAt + requestHeadBytes;
  const responseHeadAt = requestBodyAt + requestBodyBytes;
  const responseBodyAt = responseHeadAt + responseHeadBytes;
  const request = parseRequestHead(reading.bytes.toString("latin1", requestHeadAt, requestBodyAt));
  const response = parseResponseHead(reading.bytes.toString("latin1", responseHeadAt, responseBodyAt));
  const requestSize = readU53(view, offset + TRANSACTION.requestSizeBytes);
  const responseSize = readU53(view, offset + TRANSACTION.responseSizeBytes);
  return {
    method: request.method,
    target: request.target,
    httpVersion: request.httpVersion,
    requestHeaders: request.headers,
    requestBody: body(reading, requestBodyAt, requestBodyBytes, requestSize, (flags & FLAG_FIRST_TRUNCATED) !== 0),
    status: response.status,
    responseHeaders: response.headers,
    responseBody: body(reading, responseBodyAt, responseBodyBytes, responseSize, (flags & FLAG_RESPONSE_TRUNCATED) !== 0),
    outcome,
    durationMs,
    remoteAddress: reading.bytes.toString("utf8", addressAt, requestHeadAt),
  };
}

function decodeEvent(reading: Reading, offset: number, bytes: number, recordNumber: number): Event {
  const { view } = reading;
  const flags = view.getUint8(offset + RECORD.flags);
  const kind = view.getUint8(offset + RECORD.kind);
  const source = reading.sourceNames[view.getUint16(offset + RECORD.source, true)];
  const timeMs = view.getFloat64(offset + RECORD.startedMs, true);
  if (source === undefined) throw invalidHandover("source", "its index is not known");
  if (!Number.isFinite(timeMs)) throw invalidHandover("start", "is not a time in milliseconds");
  if (kind === KIND_TRANSACTION) {
    const transaction = decodeTransaction(reading, offset, bytes, flags);
    return {
      id: transactionEventId(reading.bootId, recordNumber),
      kind: "transaction",
      source,
      sourcePosition: 0,
      timeMs,
      transaction,
      agent: null,
    };
  }
  if (kind === KIND_AGENT) {
    const { id, position, agent } = decodeAgent(reading, offset, bytes, flags, source);
    return { id, kind: "agent", source, sourcePosition: position, timeMs, transaction: null, agent };
  }
  throw invalidHandover("record", `kind ${kind} is not known`);
}

interface BatchHeader {
  readonly number: number;
  readonly bootId: string;
  readonly sentMs: number;
  readonly recordCount: number;
}

function readHeader(bytes: Buffer, view: DataView): BatchHeader {
  const place = "batch";
  if (bytes.length < BATCH_HEADER_BYTES) throw invalidHandover(place, `${bytes.length} bytes are too few for a header`);
  if (view.getUint32(BATCH.magic, true) !== BATCH_MAGIC) throw invalidHandover(place, "these bytes are not a batch");
  const version = view.getUint8(BATCH.version);
  if (version !== HANDOVER_VERSION) throw invalidHandover(place, `version ${version}; this engine reads version ${HANDOVER_VERSION}`);
  if (view.getUint8(BATCH.zero) !== 0 || view.getUint16(BATCH.zero + 1, true) !== 0)
    throw invalidHandover(place, "bytes kept for later are not zero");
  const length = view.getUint32(BATCH.bytes, true);
  if (length !== bytes.length) throw invalidHandover(place, `its header says ${length} bytes, it has ${bytes.length}`);
  const number = readU53(view, BATCH.number);
  const sentMs = view.getFloat64(BATCH.sentMs, true);
  if (Number.isNaN(number) || !Number.isFinite(sentMs)) throw invalidHandover(place, "its number or time is out of range");
  const bootId = bytes.toString("hex", BATCH.bootId, BATCH.bootId + BOOT_ID_BYTES);
  return { number, bootId, sentMs, recordCount: view.getUint32(BATCH.recordCount, true) };
}

/**
 * Reads a batch.
 *
 * @param buffer - The batch, whole. Bodies of the events are views of it.
 * @param sourceNames - Names of the sources by index.
 * @throws {@link SidestreamError} `SST_HANDOVER_INVALID` when the framing is broken: no record of it can be trusted.
 */
export function decodeBatch(buffer: ArrayBuffer, sourceNames: readonly (string | undefined)[]): DecodedBatch {
  const bytes = Buffer.from(buffer);
  const view = new DataView(buffer);
  const header = readHeader(bytes, view);
  const reading: Reading = { bytes, view, bootId: header.bootId, sourceNames };
  const records: Decoded[] = [];
  const undecodable: Undecodable[] = [];
  let offset = BATCH_HEADER_BYTES;
  for (let index = 1; index <= header.recordCount; index += 1) {
    const place = `batch ${header.number}, record ${index} of ${header.recordCount} at byte ${offset}`;
    if (offset + RECORD_HEADER_BYTES > bytes.length) throw invalidHandover(place, "the batch ends inside its header");
    const recordBytes = view.getUint32(offset + RECORD.bytes, true);
    if (recordBytes < RECORD_HEADER_BYTES || offset + recordBytes > bytes.length)
      throw invalidHandover(place, `its length of ${recordBytes} bytes can't be`);
    const recordNumber = readU53(view, offset + RECORD.number);
    if (Number.isNaN(recordNumber)) throw invalidHandover(place, "its number is out of range");
    const durable = (view.getUint8(offset + RECORD.flags) & FLAG_DURABLE) !== 0;
    try {
      records.push({ event: decodeEvent(reading, offset, recordBytes, recordNumber), durable, recordNumber, bytes: recordBytes });
    } catch (error) {
      if (!isSidestreamError(error)) throw error;
      undecodable.push({ recordNumber, durable, bytes: recordBytes, error: invalidHandover(place, error.message) });
    }
    offset += recordBytes;
  }
  if (offset !== bytes.length) throw invalidHandover(`batch ${header.number}`, `${bytes.length - offset} bytes follow its last record`);
  return { number: header.number, bootId: header.bootId, sentMs: header.sentMs, records, undecodable };
}
