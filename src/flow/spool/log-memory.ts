/**
 * What a destination's driver keeps in the destination's log, and the messages that were taken out of their lanes'
 * numbers: written as control frames.
 *
 * Promise: what was answered is on disk, and only what is on disk is told. What could not be written is not in force
 * afterwards, in no state of the log either. All of it is bounded, since the state of each segment holds it.
 */
import assert from "node:assert/strict";
import { MEMORY_VALUE_BYTES_MAX, type DestinationMemory } from "../../driver/destination.ts";
import { SidestreamError } from "../../errors.ts";
import { ControlRecords, type MemoryRecord, type SkipRecord } from "./control-records.ts";
import type { SegmentLog } from "./segment-log.ts";
import type { Confirmation } from "./spooled.ts";

const NAME_BYTES_MAX = 512;
/** Names, more than a destination has topics. */
const NAMES_MAX = 100_000;
/** Of the values' JSON, all together: each segment holds them twice, in its state and in its summary. */
const VALUES_BYTES_MAX = 16 * 1024 * 1024;
/** Far more than are ever sent and not confirmed: a skip is in force only between the two. */
const SKIPS_MAX = 100_000;

export interface LogMemoryParts {
  readonly destination: string;
  readonly segments: Pick<SegmentLog, "append" | "commit" | "nextSequence">;
  /** False: no record may be written, since the segments don't say that they may hold some. */
  readonly numbered: boolean;
  /** Why the log takes nothing in; null when it does. */
  readonly stopped: () => SidestreamError | null;
}

export class LogMemory implements DestinationMemory {
  readonly #parts: LogMemoryParts;
  /** As on disk. */
  readonly #durable: ControlRecords;
  /** With all that was appended. */
  #appended: ControlRecords;
  /** Appended and not on disk yet, in order. */
  readonly #waiting: (MemoryRecord | SkipRecord)[] = [];
  /** How many of those belong to the batch that is being written. */
  #sealed = 0;

  /** @param found - The records in force, oldest first. */
  constructor(parts: LogMemoryParts, found: readonly unknown[]) {
    this.#parts = parts;
    this.#durable = new ControlRecords(found.map(frozen));
    this.#appended = new ControlRecords(this.#durable.list());
  }

  get nextSequence(): number {
    return this.#parts.segments.nextSequence;
  }

  get(name: string): unknown {
    return this.#durable.value(name);
  }

  names(): readonly string[] {
    return this.#durable.names();
  }

  /** The code for which a message was skipped; null when it wasn't. */
  skipCode(logSequence: number): string | null {
    return this.#durable.skips === 0 ? null : this.#durable.skipCode(logSequence);
  }

  async set(name: string, value: unknown): Promise<void> {
    const text: string | undefined = JSON.stringify(value);
    assert(text !== undefined, "a value that JSON can't hold");
    const bytes = Buffer.byteLength(text);
    if (bytes > MEMORY_VALUE_BYTES_MAX) throw this.#full(`"${name}" would take ${bytes} bytes, at most ${MEMORY_VALUE_BYTES_MAX} are kept`);
    if (Buffer.byteLength(name) > NAME_BYTES_MAX) throw this.#full(`a name of more than ${NAME_BYTES_MAX} bytes`);
    await this.#write({ kind: "record", name, value: JSON.parse(text) as unknown });
  }

  /** Takes a refused message out of its lane's numbers; settles once that is on disk. */
  async skip(lane: string, logSequence: number, code: string): Promise<void> {
    await this.#write({ kind: "skip", lane, logSequence, code });
  }

  /** All that was appended and is in force then, oldest first: for the state of the next segment. */
  list(): readonly unknown[] {
    return this.#appended.list();
  }

  /** What is in force by what is on disk, oldest first. */
  durableList(): readonly unknown[] {
    return this.#durable.list();
  }

  /** These confirmations are on disk: skips of messages that are done are needed no more. */
  confirmed(confirmations: readonly Pick<Confirmation, "logSequence">[], savedLowWater: number): void {
    if (this.#appended.skips === 0 && this.#durable.skips === 0) return;
    const done = new Set(confirmations.map(({ logSequence }) => logSequence));
    this.forgetSkips((logSequence) => logSequence < savedLowWater || done.has(logSequence));
  }

  forgetSkips(isDone: (logSequence: number) => boolean): void {
    this.#appended.forgetSkips(isDone);
    this.#durable.forgetSkips(isDone);
  }

  /** What is appended from now on belongs to the next batch. */
  sealBatch(): void {
    this.#sealed = this.#waiting.length;
  }

  batchDurable(): void {
    if (this.#sealed > 0) for (const record of this.#waiting.splice(0, this.#sealed)) this.#durable.apply(record);
    this.#sealed = 0;
  }

  /** Takes back every record that is not on disk: what waits behind a batch that failed goes with it. */
  rollBack(): void {
    if (this.#waiting.length > 0) this.#appended = new ControlRecords(this.#durable.list());
    this.#waiting.length = 0;
    this.#sealed = 0;
  }

  /** It needs no room in the budget: a full log must still be able to drain. */
  async #write(record: MemoryRecord | SkipRecord): Promise<void> {
    const { segments, numbered, stopped } = this.#parts;
    assert(numbered, "a control record in a log that isn't opened for them");
    const why = stopped();
    if (why !== null) throw why;
    const payload = Buffer.from(JSON.stringify(record), "utf8");
    this.#check(record, payload.length);
    segments.append("control", payload.length, (target, offset) => payload.copy(target, offset), null);
    this.#waiting.push(frozen(record));
    this.#appended.apply(record);
    await segments.commit();
  }

  /** A skip is never refused for what the driver keeps: its lane would stand still. */
  #check(record: MemoryRecord | SkipRecord, bytes: number): void {
    const known = this.#appended;
    if (record.kind === "skip") {
      if (known.skips >= SKIPS_MAX) throw this.#full(`${known.skips} messages are skipped and not confirmed`);
      return;
    }
    if (record.value === null) return;
    if (known.size - known.skips >= NAMES_MAX && known.value(record.name) === undefined) throw this.#full(`it holds ${NAMES_MAX} names`);
    const all = known.bytes - known.bytesOf(record.name) + bytes;
    if (all > VALUES_BYTES_MAX) throw this.#full(`it would take ${all} bytes, at most ${VALUES_BYTES_MAX} are kept`);
  }

  #full(why: string): SidestreamError {
    return new SidestreamError("SST_SPOOL_FULL", `the memory of ${this.#parts.destination} takes no more: ${why}`);
  }
}

/** Whoever is given a value must not change what the next segment says. */
function frozen<Value>(value: Value): Value {
  if (typeof value !== "object" || value === null) return value;
  for (const each of Object.values(value)) frozen(each);
  return Object.freeze(value);
}
