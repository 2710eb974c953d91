/**
 * The cursor: which messages of a log are done, kept in two checksummed slots that are written in turn.
 *
 * Promise: after a crash the newer whole slot counts; at worst, messages confirmed since are sent again. Confirmations
 * that come while a slot is written go into the next one together.
 */
import { join } from "node:path";
import type { LanePosition } from "../../driver/destination.ts";
import { ConfirmedRanges } from "./confirmed-ranges.ts";
import {
  CURSOR_FILES,
  encodeSlot,
  newestSlot,
  openSlot,
  slotFileBytes,
  type CursorRecord,
  type DoubtfulNumbers,
  type LaneEntry,
  type SlotState,
} from "./cursor-slot.ts";
import { isFull, type Disk, type DiskFile } from "./disk.ts";
import { OutcomeCounts } from "./outcome-counts.ts";
import type { Confirmation } from "./spooled.ts";

/** How much larger a cursor is when its file is tried again that could not be made larger. */
const GROW_AGAIN = 1.25;

export class Cursor {
  readonly ranges: ConfirmedRanges;
  readonly outcomes: OutcomeCounts;
  readonly turnedAway: OutcomeCounts;
  doubtful: DoubtfulNumbers | null;
  /** As the next slot will have them, and as the slot on disk has them. */
  readonly #sentBelow: Map<string, number>;
  #savedSentBelow: ReadonlyMap<string, number>;
  /** The slots as they were found. */
  readonly found: readonly SlotState[];
  readonly #files: readonly DiskFile[];
  /** Of the files, in bytes. */
  readonly #sizes: number[];
  readonly #lanes: Map<string, LaneEntry>;
  #savedLowWater: number;
  #generation: number;
  /** Index of the slot that is written next: never the one that counts. */
  #nextSlot: number;
  #dirty = false;
  /** A file could not be made larger before it had to be: it is tried again once the cursor has so many bytes. */
  #growAt = 0;
  /** The write that runs or ran last; never rejects. */
  #last: Promise<void> = Promise.resolve();
  /** The write that has yet to begin; whoever saves now shares it. */
  #waiting: Promise<void> | null = null;

  private constructor(files: readonly DiskFile[], sizes: number[], found: readonly SlotState[]) {
    const slot = newestSlot(found);
    this.#nextSlot = found.indexOf(slot) === 1 ? 0 : 1;
    this.found = found;
    this.#files = files;
    this.#sizes = sizes;
    this.#generation = slot.generation;
    this.#lanes = new Map(Object.entries(slot.record.lanes));
    this.doubtful = slot.record.doubtful ?? null;
    this.#sentBelow = new Map(Object.entries(slot.record.sentBelow ?? {}));
    this.#savedSentBelow = new Map(this.#sentBelow);
    this.#savedLowWater = slot.record.lowWater;
    this.ranges = new ConfirmedRanges(slot.record.lowWater, slot.record.ranges);
    this.outcomes = new OutcomeCounts(slot.record.outcomes);
    this.turnedAway = new OutcomeCounts(slot.record.turnedAway);
  }

  /** Asked when the disk is full: gives back what the log can do without. True when there was something. */
  makeRoom: () => Promise<boolean> = () => Promise.resolve(false);

  /** Opens the cursor of a log folder, making it when the log is new. */
  static async open(disk: Disk, folder: string): Promise<Cursor> {
    const slots: Awaited<ReturnType<typeof openSlot>>[] = [];
    try {
      for (const name of CURSOR_FILES) slots.push(await openSlot(disk, join(folder, name)));
      if (slots.some(({ found }) => found === "absent")) await disk.syncFolder(folder);
    } catch (error) {
      await Promise.allSettled(slots.map(({ file }) => file.close()));
      throw error;
    }
    return new Cursor(
      slots.map(({ file }) => file),
      slots.map(({ bytes }) => bytes),
      slots.map(({ found }) => found),
    );
  }

  /** Low-water mark of the slot that is on disk: only what is below it may be removed. */
  get savedLowWater(): number {
    return this.#savedLowWater;
  }

  /** Highest number below which any lane may have sent. */
  get sentEnd(): number {
    return Math.max(0, ...this.#sentBelow.values());
  }

  /** A lane's messages that may have been sent have lower numbers. */
  sentBelow(lane: string): number {
    return this.#sentBelow.get(lane) ?? 0;
  }

  /** The same, as the slot on disk has it. */
  savedSentBelow(lane: string): number {
    return this.#savedSentBelow.get(lane) ?? 0;
  }

  /** The lane is about to send; `save` makes it last. */
  maySend(lane: string, below: number): void {
    this.#sentBelow.set(lane, below);
  }

  /** Marks one message as done; `save` makes it last. False when it was marked before. */
  mark(confirmation: Confirmation, tenant: string, nowMs: number): boolean {
    const { logSequence, lane, position } = confirmation;
    const isNew = this.ranges.add(logSequence);
    if (isNew) this.outcomes.add(confirmation.stream, tenant, confirmation.outcome, confirmation.reason, 1);
    if (lane === null) return isNew;
    const known = this.#lanes.get(lane);
    if (position !== undefined) {
      // What damage took before it was confirmed counts as dropped, but its number was used.
      if (isNew || position.number > (known?.[2] ?? 0)) this.#lanes.set(lane, [logSequence, nowMs, position.number, position.position]);
    } else if (isNew) {
      this.#lanes.set(lane, known?.[2] === undefined ? [logSequence, nowMs] : [logSequence, nowMs, known[2], known[3] ?? null]);
    }
    return isNew;
  }

  /** Where a numbered lane stands with all that was marked; null when nothing of it ever was. */
  lanePosition(lane: string): LanePosition | null {
    const [, , number, position] = this.#lanes.get(lane) ?? [];
    return number === undefined ? null : { number, position: position ?? null };
  }

  /** Number in the log of a lane's last confirmed message; null when there is none. */
  lastConfirmed(lane: string): number | null {
    return this.#lanes.get(lane)?.[0] ?? null;
  }

  /** Something changed that the next slot must carry. */
  touch(): void {
    this.#dirty = true;
  }

  /** Writes it where something changed that no write has carried yet. Never rejects: the next one carries it, too. */
  async saveTouched(): Promise<void> {
    if (this.#dirty) await this.save().catch(() => undefined);
  }

  /** Writes the cursor as it stands; settles once it is on disk. Calls during a write share the next one. */
  save(): Promise<void> {
    this.#dirty = true;
    if (this.#waiting === null) {
      this.#waiting = this.#last.then(() => this.#write());
      this.#last = this.#waiting.catch(() => undefined);
    }
    return this.#waiting;
  }

  /** Writes what changed and lets the files go, also when the write fails. */
  async close(): Promise<void> {
    try {
      await this.#last;
      if (this.#dirty) await this.save();
    } finally {
      await Promise.all(this.#files.map((file) => file.close()));
    }
  }

  /** Overwrites the older slot; the newer one stays until this one is on disk, also when it has to be tried again. */
  async #write(): Promise<void> {
    this.#waiting = null;
    this.#dirty = false;
    const generation = this.#generation + 1;
    const { lowWater } = this.ranges;
    for (const [lane, below] of this.#sentBelow) if (below <= lowWater) this.#sentBelow.delete(lane); // Nothing is left of it.
    const sentBelow = new Map(this.#sentBelow);
    const slot = encodeSlot({ generation, record: this.#record() });
    try {
      await this.#put(slot).catch(async (error: unknown) => {
        if (!isFull(error) || !(await this.makeRoom())) throw error;
        await this.#put(slot);
      });
    } catch (error) {
      this.#dirty = true;
      throw error;
    }
    this.#generation = generation;
    this.#nextSlot = 1 - this.#nextSlot;
    this.#savedLowWater = lowWater;
    this.#savedSentBelow = sentBelow;
  }

  /** Its file is made larger before it is full: a disk that is full by then would keep what is confirmed from making room. */
  async #put(slot: Buffer): Promise<void> {
    const file = this.#files[this.#nextSlot] as DiskFile;
    let bytes = this.#sizes[this.#nextSlot] ?? 0;
    const isTooSmall = slot.length > bytes;
    if (isTooSmall || (slot.length > bytes / 2 && slot.length >= this.#growAt)) {
      const grown = slotFileBytes(slot.length);
      try {
        await file.write(Buffer.alloc(grown - bytes), bytes);
        bytes = grown;
      } catch (error) {
        if (isTooSmall) throw error;
        this.#growAt = isFull(error) && (await this.makeRoom()) ? 0 : slot.length * GROW_AGAIN;
      }
    }
    await file.writeSynced(slot, 0);
    this.#sizes[this.#nextSlot] = bytes;
  }

  #record(): CursorRecord {
    return {
      version: 1,
      lowWater: this.ranges.lowWater,
      ranges: this.ranges.above(),
      ...(this.ranges.compactedBelow === 0 ? {} : { compactedBelow: this.ranges.compactedBelow }),
      lanes: Object.fromEntries(this.#lanes),
      ...(this.#sentBelow.size === 0 ? {} : { sentBelow: Object.fromEntries(this.#sentBelow) }),
      ...(this.doubtful === null ? {} : { doubtful: this.doubtful }),
      outcomes: this.outcomes.table(),
      turnedAway: this.turnedAway.table(),
    };
  }
}
