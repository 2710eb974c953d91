/**
 * Reads a journal, segment by segment, and sees what is missing.
 *
 * Promise: records come in the order of segments and sequences, each once until it is told to go back; for whatever is
 * missing between two records of a boot a gap comes in its place.
 */
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Qos } from "../../driver/source.ts";
import type { Ack } from "./ack-file.ts";
import type { EventRecord } from "./record.ts";
import { SegmentReader } from "./segment-reader.ts";

const SEGMENT = /^(\d{16})\.journal$/;
/** Reason of a gap that no writer told of. */
export const DAMAGE = "damage";

/** Where a record stands, and whose it is. */
export interface Place {
  readonly boot: string;
  readonly sequence: number;
  readonly segment: number;
  readonly agent: string | null;
  readonly qos: Qos | null;
}

/** Events that are missing: from the place's sequence to `last`. */
export interface Gap {
  readonly kind: "gap";
  readonly timeMs: number;
  readonly last: number;
  readonly reason: string;
}

export interface Read {
  readonly place: Place;
  readonly record: EventRecord | Gap;
}

interface OpenSegment {
  readonly number: number;
  readonly reader: SegmentReader;
}

export class JournalReader {
  readonly #folder: string;
  #open: OpenSegment | null = null;
  /** Nothing at or before it is given again. Null: whatever is there. */
  #after: Pick<Ack, "boot" | "sequence" | "segment"> | null;
  /** The segment that the last record stood in; nothing before it is read again. */
  #from: number;
  #boot = "";
  /** Sequence that the next record of the boot has when none is missing; null: whatever comes. */
  #expected: number | null = null;
  /** Numbers of segments that were there, rising, the first may be that at hand: what is made later has a higher one. */
  #listed: number[] = [];
  #damagedBytes = 0;
  /** The last segment whose damage is counted, and how much of it that was: after going back it is met again. */
  #damaged = { number: 0, bytes: 0 };

  constructor(folder: string, after: Ack | null) {
    this.#folder = folder;
    this.#after = after;
    this.#from = after?.segment ?? 0;
  }

  /** Bytes that could not be read and were stepped over. */
  get damagedBytes(): number {
    if (this.#open !== null) this.#countDamage(this.#open);
    return this.#damagedBytes;
  }

  /** Goes back to what stands behind a place. */
  async seek(after: Pick<Ack, "boot" | "sequence" | "segment"> | null): Promise<void> {
    // First, so that it reads from there also where the file at hand can't be closed.
    this.#after = after;
    this.#from = after?.segment ?? 0;
    this.#boot = "";
    this.#expected = null;
    this.#listed = [];
    await this.close();
  }

  /**
   * Reads what follows, about 256 KiB of it.
   *
   * @returns Nothing when all is read that is there by now.
   * @throws SidestreamError `SST_JOURNAL_VERSION`; else as `node:fs` does.
   */
  async read(): Promise<readonly Read[]> {
    for (;;) {
      const open = this.#open ?? (await this.#first());
      if (open === null) return [];
      this.#open = open;
      const found = await this.#readOpen(open);
      if (found.length > 0) return found;
      // Looked for before the end is looked at once more: then nothing can have come behind it.
      const next = await this.#next(open.number + 1);
      const rest = next === null ? [] : await this.#readOpen(open);
      const isRemoved = rest.length === 0 && (await open.reader.isRemoved());
      if (rest.length > 0 || isRemoved) await next?.reader.close();
      if (rest.length > 0) return rest;
      if (isRemoved) {
        // Its first write failed, and with the next boot of the writer its number, or a lower one, may have come again.
        await this.close();
        this.#listed = [];
        continue;
      }
      if (next === null) return [];
      this.#countDamage(open);
      this.#open = next;
      await open.reader.close();
    }
  }

  /** Bytes that are not read yet. */
  async backlogBytes(): Promise<number> {
    const open = this.#open;
    let bytes = open === null ? 0 : Math.max(0, (await open.reader.sizeBytes()) - open.reader.offset);
    for (const number of await this.#numbers(open === null ? this.#from : open.number + 1)) {
      const found = await stat(this.#pathOf(number)).catch(() => null);
      bytes += found?.size ?? 0;
    }
    return bytes;
  }

  async close(): Promise<void> {
    const open = this.#open;
    this.#open = null;
    if (open === null) return;
    this.#countDamage(open);
    await open.reader.close();
  }

  #countDamage({ number, reader: { damagedBytes: bytes } }: OpenSegment): void {
    const known = this.#damaged;
    if (number < known.number || (number === known.number && bytes <= known.bytes)) return;
    this.#damagedBytes += number === known.number ? bytes - known.bytes : bytes;
    this.#damaged = { number, bytes };
  }

  async #readOpen({ number, reader }: OpenSegment): Promise<readonly Read[]> {
    for (;;) {
      const records = await reader.read();
      const { header } = reader;
      if (header === null || records.length === 0) return [];
      // A header may name a later one than stands there: what is there counts.
      const first = Math.min(header.firstSequence, records[0]?.sequence ?? header.firstSequence);
      if (header.boot !== this.#boot) this.#enter(header.boot, first);
      const { boot, agent, qos } = header;
      const found: Read[] = [];
      for (const record of records) {
        const at = { boot, segment: number, agent, qos };
        const expected = this.#expected ?? record.sequence;
        const last = record.kind === "gap" ? record.last : record.sequence;
        if (last < expected) continue;
        this.#expected = last + 1;
        if (expected < record.sequence) {
          const missing: Gap = { kind: "gap", timeMs: record.timeMs, last: record.sequence - 1, reason: DAMAGE };
          found.push({ place: { ...at, sequence: expected }, record: missing });
        }
        found.push({ place: { ...at, sequence: Math.max(expected, record.sequence) }, record });
      }
      if (found.length === 0) continue;
      this.#from = number;
      return found;
    }
  }

  /** A boot begins here. */
  #enter(boot: string, firstSequence: number): void {
    const after = this.#after;
    this.#boot = boot;
    // Who knows nothing of what was before can't tell what was removed since it was done.
    if (after?.boot === boot) this.#expected = after.sequence + 1;
    else this.#expected = after === null ? firstSequence : 1;
    this.#after = { boot, sequence: this.#expected - 1, segment: after?.segment ?? 0 };
  }

  /** Writers leave the segment that was done last: where all there are stand before it, its number is wrong. */
  async #first(): Promise<OpenSegment | null> {
    const isBegin = this.#boot === "" && this.#from > 0;
    return (await this.#next(this.#from)) ?? (isBegin ? await this.#next(0) : null);
  }

  async #next(from: number): Promise<OpenSegment | null> {
    for (const isLastLook of [false, true]) {
      // An agent that starts again and again leaves thousands of them.
      if (isLastLook) this.#listed = await this.#numbers(from);
      for (let number = this.#listed[0]; number !== undefined; number = this.#listed[0]) {
        const reader = number < from ? null : await this.#openSegment(number);
        if (reader !== null) return { number, reader };
        this.#listed.shift();
      }
    }
    return null;
  }

  /** Null: it was removed meanwhile. */
  async #openSegment(number: number): Promise<SegmentReader | null> {
    try {
      return await SegmentReader.open(this.#pathOf(number));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
      throw error;
    }
  }

  #pathOf(number: number): string {
    return join(this.#folder, `${String(number).padStart(16, "0")}.journal`);
  }

  /** Of the segments there are, rising. */
  async #numbers(from: number): Promise<number[]> {
    const numbers = (await readdir(this.#folder)).flatMap((name) => {
      const number = Number(SEGMENT.exec(name)?.[1] ?? -1);
      return number >= from && number >= 0 ? [number] : [];
    });
    return numbers.toSorted((a, b) => a - b);
  }
}
