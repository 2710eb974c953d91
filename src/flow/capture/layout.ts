/**
 * Where each field lies in the bytes that pass from the edge to the engine.
 *
 * Promise: this file and docs/hand-over.md say the same; a change of either raises `HANDOVER_VERSION`. All numbers are
 * little endian, so that another process on the same machine could take the worker's place.
 */
import { OUTCOMES, type Outcome } from "../../driver/source.ts";
import { SidestreamError } from "../../errors.ts";

export const HANDOVER_VERSION = 2;

/** "SSHB" read as a little-endian number: a batch, edge to engine. */
export const BATCH_MAGIC = 0x42485353;
/** "SSHS" read as a little-endian number: a settle message, engine to edge. */
export const SETTLE_MAGIC = 0x53485353;

export const BOOT_ID_BYTES = 8;

/** Offsets in a batch header. */
export const BATCH = { magic: 0, version: 4, zero: 5, recordCount: 8, bytes: 12, bootId: 16, sentMs: 24, number: 32 } as const;
export const BATCH_HEADER_BYTES = 40;

export const KIND_TRANSACTION = 1;
export const KIND_AGENT = 2;

export const FLAG_DURABLE = 1;
/** The request body, or the agent's payload, was cut. */
export const FLAG_FIRST_TRUNCATED = 2;
export const FLAG_RESPONSE_TRUNCATED = 4;
/** The agent's event names a wallet; without it there is none, which differs from an empty name. */
export const FLAG_WALLET = 8;
/** Of an agent's event with a position: nothing of the same boot is under way. */
export const FLAG_RESUMES = 16;
/** Of an agent's event with a position: it may have been handed over before, to an engine that died. */
export const FLAG_REPEATED = 32;

/** Offsets in what every record begins with. */
export const RECORD = { bytes: 0, kind: 4, flags: 5, source: 6, route: 8, number: 12, startedMs: 20 } as const;
export const RECORD_HEADER_BYTES = 28;

/** Offsets in a transaction record; its texts and bodies follow in this order: address, request, response. */
export const TRANSACTION = {
  durationMs: 28,
  outcome: 36,
  zero: 37,
  remoteAddressBytes: 38,
  requestHeadBytes: 40,
  requestBodyBytes: 44,
  requestSizeBytes: 48,
  responseHeadBytes: 56,
  responseBodyBytes: 60,
  responseSizeBytes: 64,
} as const;
export const TRANSACTION_FIXED_BYTES = 72;

/** Offsets in an agent's record; its texts and payload follow in this order: id, topic, wallet, label, agent, record id,
 * payload. */
export const AGENT = {
  idBytes: 28,
  topicBytes: 32,
  walletBytes: 36,
  payloadBytes: 40,
  payloadSizeBytes: 44,
  /** 0: it has none. */
  position: 52,
  labelBytes: 60,
  agentBytes: 64,
  recordIdBytes: 68,
  /** Place in `QOS` from 1; 0: nothing is asked for. */
  qos: 72,
  zero: 73,
} as const;
export const AGENT_FIXED_BYTES = 76;

/** Offsets in a settle message; `SETTLEMENT_BYTES` for each settlement follow. */
export const SETTLE = { magic: 0, version: 4, hasRoom: 5, zero: 6, settlementCount: 8, zero2: 12, creditBytes: 16, roomBytes: 24 } as const;
export const SETTLE_HEADER_BYTES = 32;
/** Record number (8), outcome (4). */
export const SETTLEMENT_BYTES = 12;

export const MAX_U16 = 0xffff;
export const MAX_U32 = 0xffff_ffff;
const TWO_TO_32 = 0x1_0000_0000;

/** Writes a whole number up to 2^53 - 1 as eight bytes, without making a BigInt on the hot path. */
export function writeU53(view: DataView, offset: number, value: number): void {
  view.setUint32(offset, value >>> 0, true);
  view.setUint32(offset + 4, Math.floor(value / TWO_TO_32), true);
}

/** Reads what `writeU53` wrote; NaN when the eight bytes hold more than 2^53 - 1. */
export function readU53(view: DataView, offset: number): number {
  const high = view.getUint32(offset + 4, true);
  return high > 0x1f_ffff ? Number.NaN : high * TWO_TO_32 + view.getUint32(offset, true);
}

/** The byte that stands for an outcome: its place in `OUTCOMES`, which only ever grows at its end. */
export function outcomeCode(outcome: Outcome): number {
  return OUTCOMES.indexOf(outcome);
}

/** An error about bytes, or a record, that break the hand-over's rules. The text names the place, never the content. */
export function invalidHandover(place: string, what: string): SidestreamError {
  return new SidestreamError("SST_HANDOVER_INVALID", `${place}: ${what}`);
}
