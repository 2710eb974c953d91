/**
 * Writes a captured record as bytes, on the edge thread.
 *
 * Promise: one pass, one copy; no JSON, no regular expression over content, no allocation per field. What can't be
 * written without loss is refused by `measureRecord` before anything is written. `decode.ts` reads it back.
 */
import { QOS, type AgentRecord, type CaptureRecord, type RecordBody, type TransactionRecord } from "../../driver/source.ts";
import {
  AGENT,
  AGENT_FIXED_BYTES,
  BATCH_HEADER_BYTES,
  FLAG_DURABLE,
  FLAG_FIRST_TRUNCATED,
  FLAG_REPEATED,
  FLAG_RESPONSE_TRUNCATED,
  FLAG_RESUMES,
  FLAG_WALLET,
  KIND_AGENT,
  KIND_TRANSACTION,
  MAX_U16,
  MAX_U32,
  RECORD,
  TRANSACTION,
  TRANSACTION_FIXED_BYTES,
  invalidHandover,
  outcomeCode,
  writeU53,
} from "./layout.ts";

/** Bytes to write to, seen two ways. */
export interface WriteTarget {
  readonly bytes: Buffer;
  readonly view: DataView;
}

/** What the hand-over adds to a record. */
export interface RecordAddress {
  readonly sourceIndex: number;
  /** Rising, unique for this boot of the edge, from 1. */
  readonly recordNumber: number;
  readonly durable: boolean;
}

/** What a batch of its own can hold: its length field has four bytes. */
const RECORD_BYTES_MAX = MAX_U32 - BATCH_HEADER_BYTES;

/** V8 keeps text of this range in one byte per character, and then answers without looking at it. */
const BEYOND_LATIN1 = /[\u0100-\uffff]/;

export function writeTarget(bytes: Buffer): WriteTarget {
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
}

function bodyBytes(body: RecordBody): number {
  let bytes = 0;
  for (const slice of body.slices) bytes += slice.length;
  return bytes;
}

function headBytes(head: string, name: string): number {
  if (BEYOND_LATIN1.test(head)) throw invalidHandover(name, "has characters that latin1 can't hold, so it is not a head as on the wire");
  return head.length;
}

function checkSize(sizeBytes: number, name: string): void {
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0) throw invalidHandover(name, "its size is not a whole number of bytes");
}

function measureTransaction(record: TransactionRecord): number {
  checkSize(record.requestBody.sizeBytes, "request body");
  checkSize(record.responseBody.sizeBytes, "response body");
  if (outcomeCode(record.outcome) < 0) throw invalidHandover("outcome", "is not one of the known outcomes");
  const addressBytes = Buffer.byteLength(record.remoteAddress, "utf8");
  if (addressBytes > MAX_U16) throw invalidHandover("remote address", `is longer than ${MAX_U16} bytes`);
  if (!(record.durationMs >= 0 && record.durationMs < Infinity)) throw invalidHandover("duration", "is not a time in milliseconds");
  return (
    TRANSACTION_FIXED_BYTES +
    addressBytes +
    headBytes(record.requestHead, "request head") +
    bodyBytes(record.requestBody) +
    headBytes(record.responseHead, "response head") +
    bodyBytes(record.responseBody)
  );
}

/** In the order in which they are written. */
function textsOf({ id, topic, wallet, label, agent, recordId }: AgentRecord): readonly string[] {
  return [id, topic, wallet ?? "", label ?? "", agent ?? "", recordId ?? ""];
}

const TEXT_LENGTHS = [AGENT.idBytes, AGENT.topicBytes, AGENT.walletBytes, AGENT.labelBytes, AGENT.agentBytes, AGENT.recordIdBytes] as const;

function measureAgent(record: AgentRecord): number {
  checkSize(record.payload.sizeBytes, "payload");
  const position = record.place?.position;
  if (position !== undefined && !(Number.isSafeInteger(position) && position > 0))
    throw invalidHandover("position", "is not a number from 1");
  let bytes = AGENT_FIXED_BYTES + bodyBytes(record.payload);
  for (const text of textsOf(record)) bytes += Buffer.byteLength(text, "utf8");
  return bytes;
}

/**
 * Computes the bytes that a record takes, and proves that it can be written.
 *
 * @returns Bytes, the record's own length field included.
 * @throws {@link SidestreamError} `SST_HANDOVER_INVALID` when a field can't be written without loss.
 */
export function measureRecord(record: CaptureRecord): number {
  const bytes = record.kind === "transaction" ? measureTransaction(record) : measureAgent(record);
  if (bytes > RECORD_BYTES_MAX) throw invalidHandover("record", `is larger than ${RECORD_BYTES_MAX} bytes`);
  if (!Number.isInteger(record.route) || record.route < 0 || record.route > MAX_U32) throw invalidHandover("route", "is not an index");
  if (!Number.isFinite(record.startedMs)) throw invalidHandover("start", "is not a time in milliseconds");
  return bytes;
}

function writeBody({ bytes }: WriteTarget, offset: number, body: RecordBody): number {
  let at = offset;
  for (const slice of body.slices) {
    bytes.set(slice, at);
    at += slice.length;
  }
  return at;
}

function writeTransaction(target: WriteTarget, offset: number, record: TransactionRecord): number {
  const { bytes, view } = target;
  view.setFloat64(offset + TRANSACTION.durationMs, record.durationMs, true);
  view.setUint8(offset + TRANSACTION.outcome, outcomeCode(record.outcome));
  view.setUint8(offset + TRANSACTION.zero, 0);
  view.setUint32(offset + TRANSACTION.requestHeadBytes, record.requestHead.length, true);
  writeU53(view, offset + TRANSACTION.requestSizeBytes, record.requestBody.sizeBytes);
  view.setUint32(offset + TRANSACTION.responseHeadBytes, record.responseHead.length, true);
  writeU53(view, offset + TRANSACTION.responseSizeBytes, record.responseBody.sizeBytes);

  let at = offset + TRANSACTION_FIXED_BYTES;
  const addressBytes = bytes.write(record.remoteAddress, at, "utf8");
  view.setUint16(offset + TRANSACTION.remoteAddressBytes, addressBytes, true);
  at += addressBytes;
  at += bytes.write(record.requestHead, at, "latin1");
  const requestEnd = writeBody(target, at, record.requestBody);
  view.setUint32(offset + TRANSACTION.requestBodyBytes, requestEnd - at, true);
  at = requestEnd + bytes.write(record.responseHead, requestEnd, "latin1");
  const responseEnd = writeBody(target, at, record.responseBody);
  view.setUint32(offset + TRANSACTION.responseBodyBytes, responseEnd - at, true);
  return responseEnd;
}

function writeAgent(target: WriteTarget, offset: number, record: AgentRecord): number {
  const { bytes, view } = target;
  let at = offset + AGENT_FIXED_BYTES;
  for (const [index, text] of textsOf(record).entries()) {
    const textBytes = bytes.write(text, at, "utf8");
    view.setUint32(offset + (TEXT_LENGTHS[index] as number), textBytes, true);
    at += textBytes;
  }
  const end = writeBody(target, at, record.payload);
  view.setUint32(offset + AGENT.payloadBytes, end - at, true);
  writeU53(view, offset + AGENT.payloadSizeBytes, record.payload.sizeBytes);
  writeU53(view, offset + AGENT.position, record.place?.position ?? 0);
  // One byte, and three that are zero.
  view.setUint32(offset + AGENT.qos, record.qos === undefined ? 0 : QOS.indexOf(record.qos) + 1, true);
  return end;
}

function flagsOf(record: CaptureRecord, durable: boolean): number {
  let flags = durable ? FLAG_DURABLE : 0;
  if (record.kind === "transaction") {
    if (record.requestBody.truncated) flags |= FLAG_FIRST_TRUNCATED;
    if (record.responseBody.truncated) flags |= FLAG_RESPONSE_TRUNCATED;
  } else {
    if (record.payload.truncated) flags |= FLAG_FIRST_TRUNCATED;
    if (record.wallet !== null) flags |= FLAG_WALLET;
    if (record.place?.resumes === true) flags |= FLAG_RESUMES;
    if (record.place?.isRepeated === true) flags |= FLAG_REPEATED;
  }
  return flags;
}

/**
 * Writes a record that `measureRecord` took. The target has room for it.
 *
 * @param offset - Where the record begins in the target, bytes.
 * @returns Offset of the byte after it.
 */
export function encodeRecord(target: WriteTarget, offset: number, record: CaptureRecord, address: RecordAddress): number {
  const { view } = target;
  view.setUint8(offset + RECORD.kind, record.kind === "transaction" ? KIND_TRANSACTION : KIND_AGENT);
  view.setUint8(offset + RECORD.flags, flagsOf(record, address.durable));
  view.setUint16(offset + RECORD.source, address.sourceIndex, true);
  view.setUint32(offset + RECORD.route, record.route, true);
  writeU53(view, offset + RECORD.number, address.recordNumber);
  view.setFloat64(offset + RECORD.startedMs, record.startedMs, true);
  const end = record.kind === "transaction" ? writeTransaction(target, offset, record) : writeAgent(target, offset, record);
  view.setUint32(offset + RECORD.bytes, end - offset, true);
  return end;
}
