/**
 * Gathers records into batches on the edge thread, and hands each batch over as one buffer of its own.
 *
 * Promise: records leave in the order they came. A batch leaves when 64 KiB are full, 2 ms after its first record, or,
 * once it holds a durable record, at the end of the loop turn. Only buffers made here are ever transferred: a chunk
 * that came from a socket may still be on its way out through another.
 */
import type { CaptureRecord } from "../../driver/source.ts";
import { BATCH, BATCH_HEADER_BYTES, BATCH_MAGIC, HANDOVER_VERSION, writeU53 } from "./layout.ts";
import type { RouteLosses } from "./losses.ts";
import { encodeRecord, writeTarget, type RecordAddress, type WriteTarget } from "./record.ts";

/** Size at which a batch leaves: larger ones gained nothing when measured, smaller ones cost more messages. */
export const BATCH_BYTES = 64 * 1024;
/** Milliseconds that a best-effort record may wait for company. */
export const BATCH_WAIT_MS = 2;

/** A batch on its way, and what the edge must remember of it in case the engine dies. */
export interface SealedBatch {
  readonly number: number;
  readonly buffer: ArrayBuffer;
  readonly recordCount: number;
  /** Number of its first record; those after it follow without a gap. */
  readonly firstRecord: number;
  /** For each record where its loss would count; null for a durable one, whose source is told, and for one that did count. */
  readonly bestEffort: (RouteLosses | null)[];
  /** Event ids of agent records by record number; null when there are none. */
  readonly agentIds: ReadonlyMap<number, string> | null;
}

function writeHeader(
  { view, bytes }: WriteTarget,
  batch: { readonly number: number; readonly recordCount: number; readonly bytes: number },
  bootId: Uint8Array,
): void {
  view.setUint32(BATCH.magic, BATCH_MAGIC, true);
  // The version is one byte, the three after it are zero.
  view.setUint32(BATCH.version, HANDOVER_VERSION, true);
  view.setUint32(BATCH.recordCount, batch.recordCount, true);
  view.setUint32(BATCH.bytes, batch.bytes, true);
  bytes.set(bootId, BATCH.bootId);
  view.setFloat64(BATCH.sentMs, Date.now(), true);
  writeU53(view, BATCH.number, batch.number);
}

export class Batcher {
  readonly #bootId: Uint8Array;
  readonly #send: (batch: SealedBatch) => void;
  /** Where records gather. It stays here: what leaves is a copy of the exact size, so that memory handed over is memory counted. */
  readonly #gathering: WriteTarget & { readonly buffer: ArrayBuffer };
  readonly #flushLater = (): void => this.flush();
  #usedBytes = BATCH_HEADER_BYTES;
  #recordCount = 0;
  #firstRecord = 0;
  #bestEffort: (RouteLosses | null)[] = [];
  #agentIds: Map<number, string> | null = null;
  #batchNumber = 0;
  #timer: NodeJS.Timeout | null = null;
  #immediate: NodeJS.Immediate | null = null;

  constructor(bootId: Uint8Array, send: (batch: SealedBatch) => void) {
    this.#bootId = bootId;
    this.#send = send;
    const buffer = new ArrayBuffer(BATCH_BYTES);
    this.#gathering = { ...writeTarget(Buffer.from(buffer)), buffer };
  }

  /** Bytes that the next record adds to what is handed over: its own, and a header where it begins a batch. */
  costOf(recordBytes: number): number {
    const joins = this.#recordCount > 0 && this.#usedBytes + recordBytes <= BATCH_BYTES;
    return joins ? recordBytes : recordBytes + BATCH_HEADER_BYTES;
  }

  /**
   * Adds a record; room for `costOf(recordBytes)` was taken.
   *
   * @param recordBytes - What `measureRecord` said.
   * @param losses - Where a best-effort record counts if the engine dies with it; null for a durable one.
   */
  add(record: CaptureRecord, address: RecordAddress, recordBytes: number, losses: RouteLosses | null): void {
    if (this.#usedBytes + recordBytes > BATCH_BYTES) this.flush();
    this.#note(record, address, losses);
    if (BATCH_HEADER_BYTES + recordBytes > BATCH_BYTES) {
      this.#sendAlone(record, address, recordBytes);
      return;
    }
    this.#usedBytes = encodeRecord(this.#gathering, this.#usedBytes, record, address);
    if (address.durable) {
      // An immediate, not a microtask: microtasks run after each socket's callback, so each durable record would make a
      // message of its own; an immediate runs once all sockets that were ready in this turn have been read.
      this.#immediate ??= setImmediate(this.#flushLater);
    } else {
      this.#timer ??= setTimeout(this.#flushLater, BATCH_WAIT_MS);
    }
  }

  /** Hands over what has gathered. */
  flush(): void {
    this.#stopTimers();
    if (this.#recordCount === 0) return;
    const bytes = this.#usedBytes;
    this.#seal(this.#gathering, bytes, () => this.#gathering.buffer.slice(0, bytes));
  }

  /** Gives up what has gathered, because the engine died. @returns The best-effort records lost by it. */
  discard(): readonly (RouteLosses | null)[] {
    this.#stopTimers();
    const { bestEffort } = this.#takeNotes();
    return bestEffort;
  }

  #sendAlone(record: CaptureRecord, address: RecordAddress, recordBytes: number): void {
    const bytes = BATCH_HEADER_BYTES + recordBytes;
    // Slow means: with memory of its own, not a share of a pool. Every byte of it is written below.
    const own = Buffer.allocUnsafeSlow(bytes);
    const target = writeTarget(own);
    encodeRecord(target, BATCH_HEADER_BYTES, record, address);
    this.#seal(target, bytes, () => own.buffer);
  }

  #seal(target: WriteTarget, bytes: number, buffer: () => ArrayBuffer): void {
    this.#batchNumber += 1;
    const notes = this.#takeNotes();
    writeHeader(target, { number: this.#batchNumber, recordCount: notes.recordCount, bytes }, this.#bootId);
    this.#send({ number: this.#batchNumber, buffer: buffer(), ...notes });
  }

  #note(record: CaptureRecord, address: RecordAddress, losses: RouteLosses | null): void {
    if (this.#recordCount === 0) this.#firstRecord = address.recordNumber;
    this.#recordCount += 1;
    this.#bestEffort.push(losses);
    if (record.kind === "agent") (this.#agentIds ??= new Map()).set(address.recordNumber, record.id);
  }

  #takeNotes(): Omit<SealedBatch, "number" | "buffer"> {
    const notes = {
      recordCount: this.#recordCount,
      firstRecord: this.#firstRecord,
      bestEffort: this.#bestEffort,
      agentIds: this.#agentIds,
    };
    this.#usedBytes = BATCH_HEADER_BYTES;
    this.#recordCount = 0;
    this.#bestEffort = [];
    this.#agentIds = null;
    return notes;
  }

  #stopTimers(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#immediate !== null) clearImmediate(this.#immediate);
    this.#timer = null;
    this.#immediate = null;
  }
}
