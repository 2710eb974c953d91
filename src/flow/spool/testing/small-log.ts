/** A destination's log with small segments on a disk in memory, that can fail, wait, be killed and lose power. */
import { deepEqual, equal } from "node:assert/strict";
import { basename } from "node:path";
import { mock } from "node:test";
import type { Message } from "../../message/message.ts";
import { DestinationLog } from "../destination-log.ts";
import type { SpoolFinding } from "../findings.ts";
import { DATA_OFFSET, decodeSegmentHeader, type SegmentHeader } from "../format.ts";
import type { DestinationLogSettings } from "../log-settings.ts";
import type { Confirmation, ReadPass, SpooledMessage } from "../spooled.ts";
import { delivered, FailingDisk, message } from "./fixtures.ts";
import { HeldDisk } from "./held-disk.ts";
import { MemoryDisk, seededRandom } from "./memory-disk.ts";

export const FOLDER = "/data/spool/out";
export const KIB = 1024;
/** Six messages of `VALUE_BYTES` go into a segment. */
export const SEGMENT_BYTES = 32 * KIB;
export const VALUE_BYTES = 4 * KIB;

/** How often a log looks what could be rewritten is bounded by time: a machine that is busy must not change what it does. */
mock.method(performance, "now", () => 0);

export type Over = Partial<Omit<DestinationLogSettings, "disk" | "folder">>;

/** How a program ends. */
export type Ending = "close" | "kill" | "power";

/** Lets all that is under way in memory come to its end. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export class SmallLog {
  readonly memory: MemoryDisk;
  readonly failing: FailingDisk;
  /** Of the program that runs: each start has its own. */
  held: HeldDisk;
  readonly settings: Omit<DestinationLogSettings, "disk">;
  /** Of the last start, and since. */
  findings: SpoolFinding[] = [];
  log!: DestinationLog;

  private constructor(over: Over, seed: number) {
    this.memory = new MemoryDisk(seededRandom(seed));
    this.failing = new FailingDisk(this.memory);
    this.held = new HeldDisk(this.failing);
    this.settings = {
      folder: FOLDER,
      destination: "out",
      bytesMax: 64 * 1024 * KIB,
      topicsMax: 10,
      segmentBytesMax: SEGMENT_BYTES,
      onFinding: (finding) => this.findings.push(finding),
      ...over,
    };
  }

  static async open(over: Over = {}, seed = 1): Promise<SmallLog> {
    const small = new SmallLog(over, seed);
    await small.start();
    return small;
  }

  async start(over: Over = {}): Promise<void> {
    this.findings = [];
    this.held = new HeldDisk(this.failing);
    this.log = await DestinationLog.open({ ...this.settings, disk: this.held, ...over });
  }

  /** Ends the program and starts it again. */
  async restart(ending: Ending = "close", over: Over = {}): Promise<void> {
    this.failing.fail = () => null;
    if (ending === "close") await this.log.close();
    else this.held.die();
    if (ending === "kill") this.memory.killProcess();
    if (ending === "power") this.memory.losePower();
    await this.start(over);
  }

  /** Ends the log and sees to it that it lets go of all files. */
  async close(): Promise<void> {
    this.failing.fail = () => null;
    await this.log.close();
    equal(this.memory.openFiles, 0, "every file is closed");
  }

  append(id: string, over: Partial<Message> = {}, acknowledging = true): number {
    return this.log.append(message(id, { value: Buffer.alloc(VALUE_BYTES, id), ...over }), acknowledging);
  }

  /** Appends messages one by one, each in a commit of its own. */
  async put(ids: readonly string[], over: Partial<Message> | ((id: string) => Partial<Message>) = {}): Promise<void> {
    for (const id of ids) {
      this.append(id, typeof over === "function" ? over(id) : over);
      await this.log.flush();
    }
  }

  /** What waits, in the log's order. */
  async waiting(pass: ReadPass = "ahead"): Promise<SpooledMessage[]> {
    const messages: SpooledMessage[] = [];
    for (let next = this.log.confirmedSequence; next < this.log.durableSequence;) {
      const result = await this.log.read(next, 64 * KIB, pass);
      messages.push(...result.messages.filter(({ logSequence }) => !this.log.isConfirmed(logSequence)));
      next = result.nextSequence;
    }
    return messages;
  }

  /** Confirms those of the waiting messages, and lets what follows from it come to its end. */
  async confirm(isChosen: (message: SpooledMessage) => boolean, how: Partial<Confirmation> = {}): Promise<void> {
    const chosen = (await this.waiting()).filter(isChosen);
    await this.log.confirm(chosen.map((each) => ({ ...delivered(each), ...how })));
    await settled();
  }

  /** Names of the files, the cursor's left out. */
  files(): string[] {
    return this.memory
      .files(FOLDER)
      .map((path) => basename(path))
      .filter((name) => !name.startsWith("cursor-"));
  }

  header(name: string): SegmentHeader | null {
    return decodeSegmentHeader(this.memory.bytes(`${FOLDER}/${name}`).subarray(0, DATA_OFFSET));
  }

  kinds(): string[] {
    return this.findings.map(({ kind }) => kind);
  }

  /** Accepted = delivered + dead + dropped + pending, and pending is what can be read. @returns The sums. */
  async books(): Promise<Books> {
    const { accepted, outcomes, pending } = this.log.status();
    const books: Books = { accepted: 0, delivered: 0, dead: 0, dropped: {}, pending: 0 };
    for (const [stream, tenants] of Object.entries(accepted)) {
      for (const [tenant, count] of Object.entries(tenants)) {
        const left = outcomes[stream]?.[tenant] ?? { delivered: 0, dead: 0, dropped: {} };
        const waits = pending[stream]?.[tenant] ?? 0;
        const dropped = Object.values(left.dropped).reduce((sum, each) => sum + each, 0);
        equal(count, left.delivered + left.dead + dropped + waits, `the counts of ${stream} and ${tenant} add up`);
        books.accepted += count;
        books.delivered += left.delivered;
        books.dead += left.dead;
        books.pending += waits;
        for (const [reason, each] of Object.entries(left.dropped)) books.dropped[reason] = (books.dropped[reason] ?? 0) + each;
      }
    }
    equal((await this.waiting()).length, books.pending, "pending is what can be read");
    return books;
  }
}

export interface Books {
  accepted: number;
  delivered: number;
  dead: number;
  readonly dropped: Record<string, number>;
  pending: number;
}

export function ids(messages: readonly SpooledMessage[]): string[] {
  return messages.map(({ eventId }) => eventId.slice("event-".length));
}

/** `a0`, `a1`, … */
export function named(letter: string, count: number, from = 0): string[] {
  return Array.from({ length: count }, (_, index) => `${letter}${from + index}`);
}

/** Every message is as it was appended, and the numbers of each topic rise by one. */
export function checkWhole(messages: readonly SpooledMessage[]): void {
  for (const { eventId, value } of messages) deepEqual(value, Buffer.alloc(value.length, eventId.slice("event-".length)), eventId);
}
