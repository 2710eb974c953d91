/**
 * Makes dead letters messages of their destination's log again, and lets letters leave for good.
 *
 * Promise: killed at any moment, a letter that is redriven is in the one log or in the other, never in both or neither,
 * once `settleRedrive` ran at the next start. What is about to be appended is on disk before (the intent), with how many
 * letters the log had taken back by then. It counts them under labels of their own, and nothing else is appended under
 * these, so what it has taken back since tells how many of the intent's letters, in order, are in it.
 *
 * @see docs/spool-format.md, section 4
 */
import { redrivenHeaders } from "../message/sent-again.ts";
import { isRedriven, redriveLabel } from "../message/stream-label.ts";
import type { DeadLetterLog } from "./dead-letter-log.ts";
import type { DestinationLog } from "./destination-log.ts";
import type { SpoolFinding } from "./findings.ts";
import { canBeSent, isMeant, type LetterFilter } from "./letter-filter.ts";
import type { DeadLetter } from "./letter-reading.ts";
import { messagePayloadBytesMax } from "./message-codec.ts";
import { intentFinding, readIntent, removeIntent, writeIntent } from "./redrive-intent.ts";
import { isWithoutRoom, RoomUpToHalf, waitForRoom } from "./room-up-to-half.ts";

/** Letters of one intent. */
const CHUNK_LETTERS_MAX = 500;
const CHUNK_BYTES_MAX = 4 * 1024 * 1024;

/** The log that takes letters back. */
export type RedrivenLog = Pick<DestinationLog, "logId" | "append" | "flush" | "refusing" | "roomBytes" | "status">;

/** Where an act is. Given back with the next call it goes on there. */
export interface LetterSpan {
  /** Letters below it were seen. */
  readonly from: number;
  /** Letters at or above it came later and are left: some of them may be those that were redriven. Null: all that are there now. */
  readonly to: number | null;
}

export interface LetterActSettings {
  readonly letters: DeadLetterLog;
  readonly filter: LetterFilter;
  readonly span: LetterSpan;
  /** Milliseconds after which no more is begun. */
  readonly waitMsMax: number;
  readonly signal: AbortSignal;
  /** Told after each chunk, how many left in all. */
  readonly onDone?: (done: number) => void;
}

export interface RedriveSettings extends LetterActSettings {
  readonly log: RedrivenLog;
  /** Wait, as long as there is time, for the destination to take what its log holds. */
  readonly waitsForRoom: boolean;
}

export interface LettersActed {
  /** Letters that left. */
  readonly done: number;
  /** Letters that were meant and have no topic to be sent to. */
  readonly skipped: number;
  /** `more`: the time was over. `full`: the destination's log has no room for the next. */
  readonly state: "done" | "more" | "full";
  readonly span: LetterSpan & { readonly to: number };
}

/**
 * Ends what a redrive that was cut short had begun. To be called before anything else is redriven, and after a start.
 *
 * @throws SidestreamError what the log says while it can't tell what it holds; what the disk says.
 */
export async function settleRedrive(log: RedrivenLog, letters: DeadLetterLog, onFinding: (finding: SpoolFinding) => void): Promise<number> {
  const { disk, folder } = letters;
  const intent = await readIntent(disk, folder);
  if (intent === null) return 0;
  // Its books tell what is on disk only then.
  if (log.refusing !== null) throw log.refusing;
  let done = 0;
  if (intent === "damaged") onFinding(intentFinding(folder));
  else if (intent.logId === log.logId && intent.lettersLogId === letters.logId) {
    const taken = intent.letters.slice(0, Math.max(0, takenBack(log) - intent.accepted));
    done = taken.length;
    await letters.leave(taken);
  }
  await removeIntent(disk, folder);
  return done;
}

/** Messages that the log ever took back from the dead letters. */
function takenBack(log: RedrivenLog): number {
  let taken = 0;
  for (const [label, tenants] of Object.entries(log.status().accepted))
    if (isRedriven(label)) for (const count of Object.values(tenants)) taken += count;
  return taken;
}

/**
 * Redrives letters, in their order, as far as time and room allow.
 *
 * @throws SidestreamError what either log says. What left before stays redriven, and the call can be made again.
 */
export async function redriveLetters(settings: RedriveSettings): Promise<LettersActed> {
  return await new Redrive(settings).run();
}

/** Lets letters leave for good, as far as time allows. @throws SidestreamError what the log says. */
export async function purgeLetters({ letters, filter, span, waitMsMax, signal, onDone }: LetterActSettings): Promise<LettersActed> {
  const endMs = performance.now() + waitMsMax;
  const to = span.to ?? letters.nextNumber;
  let next = span.from;
  let done = 0;
  for await (const lot of letters.read(next, to)) {
    if (signal.aborted || performance.now() >= endMs) return { done, skipped: 0, state: "more", span: { from: next, to } };
    const numbers = lot.filter((letter) => isMeant(letter, filter)).map(({ number }) => number);
    letters.assertNotable(numbers);
    await letters.leave(numbers);
    next = (lot.at(-1)?.number ?? next) + 1;
    done += numbers.length;
    onDone?.(done);
  }
  return { done, skipped: 0, state: "done", span: { from: to, to } };
}

class Redrive {
  readonly #settings: RedriveSettings;
  readonly #room: RoomUpToHalf;
  readonly #to: number;
  readonly #endMs: number;
  /** Letters below it were seen. */
  #next: number;
  #done = 0;
  #skipped = 0;

  constructor(settings: RedriveSettings) {
    this.#settings = settings;
    this.#room = new RoomUpToHalf(settings.log);
    this.#to = settings.span.to ?? settings.letters.nextNumber;
    this.#next = settings.span.from;
    this.#endMs = performance.now() + settings.waitMsMax;
  }

  async run(): Promise<LettersActed> {
    const { letters, filter } = this.#settings;
    await this.#settle();
    for await (const lot of letters.read(this.#next, this.#to)) {
      const meant = lot.filter((letter) => isMeant(letter, filter));
      const wanted = meant.filter(canBeSent);
      for (let from = 0; from < wanted.length;) {
        if (this.#isOver) return this.#result("more");
        const taken = await this.#redriveChunk(wanted, from);
        from += taken;
        const last = wanted[from - 1];
        if (taken > 0 && last !== undefined) this.#pass(meant, last.number + 1);
        else if (!(await this.#waitForRoom())) return this.#result("full");
      }
      this.#pass(meant, (lot.at(-1)?.number ?? 0) + 1);
    }
    this.#next = this.#to;
    return this.#result("done");
  }

  /** Of the letters that are meant, those below a number are through. */
  #pass(meant: readonly DeadLetter[], below: number): void {
    const passed = meant.filter(({ number }) => number >= this.#next && number < below);
    this.#skipped += passed.filter((letter) => !canBeSent(letter)).length;
    this.#next = below;
  }

  get #isOver(): boolean {
    return this.#settings.signal.aborted || performance.now() >= this.#endMs;
  }

  /** @returns How many left; 0 without room. */
  async #redriveChunk(letters: readonly DeadLetter[], from: number): Promise<number> {
    const { log, letters: deadLetters } = this.#settings;
    if (log.refusing !== null) throw log.refusing;
    const chunk = this.#chunk(letters, from);
    if (chunk.length === 0) return 0;
    const numbers = chunk.map(({ number }) => number);
    deadLetters.assertNotable(numbers);
    const accepted = takenBack(log);
    const ids = { lettersLogId: deadLetters.logId, logId: log.logId };
    await writeIntent(deadLetters.disk, deadLetters.folder, { version: 1, ...ids, accepted, letters: numbers });
    const refusal = await this.#append(chunk);
    // A log that can't tell what it holds keeps the intent for the next start.
    if (refusal !== null && log.refusing !== null) throw refusal;
    const taken = await this.#settle();
    this.#done += taken;
    this.#settings.onDone?.(this.#done);
    // What was taken before is redriven all the same; whatever comes next meets the error first.
    if (refusal !== null && taken === 0 && !isWithoutRoom(refusal)) throw refusal;
    return taken;
  }

  #chunk(letters: readonly DeadLetter[], from: number): readonly DeadLetter[] {
    const chunk: DeadLetter[] = [];
    let bytes = 0;
    for (const letter of letters.slice(from, from + CHUNK_LETTERS_MAX)) {
      if ((chunk.length > 0 && bytes > CHUNK_BYTES_MAX) || !this.#room.has(letter.message, bytes)) break;
      chunk.push(letter);
      bytes += messagePayloadBytesMax(letter.message);
    }
    return chunk;
  }

  /** @returns What the log said to a letter, after which none was appended, or to the write. */
  async #append(chunk: readonly DeadLetter[]): Promise<Error | null> {
    const { log } = this.#settings;
    let refusal: Error | null = null;
    // In one turn with the flush: what can't be written is told to nobody else.
    for (const { message } of chunk) {
      try {
        log.append({ ...message, stream: redriveLabel(message.stream), headers: redrivenHeaders(message.headers) }, true);
      } catch (error) {
        refusal = error as Error;
        break;
      }
    }
    try {
      await log.flush();
    } catch (error) {
      return error as Error;
    }
    return refusal;
  }

  #settle(): Promise<number> {
    const { log, letters } = this.#settings;
    return settleRedrive(log, letters, () => undefined);
  }

  /** @returns False when there is none, and no time is left to wait for it. */
  async #waitForRoom(): Promise<boolean> {
    const { waitsForRoom, signal } = this.#settings;
    if (!waitsForRoom) return false;
    await waitForRoom(signal);
    return !this.#isOver;
  }

  #result(state: LettersActed["state"]): LettersActed {
    return { done: this.#done, skipped: this.#skipped, state, span: { from: this.#next, to: this.#to } };
  }
}
