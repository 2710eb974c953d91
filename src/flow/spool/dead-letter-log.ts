/**
 * Messages that a destination refused for good, with the reason: a log of their own, bounded in age and bytes.
 *
 * Promise: `add` settles after fdatasync. What is older than the limit, or over the budget, goes segment by segment,
 * the oldest first, and is counted. Letters that are redriven or purged leave one by one; a segment goes with its last.
 */
import { SidestreamError } from "../../errors.ts";
import type { Message } from "../message/message.ts";
import { ActTurns } from "./act-turns.ts";
import type { FrameTag } from "./batch.ts";
import type { Disk } from "./disk.ts";
import { beyond, doneLettersFindings, DoneLetters, lettersIn } from "./done-letters.ts";
import { damageText, missingNumbers, rewritten, type SpoolFinding } from "./findings.ts";
import { LogRecovery } from "./recovery.ts";
import type { RecoveredLog } from "./recovered-log.ts";
import type { ErasingSpan } from "./erased.ts";
import { eraseLetters, type ErasedLetters } from "./letter-erasing.ts";
import { readLetters, type DeadLetter } from "./letter-reading.ts";
import { finding } from "./log-look.ts";
import { encodeDeadLetter, type DeadLetterCause } from "./message-codec.ts";
import { TenantCounts, type LogStateRecord } from "./log-state.ts";
import { segmentSizeFor, type Segment } from "./segment.ts";
import { SegmentLog } from "./segment-log.ts";
import type { SegmentLogOwner } from "./segment-log-owner.ts";
import type { DeadLetterLog as DeadLetters, SpooledMessage } from "./spooled.ts";

const SEGMENT_BYTES_MAX = 16 * 1024 * 1024;
const SEGMENTS_PER_BUDGET = 16;
/** What is sent at once and refused goes into so many, but for very large messages. */
const SEGMENTS_LOOKED_AT = 2;
/** Several times what is sent at once. */
const EXPECTED_MAX = 4_096;
/** How late a letter may go that became too old. */
const TRIM_EVERY_MS = 60 * 60 * 1000;

export interface DeadLetterSettings {
  readonly disk: Disk;
  readonly folder: string;
  readonly destination: string;
  /** Id of the log whose messages die here: with the message's number it tells where it stood. */
  readonly messagesLogId: string;
  readonly keepMs: number;
  readonly bytesMax: number;
  /** Size at which a new segment is begun; absent, it follows the budget. */
  readonly segmentBytesMax?: number;
  readonly onFinding: (finding: SpoolFinding) => void;
}

export class DeadLetterLog implements DeadLetters, SegmentLogOwner {
  /** Dead letters that age or the budget removed since the start. */
  removed = 0;
  readonly logId: string;
  readonly turns = new ActTurns();
  readonly #settings: DeadLetterSettings;
  readonly #accepted = new TenantCounts();
  readonly #log: SegmentLog;
  readonly #done: DoneLetters;
  /** Damage that was told of. */
  readonly #told = new Set<string>();
  /** Age goes on while nothing dies. */
  readonly #timer: NodeJS.Timeout;
  /** Trims follow one another. Never rejects: a segment that can't be removed is tried again with the next trim. */
  #trimming: Promise<void> = Promise.resolve();
  /** Messages whose letters are there, and that are not confirmed yet. */
  readonly #expected = new Set<number>();
  #isWaiting: (logSequence: number) => boolean = () => false;

  private constructor(settings: DeadLetterSettings, found: RecoveredLog, done: DoneLetters) {
    const { disk, folder, destination, bytesMax } = settings;
    this.#settings = settings;
    this.logId = found.logId;
    this.#done = done;
    this.#accepted.load(found.state.accepted);
    const segmentBytesMax = settings.segmentBytesMax ?? segmentSizeFor(bytesMax, SEGMENTS_PER_BUDGET, SEGMENT_BYTES_MAX);
    const onRewritten = (error: SidestreamError, path: string): void => settings.onFinding(rewritten(error, path));
    const identity = { id: found.logId, kind: "deadLetters", name: destination, flags: 0 } as const;
    this.#log = new SegmentLog({ disk, folder, log: identity, segmentBytesMax, onRewritten }, this, found);
    this.#timer = setInterval(() => void this.trim(Date.now()), TRIM_EVERY_MS);
    this.#timer.unref();
  }

  /** Opens the log's folder, making it when it is new, and removes what is too old. No file stays open when it fails. */
  static async open(settings: DeadLetterSettings): Promise<DeadLetterLog> {
    const { disk, folder } = settings;
    const found = await new LogRecovery({ disk, folder, kind: "deadLetters", writes: true }).run();
    const done = await DoneLetters.open(disk, folder, found.segments.length === 0).catch(async (error: unknown) => {
      await found.open?.close();
      throw error;
    });
    const { ranges } = done;
    const gone = found.lost.filter(({ from, to, reported }) => !reported && ranges.countMissing(from, to) > 0);
    for (const each of [
      ...found.findings,
      ...gone.map(({ from, to, path }) => missingNumbers(path, from, to)),
      ...doneLettersFindings(folder, done.found, found.nextSequence),
    ])
      settings.onFinding(each);
    done.forget(found.segments[0]?.header.baseSequence ?? 1);
    const letters = new DeadLetterLog(settings, await beyond(found, ranges.end), done);
    await letters.#dropDone();
    await letters.trim(Date.now());
    return letters;
  }

  get usedBytes(): number {
    return this.#log.usedBytes;
  }

  /** Messages in it that are on disk, less those that left. */
  get messages(): number {
    let messages = 0;
    for (const segment of this.#log.segments) messages += lettersIn(segment, this.#done.ranges);
    return messages;
  }

  /** Every letter that comes has this number, or a higher one. */
  get nextNumber(): number {
    return this.#log.nextSequence;
  }

  get folder(): string {
    return this.#settings.folder;
  }

  get disk(): Disk {
    return this.#settings.disk;
  }

  /** Letters that are on disk and didn't leave, from one number (inclusive) to another (exclusive), in order, in lots. */
  read(from: number, to: number): AsyncGenerator<readonly DeadLetter[]> {
    return readLetters(
      {
        disk: this.disk,
        segments: () => this.#log.segments,
        isDone: (number) => this.#done.ranges.has(number),
        onDamage: (path, offset, bytes, lost) => this.#tellDamage(path, offset, bytes, lost),
      },
      from,
      to,
    );
  }

  /** @throws SidestreamError `SST_COMMAND_INVALID` when so many single letters left that these can't be noted, too. */
  assertNotable(numbers: readonly number[]): void {
    this.#done.assertNotable(numbers);
  }

  /** These letters leave. Settles once that is on disk; segments of which none is left are gone then. */
  async leave(numbers: readonly number[]): Promise<void> {
    await this.#done.mark(numbers);
    await this.#dropDone();
  }

  /** Removes every byte of a tenant's letters, of those that left, too. As `eraseLetters`. */
  erase(tenant: string, span: ErasingSpan | null, endMs: number): Promise<ErasedLetters> {
    return this.turns.run(() => {
      const { disk, folder } = this.#settings;
      const erasing = this.#trimming.then(() => eraseLetters({ disk, folder, segments: this.#log, tenant, span, endMs }));
      this.#trimming = erasing.then(() => undefined).catch(() => undefined);
      return erasing;
    });
  }

  /**
   * Tells which messages are not confirmed yet. A kill may have come after the letter of one was on disk and before it
   * was confirmed: it is refused again, and must not be a letter twice. These are among the last letters.
   */
  async expect(isWaiting: (logSequence: number) => boolean, anyWaits: boolean): Promise<void> {
    this.#isWaiting = isWaiting;
    if (!anyWaits) return;
    const from = this.#log.segments.at(-SEGMENTS_LOOKED_AT)?.header.baseSequence ?? 0;
    for await (const lot of this.read(from, this.nextNumber))
      for (const { cause } of lot)
        if (cause.logId === this.#settings.messagesLogId && isWaiting(cause.logSequence)) this.#expected.add(cause.logSequence);
  }

  async add(message: SpooledMessage, code: string, reason: string): Promise<void> {
    const { logSequence } = message;
    if (this.#expected.has(logSequence)) return;
    this.#append({ code, reason, logSequence }, message, message.sequence);
    await this.#log.flush();
    if (this.#expected.size >= EXPECTED_MAX) for (const each of this.#expected) if (!this.#isWaiting(each)) this.#expected.delete(each);
    if (this.#isWaiting(logSequence)) this.#expected.add(logSequence);
  }

  /** Sets a message aside that can't be put into the log, since it has no topic; `flush` makes it last. */
  append(message: Message, code: string, reason: string): void {
    this.#append({ code, reason, logSequence: 0 }, message, 0);
  }

  /** Settles when all that was appended is on disk. */
  flush(): Promise<void> {
    return this.#log.flush();
  }

  /**
   * Removes segments that are wholly too old, the one that is written to among them, or over the budget. Runs by
   * itself at the opening, after writing and every hour.
   */
  trim(nowMs: number): Promise<void> {
    this.#trimming = this.#trimming.then(() => this.#trim(nowMs)).catch(() => undefined);
    return this.#trimming;
  }

  /** Writes what waits and lets the file go. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.turns.end();
    await this.#trimming;
    try {
      await this.#log.close();
    } finally {
      // What was written last may have begun another trim.
      await this.#trimming;
      await this.#done.close();
    }
  }

  state(): LogStateRecord {
    return { version: 1, sequences: {}, accepted: this.#accepted.table(), progress: {}, control: [] };
  }

  durableState(waiting: readonly FrameTag[]): LogStateRecord {
    for (const { stream, tenant } of waiting) this.#accepted.add(stream, tenant, -1);
    const state = this.state();
    for (const { stream, tenant } of waiting) this.#accepted.add(stream, tenant, 1);
    return state;
  }

  batchSealed(): void {}

  batchDurable(): void {
    const oldest = this.#log.segments[0];
    if (this.#log.usedBytes > this.#settings.bytesMax || (oldest !== undefined && this.#isOld(oldest, Date.now())))
      void this.trim(Date.now());
  }

  batchesFailed(tags: readonly FrameTag[]): void {
    for (const { stream, tenant } of tags) this.#accepted.add(stream, tenant, -1);
  }

  async #trim(nowMs: number): Promise<void> {
    for (const segment of [...this.#log.segments]) {
      const isOver = segment.sealed && this.#log.usedBytes > this.#settings.bytesMax;
      if (!isOver && !this.#isOld(segment, nowMs)) return;
      const messages = lettersIn(segment, this.#done.ranges);
      // Damaged or not: what is too old must go.
      await this.#log.drop(segment, "unlink");
      if (this.#log.segments.includes(segment)) continue;
      this.removed += messages;
      this.#done.forget(segment.nextSequence);
    }
  }

  /** Removes segments of which no letter is left; one that can't be removed is tried again with the next act. */
  #dropDone(): Promise<void> {
    this.#trimming = this.#trimming.then(() => this.#dropAllDone()).catch(() => undefined);
    return this.#trimming;
  }

  async #dropAllDone(): Promise<void> {
    for (const segment of [...this.#log.segments]) {
      if (!this.#isEmpty(segment)) continue;
      // Else the numbers would be missing before the next segment.
      await this.#done.markAll(segment.header.baseSequence, segment.nextSequence);
      if (this.#isEmpty(segment)) await this.#log.drop(segment, "unlink");
    }
  }

  #isEmpty(segment: Segment): boolean {
    const isIdle = segment.sealed || segment === this.#log.idleSegment;
    return isIdle && !segment.damaged && segment.counts.total() > 0 && lettersIn(segment, this.#done.ranges) === 0;
  }

  #tellDamage(path: string, offset: number, bytes: number, [from, to]: readonly [number, number]): void {
    const key = `${path} ${offset}`;
    if (this.#told.has(key)) return;
    this.#told.add(key);
    this.#settings.onFinding(finding("damage", path, offset, bytes, to - from, damageText(bytes, from, to)));
  }

  #isOld(segment: Segment, nowMs: number): boolean {
    return segment.newestMs > 0 && segment.newestMs + this.#settings.keepMs < nowMs;
  }

  #append(why: Pick<DeadLetterCause, "code" | "reason" | "logSequence">, message: Message, sequence: number): void {
    const { destination, messagesLogId, bytesMax } = this.#settings;
    const cause: DeadLetterCause = { ...why, deadMs: Date.now(), destination, logId: messagesLogId };
    const payload = encodeDeadLetter(cause, message, sequence);
    if (payload.length > bytesMax) {
      throw new SidestreamError("SST_SPOOL_FULL", `a dead letter of ${payload.length} bytes does not fit its log of ${bytesMax}`);
    }
    const tenant = this.#accepted.add(message.stream, message.tenant, 0);
    const tag: FrameTag = { stream: message.stream, tenant, lane: 0, acceptedMs: cause.deadMs, acknowledging: true, frameBytes: 0 };
    this.#log.append("dead", payload.length, (target, offset) => payload.copy(target, offset), tag);
    this.#accepted.add(message.stream, tenant, 1);
  }
}
