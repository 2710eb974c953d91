/**
 * One life of a program that uses a log: from a start to its end, step by step, with everything noted that was done to
 * the disk and everything that was told to the log's users.
 */
import { dirname } from "node:path";
import { isSidestreamError } from "../../../../errors.ts";
import type { DestinationLog } from "../../destination-log.ts";
import type { Confirmation, SpooledMessage } from "../../spooled.ts";
import { delivered, message, readAll } from "../fixtures.ts";
import type { Random } from "../memory-disk.ts";
import { checkCrash, checkProgress, startedWith } from "./crash-check.ts";
import { nextId, placeOf, SOURCE } from "./handed-in.ts";
import { Model } from "./model.ts";
import { DATA_FOLDER, DEAD_FOLDER, LOG_FOLDER, observe, type LogShape } from "./observed.ts";
import { RecordingDisk, type FaultPlan } from "./recording-disk.ts";
import type { DiskImage, JournalEntry } from "./simulated-disk.ts";
import type { Done, Told } from "./told.ts";
import { must, Violation } from "./violation.ts";

/** What one user of the log does. */
export type Action =
  | {
      readonly kind: "append";
      readonly count: number;
      readonly bytes: number;
      readonly topic: number;
      readonly tenant: number;
      readonly acknowledging: boolean;
    }
  /** Reads, and confirms of what is not done yet every one whose place leaves `pick` when divided by `every`. */
  | { readonly kind: "confirm"; readonly every: number; readonly pick: number }
  | { readonly kind: "set"; readonly name: number; readonly bytes: number | null }
  /** Takes the first message that is not done out of its lane's numbers. */
  | { readonly kind: "skip" }
  /** What can be read may be sent. */
  | { readonly kind: "send" }
  | { readonly kind: "read" }
  /** Lets pass what goes on in the background. */
  | { readonly kind: "rest" };

/** Users that act at the same time; or the program ends in good order and starts again. */
export type Step = readonly Action[] | "reopen";

export interface LifePlan {
  readonly steps: readonly Step[];
  readonly fault: FaultPlan;
  /** Ends in good order. */
  readonly closes: boolean;
  /** Much goes through the log first, which is not crashed in: a log that is busy uses files again. */
  readonly isBusy?: boolean;
}

/** A thing told, and how many entries the journal had by then. */
export interface Heard {
  readonly at: number;
  readonly told: Told;
}

/** Where a life begins. */
export interface Beginning {
  /** What is on the disk for sure. */
  readonly image: DiskImage;
  /** What an earlier process did since then on the same machine: what of it would survive a crash is still open. */
  readonly journal: readonly JournalEntry[];
  readonly model: Model;
}

/** A disk on which the folders were made and nothing else. */
export function newLog({ whenFull }: LogShape): Beginning {
  const folders = new Set([DATA_FOLDER, dirname(LOG_FOLDER), LOG_FOLDER, dirname(DEAD_FOLDER), DEAD_FOLDER]);
  return { image: { files: new Map(), folders }, journal: [], model: new Model(whenFull === "drop-oldest") };
}

/** What is left of a life for those who want to crash in it. */
export interface Recorded extends Beginning {
  /** Entries of the journal that are not to be crashed in: an earlier process made them, or they made the log busy. */
  readonly began: number;
  readonly heard: readonly Heard[];
  /** Operations on the disk, those included that change nothing. */
  readonly operations: number;
  /** Entries of the journal when the first operation failed; Infinity when none did. */
  readonly failedAt: number;
}

const OUTCOMES = ["delivered", "delivered", "dead", "dropped"] as const;
/** A log that appended less makes and keeps no file ahead. */
const BUSY_BYTES = 1024 * 1024 + 16 * 1024;
/** Starts that may fail one after the other, before the disk must be whole again. */
const STARTS_MAX = 4;

export class Life {
  readonly #disk: RecordingDisk;
  readonly #shape: LogShape;
  readonly #model: Model;
  readonly #heard: Heard[] = [];
  #log: DestinationLog | null = null;
  #reading: Promise<unknown> = Promise.resolve();
  readonly #beginning: Beginning;

  constructor(beginning: Beginning, shape: LogShape, random: Random) {
    this.#disk = new RecordingDisk(beginning.image, beginning.journal, random);
    this.#shape = shape;
    this.#beginning = beginning;
    this.#model = beginning.model.clone();
  }

  async run(plan: LifePlan): Promise<Recorded> {
    if (plan.isBusy !== true) this.#disk.fault = plan.fault;
    await this.#start();
    if (plan.isBusy === true) await this.#beBusy();
    const began = plan.isBusy === true ? this.#disk.journal.length : this.#beginning.journal.length;
    this.#disk.fault = plan.fault;
    for (const step of plan.steps) {
      if (step === "reopen") await this.#reopen();
      else await Promise.all(step.map((action) => this.#act(action)));
    }
    if (plan.closes) await this.#close();
    this.#disk.end();
    const { journal, operations, failedAt } = this.#disk;
    return { ...this.#beginning, began, journal, heard: this.#heard, operations, failedAt };
  }

  /** So many bytes that the log has use for a file ahead. All of it is done and gone afterwards. */
  async #beBusy(): Promise<void> {
    const common = { kind: "append", topic: 0, tenant: 0, acknowledging: true } as const;
    await this.#append({ ...common, count: 1, bytes: BUSY_BYTES });
    await this.#append({ ...common, count: 1, bytes: 40 });
    await this.#confirm(1, 0);
  }

  #tell(told: Told): void {
    this.#heard.push({ at: this.#disk.journal.length, told });
    this.#model.apply(told);
  }

  async #start(): Promise<void> {
    for (let start = 0; ; start++) {
      const observed = await observe(this.#disk, this.#shape).catch((error: unknown) => {
        // What was found could not be read for a fault of the disk: that is no answer, and none that is wrong.
        if (error instanceof Violation && isSidestreamError(error.cause) && start < STARTS_MAX) return error.cause;
        throw error;
      });
      if (isSidestreamError(observed)) {
        must(start < STARTS_MAX, () => `no start succeeds: ${observed.message}`);
        if (start === STARTS_MAX - 1) this.#disk.fault = () => null;
        continue;
      }
      checkCrash(this.#model, observed, true);
      this.#log = observed.log;
      this.#tell({ kind: "started", ...startedWith(this.#model, observed) });
      return;
    }
  }

  async #reopen(): Promise<void> {
    await this.#close();
    await this.#start();
  }

  async #close(): Promise<void> {
    await this.#open.close().catch(() => undefined);
    must(this.#disk.openFiles === 0, () => `${this.#disk.openFiles} files are still open after the log was closed`);
  }

  get #open(): DestinationLog {
    return this.#log as DestinationLog;
  }

  async #act(action: Action): Promise<void> {
    switch (action.kind) {
      case "append":
        return this.#append(action);
      case "confirm":
        return this.#confirm(action.every, action.pick);
      case "set":
        return this.#set(`name-${action.name}`, action.bytes);
      case "skip":
        return this.#skip();
      case "send":
        return this.#send();
      case "read":
        return void (await this.#read());
      case "rest":
        return new Promise((resolve) => void setImmediate(resolve));
    }
  }

  async #append({ count, bytes, topic, tenant, acknowledging }: Action & { readonly kind: "append" }): Promise<void> {
    const log = this.#open;
    const ids: string[] = [];
    for (let left = count; left > 0; left--) {
      const id = nextId(this.#model.count);
      const value = Buffer.alloc(bytes, id);
      const given = { id, topic: `topic-${topic}`, tenant: `tenant-${tenant}`, value, acknowledging };
      try {
        const sourcePosition = placeOf(id)?.position ?? 0;
        log.append(message(id, { source: SOURCE, sourcePosition, topic: given.topic, tenant: given.tenant, value }), acknowledging);
      } catch (error) {
        if (!isSidestreamError(error)) throw new Violation("an append ended with a fault of the program", { cause: error });
        break;
      }
      this.#tell({ kind: "given", message: given });
      ids.push(id);
    }
    const isKept = await succeeds(log.flush());
    const isRefused = !isKept && log.refusing === null;
    this.#tell({ kind: isKept ? "kept" : isRefused ? "refused" : "unsure", ids });
    // What others appended meanwhile may be behind it.
    if (isRefused && nextId(this.#model.count - 1) === ids.at(-1)) checkProgress(this.#model, log, ({ fate }) => fate === "kept");
  }

  async #confirm(every: number, pick: number): Promise<void> {
    const log = this.#open;
    const messages = await this.#read();
    const chosen = messages.filter((_, at) => at % every === pick % every);
    if (chosen.length === 0) return;
    const done = chosen.map((each) => this.#done(each));
    this.#tell({ kind: "finishing", messages: done });
    const confirmations = chosen.map((each, at): Confirmation => {
      const { lane, outcome, reason, position } = done[at] as Done;
      return { ...delivered(each), lane, outcome, reason, ...(position === null ? {} : { position }) };
    });
    if (await succeeds(log.confirm(confirmations))) this.#tell({ kind: "finished", ids: done.map(({ id }) => id) });
  }

  /** One that is tried again is done in the same way. */
  #done({ eventId, topic, logSequence }: SpooledMessage): Done {
    const id = eventId.slice("event-".length);
    const { how } = this.#model.known(id);
    if (how !== null) return how;
    const outcome = OUTCOMES[logSequence % OUTCOMES.length] ?? "delivered";
    const number = (this.#model.positionOf(topic, () => true)?.number ?? 0) + 1;
    const position = this.#shape.numbered === true ? { number, position: number % 3 === 0 ? null : `at ${number}` } : null;
    const done: Done = { id, outcome, reason: outcome === "delivered" ? null : "because", lane: topic, position };
    // The next of the lane counts on from it.
    this.#tell({ kind: "finishing", messages: [done] });
    return done;
  }

  async #set(name: string, bytes: number | null): Promise<void> {
    if (this.#shape.numbered !== true) return;
    const log = this.#open;
    const value = bytes === null ? null : { count: this.#heard.length, filling: "x".repeat(bytes) };
    const text = value === null ? undefined : JSON.stringify(value);
    this.#tell({ kind: "setting", name, value: text });
    const isKept = await succeeds(log.memory.set(name, value));
    this.#tell({ kind: "set", name, value: text, ending: isKept ? "kept" : log.refusing === null ? "refused" : "unsure" });
  }

  async #skip(): Promise<void> {
    if (this.#shape.numbered !== true) return;
    const log = this.#open;
    const first = (await this.#read()).find(({ eventId }) => this.#model.known(eventId.slice("event-".length)).how === null);
    if (first === undefined) return;
    const id = first.eventId.slice("event-".length);
    const code = `CODE-${this.#heard.length}`;
    this.#tell({ kind: "skipping", id, code });
    const isKept = await succeeds(log.skip(first.topic, first.logSequence, code));
    this.#tell({ kind: "skipped", id, code, ending: isKept ? "kept" : log.refusing === null ? "refused" : "unsure" });
  }

  async #send(): Promise<void> {
    const log = this.#open;
    const last = (await this.#read()).at(-1);
    if (last === undefined) return;
    const saving = log.maySend(last.topic, last.logSequence);
    if (saving === null || (await succeeds(saving))) this.#tell({ kind: "sending", lane: last.topic, below: last.logSequence + 1 });
  }

  /** One after another: a log has one reader. */
  #read(): Promise<readonly SpooledMessage[]> {
    const reading = this.#reading.then(() => this.#readNow());
    this.#reading = reading.catch(() => undefined);
    return reading;
  }

  async #readNow(): Promise<readonly SpooledMessage[]> {
    const messages = await readAll(this.#open).catch((error: unknown) => {
      if (isSidestreamError(error)) return [];
      throw new Violation("reading ended with a fault of the program", { cause: error });
    });
    const seen = messages.map(({ eventId, logSequence, sequence }) => ({
      id: eventId.slice("event-".length),
      number: logSequence,
      sequence,
    }));
    if (seen.length > 0) this.#tell({ kind: "seen", messages: seen });
    return messages;
  }
}

async function succeeds(work: Promise<void>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch (error) {
    if (isSidestreamError(error)) return false;
    throw new Violation("the log answered with a fault of the program", { cause: error });
  }
}
